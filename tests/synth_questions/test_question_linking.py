"""Seeds are joined by what they share: the same groups however rows are cut, and none that share nothing."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tilth.base.random import stream
from tilth.frames import make_frame
from tilth.recipe.stages.link import Link
from tilth.synth.linking.graph import Rows, Walker, make_graph
from tilth.synth.linking.stage import build
from tilth.synth.linking.terms import hashes, terms_of


def frame_of(texts: list[str], fields: list[dict[str, Any]] | None = None, language: str = "en") -> pl.DataFrame:
    given = fields or [{}] * len(texts)
    return make_frame(
        texts,
        metadata=pl.Series([orjson.dumps({"answer": "1", **one}).decode() for one in given], dtype=pl.String),  # type: ignore[arg-type]
        language=[language] * len(texts),
    )


def link(frame: pl.DataFrame, folder: Path, cuts: tuple[int, ...] = (), seed: int = 1, **given: Any) -> pl.DataFrame:
    """The stage over a frame that is cut into parts at `cuts`, the parts gathered in another order."""
    stage = build(Link(**given), seed)
    edges = [0, *cuts, frame.height]
    parts = {f"part-{at:05d}": frame.slice(low, high - low) for at, (low, high) in enumerate(pairwise(edges))}
    for part in reversed(parts):
        half = parts[part].height // 2
        stage.gather([parts[part].head(half), parts[part].slice(half)], part, folder)
    stage.decide(list(reversed(parts)), folder, 1)
    return pl.concat([stage.apply(rows, part, folder) for part, rows in parts.items()])


def groups(frame: pl.DataFrame) -> dict[str, tuple[list[str], list[str]]]:
    values = [(doc_id, orjson.loads(text)) for doc_id, text in frame.select("doc_id", "metadata").iter_rows()]
    return {doc_id: ([one["id"] for one in v["linked"]], v["points"]) for doc_id, v in values if "linked" in v}


POINTS = [["Ohm's law", "power"], ["ohm's  law"], ["Power", "heat"], ["heat", "phase change"], ["alliteration"], []]
TEXTS = [
    "Which current flows through the lamp?",
    "A resistor warms up slowly. How long until steam rises?",
    "How much heat leaves an engine?",
    "Ice melts inside a bucket; what remains after noon?",
    "Name the device used throughout the opening stanza.",
    "Who wrote this?",
]


def test_named_points_join_rows_and_go_along(tmp_path: Path) -> None:
    frame = frame_of(TEXTS, [{"points": points, "subject": "physics"} for points in POINTS])
    out = link(frame, tmp_path, points="metadata")
    found = groups(out)
    assert set(found) == {"d0", "d1", "d2", "d3"}
    assert found["d1"][0][0] == "d0"
    assert found["d1"][1][0] == "ohm's law"
    own = {
        f"d{number}": {" ".join(point.casefold().split()) for point in points} for number, points in enumerate(POINTS)
    }
    for doc_id, (partners, points) in found.items():
        seen = own[doc_id]
        for partner in partners:
            assert own[partner] & seen, "each seed shares a point with an earlier one"
            seen = seen | own[partner]
        assert set(points) <= seen
    reasons = dict(out.select("doc_id", "reason").iter_rows())
    assert [doc_id for doc_id, reason in reasons.items() if reason == "no_linked_seed"] == ["d4", "d5"]
    assert "no_linked_seed" in build(Link(), 1).reasons
    partner = orjson.loads(out["metadata"][1])["linked"][0]
    assert partner == {"id": "d0", "question": TEXTS[0], "answer": "1"}
    assert orjson.loads(out["metadata"][1])["subject"] == "physics", "what the row had stays"
    counts = build(Link(), 1).counts(out)
    assert sum(counts.values()) == 4


def test_rows_without_a_partner_can_be_passed_by_with_a_flag(tmp_path: Path) -> None:
    out = link(frame_of(TEXTS, [{"points": points} for points in POINTS]), tmp_path, unlinked="flag")
    assert out["reason"].null_count() == out.height
    flagged = out.filter(pl.col("flags").list.contains("no_linked_seed"))["doc_id"].to_list()
    assert flagged[-1] == "d5"
    assert build(Link(unlinked="flag"), 1).reasons == {}


def test_rare_terms_join_rows_without_a_model_and_names_do_not(tmp_path: Path) -> None:
    texts = [
        "An isochoric process heats a gas. What is the internal energy?",
        "During an isochoric process no work is done. Which internal energy results?",
        "Natalia Petrova sold clips in April. How many clips?",
        "In winter Natalia Petrova paints fences. How long for three?",
        "Unrelated words stand here alone.",
    ]
    out = link(frame_of(texts), tmp_path)
    found = groups(out)
    assert set(found) == {"d0", "d1"}
    assert found["d0"][0] == ["d1"]
    assert found["d0"][1][0] in {"isochoric", "isochoric process", "internal", "internal energy", "process", "energy"}


def test_chinese_rows_are_joined_by_runs_of_signs_and_never_with_english_ones(tmp_path: Path) -> None:
    texts = [
        "求抛物线的焦点坐标，并证明切线平分角。",
        "已知抛物线与直线相交，求焦点坐标的范围。",
        "论述唐代的土地制度。",
    ]
    chinese = frame_of(texts, language="zh").with_columns(doc_id=pl.Series(["z0", "z1", "z2"]))
    english = frame_of(["A parabola opens upwards.", "Where do tangents meet?"], [{"points": ["焦点坐标"]}] * 2)
    both = pl.concat([chinese, english.with_columns(key=pl.col("key") + 3)])
    found = groups(link(both, tmp_path))
    assert set(found) == {"z0", "z1", "d0", "d1"}
    assert found["z0"][0] == ["z1"]
    assert found["d0"][0] == ["d1"]


def test_disciplines_stay_apart_unless_told_otherwise(tmp_path: Path) -> None:
    frame = frame_of(TEXTS[:2], [{"points": ["energy"], "discipline": name} for name in ("physics", "economics")])
    assert groups(link(frame, tmp_path / "apart")) == {}
    assert len(groups(link(frame, tmp_path / "together", same_discipline=False))) == 2


def test_the_same_question_in_other_figures_is_no_partner(tmp_path: Path) -> None:
    same = ["What is the isochoric internal energy here?"] * 2
    assert groups(link(frame_of(same), tmp_path / "same")) == {}
    alike = [f"What is the isochoric internal energy of {number} mol?" for number in (2, 3)]
    assert groups(link(frame_of(alike), tmp_path / "alike")) == {}


LETTERS = str.maketrans("0123456789", "aeioulmnrs")


def planted(rows: int) -> pl.DataFrame:
    """Rows of made-up words, each with three of forty points."""
    random = stream(3, "planted")
    points = [[f"point {random.randrange(40)}" for _ in range(3)] for _ in range(rows)]
    words = [f"{random.randrange(10**6):06d}".translate(LETTERS) for _ in range(8 * rows)]
    texts = [" ".join(words[8 * at : 8 * at + 8]) for at in range(rows)]
    return frame_of(texts, [{"points": one} for one in points])


def test_the_outcome_does_not_depend_on_how_rows_are_cut(tmp_path: Path) -> None:
    frame = planted(120)
    whole = link(frame, tmp_path / "one")
    cut = link(frame, tmp_path / "three", cuts=(17, 80))
    assert whole.equals(cut)
    assert groups(whole) != groups(link(frame, tmp_path / "other", seed=2))
    assert {len(partners) for partners, _ in groups(whole).values()} == {1, 2, 3}


def test_sizes_follow_their_weights(tmp_path: Path) -> None:
    out = link(planted(200), tmp_path, sizes={4: 1})
    sizes = [len(partners) for partners, _ in groups(out).values()]
    assert sizes.count(3) > 190
    with pytest.raises(ValidationError, match="weight above 0"):
        Link(sizes={2: 0})


def test_popularity_decides_between_common_and_fresh_points() -> None:
    """Row 0 has a common point (0, in 60 rows) and a rare one (1, in 2 rows)."""
    rows = [0, 0, *range(1, 60), 60]
    points = [0, 1, *([0] * 59), 1]
    many = 61
    about = Rows(
        group=np.zeros(many, np.int64),
        words=np.arange(many, dtype=np.uint64),
        given=np.ones(many, np.bool_),
        sketched=np.arange(many + 1),
        sketch=np.arange(many, dtype=np.uint64),
    )
    graph = make_graph(np.array(rows), np.array(points), about)
    shares = {}
    for a in (0.0, 1.0):
        setting = Link(popularity=a, sizes={2: 1}, most_alike=1.0)
        first = [Walker(graph, setting, seed).walk(0, "d0").points[0] for seed in range(300)]
        shares[a] = first.count(0) / 300
    assert 0.4 < shares[0.0] < 0.6  # fresh points weigh the same
    assert 0.72 < shares[1.0] < 0.86  # log 61 against log 3: 0.79
    walker = Walker(graph, Link(popularity=0.0, sizes={2: 1}, most_alike=1.0), 0, {0: 10_000})
    again = [walker.walk(0, f"d{number}").points[0] for number in range(50)]
    assert again.count(1) > again.count(0), "a point that was walked often becomes less likely"


def test_frames_that_are_empty_or_odd_do_no_harm(tmp_path: Path) -> None:
    odd = ["", " ", "\x00" * 50, "word " * 300_000, "字" * 100_000, "a" * 200_000, "x\n" * 1000]
    frame = frame_of(odd).with_columns(metadata=pl.Series([None, "{", "[1]", '{"points": 3}', "{}", "", "null"]))
    out = link(frame, tmp_path / "odd")
    assert out["doc_id"].to_list() == frame["doc_id"].to_list()
    assert link(frame.clear(), tmp_path / "none").height == 0


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=100)
def test_terms_are_short_distinct_and_hashed_alike(text: str) -> None:
    terms = terms_of(text)
    assert len(set(terms.texts)) == len(terms.texts) == len(terms.small) <= 256
    assert all(0 < len(term) <= 81 for term in terms.texts)
    assert hashes(terms.texts) == hashes(list(terms.texts))


def test_commands_of_latex_are_no_terms() -> None:
    assert terms_of(r"the \frac{kinetic}{energy} and \sqrt kinetic energy").texts == (
        "kinetic",
        "energy",
        "kinetic energy",
    )
