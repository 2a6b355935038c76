"""FAQs of the extractive engine."""

import pytest
from extractive_samples import GLACIER, GLACIER_ZH, PROSE, questions

from tilth.generate.engines.extractive.engine import answer


def faq(document: str, seed: int = 0, language: str | None = "en") -> list[tuple[str, str]]:
    made = answer("faq", document, language, seed)
    assert made.refusal is None
    return questions(made.text)


@pytest.mark.parametrize("seed", range(8))
def test_every_answer_is_made_of_sentences_of_the_source(seed: int) -> None:
    source = " ".join(GLACIER.split())
    pairs = faq(GLACIER, seed)
    assert len(pairs) >= 3
    for question, reply in pairs:
        assert question.endswith("?")
        assert " ".join(reply.split()) in source
        assert reply[0].isupper()
        assert reply.endswith(".")


def test_a_definition_becomes_a_question_about_its_subject() -> None:
    asked = {question: reply for seed in range(6) for question, reply in faq(GLACIER, seed)}
    about_moraines = [reply for question, reply in asked.items() if "moraine" in question]
    assert about_moraines
    assert all(reply.startswith("A moraine is a ridge of rock") for reply in about_moraines)


def test_place_and_dependence_are_asked_for_by_their_own_words() -> None:
    asked = {question for seed in range(12) for question, _ in faq(GLACIER, seed)}
    assert any(
        question.startswith(("Where is the Aletsch Glacier", "In what place is the Aletsch")) for question in asked
    )
    assert "What does the movement of a glacier depend on?" in asked


def test_no_answer_opens_with_a_pronoun_or_points_elsewhere() -> None:
    document = (
        "# Rivers\n\n## Sources\n\nThis is shown below. Rivers begin at springs in the hills.\n\n"
        "## Mouths\n\nThey end there. A delta is a fan of mud at the mouth of a river.\n\n"
        "## Floods\n\nA flood is a rise of water over the banks. See Figure 3 for details.\n\n"
        "## Banks\n\nThe banks of a river consist of sand and clay.\n"
    )
    for seed in range(6):
        for _, reply in faq(document, seed):
            assert not reply.startswith(("This", "They", "It "))
            assert "below" not in reply
            assert "Figure" not in reply


def test_wording_and_layout_vary_with_the_seed() -> None:
    texts = {answer("faq", GLACIER, "en", seed).text for seed in range(20)}
    openings = {text.split("\n", 1)[0][:12] for text in texts}
    assert len(texts) > 10
    assert len(openings) > 3


def test_a_forum_thread_answers_its_title() -> None:
    document = (
        "# Can lager be stored in a warm cellar?\n\nI have a warm cellar.\n\n## Answer — score 3 (accepted)\n\n"
        "Lager keeps best in the cold. A kellerbier is an unfiltered lager from Franconia.\n\n"
        "## Answer — score 1\n\nA growler is a jug of beer to take home. A cellar is a room under a house.\n"
    )
    pairs = dict(faq(document))
    assert pairs["Can lager be stored in a warm cellar?"].startswith("Lager keeps best in the cold.")
    assert not any("score" in question for question in pairs)


def test_statutes_are_asked_for_their_terms_and_duties() -> None:
    document = (
        "§ 12-101 Definitions.\nFor the purposes of this chapter, the term:\n  (1)\n  “Agency” means any office "
        "of the city.\n"
        "  (2)\n  “Permit” means a licence that the agency has given in writing.\n  (3)\n"
        "  “Owner” means the person in whose name a building is registered.\n"
    )
    pairs = faq(document)
    assert {reply.split("”")[0] for _, reply in pairs} == {"“Agency", "“Permit", "“Owner"}


def test_a_chinese_document_is_asked_in_chinese_also_by_the_english_prompt() -> None:
    for task in ("faq", "faq_zh"):
        made = answer(task, GLACIER_ZH, "zh", 3)
        assert made.refusal is None
        pairs = questions(made.text)
        assert len(pairs) >= 3
        for question, reply in pairs:
            assert question.endswith("？")
            assert "".join(reply.split()) in "".join(GLACIER_ZH.split())


def test_traditional_chinese_is_asked_in_traditional_wording() -> None:
    document = (
        "# 冰川\n\n冰川是一種在自身重量作用下緩慢移動的巨大冰體。冰磧是指冰川搬運並堆積下來的岩石碎屑。\n\n"
        "阿萊奇冰川位於瑞士的阿爾卑斯山區。冰斗是指冰川侵蝕而成的圓形窪地。\n"
    )
    wording = "".join(answer("faq", document, "zh-Hant", seed).text for seed in range(12))
    assert "什麼" in wording
    assert "什么" not in wording
    assert "问" not in wording


def test_articles_of_a_law_and_old_texts_with_a_rendering_give_pairs() -> None:
    law = "# 某市公园条例\n\n" + "\n\n".join(
        f"第{number}条 {text}"
        for number, text in zip(
            "一二三四",
            (
                "为了加强公园的保护和管理，制定本条例。",
                "公园每日六时开放，二十一时关闭。",
                "游客应当爱护花木和各项设施。",
                "本条例自公布之日起三十日后施行。",
            ),
            strict=True,
        )
    )
    asked = "".join(question for question, _ in faq(law, 1, "zh"))
    assert "第二条" in asked or "游客" in asked
    bitext = "\n\n".join(f"古文：{old}\n现代文：{new}" for old, new in (
        ("吉甫少好学，能属文。", "李吉甫年轻时好学，能够写文章。"),
        ("六年不徙官，以疾罢免。", "六年没有调官，因为生病被免职。"),
        ("年二十七，为太常博士。", "二十七岁时任太常博士。"),
    ))  # fmt: skip
    pairs = faq(bitext, 2, "zh")
    assert ("吉甫少好学，能属文" in pairs[0][0]) == (pairs[0][1] == "李吉甫年轻时好学，能够写文章。")


def test_prose_without_definitions_or_headings_is_refused() -> None:
    made = answer("faq", PROSE, "en", 1)
    assert (made.text, made.refusal) == ("", "no_definitions_or_headings")
