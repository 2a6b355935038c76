"""The vote and the checks: planted wrong answers are caught, every drop has its name, order decides nothing."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panel_help import asked, document, fields, frame_of, frame_of_rows, through

from tilth.base.errors import ConfigError
from tilth.recipe.stages.solve import Solve
from tilth.recipe.stages.verify import Verify
from tilth.synth.solve.stage import build as build_solve
from tilth.synth.verify.ballot import cast, merged_answers
from tilth.synth.verify.stage import CATALOGUE, build

KINDS = ("number", "choice", "text", "fraction")
_CITIES = ("Paris", "Rome", "Oslo", "Lima", "Cairo", "Tokyo", "Quito", "Accra", "Minsk", "Sofia")


def question(number: int) -> tuple[str, str, list[str] | None, list[str]]:
    """Text, right answer, choices, and wrong answers that a solver may give."""
    kind, draw = KINDS[number % 4], random.Random(number)
    if kind == "number":
        a, b = draw.randrange(10, 99), draw.randrange(10, 99)
        return f"Order {number}: a shop sells {a} boxes of {b} pens. How many pens is that?", str(a * b), None, [
            str(a * b + step) for step in (-10, 1, b, -a, 100)
        ]  # fmt: skip
    if kind == "choice":
        right = draw.randrange(4)
        cities = draw.sample(_CITIES, 4)
        text = f"Which city does trip number {number} of the agency lead to, if it is {cities[right]}'s airport?"
        return text, "ABCD"[right], cities, [one for one in "ABCD" if one != "ABCD"[right]]
    if kind == "text":
        city = _CITIES[number // 4 % 10]
        return f"Traveller {number} flew to the city {city}. Where is this traveller?", city, None, [
            one for one in _CITIES if one != city
        ]  # fmt: skip
    top = draw.randrange(1, 40)
    wrong = [f"{top + step}/{41 + number}" for step in (1, 2, 3, 5)]
    return f"Write the share that {top} of {41 + number} seats make.", f"{top}/{41 + number}", None, wrong


def solved(
    count: int, skill: float, k: int, seed: int, name: str = "panel", more: int = 0
) -> tuple[pl.DataFrame, list[bool]]:
    """Questions of which every fifth has a wrong answer planted, and what a solver of `skill` says to them.

    Skill of a question varies by 0.15 around `skill`; the wrong answers are drawn from a few, so that they collide.
    """
    documents, script, planted = [], {}, []
    for number in range(count):
        text, right, choices, wrong = question(number)
        bad = number % 5 == 0
        draw = random.Random(f"{seed} {number}")
        given_answer = draw.choice(wrong) if bad else right
        documents.append(document(number, text, answer=given_answer, **({"choices": choices} if choices else {})))
        script[text] = (right, wrong, min(0.98, skill + draw.uniform(-0.15, 0.15)))
        planted.append(bad)

    def answer(request: Any, call: int) -> str:
        right, wrong, able = script[json.loads(request.document)["question"]]
        draw = random.Random(f"{seed} {name} {request.row} {call}")
        said = right if draw.random() < able else draw.choice(wrong)
        return f"Some reasoning first.\nAnswer: {said}"

    outcomes = asked(build_solve(Solve(k=k, solver=name, more=more), seed), documents, answer)
    return frame_of(outcomes, prefix=f"{name}:"), planted


@pytest.mark.parametrize(("skill", "k"), [(0.75, 8), (0.85, 8), (0.65, 16)])
def test_planted_wrong_answers_are_caught_and_good_ones_stay(skill: float, k: int, tmp_path: Path) -> None:
    frame, planted = solved(320, skill, k, seed=7)
    out = through(build(Verify(), 0), {"part-00000": frame}, tmp_path)
    kept = (out["reason"].is_null() & (out["verdict"] == "verified")).to_list()
    caught = sum(bad and not good for bad, good in zip(planted, kept, strict=True)) / sum(planted)
    lost = sum(not bad and not good for bad, good in zip(planted, kept, strict=True)) / (320 - sum(planted))
    assert caught >= 0.95
    assert lost <= 0.05
    assert set(out["reason"].drop_nulls()) <= {"contradicted", "no_majority", "never_solved"}
    assert all(out.filter(pl.col("reason").is_not_null())["detail"].to_list())


def test_further_answers_where_the_first_settle_nothing_cost_little_and_save_good_questions(tmp_path: Path) -> None:
    """Solvers right seven times of ten: with 8 answers for all, 4 to 6% of the good ones are lost."""
    frame, planted = solved(400, 0.7, 4, seed=7, more=12)
    out = through(build(Verify(), 0), {"part-00000": frame}, tmp_path)
    kept = (out["reason"].is_null() & (out["verdict"] == "verified")).to_list()
    assert sum(bad and not good for bad, good in zip(planted, kept, strict=True)) >= 0.95 * sum(planted)
    assert sum(not bad and not good for bad, good in zip(planted, kept, strict=True)) <= 0.03 * (400 - sum(planted))
    assert set(out["solvers"]) == {4, 16}
    assert (out["solvers"].mean() or 0) < 8.5  # type: ignore[operator]


def test_solvers_of_two_steps_vote_together_and_one_row_a_question_stays(tmp_path: Path) -> None:
    first, planted = solved(60, 0.7, 4, seed=3, name="a")
    second, _ = solved(60, 0.8, 4, seed=3, name="b")
    second = second.with_columns(key=pl.col("key") + (1 << 32))
    out = through(build(Verify(), 0), {"part-00000": first, "part-00001": second}, tmp_path)
    merged = out.filter(pl.col("reason") == "same_question")
    assert merged["key"].to_list() == second["key"].to_list()
    assert merged["detail"][0] == "kept: a:r0"
    rest = out.filter(pl.col("reason").is_null())
    assert set(rest["solvers"]) == {8}
    assert rest.height >= 0.85 * (60 - sum(planted))
    answers = fields(rest["metadata"][0])["answers"]
    assert [item["model"] for item in answers] == ["a"] * 4 + ["b"] * 4


def test_the_order_of_parts_and_steps_decides_no_verdict(tmp_path: Path) -> None:
    first, _ = solved(80, 0.6, 4, seed=5, name="a")
    second, _ = solved(80, 0.6, 4, seed=5, name="b")
    later = pl.col("key") + (1 << 32)
    stage = build(Verify(rows_at_once=7), 0)
    told = []
    for place, (one, two) in enumerate(((first, second), (second, first))):
        parts = {"part-00000": one, "part-00001": two.with_columns(key=later)}
        for order in (["part-00000", "part-00001"], ["part-00001", "part-00000"]):
            out = through(stage, parts, tmp_path / f"{place}{order[0]}", order)
            kept = out.filter(pl.col("reason").fill_null("") != "same_question").sort("text")
            told.append(kept.select("text", "metadata", "reason", "detail", "verdict", "votes", "agreement").rows())
    assert told[0] == told[1] == told[2] == told[3]


def test_a_decision_made_again_after_a_kill_is_the_same(tmp_path: Path) -> None:
    first, _ = solved(40, 0.7, 4, seed=5, name="a")
    parts = {"part-00000": first, "part-00001": first.with_columns(key=pl.col("key") + 100)}
    stage = build(Verify(rows_at_once=10), 0)
    once = through(stage, parts, tmp_path)
    (tmp_path / "scratch" / "part-00000.decided-99999.parquet").write_bytes(b"of a run that was killed")
    stage.decide(list(parts), tmp_path, 1)
    again = pl.concat([stage.apply(parts[name], name, tmp_path) for name in parts]).sort("key")
    assert once.equals(again)


def answers_of(*finals: str | None, correct: bool | None = None, model: str = "m") -> list[dict[str, Any]]:
    return [
        {
            "id": f"{model}{place}",
            "model": model,
            "final": final,
            "correct": correct,
            "how": "",
            "finish_reason": "stop",
        }
        for place, final in enumerate(finals)
    ]


GOOD = {"answer": "42", "answers": answers_of("42", "42", "42", correct=True)}
CASES = {
    "question_too_short": ("Why?", GOOD),
    "question_too_long": ("word " * 10 + "x" * 30_000, GOOD),
    "malformed": ("<|im_start|>user How much is six times seven?", GOOD),
    "choices_malformed": ("Which number is six times seven?", {**GOOD, "choices": ["42", "42", "40"]}),
    "answer_not_among_choices": ("Which number is six times seven?", {**GOOD, "choices": ["40", "41", "43"]}),
    "unseen_figure": ("What is the current in the circuit shown in the figure?", GOOD),
    "unseen_table": ("How many people does the table above give for 1990?", GOOD),
    "unseen_text": ("According to the passage above, what is six times seven?", GOOD),
    "repetition": ("How much is six times seven? " * 30, GOOD),
    "wrong_language": ("How much is six times seven, in whole numbers?", {**GOOD, "language": "zh"}),
    "copies_seed": ("How much is six times seven, in whole numbers?", {**GOOD, "seed_texts": [
        "How much is six times seven, in whole numbers? Explain."]}),
    "judged_invalid": ("How much is six times seven?", {**GOOD, "judged": [{"valid": False, "reason": "no"}]}),
    "answer_missing": ("How much is six times seven?", {}),
    "unanswerable": ("How much is a times seven?", {"answer": "42", "answers": answers_of(
        *["unanswerable"] * 5, correct=False)}),
    "contradicted": ("How much is six times eight?", {"answer": "42", "answers": answers_of(
        *["48"] * 5, correct=False)}),
    "never_solved": ("How much is six times eight?", {"answer": "42", "answers": answers_of(
        "1", "2", "3", "4", correct=False)}),
    "no_majority": ("How much is six times seven?", {"answer": "42", "answers": [
        *answers_of("42", "42", correct=True), *answers_of("48", "48", correct=False, model="n")]}),
}  # fmt: skip
CHINESE = {
    "unseen_figure": "如图所示，电路中的电流是多少安培？",
    "unseen_text": "根据上述短文，作者是谁？",
    "wrong_language": "六乘七等于多少？请写出整数。",
}


@pytest.mark.parametrize("reason", CASES)
def test_each_fault_has_its_name(reason: str, tmp_path: Path) -> None:
    text, more = CASES[reason]
    out = through(build(Verify(), 0), {"p": frame_of_rows([(text, json.dumps(more))])}, tmp_path)
    assert out["reason"].to_list() == [reason]
    assert out["detail"][0]
    assert reason in build(Verify(), 0).reasons


@pytest.mark.parametrize("reason", CHINESE)
def test_faults_of_chinese_questions_have_their_names(reason: str, tmp_path: Path) -> None:
    more = json.dumps({**GOOD, "language": "en" if reason == "wrong_language" else "zh"})
    out = through(build(Verify(), 0), {"p": frame_of_rows([(CHINESE[reason], more)])}, tmp_path)
    assert out["reason"].to_list() == [reason]


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("How much is six times seven?", GOOD),
        ("According to the passage above, how much is six times seven?", {**GOOD, "context": "Six sevens are 42."}),
        ("How much is six times seven?", {**GOOD, "judged": [{"valid": True}, {"valid": False}]}),
        ("How much is 6 times 7, and what is $6 \\times 7$ in words? Give the number.", {**GOOD, "language": "en"}),
        ("六乘七等于多少？请写出整数。", {**GOOD, "language": "zh"}),
        ("证明 $a^{3}+b^{3} \\geqslant \\frac{1}{2} \\left(a+b\\right)$。", {**GOOD, "language": "zh"}),
        ("How much is six times seven?", {**GOOD, "seed_texts": "How much is nine times eleven, plus one half?"}),
    ],
)
def test_sound_questions_stay(text: str, more: dict[str, Any], tmp_path: Path) -> None:
    out = through(build(Verify(), 0), {"p": frame_of_rows([(text, json.dumps(more))])}, tmp_path)
    assert out["reason"].to_list() == [None]
    assert fields(out["metadata"][0])["verdict"] == "verified"


def test_real_seed_questions_pass_the_checks_but_for_a_few(shared: Path, tmp_path: Path) -> None:
    rows = pl.read_parquet(shared / "data" / "seeds" / "gsm8k_train.parquet").head(1000)
    name = "question" if "question" in rows.columns else "text"
    more = json.dumps({**GOOD, "language": "en"})
    out = through(build(Verify(), 0), {"p": frame_of_rows([(text, more) for text in rows[name]])}, tmp_path)
    assert out["reason"].is_null().mean() > 0.97


def test_a_question_without_an_answer_takes_the_one_that_wins(tmp_path: Path) -> None:
    rows = [("How much is six times seven?", json.dumps({"answers": answers_of("42", "6*7 = 42", "42", "41")}))]
    out = through(build(Verify(), 0), {"p": frame_of_rows(rows)}, tmp_path / "a")
    assert fields(out["metadata"][0])["answer"] == "42"
    assert out["flags"].to_list() == [["answer_adopted"]]
    out = through(build(Verify(adopt=False), 0), {"p": frame_of_rows(rows)}, tmp_path / "b")
    assert out["reason"].to_list() == ["answer_missing"]


def test_what_nothing_compares_stays_unverified_under_a_flag(tmp_path: Path) -> None:
    long = "because light of a short wave is scattered far more by air than light of a long one is"
    rows = [
        ("Why is the sky blue on a clear day?", json.dumps({"answer": long, "answers": answers_of(long, long, long)})),
        ("How much is six times seven?", json.dumps({"answer": "42", "answers": answers_of("42", correct=True)})),
    ]
    out = through(build(Verify(), 0), {"p": frame_of_rows(rows)}, tmp_path / "a")
    assert out["flags"].to_list() == [["not_comparable"], ["too_few_answers"]]
    assert out["verdict"].to_list() == ["unverified"] * 2
    assert out["reason"].null_count() == 2
    strict = build(Verify(actions={"not_comparable": "drop", "too_few_answers": "drop"}), 0)
    out = through(strict, {"p": frame_of_rows(rows)}, tmp_path / "b")
    assert out["reason"].to_list() == ["not_comparable", "too_few_answers"]


def test_rows_of_one_question_with_other_answers_are_checked_anew(tmp_path: Path) -> None:
    text = "How much is six times seven?"
    right = json.dumps({"answer": "42", "answers": answers_of("42", "42", correct=True, model="a")})
    wrong = json.dumps({"answer": "48", "answers": answers_of("42", "42", correct=False, model="b")})
    out = through(build(Verify(), 0), {"p": frame_of_rows([(text, right), (text, wrong)])}, tmp_path)
    assert out["reason"].to_list() == [None, "same_question"]
    assert out["votes"][0] == 4
    assert out["flags"][0].to_list() == ["conflicting_answers"]
    other = [
        (text, json.dumps({**GOOD, "choices": ["42", "43"]})),
        (text, json.dumps({**GOOD, "choices": ["42", "6"]})),
    ]
    assert through(build(Verify(), 0), {"p": frame_of_rows(other)}, tmp_path / "b")["reason"].null_count() == 2


def test_pass_rates_outside_the_range_are_dropped_by_name(tmp_path: Path) -> None:
    rows = []
    for right in range(9):
        answers = [
            *answers_of(*["42"] * right, correct=True),
            *answers_of(*"abcdefgh"[right:], correct=False, model="n"),
        ]
        rows.append((f"How much is six times seven, case {right}?", json.dumps({"answer": "42", "answers": answers})))
    only_rates = dict.fromkeys(("never_solved", "no_majority", "contradicted"), "keep")
    stage = build(Verify(pass_rate_above=0.125, pass_rate_at_most=0.75, actions=only_rates), 0)
    reasons = through(stage, {"p": frame_of_rows(rows)}, tmp_path)["reason"].to_list()
    assert reasons == ["pass_rate_too_low"] * 2 + [None] * 5 + ["pass_rate_too_high"] * 2


def test_rows_that_an_earlier_stage_dropped_stay_as_they_are(tmp_path: Path) -> None:
    frame = frame_of_rows([("How much is six times seven?", json.dumps(GOOD))] * 2)
    frame = frame.with_columns(reason=pl.Series(["over_quota", None], dtype=pl.String))
    out = through(build(Verify(), 0), {"p": frame}, tmp_path)
    assert out["reason"].to_list() == ["over_quota", None]
    assert out["metadata"][0] == frame["metadata"][0]


def test_an_empty_part_keeps_the_columns(tmp_path: Path) -> None:
    frame = frame_of_rows([("How much is six times seven?", json.dumps(GOOD))])
    stage = build(Verify(), 0)
    parts = {"a": frame, "b": frame.clear()}
    for name, part in parts.items():
        stage.gather(iter([part]), name, tmp_path)
    stage.decide(list(parts), tmp_path, 1)
    full, empty = (stage.apply(part, name, tmp_path) for name, part in parts.items())
    assert full.schema == empty.schema
    assert stage.counts(full)["verdict_verified"] == 1


def test_names_of_reasons_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ConfigError, match="wrong_answer"):
        build(Verify(actions={"wrong_answer": "drop"}), 0)
    assert list(build(Verify(), 0).reasons) == [name for name, (_, does) in CATALOGUE.items() if does == "drop"]


_KEYS = st.sampled_from(["id", "model", "final", "correct", "how", "finish_reason", "x"])
_PLAIN = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8)
_JSON = st.recursive(
    _PLAIN, lambda one: st.lists(one, max_size=4) | st.dictionaries(_KEYS, one, max_size=6), max_leaves=12
)
_NAMES = st.sampled_from(
    ["answer", "choices", "answers", "judged", "language", "seed_texts", "solution", "context", "pass_rate"]
)
_TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)


@given(st.lists(st.tuples(_TEXTS, st.dictionaries(_NAMES, _JSON, max_size=6)), max_size=4))
@settings(max_examples=40, deadline=None)
def test_any_row_ends_in_one_state(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, Any]]) -> None:
    stage = build(Verify(), 0)
    frame = frame_of_rows([(text, json.dumps(more)) for text, more in rows])
    out = through(stage, {"p": frame}, tmp_path_factory.mktemp("any"))
    assert out["key"].equals(frame["key"])
    assert set(out["reason"].drop_nulls()) <= set(stage.reasons)
    assert (out["reason"].is_null() | out["detail"].is_not_null()).all()


@given(st.permutations(range(9)), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_the_order_of_answers_decides_nothing(order: list[int], right: int) -> None:
    from tilth.data.qa import QA

    finals = ["42"] * min(right, 9) + ["48", "47", "48", "1", "2", "48", "3", "4", "5"][: 9 - min(right, 9)]
    answers = answers_of(*finals)
    qa = QA(question="q", answer="42")
    one = cast(qa, merged_answers([answers]), Verify(), again=True)
    other = cast(qa, merged_answers([[answers[place] for place in order]]), Verify(), again=True)
    assert one == other
