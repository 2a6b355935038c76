"""Refinement: what really changed is told, a verified answer stays, and any broken answer ends in a reason."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_help import asked, document, fields

from tilth.data.qa import QA
from tilth.generate.request import Completion
from tilth.recipe.stages.refine import Refine
from tilth.synth.refine.compare import Fault, Refined, read
from tilth.synth.refine.stage import REASONS, build

TEXT = "How far does the train of the example above get in 5 hours?"
BETTER = "A train covers 180 km in 2 hours. How far does it get in 5 hours at that speed?"
OLD = {
    "answer": "450 km",
    "solution": "90 times 5",
    "verdict": "verified",
    "votes": 7,
    "solvers": 8,
    "pass_rate": 0.875,
}


def reply(**changes: Any) -> str:
    value = {"note": "ok", "unanswerable": False, "question": TEXT, "solution": OLD["solution"], "answer": "450 km"}
    return json.dumps({**value, "changed": [], **changes})


def refined(script: Any, old: dict[str, Any] = OLD, text: str = TEXT, **options: Any) -> Any:
    said = script if callable(script) else lambda request, call: script
    return asked(build(Refine(**options), 1), [document(1, text, **old)], said)[0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"question": TEXT.upper().replace(" ", "  ")}, []),
        ({"question": BETTER}, ["question"]),
        ({"answer": "450000 m"}, []),
        ({"answer": "**450 km**"}, []),
        ({"solution": "180/2 = 90 km/h; 90 * 5 = 450 km."}, ["reasoning"]),
        ({"solution": ""}, []),
        ({"changed": ["question", "answer", "reasoning"]}, []),  # the model's word is not taken
    ],
)
def test_what_changed_is_found_by_comparing(changes: dict[str, Any], told: list[str]) -> None:
    outcome = refined(reply(**changes))
    assert outcome.reason is None
    qa = fields(outcome.row["parsed"])
    assert qa.get("changed", []) == told
    assert qa["before"]["question"] == TEXT
    assert qa["before"]["answer"] == "450 km"
    assert qa["refined"]["claimed"] == changes.get("changed", [])
    assert qa["solution"]


def test_a_wrong_answer_that_nobody_verified_is_corrected_and_measured_anew() -> None:
    old = {"answer": "400 km", "votes": 0, "pass_rate": 0.0, "answers": [{"id": "a", "correct": False}]}
    outcome = refined(reply(), old)
    qa = fields(outcome.row["parsed"])
    assert qa["answer"] == "450 km"
    assert qa["changed"] == ["answer", "reasoning"]
    assert qa["before"]["answer"] == "400 km"
    assert not {"votes", "pass_rate", "answers", "verdict"} & set(qa)


def test_an_edited_question_has_to_be_verified_again() -> None:
    outcome = refined(reply(question=BETTER))
    assert outcome.row["text"] == BETTER
    qa = fields(outcome.row["parsed"])
    assert "verdict" not in qa
    assert qa["before"]["verdict"] == "verified"
    assert qa["before"]["votes"] == 7


@pytest.mark.parametrize("answer", ["440 km", "45 km", "450", "about five hours", "450 kg", "not 450 km"])
def test_a_refinement_never_overrides_a_verified_answer(answer: str) -> None:
    outcome = refined(reply(answer=answer, question=BETTER))
    kept = refined(reply(answer=answer, question=BETTER), on_contradiction="keep")
    if outcome.reason is None:  # the same in other words: what was verified stands
        assert answer == "450"
        assert fields(outcome.row["parsed"])["answer"] == "450 km"
        return
    assert outcome.reason == "contradicts_verified"
    assert outcome.row["raw"]
    assert "450 km" in outcome.row["detail"]
    assert kept.reason is None
    assert kept.flags == ("contradicts_verified",)
    assert kept.row["text"] == TEXT
    assert {name: fields(kept.row["parsed"])[name] for name in OLD} == OLD


def test_an_equal_answer_in_another_form_leaves_the_verified_one_as_it_was() -> None:
    qa = fields(refined(reply(answer="450000 m", solution="longer reasoning")).row["parsed"])
    assert qa["answer"] == "450 km"
    assert qa["verdict"] == "verified"
    assert qa["votes"] == 7


def test_letters_that_moved_with_their_choices_are_the_same_answer() -> None:
    old = {"answer": "B", "choices": ["Mars", "Jupiter"], "verdict": "verified"}
    same = refined(reply(answer="A", choices=["Jupiter", "Mars"]), old)
    other = refined(reply(answer="B", choices=["Jupiter", "Mars"]), old)
    assert same.reason is None
    assert fields(same.row["parsed"])["changed"] == ["question", "reasoning"]
    assert fields(same.row["parsed"])["answer"] == "A"
    assert other.reason == "contradicts_verified"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("I would rather not.", "parse_failed"),
        ("", "parse_failed"),
        ("{" * 5000, "parse_failed"),
        (reply(question=" "), "parse_failed"),
        (reply(answer=None), "parse_failed"),
        (reply(answer=["450"]), "parse_failed"),
        (reply(unanswerable=True, question="", answer=""), "unanswerable"),
        (reply(solution="x" * 50_000), "too_long"),
        (reply(question="一列火车两小时行驶一百八十千米，五小时行驶多远？"), "language_changed"),
        (Completion(text=reply(), finish_reason="length"), "incomplete"),
        (Completion(text="", finish_reason="refused", refusal="no_answer"), "refused:no_answer"),
    ],
)
def test_broken_answers_end_in_a_reason(said: Any, reason: str) -> None:
    outcome = refined(said, retries=0)
    assert outcome.reason == reason
    assert outcome.row["detail"]
    kept = refined(said, retries=0, on_failure="keep")
    assert kept.reason is None
    assert kept.flags == (reason,)
    assert kept.row["text"] == TEXT


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"choices": ["Jupiter"]}, "choices_malformed"),
        ({"choices": ["Mars", "mars "]}, "choices_malformed"),
        ({"choices": "Mars or Jupiter"}, "choices_malformed"),
        ({"answer": "Saturn"}, "answer_not_among_choices"),
    ],
)
def test_choices_that_do_not_fit_end_in_a_reason(changes: dict[str, Any], reason: str) -> None:
    old = {"answer": "B", "choices": ["Mars", "Jupiter"]}
    assert refined(reply(**{"answer": "B", **changes}), old, retries=0).reason == reason
    assert reason in REASONS


def test_a_second_try_is_told_what_was_wrong() -> None:
    asks = []

    def script(request: Any, call: int) -> str:
        asks.append(request)
        return "no object here" if call == 0 else reply()

    outcome = refined(script)
    assert outcome.reason is None
    assert outcome.row["tries"] == 2
    assert asks[1].messages[-2] == ("assistant", "no object here")
    assert "parse_failed" in asks[1].messages[-1][1]
    assert asks[0].document == asks[1].document
    assert asks[0].seed != asks[1].seed


def test_latex_with_single_backslashes_is_read_as_it_was_meant() -> None:
    said = (
        r'Here: {"note":"", "question":"What is \(\frac{1}{2}+\theta\)?",'
        r'"answer":"$\\frac12+\\theta$","solution":"a\nb"}'
    )
    found = read(said, QA(question="What is a half?", answer="x"), 1000)
    assert isinstance(found, Refined)
    assert found.question == r"What is \(\frac{1}{2}+\theta\)?"
    assert found.answer == r"$\frac12+\theta$"
    assert found.solution == "a\nb"


_NAMES = st.sampled_from(["question", "answer", "choices", "solution", "changed", "note", "unanswerable"])
_VALUES = st.none() | st.booleans() | st.floats() | st.text(max_size=30) | st.lists(st.text(max_size=5), max_size=3)


@given(st.text(alphabet=st.characters(), max_size=200) | st.builds(json.dumps, st.dictionaries(_NAMES, _VALUES)))
@settings(max_examples=100, deadline=None)
def test_any_reply_is_read_or_named(said: str) -> None:
    for choices in (None, ("a", "b")):
        found = read(said, QA(question="What is it?", answer="a", choices=choices), 1000)
        if isinstance(found, Fault):
            assert found.reason in REASONS
            assert found.detail
        else:
            assert found.question.encode()
            assert found.answer.encode()
