"""Independent answers: what is asked, what is made of the answers, and that broken ones end in a name."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_help import asked, document, fields
from pydantic import ValidationError

import tilth.prompts
from tilth.answers.reply import object_in
from tilth.base.errors import EngineError, Interrupted
from tilth.generate.request import Completion
from tilth.recipe.stages.solve import Solve
from tilth.synth.solve.answers import Gold, final_of, judged
from tilth.synth.solve.stage import build

TRAIN = document(1, "A train covers 180 km in 2 hours. How far does it get in 5 hours?", answer="450 km")
STARS = document(2, "太阳系有几颗行星？", answer="8")
CHOICE = document(3, "Which planet is the largest?", answer="B", choices=["Mars", "Jupiter", "Venus"])


def test_each_answer_is_checked_and_the_pass_rate_has_an_interval() -> None:
    said = ["Answer: 450 km", "so \\boxed{450}", "Answer: 450000 m", "Answer: 360 km"]
    outcome = asked(build(Solve(k=4), 1), [TRAIN], lambda request, call: said[call])[0]
    qa = fields(outcome.row["parsed"])
    assert [item["correct"] for item in qa["answers"]] == [True, True, True, False]
    assert (qa["votes"], qa["solvers"], qa["pass_rate"]) == (3, 4, 0.75)
    assert 0 < qa["pass_low"] < 0.75 < qa["pass_high"] < 1
    assert outcome.row["completion_tokens"] == 20
    assert outcome.row["tries"] == 4
    assert outcome.row["text"] == TRAIN.text
    assert qa["answer"] == "450 km"


def test_calls_differ_in_wording_and_seed_and_show_the_choices() -> None:
    seen = []
    asked(build(Solve(k=8), 1), [CHOICE], lambda request, call: seen.append((call, request)) or "Answer: B")
    assert sorted(call for call, _ in seen) == list(range(8))
    assert len({request.seed for _, request in seen}) == 8
    assert len({request.messages for _, request in seen}) >= 4
    assert all("B. Jupiter" in request.messages[-1][1] for _, request in seen)
    assert "answer" not in fields(seen[0][1].document)  # a solver must not see the key


def test_a_question_in_chinese_gets_the_chinese_prompt_and_is_read() -> None:
    stage = build(Solve(k=2), 1)
    units, away = stage.expand(STARS)
    assert [unit.prompt for unit in units] == ["solve_zh"]
    assert [(item.prompt, item.reason) for item in away] == [("solve", "other_language")]
    outcome = asked(stage, [STARS], lambda request, call: "一共八颗。\n答案：8")[0]
    assert fields(outcome.row["parsed"])["votes"] == 2


def test_the_order_in_which_calls_are_answered_changes_nothing() -> None:
    def script(request, call):
        return f"Answer: {450 + call % 3} km"

    rows = [asked(build(Solve(k=6), 1), [TRAIN, CHOICE], script, order)[0].row for order in range(3)]
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.parametrize(("said", "calls"), [(["7"] * 8, 3), (["7", "7", "8", "7", "7", "7", "7", "7"], 8)])
def test_agreement_of_the_first_answers_saves_the_rest(said: list[str], calls: int) -> None:
    made = []

    def script(request, call):
        made.append(call)
        return f"Answer: {said[call]}"

    stage = build(Solve(k=8, stop_when_agree=3), 1)
    outcome = asked(stage, [document(1, "How many days has a week?", answer="7")], script)[0]
    assert len(made) == calls
    assert sorted(made) == list(range(calls))
    assert fields(outcome.row["parsed"])["solvers"] == calls


def test_cut_off_answers_are_wrong_and_refused_ones_do_not_count() -> None:
    ends = [
        Completion(text="Answer: 450 km", finish_reason="stop"),
        Completion(text="Answer: 450 km", finish_reason="length"),
        Completion(text="", finish_reason="content_filter"),
        EngineError("bad_request", "too long"),
    ]
    outcome = asked(build(Solve(k=4), 1), [TRAIN], lambda request, call: ends[call])[0]
    answers = fields(outcome.row["parsed"])["answers"]
    assert [item["correct"] for item in answers] == [True, False, None, None]
    assert answers[3]["finish_reason"] == "engine:bad_request"
    assert fields(outcome.row["parsed"])["pass_rate"] == 0.5


def test_a_passing_fault_leaves_the_row_for_later_once_all_calls_have_ended() -> None:
    ended = []

    def script(request, call):
        ended.append(call)
        return EngineError("timeout", "no answer") if call == 0 else "Answer: 450 km"

    with pytest.raises(EngineError, match="no answer"):
        asked(build(Solve(k=8), 1), [TRAIN], script)
    assert sorted(ended) == list(range(8))


def test_a_stop_goes_before_every_other_error() -> None:
    ends = itertools.cycle([EngineError("timeout", "no answer"), Interrupted("stopped")])
    with pytest.raises(Interrupted):
        asked(build(Solve(k=4), 1), [TRAIN], lambda request, call: next(ends))


def test_a_question_that_no_call_answers_ends_in_the_engines_reason() -> None:
    failed = asked(build(Solve(k=3), 1), [TRAIN], lambda request, call: EngineError("bad_request", "no"))[0]
    refused = Completion(text="", finish_reason="refused", refusal="no_fact")
    assert failed.reason == "engine:bad_request"
    assert asked(build(Solve(k=3), 1), [TRAIN], lambda request, call: refused)[0].reason == "refused:no_fact"


def test_answers_of_a_second_step_are_added_to_those_of_the_first() -> None:
    first = asked(build(Solve(k=3, solver="weak"), 1), [TRAIN], lambda request, call: "Answer: 360 km")[0]
    again = document(1, TRAIN.text, **fields(first.row["parsed"]))
    both = asked(build(Solve(k=2, solver="strong"), 1), [again], lambda request, call: "Answer: 450 km")[0]
    qa = fields(both.row["parsed"])
    assert [item["model"] for item in qa["answers"]] == ["weak"] * 3 + ["strong"] * 2
    assert qa["pass_rate"] == 0.4
    assert len({item["id"] for item in qa["answers"]}) == 5


def test_the_judge_is_the_call_after_the_answers() -> None:
    made = {}

    def script(request, call):
        made[call] = request.task
        return 'Well: {"reason": "a value is missing", "valid": false}' if call == 2 else "Answer: 450 km"

    outcome = asked(build(Solve(k=2, judge_question=True), 1), [TRAIN], script)[0]
    assert made == {0: "solve", 1: "solve", 2: "judge.question"}
    assert fields(outcome.row["parsed"])["judged"][0]["valid"] is False


@pytest.mark.parametrize(
    ("answer", "choices", "why"),
    [
        (None, None, "no_gold"),
        (
            "Because plants take up carbon dioxide and give off oxygen while light falls on their leaves",
            None,
            "free_text",
        ),
        ("def f(x):\n    return x", None, "program"),
    ],
)
def test_what_no_rule_can_compare_is_named_and_never_judged(answer: str | None, choices: None, why: str) -> None:
    made = {"answer": answer} if answer else {}
    outcome = asked(build(Solve(k=2), 1), [document(1, "Explain or write it.", **made)], lambda request, call: "x")[0]
    qa = fields(outcome.row["parsed"])
    assert [(item["correct"], item["how"]) for item in qa["answers"]] == [(None, why)] * 2
    assert "pass_rate" not in qa


def test_without_math_verify_mathematics_is_named_as_such() -> None:
    code = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'math_verify' else find(name, *rest)\n"
        "from tilth.data.qa import QA\n"
        "from tilth.synth.solve.answers import Gold, judged\n"
        "gold = Gold(QA(question='q', answer='x^2 + 2x + 1'), 12, 'skip')\n"
        "print(judged('', '(x+1)^2', gold), judged('', 'x^2+2x+1', gold))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "(None, 'missing_extra') (True, 'identical')"


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValidationError, match="temperature 0"):
        Solve(k=4, sampling={"temperature": 0})
    with pytest.raises(ValidationError, match="below k"):
        Solve(k=4, stop_when_agree=4)


def test_long_and_empty_questions_are_routed_away_by_name() -> None:
    stage = build(Solve(), 1)
    for text, why in (("x" * 30_000, "too_long"), ("  ", "no_question")):
        units, away = stage.expand(document(1, text))
        assert not units
        assert {item.reason for item in away} == {why}
        assert sorted(item.prompt for item in away) == sorted(stage.prompts)


@given(st.text(max_size=300), st.sampled_from(["42", "B", "x^2", "the river", "1/2 km"]))
@settings(max_examples=100, deadline=None)
def test_any_reply_is_judged_and_never_raises(reply: str, answer: str) -> None:
    from tilth.data.qa import QA

    options = ("red", "blue") if answer == "B" else None
    gold = Gold(QA(question="q", answer=answer, choices=options), 12, "skip")
    final = final_of(reply, options or ())
    assert final is None or (0 < len(final) <= 400 and final.encode())
    assert judged(reply, final, gold)[0] in (True, False, None)


def test_a_users_prompt_of_the_same_name_stands_in_front_of_the_shipped_one(tmp_path: Path) -> None:
    shipped = Path(tilth.prompts.__file__).parent / "solve" / "solve.md"
    own = tmp_path / "mine" / "solve.md"
    own.parent.mkdir()
    own.write_text(shipped.read_text(encoding="utf-8").replace("Finish with one last line", "Close with one line"))
    seen = []
    stage = build(Solve(k=1, prompt_folders=(str(tmp_path),)), 1)
    asked(stage, [TRAIN], lambda request, call: seen.append(request) or "Answer: 450 km")
    assert "Close with one line" in seen[0].messages[-1][1]
    assert stage.identity.by_prompt["solve"] != build(Solve(k=1), 1).identity.by_prompt["solve"]


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('Let me think {of x}.\n```json\n{"a": "b"}\n```', {"a": "b"}),
        ('I weigh {"x"} first. {"a": "\\\\frac{1}{2}"} done', {"a": "\\frac{1}{2}"}),
        (r'{"a": "\times \( x \) \u00e9 \n end"}', {"a": "\\times \\( x \\) \u00e9 \n end"}),
        ('{"a": "cut o', None),
        ("[1, 2]", None),
        ("", None),
    ],
)
def test_the_object_of_a_reply_is_found_whatever_stands_around_it(reply: str, found: dict[str, object] | None) -> None:
    assert object_in(reply) == found


def test_hostile_replies_are_read_in_bounded_time() -> None:
    for reply in ('{"' * 100_000, "{" * 200_000 + "}", '{"a":' * 30_000 + "}" * 30_000, "\\" * 300_000):
        assert object_in(reply) is None or isinstance(object_in(reply), dict)
