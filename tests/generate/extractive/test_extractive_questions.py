"""Questions that the rules write on a text, and what they refuse to do."""

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.generate.engines.extractive.engine import REFUSALS, answer
from tilth.generate.engines.extractive.questions_tasks import TASKS

DELTA = (
    "# Rivers\n\nA delta is land that a river builds at its mouth. The Aller is 263 km long and drains 15,744 km of "
    "land. The Weser is 452 km long. It was charted in 1824.\n\n"
    "A lock is a chamber that lifts boats from one level to another. Boats of up to 85 m fit into it."
    " A weir is a low dam that raises the level of a river. It was built to last.\n"
)


def ask(
    task: str, document: dict[str, Any], draw: int = 0, *, options: bool = False
) -> tuple[dict[str, Any], str | None]:
    """What was made, or of `solve` the answer that was said; and the refusal."""
    found = answer(task, orjson.dumps(document).decode(), "en", draw, options=options)
    return ({"said": said(found.text)} if task == "solve" else orjson.loads(found.text or "{}")), found.refusal


def said(text: str) -> str:
    return text.replace("答案：", "Answer: ").rpartition("Answer: ")[2]


def test_a_question_holds_its_passage_and_the_answer_stands_in_it() -> None:
    kinds = set()
    for draw in range(30):
        made, refusal = ask("synthesize.grade", {"language": "en", "seed": {"text": DELTA}}, draw)
        assert refusal is None
        passage, _, asked = made["question"].rpartition("\n\n")
        right = made["choices"][ord(made["answer"]) - 65] if "choices" in made else made["answer"]
        assert right in passage
        assert passage in DELTA
        assert made["solution"].startswith("The passage says: ")
        kinds.add(asked.split()[0])
    assert {"Which", "What"} <= kinds


def test_wrong_options_come_from_the_document_and_are_no_second_right_answer() -> None:
    for draw in range(20):
        made, _ = ask("synthesize.grade", {"language": "en", "seed": {"text": DELTA}}, draw, options=True)
        assert 3 <= len(made["choices"]) == len(set(made["choices"])) <= 4
        assert all(choice in DELTA for choice in made["choices"])


def test_real_documents_give_questions_that_the_rules_answer_from_the_passage(shared: Path) -> None:
    """The answer is looked for in the passage alone, so agreement says that the question can be answered from it."""
    right = asked = 0
    for name in ("encyclopedia", "textbook", "legal", "encyclopedia_zh"):
        table = pl.read_parquet(shared / "data" / "documents" / f"{name}.parquet").sample(40, seed=2)
        for number, (text, language) in enumerate(table.select("text", "lang").iter_rows()):
            document = {"language": language, "seed": {"text": text[:4000]}}
            made, refusal = ask("synthesize.grade", document, number, options=number % 2 == 0)
            if refusal is not None:
                assert refusal in ("no_grounded_question", "rules_write_on_texts_only")
                continue
            solved, _ = ask("solve", {"language": language, **made})
            asked += 1
            right += solved["said"] == made["answer"]
    assert asked >= 40
    assert right / asked > 0.75


def test_an_answer_that_the_passage_does_not_bear_out_is_not_found() -> None:
    passage = "The Aller is 263 km long. It drains a plain."
    question = f"{passage}\n\nWhich of the values completes this statement? The Weser is ____ long."
    assert ask("solve", {"language": "en", "question": question})[1] == "rules_found_no_answer"
    assert ask("solve", {"language": "en", "question": "What is 3 + 4?"})[1] == "rules_need_a_passage"


def test_the_context_of_a_question_is_its_passage() -> None:
    solved, _ = ask("solve", {"language": "en", "question": "What is a delta?", "context": DELTA[10:200]})
    assert solved["said"] == "A delta is land that a river builds at its mouth."


def test_difficulty_is_readability_and_disciplines_are_left_open() -> None:
    easy, _ = ask("annotate", {"question": "The dog ran. The cat sat. Who ran?"})
    hard, _ = ask(
        "annotate", {"question": "Characterise the thermodynamic irreversibility accompanying polycrystalline solids."}
    )
    assert easy["difficulty"] < hard["difficulty"]
    assert (easy["grade"], hard["grade"]) == ("G1", "G4")
    assert {easy["discipline"], hard["field"]} == {"abstain"}


def test_refinement_passes_a_question_on_unchanged_and_says_so() -> None:
    given_ = {"question": "Which?", "answer": "B", "choices": ["x", "y"], "solution": "y is it."}
    refined, _ = ask("refine", {"language": "en", **given_})
    assert {name: refined[name] for name in given_} == given_
    assert refined["changed"] == []


@pytest.mark.parametrize(
    ("task", "document", "refusal"),
    [
        ("synthesize.harden", {"question": "Which?"}, "rules_cannot_harden"),
        ("synthesize.linked", {}, "rules_cannot_harden"),
        ("judge.question", {"question": "Which?"}, "rules_cannot_judge"),
        ("synthesize.grade", {"seed": {"question": "Which?", "answer": "B"}}, "rules_write_on_texts_only"),
        ("synthesize.grade", {"seed": {"text": "Too short."}}, "no_grounded_question"),
        ("annotate", {"question": " "}, "rules_read_questions_only"),
        ("refine", {"question": "Which?"}, "rules_read_questions_only"),
    ],
)
def test_what_rules_cannot_do_is_refused_by_name(task: str, document: dict[str, Any], refusal: str) -> None:
    assert ask(task, {"language": "en", **document})[1] == refusal
    assert refusal in REFUSALS


VALUE = st.none() | st.integers() | st.text(max_size=60) | st.lists(st.text(max_size=5), max_size=3) | st.just(DELTA)


@given(
    st.sampled_from(sorted(TASKS)),
    st.dictionaries(st.sampled_from(["question", "context", "choices", "answer", "seed", "language"]), VALUE)
    | st.builds(lambda text: {"seed": {"text": text}}, st.text(max_size=300)),
)
@settings(max_examples=100, deadline=None)
def test_no_structured_input_raises(task: str, document: dict[str, Any]) -> None:
    found = answer(task, orjson.dumps(document).decode(), None, 1)
    assert (found.refusal is None) == bool(found.text)


@pytest.mark.parametrize("document", ["", "[]", "{", "null", "\x00", '{"seed": {"text": "' + "a" * 200_000 + '"}}'])
def test_a_document_that_is_no_structured_input_is_refused(document: str) -> None:
    assert answer("synthesize.grade", document, None, 1).refusal in REFUSALS
