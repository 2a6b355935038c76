"""Each check fails the answers it is for and passes their neighbours; policies decide what follows."""

import random
import re
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.prompts.prompt import load_library
from tilth.recipe import Checks
from tilth.synth.checks.judge import CheckPlan, SourceText, catalogue, check_plan, judge

NILE = (
    "The Nile is the longest river in Africa. It is 6,650 kilometres long and flows north through eleven countries "
    "before "
    "it reaches the Mediterranean Sea. Its two main tributaries are the White Nile and the Blue Nile. The Blue Nile "
    "begins "
    "at Lake Tana in Ethiopia and supplies most of the water. In 1970 the Aswan High Dam was finished; it generates "
    "2,100 "
    "megawatts and cost about one billion dollars. About 95 percent of Egyptians live near the river, and its flood "
    "was "
    "once the beginning of their year. Farmers planted wheat and barley in the dark mud that the water left behind."
)
REWRITE = (
    "Running 6,650 kilometres from the heart of Africa to the Mediterranean, the Nile outdoes every other river of the "
    "continent. Eleven countries share its water, most of which comes down the Blue Nile from Lake Tana in Ethiopia. "
    "Egypt depends on it: 95 percent of its people have settled close to the banks. In former times the yearly "
    "flood left "
    "dark mud for fields of barley and wheat; since 1970 the Aswan High Dam has turned its force into 2,100 megawatts."
)
FAQ = """**Q: How long is the Nile?**
A: It stretches for 6,650 km, which makes it Africa's longest river.

**Q: Where does the Blue Nile start?**
A: It rises at Lake Tana, in Ethiopia, and brings most of the water.

**Q: When was the dam at Aswan completed?**
A: The Aswan High Dam was completed in 1970 and produces 2,100 megawatts.
"""
YANGTZE = (
    "长江是中国最长的河流，全长约6300公里，发源于青藏高原的唐古拉山，流经十一个省级行政区，在上海附近注入东海。三峡大坝位于湖北省宜昌市，"
    "于二〇〇六年全线建成，装机容量为2250万千瓦。长江流域面积约为一百八十万平方公里，占全国面积的五分之一，养育了四亿多人口。"
    "自古以来，长江就是南北交通的重要水道，两岸盛产稻米、茶叶和丝绸。"
)
REWRITE_ZH = (
    "作为中国第一大河，长江从唐古拉山出发，一路奔流6300公里，最终在上海附近汇入东海。沿途十一个省级行政区都受到它的滋养，"
    "流域占了全国面积的五分之一，有四亿多人在这里生活。2006年，位于宜昌的三峡大坝全线完工，它的装机容量达到2250万千瓦。"
    "古时候人们依靠这条水道往来南北，运送稻米、丝绸与茶叶。"
)
INSTRUCTION = (
    "Rewrite the document as an encyclopaedia article for readers who meet the subject for the first time. Keep every "
    "fact and every number, add nothing of your own, and write in full sentences without headings or lists."
)
NILE_SOURCE = SourceText(NILE, "en")
YANGTZE_SOURCE = SourceText(YANGTZE, "zh")


def plan(parser="plain", *checks, language="source", options=None, settings=None, instruction=INSTRUCTION):
    return check_plan(
        parser=parser,
        parser_options=options or {},
        checks=checks,
        instruction=instruction,
        output_language=language,
        settings=settings or Checks(),
    )


def on_nile(text, *args, finish="stop", **kwargs):
    return judge(NILE_SOURCE, text, finish, plan(*args, **kwargs))


def on_yangtze(text, *args, **kwargs):
    return judge(YANGTZE_SOURCE, text, "stop", plan(*args, **kwargs))


# ---- answers that are as asked


def test_a_faithful_rewrite_is_kept_without_a_flag():
    judged = on_nile(REWRITE, "plain", "grounded_numbers", "grounded_names")
    assert (judged.verdict, judged.reason, judged.flags, judged.detail) == ("keep", None, (), "")
    assert judged.text == REWRITE
    assert judged.signals["numbers_ungrounded"] == 0
    assert judged.signals["names_ungrounded"] == 0
    assert judged.signals["language"] == "en"
    assert judged.signals["words_share"] > 0.4
    assert judged.signals["copy_share_most"] < 0.3


def test_a_faithful_chinese_rewrite_is_kept_without_a_flag():
    judged = on_yangtze(REWRITE_ZH, "plain", "grounded_numbers", "grounded_names")
    assert (judged.verdict, judged.flags) == ("keep", ())
    assert judged.signals["language"] == "zh"
    assert judged.signals["numbers_ungrounded"] == 0
    assert judged.signals["grounded_share"] > 0.2


def test_a_faq_is_kept_with_its_pairs():
    judged = on_nile(FAQ, "faq", "format_faq", "grounded_numbers", "grounded_names", options={"min_questions": 3})
    assert (judged.verdict, judged.flags) == ("keep", ())
    assert len(judged.parsed["pairs"]) == judged.signals["items"] == 3


# ---- one fault each


@pytest.mark.parametrize("text", ["", "  \n\n", "<think>So many rivers", "A river.", "**", "…" * 300, "。！？" * 50])
def test_answers_without_content_are_empty(text):
    assert (on_nile(text).verdict, on_nile(text).reason) == ("retry", "empty")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with rewriting this document.",
        "As an AI language model, I do not have opinions about rivers, but I can say that many people live there.",
        "I cannot fulfill this request because the text is not complete enough to be rewritten as you ask.",
        "Please provide the text that you would like me to rewrite, and I will do so with pleasure.",
        "The provided text does not contain enough information to write a full article about the subject.",
        "Unfortunately, there is no document here that could be rewritten as an encyclopaedia article.",
        "抱歉，我无法完成这个请求，因为文本内容不完整，请您补充后再试一次。",
        "作为一个人工智能语言模型，我不能对此发表意见，但可以为您提供一些相关的背景信息。",
        "请提供需要改写的文本内容，以便我为您生成一篇百科风格的文章，谢谢您的配合。",
    ],
)
def test_refusals_are_asked_again(text):
    assert (on_nile(text).verdict, on_nile(text).reason) == ("retry", "refusal")


def test_words_of_refusal_that_the_source_has_are_no_refusal():
    letter = "I'm sorry I could not come to the harbour on Monday, because the ferry did not run. " + NILE[:300]
    text = "I'm sorry I could not come, the ferry was out on Monday, and the river is 6,650 kilometres long in Africa. "
    assert judge(SourceText(letter, "en"), text, "stop", plan()).reason != "refusal"
    assert on_nile("As an aid to memory: the Nile flows north from Ethiopia and Lake Tana to the sea.").reason is None


def test_a_content_filter_is_a_refusal():
    assert on_nile(REWRITE, finish="content_filter").reason == "refusal"


@pytest.mark.parametrize(
    "text",
    [
        INSTRUCTION + "\n\n" + REWRITE,
        "Keep every fact and every number, add nothing of your own, and write in full sentences. " + REWRITE,
        REWRITE + "\n<|im_start|>user",
        ">>> DOCUMENT\n" + REWRITE,
        "### Response:\n" + REWRITE,
        REWRITE + " [[document]]",
    ],
)
def test_echoes_of_the_prompt_are_asked_again(text):
    assert (on_nile(text).verdict, on_nile(text).reason) == ("retry", "echo")


def test_marks_and_words_that_the_source_has_are_no_echo():
    source = SourceText(NILE + " A prompt may hold [[document]] or <|im_start|>. " + INSTRUCTION, "en")
    text = REWRITE + " Its prompt holds [[document]] and <|im_start|>; keep every fact and every number, it says."
    assert judge(source, text, "stop", plan()).reason is None


LOOPS = [
    REWRITE + " The river is long." * 30,
    REWRITE[:200] + " and the Nile and the Nile" * 40,
    REWRITE + "!" * 400,
    "\n".join(f"{number}. What is the length of the river Nile in Africa?" for number in range(1, 40)),
    REWRITE_ZH + "长江很长，" * 40,
    REWRITE_ZH[:60] + "河" * 300,
    " ".join(
        random.Random(1).choice(["the Nile is a long river in the south,", "it has a great deal of water,"])
        for _ in range(60)
    ),
]


@pytest.mark.parametrize("text", LOOPS)
def test_loops_are_asked_again(text):
    assert (on_nile(text).verdict, on_nile(text).reason) == ("retry", "loop")


@pytest.mark.parametrize(
    "text",
    [
        REWRITE + " Ha ha ha!",
        REWRITE + "\n\n---------------------------------------------------------------------------------",
        REWRITE + " Long, long, long is the way to the sea.",
        FAQ,
    ],
)
def test_refrains_and_rules_are_no_loops(text):
    assert on_nile(text).reason is None


def test_an_answer_at_the_token_limit_is_dropped():
    judged = on_nile(REWRITE, finish="length")
    assert (judged.verdict, judged.reason) == ("drop", "cut")


def test_a_loop_is_named_before_the_cut_that_follows_from_it():
    assert on_nile(LOOPS[0], finish="length").reason == "loop"


def test_chat_around_the_product_is_taken_off_and_flagged():
    judged = on_nile("Sure! Here is the rewritten text:\n\n" + REWRITE + "\n\nLet me know if you need more!")
    assert (judged.verdict, judged.flags, judged.text) == ("keep", ("assistant_talk",), REWRITE)


GERMAN = (
    "Der Nil ist der längste Fluss in Afrika und fließt durch elf Länder, bevor er das Mittelmeer erreicht. Das Wasser "
    "kommt vor allem aus dem Blauen Nil, der am Tanasee in Äthiopien beginnt."
)


@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        (GERMAN, "source", "language"),
        (REWRITE_ZH, "source", "language"),
        (REWRITE_ZH, "zh", None),
        (REWRITE, "zh", "language"),
        (
            "Нил — самая длинная река Африки, она течёт на север через одиннадцать стран и впадает в море.",
            "en",
            "language",
        ),
        (FAQ, "en", None),
        ("| a | b |\n|---|---|\n| 6,650 | 2,100 |\n| 1970 | 95 |\n\n6,650 2,100 1970 95", "en", None),  # cannot be told
    ],
)
def test_the_language_has_to_be_the_one_asked_for(text, language, reason):
    judged = on_nile(text, language=language)
    assert judged.reason == reason
    if reason:
        assert judged.verdict == "retry"


def test_a_source_in_an_unknown_language_asks_for_none():
    source = SourceText(NILE, "sv")
    assert judge(source, GERMAN + " " + REWRITE[:150], "stop", plan()).reason != "language"


def test_copies_are_asked_again_in_prose_and_flagged_where_quoting_is_the_form():
    assert (on_nile(NILE).verdict, on_nile(NILE).reason) == ("retry", "copy_high")
    assert on_yangtze(YANGTZE).reason == "copy_high"
    listed = "- " + NILE.replace(". ", ".\n- ")
    judged = on_nile(listed, "list", "format_list")
    assert (judged.verdict, judged.flags) == ("keep", ("copy_high",))
    assert judged.signals["copy_share"] > 0.95
    assert judged.signals["copy_run"] > 60


def test_a_copy_with_a_few_words_changed_is_still_a_copy():
    words = NILE.split()
    words[::40] = ["changed"] * len(words[::40])
    assert on_nile(" ".join(words)).reason == "copy_high"
    words[::6] = ["altered"] * len(words[::6])
    assert on_nile(" ".join(words)).reason is None


OFF_TOPIC = (
    "Knitting a scarf takes patience rather than skill. Choose soft yarn and wooden needles, cast on forty "
    "stitches, and "
    "repeat the same row until the ball runs out. Beginners often pull their loops too tight, so relax both hands."
)
OFF_TOPIC_ZH = (
    "编织围巾需要耐心，选择柔软的毛线和木制的针，先起四十针，然后重复同样的一行，"
    "直到毛线用完为止，初学者常常把线圈拉得太紧。"
)


def test_answers_about_something_else_are_dropped():
    assert (on_nile(OFF_TOPIC).verdict, on_nile(OFF_TOPIC).reason) == ("drop", "copy_low")
    assert on_yangtze(OFF_TOPIC_ZH).reason == "copy_low"


def test_a_translation_is_not_held_to_the_words_of_its_source():
    judged = on_yangtze(REWRITE, "plain", "grounded_names", language="en")
    assert judged.reason is None
    assert "grounded_share" not in judged.signals


# ---- forms


@pytest.mark.parametrize(
    ("parser", "text"),
    [
        ("table", "| River | Length |\n|---|---|\n| Nile | 6,650 kilometres |\n"),
        ("faq", "The Nile is long, it flows north, and the people live near the river."),
        ("tutorial", "# The Nile\nThe Nile is long, it flows north, and the people live near the river."),
        ("math", "Problem: How did the farmers of the Nile feel?\nSolution: They were glad of the mud and the water."),
        ("dialogue", "Teacher: The Nile is long.\nTeacher: It flows north.\nTeacher: It ends in the sea."),
        ("list", "The Nile is long, it flows north, and the people live near the river."),
        ("qa", "Question: Where does the Nile end?\nQuestion: Where does the Blue Nile begin?"),
    ],
)
def test_a_wrong_form_is_asked_again_by_the_check_of_its_name(parser, text):
    judged = on_nile(text, parser, f"format_{parser}")
    assert (judged.verdict, judged.reason) == ("retry", f"format_{parser}")
    assert judged.parsed is None


def test_a_wrong_form_is_a_flag_where_the_prompt_lists_no_check_for_it():
    assert on_nile(REWRITE, "faq").flags == ("format",)
    assert on_nile(REWRITE, "tagged", options={"tag": "rewrite"}).verdict == "retry"


def test_a_prompt_may_check_a_form_that_its_parser_does_not_read():
    assert on_nile(REWRITE, "plain", "format_list").reason == "format_list"
    assert on_nile("- " + REWRITE.replace(". ", ".\n- "), "plain", "format_list").reason is None


# ---- facts


def test_wrong_arithmetic_is_dropped():
    text = "Problem: The Nile has 6,650 kilometres in Africa. How many have 2 Niles?\nSolution: 6650 × 2 = {}."
    right = on_nile(text.format("13300"), "math", "format_math", "arithmetic")
    wrong = on_nile(text.format("13000"), "math", "format_math", "arithmetic")
    assert right.verdict == "keep"
    assert right.signals["equations"] == 1
    assert (wrong.verdict, wrong.reason) == ("drop", "arithmetic")
    assert "6650" in wrong.detail


TABLE = (
    "| Fact | Value |\n|---|---|\n| Length of the Nile | 6,650 km |\n| Power of the Aswan dam | 2,100 megawatts |\n"
    "| Year of the dam | 1970 |\n\nQuestion: {}\nAnswer: {}"
)


@pytest.mark.parametrize(
    ("question", "answer", "found"),
    [
        ("How long is the Nile?", "6,650 km", "cell"),
        ("How long is the Nile?", "It is 6650 kilometres long.", "cell"),
        ("How many facts are there?", "3", "derived"),
        ("By how much do 6,650 and 2,100 differ?", "4,550", "derived"),
        ("Which fact has the value 1970?", "Year of the dam", "cell"),
        ("Is the Nile long?", "Yes, it is.", "untold"),
        ("How long is the Nile?", "7,200 km", "absent"),
        ("Who built it?", "Gamal Abdel Nasser", "absent"),
    ],
)
def test_the_answer_to_a_table_is_looked_for_in_it(question, answer, found):
    judged = on_nile(TABLE.format(question, answer), "table", "format_table", "table_answer")
    assert judged.signals["table_answer"] == found
    assert ("table_answer" in judged.flags) is (found == "absent")
    assert judged.verdict == "keep"


def test_a_table_without_a_question_is_flagged():
    text = TABLE.partition("\n\nQuestion")[0]
    assert "table_answer" in on_nile(text, "table", "format_table", "table_answer").flags


@pytest.mark.parametrize(
    ("number", "grounded"),
    [
        ("6650", True),
        ("6,650.0", True),
        ("about 1 billion dollars", True),
        ("1,000,000,000 dollars", True),
        ("95%", True),
        ("0.95 of them", True),
        ("11 countries", True),
        ("2.1 thousand megawatts", True),
        ("7,200", False),
        ("1971", False),
        ("85%", False),
        ("3.75", False),
    ],
)
def test_numbers_are_found_in_the_source_in_any_form(number, grounded):
    judged = on_nile(f"{REWRITE} It is said to be {number}.", "plain", "grounded_numbers")
    assert judged.signals["numbers_ungrounded"] == (0 if grounded else 1)
    assert judged.flags == ()  # one foreign number is not enough


def test_two_foreign_numbers_among_few_are_flagged():
    text = "The Nile flows 7,200 kilometres through 14 countries of Africa to the Mediterranean Sea from Lake Tana."
    assert on_nile(text, "plain", "grounded_numbers").flags == ("grounded_numbers",)


@pytest.mark.parametrize(
    ("number", "grounded"),
    [
        ("180万", True),
        ("1800000", True),
        ("4亿", True),
        ("2006", True),
        ("１１个", True),
        ("500万", False),
        ("1998", False),
    ],
)
def test_chinese_numerals_and_scales_are_understood(number, grounded):
    judged = on_yangtze(f"{REWRITE_ZH}据说是{number}。", "plain", "grounded_numbers")
    assert judged.signals["numbers_ungrounded"] == (0 if grounded else 1)


def test_line_numbers_are_no_facts():
    text = "\n".join(f"{place}. {line}" for place, line in enumerate(REWRITE.split(". "), start=3))
    assert on_nile(text, "plain", "grounded_numbers").signals["numbers_ungrounded"] == 0


def test_foreign_names_are_flagged_and_headings_are_not():
    text = (
        REWRITE
        + " It was described by Gamal Abdel Nasser and later by Agatha Christie, who travelled with Herman Melville."
    )
    judged = on_nile(text, "plain", "grounded_names")
    assert judged.flags == ("grounded_names",)
    assert judged.signals["names_ungrounded"] == 3
    headed = "# Frequently Asked Travel Questions\n\n**Great African Rivers Explained**\n\n" + REWRITE
    assert on_nile(headed, "plain", "grounded_names").signals["names_ungrounded"] == 0


def test_latin_names_in_chinese_are_looked_for():
    judged = on_yangtze(REWRITE_ZH + "据Wikipedia和National报道，Google也有记录。", "plain", "grounded_names")
    assert judged.signals["names_ungrounded"] == 3


# ---- policies and thresholds


def test_each_policy_does_what_it_says():
    for policy, verdict, flags in (
        ("keep", "keep", ()),
        ("flag", "keep", ("cut",)),
        ("drop", "drop", ()),
        ("retry", "retry", ()),
    ):
        judged = on_nile(REWRITE, settings=Checks(policies={"cut": policy}), finish="length")
        assert (judged.verdict, judged.flags) == (verdict, flags)
        assert (judged.reason is None) is (verdict == "keep")


def test_the_recipe_can_run_a_check_that_a_prompt_does_not_list():
    text = REWRITE + " And 3 + 4 = 8."
    assert on_nile(text).reason is None
    assert on_nile(text, settings=Checks(policies={"arithmetic": "retry"})).reason == "arithmetic"
    assert "format_faq" not in plan("plain", settings=Checks(policies={"format_faq": "drop"})).policies


def test_thresholds_can_be_set_for_all_and_for_one_parser():
    assert on_nile(REWRITE, settings=Checks(thresholds={"copy_high_max": 0.01})).reason == "copy_high"
    loose = Checks(thresholds={"copy_high_max": 0.5, "copy_high_max.faq": 0.7})
    assert plan("faq", settings=loose).thresholds["copy_high_max"] == 0.7
    assert plan("plain", settings=loose).thresholds["copy_high_max"] == 0.5
    assert plan("plain").thresholds["copy_high_max"] == 0.8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Checks(policies={"lop": "drop"}), "nearest is loop"),
        (Checks(thresholds={"loop_share": 1}), "nearest is loop_share_max"),
        (Checks(thresholds={"loop_share_max.fag": 1}), "nearest is faq"),
        (Checks(policies={"qwertz": "drop"}), "Known: "),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(settings, message):
    with pytest.raises(Exception, match=message) as caught:
        plan(settings=settings)
    assert type(caught.value).__name__ == "ConfigError"


def test_unknown_parsers_and_checks_of_a_prompt_are_refused():
    with pytest.raises(Exception, match="nearest is table"):
        plan("tabel")
    with pytest.raises(Exception, match="nearest is arithmetic"):
        plan("plain", "arithmetics")


def test_every_shipped_prompt_has_a_plan_and_runs_what_it_lists():
    for prompt in load_library().values():
        made = check_plan(
            parser=prompt.parser,
            parser_options=prompt.parser_options,
            checks=prompt.checks,
            instruction=prompt.instructions[0],
            output_language=prompt.output_language,
            settings=Checks(),
        )
        assert set(prompt.checks) <= set(made.policies)
        judged = judge(NILE_SOURCE, REWRITE, "stop", replace(made, instruction="Another."))
        assert judged.reason in {None, *made.policies}


# ---- every input

ALWAYS = ("empty", "refusal", "echo", "loop", "cut", "assistant_talk", "format", "language", "copy_high", "copy_low")
FACTS = ("arithmetic", "grounded_numbers", "grounded_names")
OPTIONS = {"tagged": {"tag": "t"}, "openline": {"opening": "ENTRY:"}}
PLANS = [
    plan(parser, *FACTS, *(["table_answer"] if parser == "table" else []), options=OPTIONS.get(parser, {}))
    for parser in ("plain", "faq", "table", "math", "tutorial", "qa", "dialogue", "list", "tagged", "openline")
]
FORMS = (
    "| a | 3 |;|---|---|;\n;1. ;Q:;A:;3 + 4 = 8;**;?;９;<think>;</t>;<t>;Lake Tana;1,000,000;10%;two;三百;=;\ud800;"
    "\x00;Teacher:;Problem:"
)
PIECES = st.sampled_from([*NILE.split(" ")[:30], *YANGTZE[:20], *FORMS.split(";")])


@settings(deadline=None, max_examples=120)
@given(
    st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=60).map(" ".join)),
    st.one_of(st.text(max_size=200), st.just(NILE), st.just(YANGTZE)),
    st.sampled_from(["stop", "length", "content_filter", "tool_calls", ""]),
)
def test_any_answer_to_any_source_is_judged_the_same_way_twice(text, source, finish):
    for made in PLANS:
        judged = judge(SourceText(source, None), text, finish, made)
        assert judged == judge(SourceText(source, None), text, finish, made)
        assert (judged.verdict == "keep") is (judged.reason is None)
        assert judged.reason is None or made.policies[judged.reason] == judged.verdict
        assert all(made.policies[name] == "flag" for name in judged.flags)
        assert len(judged.detail) < 600


UNITS = (
    "a;a ;1;1 ;=1;(;|;| a |\n;A;A-;Aa Bb ;Q: a?\n;一;三;九亿;9,;1.;\n;. ;“;$;\\frac{;**;1. a\n;"
    "Step 1\n;-;two hundred ;％"
)


@pytest.mark.parametrize("unit", UNITS.split(";"))
def test_a_long_run_of_one_thing_is_judged(unit):
    text = unit * (150_000 // len(unit))
    for made in (PLANS[0], PLANS[2], PLANS[3], PLANS[4]):
        kept = replace(made, policies=dict.fromkeys(made.policies, "flag"))  # every check runs
        judged = judge(SourceText(text, None), text, "stop", kept)
        assert judged.verdict == "keep"


# ---- real texts


def test_people_s_answers_about_real_tables_are_found(shared):
    """Of answers to questions about Wikipedia's tables nine in ten are found, of foreign answers half."""
    import csv
    import io

    from tilth.synth.checks.tables import find_answer

    rows = pq.read_table(shared / "data" / "benchmarks" / "wikitablequestions.parquet").slice(0, 600).to_pylist()
    right = foreign = asked = 0
    for row, other in zip(rows, rows[300:] + rows[:300], strict=True):
        table = list(csv.reader(io.StringIO(row["context"]), escapechar="\\"))
        if len(table) < 3:
            continue
        asked += 1
        answers = [item["answer"].split(" || ")[0] for item in (row, other)]
        found = [find_answer(table[0], table[1:], row["question"], answer) for answer in answers]
        right += found[0] != "absent"
        foreign += found[1] != "absent"
    assert right > 0.93 * asked
    assert foreign < 0.6 * asked


def test_real_pages_pass_the_checks_of_wording(shared):
    """Pages that people wrote are neither refusals nor echoes nor loops, and are in the language they say."""
    made = plan("plain", settings=Checks(policies={"copy_high": "keep", "copy_low": "keep"}))
    reasons = []
    for name in ("textbook", "forum_qa", "encyclopedia_zh", "science_article", "book"):
        pages = pq.read_table(shared / "data" / "documents" / f"{name}.parquet").to_pylist()
        for page in random.Random(5).sample(pages, 60):
            text, language = page["text"], page["lang"]
            reasons.append(judge(SourceText(text[:2000], language), text[:1500], "stop", made).reason)
    assert sum(reason is not None for reason in reasons) <= 0.02 * len(reasons), reasons


def test_people_s_conclusions_of_abstracts_are_grounded_and_no_copies(shared):
    import json

    table = pq.read_table(shared / "data" / "benchmarks" / "pubmedqa.parquet").slice(0, 400)
    pages = {name: table[name].to_pylist() for name in ("context", "raw")}
    made = plan("plain")
    reasons = []
    for source, raw in zip(pages["context"], pages["raw"], strict=True):
        reasons.append(judge(SourceText(source, "en"), json.loads(raw)["LONG_ANSWER"], "stop", made).reason)
    assert sum(reason is not None for reason in reasons) <= 0.02 * len(reasons)
    sources = pages["context"]
    foreign = [
        judge(SourceText(source, "en"), json.loads(raw)["LONG_ANSWER"], "stop", made).reason
        for source, raw in zip(sources[1:], pages["raw"], strict=False)
    ]
    assert foreign.count("copy_low") > 0.4 * len(foreign)


def test_the_catalogue_names_every_check_and_a_source_for_each_threshold():
    rows = catalogue()
    assert [row["name"] for row in rows][:5] == ["empty", "refusal", "echo", "loop", "cut"]
    assert set(ALWAYS) <= {row["name"] for row in rows}
    for row in rows:
        assert row["measures"]
        assert row["policy"] in ("keep", "flag", "drop", "retry")
        assert all(threshold["source"] for threshold in row["thresholds"])


def test_a_plan_is_plain_data():
    assert isinstance(plan(), CheckPlan)
    assert plan() == plan()


def test_the_frame_of_every_shipped_prompt_is_known():
    for prompt in load_library().values():
        frame = "\n".join(part for _, template in prompt.messages for part in template[::2])
        marks = re.findall("(?m)^>>> [A-Z ]+$|^<<< [A-Z ]+$|^【.+】$", frame)
        for mark in marks:
            assert on_nile(f"{mark}\n{REWRITE}").reason == "echo"
        assert len(marks) >= 2
