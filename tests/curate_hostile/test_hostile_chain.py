"""Any text of hostile pieces goes through a chain of all stages that look at rows, and each row is accounted for."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hostile_stages import PRESETS
from hostile_texts import PIECES
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.decontaminate.stage import build as build_decontaminate
from tilth.curate.exact.stage import build as build_exact
from tilth.curate.language.stage import build as build_language
from tilth.curate.pii.stage import build as build_pii
from tilth.curate.questions.stage import build as build_questions
from tilth.curate.repeats.stage import build as build_repeats
from tilth.curate.rules.stage import build as build_rules
from tilth.frames import make_frame
from tilth.recipe.stages.decontaminate import Decontaminate
from tilth.recipe.stages.duplicates import ExactDuplicates, RepeatedText
from tilth.recipe.stages.language import Language
from tilth.recipe.stages.pii import Pii
from tilth.recipe.stages.questions import Questions
from tilth.recipe.stages.rules import Rules

QUESTION = "A farmer has 12 hens that lay 7 eggs a week each; how many eggs does he gather in 3 weeks?"
pytest.importorskip("py3langid", reason="the language stage needs the extra `curate`")

pieces = st.sampled_from([*PIECES.values(), QUESTION, "a.b@example.org ", "+44 20 7946 0958 ", "\r\n", "..."])
texts = st.lists(
    st.one_of(pieces, st.builds(lambda one, times: one * times, pieces, st.integers(0, 60)), st.text(max_size=20)),
    max_size=6,
).map(lambda parts: "".join(parts).encode("utf-8", "ignore").decode())


@cache
def chain(folder: Path) -> tuple[Any, ...]:
    quiz = folder / "quiz.jsonl"
    quiz.write_text(json.dumps({"item_id": "hens", "question": QUESTION, "answer": "252"}) + "\n", encoding="utf-8")
    return (
        build_language(Language(), 0),
        build_rules(Rules(presets={"en": tuple(PRESETS), "zh": ("chinese",)}, c4_lines="remove"), 0),
        build_pii(Pii(), 0),
        build_decontaminate(Decontaminate(benchmarks=(str(quiz),), action="cut"), 0),
        build_questions(Questions(), 0),
    )


def through(stages: Sequence[Any], frame: pl.DataFrame) -> pl.DataFrame:
    for stage in stages:
        out = stage(frame)
        assert out["key"].equals(frame["key"])
        new = out["reason"].is_not_null() & frame["reason"].is_null()
        assert set(out["reason"].filter(new)) <= set(stage.reasons)
        old = frame["reason"].is_not_null()
        assert out["reason"].filter(old).equals(frame["reason"].filter(old))
        if not stage.changes_text:
            assert out["text"].equals(frame["text"])
        counts = stage.counts(out)
        assert all(count >= 0 for count in counts.values())
        frame = out
    return frame


@settings(deadline=None, max_examples=12)
@given(st.lists(texts, max_size=4), st.sampled_from(["en", "zh", None]))
def test_every_row_of_any_frame_comes_out_of_the_whole_chain(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str], language: str | None
) -> None:
    folder = tmp_path_factory.getbasetemp()
    metadata = [json.dumps({"answer": row[:50], "choices": [row[:9], "b"], "solution": row}) for row in rows]
    frame = make_frame(rows, language=[language] * len(rows), metadata=metadata)
    whole = through(chain(folder), frame)
    # what happens to a row does not depend on the rows beside it
    for at in range(len(rows)):
        alone = through(chain(folder), frame[at : at + 1])
        assert alone["reason"].item() == whole["reason"][at]
        assert alone["text"].item() == whole["text"][at]


@settings(deadline=None, max_examples=8)
@given(st.lists(texts, min_size=1, max_size=4))
def test_the_second_of_two_equal_rows_is_a_duplicate_whatever_it_holds(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str]
) -> None:
    frame = make_frame([*rows, *rows])
    for stage in (build_exact(ExactDuplicates(), 0), build_repeats(RepeatedText(documents=1, action="flag"), 0)):
        folder = tmp_path_factory.mktemp("stage")
        stage.gather(iter([frame]), "part", folder)
        stage.decide(["part"], folder, 1)
        out = stage.apply(frame, "part", folder)
        assert out["key"].equals(frame["key"])
        if "exact_duplicate" in stage.reasons:
            assert out["reason"][len(rows) :].null_count() == 0
