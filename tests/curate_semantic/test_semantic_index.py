"""The parts below the stage: recall of the approximate index, vectors, clusters, the cache."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tilth.base.errors import CorruptData
from tilth.curate.semantic.cache import VectorCache
from tilth.curate.semantic.clusters import decide
from tilth.curate.semantic.hashed import count_features, project, weights
from tilth.curate.semantic.index import Search, Vectors, near_pairs

Pairs = set[tuple[int, int]]


def _clustered(rows: int, dimensions: int = 64) -> NDArray[np.float16]:
    """Unit vectors around centres: many pairs on both sides of a threshold."""
    draw = np.random.default_rng(5)
    centres = draw.standard_normal((rows // 4, dimensions))
    points = centres[draw.integers(0, len(centres), rows)] + 0.35 * draw.standard_normal((rows, dimensions))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float16)


def _pairs(vectors: NDArray[np.float16], *, exact: bool, shard_rows: int = 10**6, cuts: int = 1) -> Pairs:
    search = Search(threshold=0.9, neighbours=16, expansion=128, shard_rows=shard_rows, exact=exact)
    found = near_pairs(Vectors(np.array_split(vectors, cuts)), search, 2)  # type: ignore[arg-type]
    return {pair for first, second, _ in found for pair in zip(first.tolist(), second.tolist(), strict=True)}


def test_exact_search_finds_every_pair() -> None:
    vectors = _clustered(2500)
    plain = vectors.astype(np.float32) @ vectors.astype(np.float32).T
    first, second = np.nonzero(np.triu(plain, 1) >= 0.9)
    assert _pairs(vectors, exact=True) ^ set(zip(first.tolist(), second.tolist(), strict=True)) <= {
        (int(one), int(two))
        for one, two in np.argwhere(np.abs(plain - 0.9) < 1e-5)  # rounding of either way
    }


@pytest.mark.parametrize("shard_rows", [10**6, 1500])
def test_the_approximate_index_has_a_recall_of_99_in_100(shard_rows: int) -> None:
    pytest.importorskip("usearch")
    vectors = _clustered(4000)
    exact, found = _pairs(vectors, exact=True), _pairs(vectors, exact=False, shard_rows=shard_rows)
    assert len(exact) > 2000
    assert found <= exact
    assert len(found) / len(exact) >= 0.99


def test_the_approximate_index_gives_the_same_every_time() -> None:
    pytest.importorskip("usearch")
    vectors = _clustered(2000)
    assert _pairs(vectors, exact=False) == _pairs(vectors, exact=False, cuts=7)


def test_zero_vectors_are_near_nothing() -> None:
    vectors = np.zeros((4, 8), np.float16)
    assert _pairs(vectors, exact=True) == set()


def _vectors(texts: list[str]) -> NDArray[np.float32]:
    features = count_features(texts)
    seen = np.bincount(features.buckets, minlength=1 << 18)
    return project(features, weights(seen, len(texts))).astype(np.float32)


def test_hashed_vectors_are_near_for_like_words_only() -> None:
    one, like, other = _vectors(["the cat sat on the mat", "on the mat the cat sat", "prices rose in the spring"])
    assert one @ like > 0.7
    assert abs(one @ other) < 0.3


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_features_of_a_text_do_not_depend_on_its_neighbours(texts: list[str]) -> None:
    together = count_features(texts)
    for place, text in enumerate(texts):
        alone = count_features([text])
        span = slice(int(together.starts[place]), int(together.starts[place + 1]))
        assert together.buckets[span].tolist() == alone.buckets.tolist()
        assert together.counts[span].tolist() == alone.counts.tolist()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1]), max_size=20),
    st.permutations(range(10)),
)
def test_what_is_dropped_is_near_what_is_kept_for_it(pairs: list[tuple[int, int]], order: list[int]) -> None:
    near = set(pairs)
    first, second = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    decision = decide(first, second, np.full(len(pairs), 0.9, np.float32), np.array(order))
    kept = dict(zip(decision.rows.tolist(), decision.kept.tolist(), strict=True))
    clusters = dict(zip(decision.rows.tolist(), decision.clusters.tolist(), strict=True))
    assert set(kept) == {row for pair in pairs for row in pair}
    for row, keeper in kept.items():
        assert kept[keeper] == keeper
        assert row == keeper or (min(row, keeper), max(row, keeper)) in near
        assert row == keeper or order[keeper] < order[row]
    for one, two in near:
        assert clusters[one] == clusters[two]
        assert not (kept[one] == one and kept[two] == two)
    assert all(clusters[row] <= row for row in kept)


def test_the_cache_gives_back_what_was_kept_and_knows_models_apart(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, "m")
    cache.add("p0", ["a", "b"], np.array([[1, 0], [0, 1]], np.float16))
    VectorCache(tmp_path, "m").add("p1", ["c"], np.array([[1, 1]], np.float16))
    cache.refresh()
    found = cache.find(["c", "x", "a"])
    assert [None if vector is None else vector.tolist() for vector in found] == [[1, 1], None, [1, 0]]
    assert VectorCache(tmp_path, "n").find(["a"]) == [None]


def test_a_broken_cache_file_is_named(tmp_path: Path) -> None:
    VectorCache(tmp_path, "m").add("p0", ["a"], np.ones((1, 2), np.float16))
    path = next(tmp_path.glob("*/*.npy"))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CorruptData, match=path.name):
        VectorCache(tmp_path, "m")
