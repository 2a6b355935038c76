"""The scripted engine: what it writes can be worked out again, and it errs exactly as often as planted."""

import math
import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError, UserError
from tilth.generate.engines.scripted import ScriptedEngine, open_scripted
from tilth.generate.loop import run
from tilth.generate.model import ModelSpec
from tilth.generate.request import Completion, Request
from tilth.generate.scripted.formula import put, read_formula, vary
from tilth.generate.scripted.known import load_shelf
from tilth.generate.scripted.reading import read_question
from tilth.generate.scripted.settings import Scripted
from tilth.generate.scripted.wording import Step, put_together, take_apart

CLIPS = "Natalia sold 48 clips in April and half as many in May. How many clips did she sell in all?"
CLIPS_WORKED = "She sold 48/2 = <<48/2=24>>24 in May.\nIn all 48+24 = <<48+24=72>>72."


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """300 word problems and 300 quiz questions."""
    folder = tmp_path_factory.mktemp("seeds")
    for name in ("gsm8k_train", "open_trivia_qa"):
        table = pl.read_parquet(shared / "data" / "seeds" / f"{name}.parquet")
        table.filter(pl.col("answer") != "").sample(300, seed=1).write_parquet(folder / f"{name}.parquet")
    return folder


def spec(known: Path, model: str = "one", **planted: Any) -> ModelSpec:
    return ModelSpec(engine="scripted", model=model, extra_body={"scripted": {"known": str(known), **planted}})


def ask(engine: ScriptedEngine, asked: Sequence[tuple[str, dict[str, Any]]], **fields: Any) -> list[Completion]:
    """The answers to (task, document) pairs; the seed of a request is its place."""

    async def main() -> list[Completion]:
        await engine.start()
        return [
            await engine.complete(
                Request(
                    row=f"row {place}",
                    messages=(),
                    task=task,
                    document=orjson.dumps(document).decode(),
                    language="en",
                    max_tokens=500,
                    seed=place,
                    **fields,
                )
            )
            for place, (task, document) in enumerate(asked)
        ]

    return run(main())


def questions(folder: Path) -> list[str]:
    return [text for file in sorted(folder.glob("*.parquet")) for text in pl.read_parquet(file)["question"].to_list()]


def test_a_worked_problem_gets_other_numbers_and_the_answer_that_belongs_to_them() -> None:
    formula = read_formula(CLIPS, "72", CLIPS_WORKED)
    assert formula is not None
    numbers = vary(formula, random.Random(3))
    assert numbers is not None
    assert list(numbers) == [0]
    assert numbers[0] != 48
    april = numbers[0]
    assert formula.results(numbers) == [april / 2, april + april / 2]
    assert (april / 2).denominator == 1
    assert put(CLIPS, numbers) == CLIPS.replace("48", str(april))


@pytest.mark.parametrize(
    ("question", "answer", "worked"),
    [
        ("How many are 3 and 4?", "8", "3+4=<<3+4=7>>7"),  # the working gives another answer
        ("How many are 30 and 40?", "70", "30+40 = <<30+40=80>>80"),  # a step that is wrong
        ("How many are 30 and 40?", "seventy", "<<30+40=70>>"),
        ("How many are 30 and 40?", "70", "just add them"),
        ("How many are 30 by 0?", "70", "<<30/0=70>>"),
        ("How many are 30 and 40?", "70", "<<30+(40=70>>"),
    ],
)
def test_what_is_no_sound_arithmetic_has_no_formula(question: str, answer: str, worked: str) -> None:
    assert read_formula(question, answer, worked) is None


def test_numbers_whose_part_is_in_doubt_stay_as_they_are() -> None:
    text = "At 7:30 on day 3 Ann had 3 bags of 45 nuts, 1/4 of them hers, in room 12a. How many nuts?"
    formula = read_formula(text, "135", "3*45=<<3*45=135>>135")
    assert formula is not None
    assert list(formula.varied.values()) == [Fraction(45)]


@given(st.text(max_size=200), st.text(max_size=20), st.text(alphabet="0123456789+-*/()<>= .", max_size=80))
@settings(max_examples=100, deadline=None)
def test_no_solution_makes_the_reader_of_formulas_fail(question: str, answer: str, solution: str) -> None:
    formula = read_formula(question, answer, solution)
    assert formula is None or formula.results({}) is not None


STEPS = st.lists(st.builds(Step, st.sampled_from(["*", "+", "-"]), st.integers(1, 999)), max_size=8)


@given(
    st.lists(st.sampled_from([CLIPS, "What is a delta?", "谁写了《史记》？"]), min_size=1, max_size=4),
    STEPS,
    st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_what_was_put_together_is_taken_apart_again(bodies: list[str], steps: list[Step], chinese: bool) -> None:
    steps = steps if len(bodies) == 1 else []
    text = put_together(bodies, steps, ("Hint: the right answer has 2 characters.",), lead=True, chinese=chinese)
    written = take_apart(text)
    assert (written.bodies, written.steps, written.hints) == (tuple(bodies), tuple(steps), 1)


def test_every_question_that_is_written_has_the_answer_that_is_stated_with_it(seeds: Path) -> None:
    """A solver that never errs agrees with an author that never errs, over several rounds of hardening."""
    engine = ScriptedEngine(spec(seeds, skill={"ability": 20, "slope": 0}))
    texts = questions(seeds)
    asked = [
        ("synthesize.grade", {"language": "en", "grade": g, "seed": {"question": q}}) for q in texts for g in ("G2",)
    ]
    written = [orjson.loads(answer.text) for answer in ask(engine, asked)]
    for round_ in range(3):
        solved = [answer.text for answer in ask(engine, [("solve", {"language": "en", **one}) for one in written])]
        stated = [one["answer"] for one in written]
        assert [text.rpartition("Answer: ")[2] for text in solved] == stated
        harder = ask(
            engine, [("synthesize.harden", {"language": "en", **one, "difficulty": 5 + round_}) for one in written]
        )
        after = [orjson.loads(answer.text) for answer in harder]
        assert all(new["question"] != old["question"] for new, old in zip(after, written, strict=True))
        assert all("choices" in new for new, old in zip(after, written, strict=True) if "; " in new["answer"])
        written = after


def test_written_arithmetic_recomputes_line_by_line(seeds: Path) -> None:
    engine = ScriptedEngine(spec(seeds))
    texts = questions(seeds)[:300]
    answers = ask(
        engine, [("synthesize.grade", {"language": "en", "difficulty": 7, "seed": {"question": q}}) for q in texts]
    )
    lines = [line for answer in answers for line in orjson.loads(answer.text)["solution"].splitlines() if " = " in line]
    sums = [line for line in lines if set(line) <= set("0123456789.+-*/()= ")]
    assert len(sums) > 500
    for line in sums:
        left, _, right = line.partition(" = ")
        spaced = left.replace("(", "( ").replace(")", " )").split()
        exact = eval("".join(f"Fraction('{token}')" if token[0].isdigit() else token for token in spaced))
        assert exact == Fraction(right) or abs(float(exact) - float(Fraction(right))) < 1e-6, line


def test_the_solver_is_right_as_often_as_planted_in_each_cell(seeds: Path) -> None:
    planted = {"science/D2": 0.9, "science/D4": 0.3}
    settings_: dict[str, Any] = {
        "subjects": {"math word problem": "science/mathematics"},
        "skill": {"cells": planted, "disciplines": {"history": -1.5}},
        "disciplines": ["history"],
    }
    shelf = load_shelf(Scripted.model_validate({"known": str(seeds), **settings_}))
    items = [shelf.exact(text) for text in questions(seeds)]
    known = [item for item in items if item is not None for _ in range(5)]
    cells = [f"{item.discipline}/D{1 + sum(item.difficulty > border for border in (2, 4, 6, 8))}" for item in known]
    expected: dict[str, list[float]] = {}
    for item, cell in zip(known, cells, strict=True):
        logit = 1.0 + (-1.5 if item.discipline == "history" else 0.0) - 0.7 * (item.difficulty - 5.5)
        expected.setdefault(cell, []).append(planted.get(cell, 1 / (1 + math.exp(-logit))))
    engine = ScriptedEngine(spec(seeds, **settings_))
    asked = [("solve", {"language": "en", "question": item.question, "choices": item.choices}) for item in known]
    found: dict[str, list[bool]] = {}
    for answer, cell, item in zip(ask(engine, asked), cells, known, strict=True):
        said = answer.text.rpartition("Answer: ")[2]
        stated = item.choices["ABCDEFGH".index(said)] if item.choices and len(said) == 1 else said
        found.setdefault(cell, []).append(stated == item.answer)
    assert len(found) == 10
    for cell, ends in found.items():
        want = sum(expected[cell]) / len(expected[cell])
        error = (want * (1 - want) / len(ends)) ** 0.5
        assert abs(sum(ends) / len(ends) - want) < 4 * error + 0.01, (cell, want, sum(ends) / len(ends))


def test_wrong_answers_and_easy_questions_come_as_often_as_planted(seeds: Path) -> None:
    author = {"wrong": 0.2, "too_easy": {"grade": 0.3}, "too_easy_by": 4}
    engine = ScriptedEngine(spec(seeds, author=author, annotator={"noise": 0}))
    shelf = load_shelf(Scripted(known=(str(seeds),)))
    texts = [text for text in questions(seeds) if (item := shelf.exact(text)) is not None and item.difficulty >= 3]
    answers = ask(
        engine, [("synthesize.grade", {"language": "en", "difficulty": 7, "seed": {"question": q}}) for q in texts]
    )
    written = [orjson.loads(answer.text) for answer in answers]
    labels = [
        orjson.loads(answer.text)
        for answer in ask(engine, [("annotate", {"language": "en", **one}) for one in written])
    ]
    easy = sum(label["difficulty"] <= 5 for label in labels) / len(labels)
    assert 0.22 < easy < 0.38
    perfect = ScriptedEngine(spec(seeds, skill={"ability": 20, "slope": 0}))
    solved = ask(perfect, [("solve", {"language": "en", **one}) for one in written])
    wrong = [
        answer.text.rpartition("Answer: ")[2] != one["answer"] for answer, one in zip(solved, written, strict=True)
    ]
    assert 0.14 < sum(wrong) / len(wrong) < 0.26


def test_a_refiner_mends_wrong_answers_and_leaves_right_ones(seeds: Path) -> None:
    engine = ScriptedEngine(spec(seeds, author={"wrong": 0.5, "repairs": 1.0}))
    asked = [("synthesize.grade", {"language": "en", "grade": "G3", "seed": {"question": q}}) for q in questions(seeds)]
    written = [orjson.loads(answer.text) for answer in ask(engine, asked)]
    refined = [
        orjson.loads(answer.text) for answer in ask(engine, [("refine", {"language": "en", **one}) for one in written])
    ]
    shelf = load_shelf(Scripted(known=(str(seeds),)))
    for before, after in zip(written, refined, strict=True):
        reading = read_question(after["question"], shelf, 1.0)
        assert reading is not None
        right = reading.answer if not after.get("choices") else after["choices"]["ABCD".index(after["answer"])]
        assert right == reading.answer
        assert ("answer" in after["changed"]) == (before["answer"] != after["answer"])


def test_members_of_a_panel_err_apart_and_each_errs_the_same_on_every_run(seeds: Path) -> None:
    asked = [("solve", {"language": "en", "question": text, "choices": None}) for text in questions(seeds)[:100]]
    one, again, other = (
        [answer.text for answer in ask(ScriptedEngine(spec(seeds, model=name)), asked)] for name in ("a", "a", "b")
    )
    assert one == again != other


def test_what_the_script_does_not_know_is_refused_by_name(seeds: Path) -> None:
    engine = ScriptedEngine(spec(seeds))
    asked: list[tuple[str, dict[str, Any]]] = [
        ("faq", {}),
        ("solve", {"language": "en", "question": "What is the answer to everything?"}),
        ("synthesize.grade", {"language": "en", "seed": {"text": "A long text about rivers."}}),
        ("synthesize.grade", {"language": "zh", "grade": "G1", "seed": {"question": questions(seeds)[0]}}),
        ("synthesize.linked", {"language": "en", "seeds": "none"}),
    ]
    found = [(answer.finish_reason, answer.refusal) for answer in ask(engine, asked)]
    names = ("unsupported_task", "unknown_question", "unknown_seed", "unknown_seed", "unknown_seed")
    assert found == [("refused", name) for name in names]


def test_linked_seeds_are_all_in_the_question(seeds: Path) -> None:
    texts = [text for text in questions(seeds)[300:] if "\n" not in text][:3]
    engine = ScriptedEngine(spec(seeds, disciplines=["history"]))
    (answer,) = ask(
        engine, [("synthesize.linked", {"language": "en", "seeds": [{"question": text} for text in texts]})]
    )
    written = orjson.loads(answer.text)
    assert all(" ".join(text.split()) in written["question"] for text in texts)
    assert len(written["choices"]) == 4


@pytest.mark.parametrize(
    "planted",
    [
        {},
        {"known": []},
        {"known": "x", "skil": 1},
        {"known": "x", "author": {"wrong": 2}},
        {"known": "x", "columns": {"q": "a"}},
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(planted: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"extra_body\.scripted"):
        open_scripted(ModelSpec(engine="scripted", extra_body={"scripted": planted}))


def test_files_that_are_missing_or_hold_no_answers_are_named_at_the_start(tmp_path: Path) -> None:
    empty = tmp_path / "none.jsonl"
    empty.write_text('{"question": "Who?"}\n[1]\nnot json\n')
    for path, word in ((tmp_path / "missing.parquet", "missing.parquet"), (empty, "none.jsonl")):
        with pytest.raises(UserError, match=word):
            ask(ScriptedEngine(spec(path)), [])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=30) | st.just(CLIPS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["question", "text", "0"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["question", "choices", "seed", "seeds", "material", "difficulty", "language", "answer", "grade"]
        ),
        VALUES,
    )
)
@settings(max_examples=100, deadline=None)
def test_no_structured_input_raises(known_clips: ScriptedEngine, document: dict[str, Any]) -> None:
    tasks = (
        "solve",
        "annotate",
        "refine",
        "judge.question",
        "synthesize.grade",
        "synthesize.harden",
        "synthesize.linked",
    )
    for answer in ask(
        known_clips, [(task, document) for task in (*tasks, "synthesize.logic", "synthesize.extract_logic")]
    ):
        assert (answer.finish_reason == "refused") == (answer.refusal is not None)


@pytest.fixture(scope="module")
def known_clips(tmp_path_factory: pytest.TempPathFactory) -> ScriptedEngine:
    file = tmp_path_factory.mktemp("known") / "known.jsonl"
    file.write_bytes(orjson.dumps({"question": CLIPS, "answer": "72", "solution": CLIPS_WORKED}) + b"\n")
    return ScriptedEngine(spec(file))
