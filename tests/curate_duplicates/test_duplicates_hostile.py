"""Hostile documents: none may stop a stage, and every row comes back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.exact.stage import build as build_exact
from tilth.curate.near.stage import build as build_near
from tilth.curate.repeats.stage import build as build_repeats
from tilth.frames import CorpusStage, make_frame
from tilth.recipe.stages.duplicates import ExactDuplicates, NearDuplicates, RepeatedText

SIZE = 300_000  # bytes: more than a piece
STAGES: list[Callable[[], CorpusStage]] = [
    lambda: build_exact(ExactDuplicates(), 0),
    lambda: build_exact(ExactDuplicates(level="letters"), 0),
    lambda: build_near(NearDuplicates(verify=0.8, write_index=True), 0),
    lambda: build_repeats(RepeatedText(documents=1), 0),
    lambda: build_repeats(RepeatedText(documents=1, unit="paragraph"), 0),
]
HOSTILE = {
    "one line": "word " * (SIZE // 5),
    "one word": "x" * SIZE,
    "one token again and again": "a " * (SIZE // 2),
    "control characters": "".join(map(chr, range(32))) * (SIZE // 32),
    "newlines": "\n" * SIZE,
    "blank lines between": "a\n\n" * (SIZE // 3),
    "diacritics only": "\u0301" * (SIZE // 2),
    "zero width": "\u200b" * (SIZE // 3),
    "mixed scripts": "aб中ئ한ไก𝒳🙂 " * (SIZE // 27),
    "Han without end": "中" * (SIZE // 3),
    "NFKC bomb": "\ufdfa" * (SIZE // 3),
    "null": "\0" * SIZE,
}


def once(stage: CorpusStage, frame: pl.DataFrame, folder: Path) -> pl.DataFrame:
    stage.gather([frame], "part", folder)
    stage.decide(["part"], folder, 1)
    return stage.apply(frame, "part", folder)


@pytest.mark.parametrize("make", STAGES)
def test_hostile_documents_pass_and_their_copies_are_found(make: Callable[[], CorpusStage], tmp_path: Path) -> None:
    texts = [*HOSTILE.values(), "", *HOSTILE.values(), ""]
    stage = make()
    out = once(stage, make_frame(texts), tmp_path)
    assert len(out) == len(texts)
    assert out["key"].to_list() == list(range(len(texts)))
    assert set(out["reason"].drop_nulls()) <= set(stage.reasons)


@settings(deadline=None, max_examples=6)
@given(
    st.lists(
        st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.binary().map(lambda b: b.decode("latin-1"))),
        max_size=8,
    )
)
def test_any_text_ends_in_one_state(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    doubled = [*texts, *texts]
    for make in STAGES:
        stage = make()
        out: Any = once(stage, make_frame(doubled), tmp_path_factory.mktemp("stage"))
        assert out["key"].to_list() == list(range(len(doubled)))
        assert out.filter(pl.col("reason").is_not_null())["detail"].null_count() == 0


@pytest.mark.parametrize("make", STAGES)
def test_no_rows_and_no_frames_are_no_fault(make: Callable[[], CorpusStage], tmp_path: Path) -> None:
    stage = make()
    empty = make_frame(["a"])[:0]
    stage.gather([], "a", tmp_path)
    stage.gather([empty], "b", tmp_path)
    stage.decide(["a", "b"], tmp_path, 1)
    out = stage.apply(empty, "b", tmp_path)
    assert len(out) == 0
    assert all(value == 0 for value in stage.counts(out).values())


@pytest.mark.slow
@pytest.mark.parametrize("make", STAGES)
def test_a_document_of_fifty_megabytes_passes(make: Callable[[], CorpusStage], tmp_path: Path) -> None:
    texts = ["word and 中文 " * 3_100_000, "x" * 50_000_000]
    assert len(once(make(), make_frame(texts), tmp_path)) == 2
