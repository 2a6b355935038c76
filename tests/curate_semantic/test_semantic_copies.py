"""Copies are decided as one row, and the outcome is that of comparing all pairs."""

import json
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.semantic.clusters import Array, Decision, decide
from tilth.curate.semantic.copies import representatives, with_copies
from tilth.curate.semantic.index import Chosen, Search, Vectors, near_pairs
from tilth.curate.semantic.stage import build
from tilth.frames import make_frame
from tilth.recipe.stages.semantic import SemanticDuplicates

SEARCH = Search(threshold=0.9, neighbours=16, expansion=64, shard_rows=1000, exact=True)
#: Unit vectors at 0, 20, 40, 60 and 90 degrees, and one of no length: neighbours are near, others are not.
POOL = np.array([[np.cos(at), np.sin(at)] for at in np.deg2rad([0, 20, 40, 60, 90])] + [[0, 0]], np.float16)


def decided(vectors: Vectors, rows: Array, kinds: Array, preference: Array) -> Decision:
    """By all pairs of `rows` that are of one kind."""
    blocks = list(near_pairs(vectors, SEARCH, 1)) if len(vectors) else []
    first, second, cosines = (np.concatenate(one) for one in zip(*blocks, strict=True)) if blocks else (rows[:0],) * 3
    same = kinds[rows[first]] == kinds[rows[second]]
    return decide(rows[first[same]], rows[second[same]], cosines[same].astype(np.float32), preference)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=1, max_size=14), st.data())
def test_deciding_copies_as_one_is_deciding_all_pairs(rows: list[tuple[int, int]], data: st.DataObject) -> None:
    preference = np.array(data.draw(st.permutations(range(len(rows)))))
    kinds = np.array([kind for _, kind in rows], np.uint64)
    cut = data.draw(st.integers(0, len(rows)))
    matrix = POOL[[place for place, _ in rows]]
    vectors = Vectors([matrix[:cut], matrix[cut:]])
    plain = decided(vectors, np.arange(len(rows)), kinds, preference)
    found = representatives(vectors, kinds, preference)
    chosen = np.flatnonzero(found == np.arange(len(rows)))
    quick = with_copies(decided(Chosen(vectors, chosen), chosen, kinds, preference), found)
    assert quick.rows.tolist() == plain.rows.tolist()
    assert quick.kept.tolist() == plain.kept.tolist()
    assert quick.clusters.tolist() == plain.clusters.tolist()
    np.testing.assert_allclose(quick.cosines, plain.cosines, atol=2e-3)


def test_thousands_of_copies_are_one_question(tmp_path: Path) -> None:
    texts = ["What is the name of the largest planet of all?"] * 20_000 + ["Who wrote of a white whale at sea?"]
    metadata = [json.dumps({"answer": "Jupiter" if place % 2 else "Saturn"}) for place in range(len(texts))]
    frame = make_frame(texts, metadata=metadata)
    stage = build(SemanticDuplicates(), 0)
    stage.gather([frame], "part", tmp_path)
    stage.decide(["part"], tmp_path, 1)
    out = stage.apply(frame, "part", tmp_path)
    assert out.filter(pl.col("reason").is_null())["doc_id"].to_list() == ["d0", "d1", "d20000"]
    assert out["semantic_copies"].to_list() == [10_000] * 20_000 + [1]
