"""Near duplicates: clusters, the kept one, indexes of earlier runs, large buckets, and independence of the cut."""

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tilth.base.errors import ConfigError
from tilth.curate.near import bands as bands_module
from tilth.curate.near.stage import TOO_SHORT, Near, build
from tilth.frames import make_frame
from tilth.recipe.stages.duplicates import Keep, NearDuplicates


def words(seed: int, count: int = 120) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(count)]


def variant(seed: int, changed: int, count: int = 120) -> str:
    """The text of `seed` with its last `changed` words replaced by others of the same length."""
    text = words(seed, count)
    for place in range(changed):
        text[-1 - place] = words(1000 * seed + place + 50 * changed)[0]
    return " ".join(text)


CORPUS = [
    variant(1, 0),
    variant(2, 0),
    variant(1, 3),
    variant(3, 0, 200),
    variant(1, 5) + " and a longer end here",
    variant(3, 4, 200),
    "too short",
    "",
    variant(4, 0),
]


def run(stage: Near, frames: list[pl.DataFrame], folder: Path) -> pl.DataFrame:
    names = [f"part-{number:05d}" for number in range(len(frames))]
    for name, frame in zip(names, frames, strict=True):
        stage.gather([frame[: len(frame) // 2], frame[len(frame) // 2 :]], name, folder)
    stage.decide(names, folder, 1)
    return pl.concat(stage.apply(frame, name, folder) for name, frame in zip(names, frames, strict=True))


def clusters(folder: Path) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(path) for path in (folder / "clusters").glob("*.parquet")).sort("key")


def test_clusters_name_the_kept_one_and_how_alike_each_is_to_it(tmp_path: Path) -> None:
    stage = build(NearDuplicates(), 0)
    out = run(stage, [make_frame(CORPUS)], tmp_path)
    assert out.filter(pl.col("reason") == "near_duplicate")["key"].to_list() == [0, 2, 5]
    assert out["near_cluster_size"].to_list() == [3, 1, 3, 2, 3, 2, 1, 1, 1]
    assert out["detail"][0].startswith("kept: d4, estimated similarity 0.")
    table = clusters(tmp_path)
    assert table["cluster"].to_list() == [0, 0, 3, 0, 3]
    assert table.filter("kept")["key"].to_list() == [3, 4]
    assert table.filter("kept")["similarity"].to_list() == [1.0, 1.0]
    assert table.filter(~pl.col("kept"))["similarity"].is_between(0.6, 1).all()
    assert stage.counts(out) == {"near_duplicates": 3, "near_duplicates_of_index": 0, TOO_SHORT: 2}


def test_documents_too_short_for_a_shingle_are_kept_and_flagged(tmp_path: Path) -> None:
    out = run(build(NearDuplicates(), 0), [make_frame(["one two", "one two", "", ""])], tmp_path)
    assert out["reason"].null_count() == 4
    assert out["flags"].to_list() == [[TOO_SHORT]] * 4


@pytest.mark.parametrize(
    ("keep", "kept"), [(Keep(), 0), (Keep(rule="longest"), 4), (Keep(rule="source", sources=("s2",)), 2)]
)
def test_the_rule_says_which_one_stays(keep: Keep, kept: int, tmp_path: Path) -> None:
    frame = make_frame(CORPUS, source=[f"s{number}" for number in range(len(CORPUS))])
    out = run(build(NearDuplicates(keep=keep), 0), [frame], tmp_path)
    kept_first = [key for key in (0, 2, 4) if out["reason"][key] is None]
    assert kept_first == [kept]


def test_the_outcome_does_not_depend_on_parts_slices_or_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [variant(seed % 37, seed % 5) for seed in range(150)]
    frame = make_frame(texts)
    for settings in (NearDuplicates(), NearDuplicates(verify=0.85)):
        whole = run(build(settings, 0), [frame], tmp_path / f"whole{settings.verify}")
        for limit, size in ((40, 23), (2_000_000, 64)):
            monkeypatch.setattr(bands_module, "SLICE_ENTRIES", limit)
            folder = tmp_path / f"{settings.verify}-{limit}"
            parts = [frame[low : low + size] for low in range(0, len(frame), size)]
            assert run(build(settings, 0), parts, folder).equals(whole)
            assert clusters(folder).equals(clusters(tmp_path / f"whole{settings.verify}"))


def test_verification_keeps_apart_what_only_a_band_joined(tmp_path: Path) -> None:
    texts = [variant(1, 0), variant(1, 40)]  # Jaccard about 0.48: one band of one row agrees
    loose = NearDuplicates(bands=40, rows=1)
    assert run(build(loose, 0), [make_frame(texts)], tmp_path / "loose")["reason"].null_count() == 1
    strict = loose.model_copy(update={"verify": 0.8})
    assert run(build(strict, 0), [make_frame(texts)], tmp_path / "strict")["reason"].null_count() == 2


def test_verification_finds_pairs_that_the_first_of_a_bucket_is_unlike(tmp_path: Path) -> None:
    texts = [variant(1, 0), variant(1, 60), variant(1, 60) + " end"]
    out = run(build(NearDuplicates(bands=40, rows=1, verify=0.9), 0), [make_frame(texts)], tmp_path)
    assert out["reason"].to_list() == [None, "near_duplicate", None]


def test_a_bucket_of_very_many_copies_costs_steps_in_proportion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs joined, not time: with n copies at most n a band and leader."""
    joined = 0
    original = bands_module.Groups.join

    def counting(self: bands_module.Groups, left: np.ndarray, right: np.ndarray) -> None:
        nonlocal joined
        joined += len(left)
        original(self, left, right)

    monkeypatch.setattr(bands_module.Groups, "join", counting)
    count = 3000
    out = run(build(NearDuplicates(verify=0.5), 0), [make_frame([variant(1, 0)] * count)], tmp_path)
    assert out["reason"].null_count() == 1
    assert joined <= 14 * count


def test_what_an_earlier_run_kept_is_found_again_and_only_that(tmp_path: Path) -> None:
    first = build(NearDuplicates(write_index=True), 0)
    corpus = make_frame(CORPUS)
    run(first, [corpus[:3], corpus[3:]], tmp_path / "first")
    later = [variant(2, 2), variant(9, 0), variant(9, 2), variant(3, 3, 200)]
    frame = make_frame(later, doc_id=["n0", "n1", "n2", "n3"])
    second = build(NearDuplicates(against=(str(tmp_path / "first"),), write_index=True), 0)
    out = run(second, [frame], tmp_path / "second")
    assert out["reason"].to_list() == ["near_duplicate_of_index", None, "near_duplicate", "near_duplicate_of_index"]
    assert out["detail"][0].startswith("kept: d1,")
    assert out["detail"][3].startswith("kept: d3,")
    assert clusters(tmp_path / "second").filter("in_index")["key"].to_list() == [0, 3]
    both = tuple(str(tmp_path / name / "index") for name in ("first", "second"))
    third = build(NearDuplicates(against=both), 0)
    out = run(third, [make_frame([variant(9, 1), CORPUS[4], variant(11, 0)])], tmp_path / "third")
    assert out["reason"].to_list() == ["near_duplicate_of_index", "near_duplicate_of_index", None]
    assert out["detail"][0].startswith("kept: n1,")
    assert first.identity != second.identity != third.identity


def test_an_index_of_other_signatures_is_refused_with_what_differs(tmp_path: Path) -> None:
    run(build(NearDuplicates(write_index=True), 0), [make_frame(CORPUS)], tmp_path)
    with pytest.raises(ConfigError, match=r"words \(index: 5, now: 4\); .*|rows \(index: 8, now: 6\).*words"):
        build(NearDuplicates(against=(str(tmp_path),), words=4, rows=6), 0)
    with pytest.raises(ConfigError, match=r"index\.json"):
        build(NearDuplicates(against=(str(tmp_path / "scratch"),)), 0)
    build(NearDuplicates(against=(str(tmp_path),), verify=0.7), 0)  # how pairs are judged is no part of a signature


def test_keys_that_interleave_between_parts_still_name_a_cluster_by_its_lowest(tmp_path: Path) -> None:
    frame = make_frame(CORPUS)
    out = run(build(NearDuplicates(keep=Keep()), 0), [frame[1::2], frame[::2]], tmp_path)
    assert out.sort("key").filter(pl.col("reason") == "near_duplicate")["key"].to_list() == [2, 4, 5]
    assert clusters(tmp_path)["cluster"].to_list() == [0, 0, 3, 0, 3]


def test_gathering_and_deciding_twice_changes_nothing(tmp_path: Path) -> None:
    stage = build(NearDuplicates(write_index=True), 0)
    frame = make_frame(CORPUS)
    once = run(stage, [frame[:4], frame[4:]], tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "clusters" / "part-99999.parquet").write_bytes(b"left over by a killed run with other parts")
    assert run(stage, [frame[:4], frame[4:]], tmp_path).equals(once)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files
