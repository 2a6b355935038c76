import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.sources.licences import build, classes_of
from tilth.frames import make_frame
from tilth.recipe.stages.sources import Licences


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("MIT", {"permissive"}),
        ("CC BY 4.0", {"permissive"}),
        ("CC-BY (PLOS)", {"permissive"}),
        ("CC-BY-SA-3.0 (Wikipedia)", {"share_alike"}),
        ("CC BY-NC-SA 4.0", {"share_alike", "non_commercial"}),
        ("cc-by-nd-4.0", {"no_derivatives"}),
        ("CC0-1.0/US-Gov public domain", {"public_domain"}),
        ("CC0-1.0 / US public domain", {"public_domain"}),
        ("public-domain (PRC Copyright Act art. 5)", {"public_domain"}),
        ("MIT OR Apache-2.0", {"permissive"}),
        ("MIT OR GPL-3.0-only", {"permissive"}),
        ("GPLv3", {"copyleft"}),
        ("AGPL-3.0", {"copyleft"}),
        ("GFDL-1.2-or-later", {"share_alike"}),
        ("ODbL-1.0", {"share_alike"}),
        ("BSD-3-Clause", {"permissive"}),
        ("All rights reserved", {"unknown"}),
        ("", {"unknown"}),
        (None, {"unknown"}),
    ],
)
def test_a_licence_s_name_says_what_it_allows(name: str | None, classes: set[str]) -> None:
    assert classes_of(name) == classes


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=500))
def test_any_name_has_a_class(name: str) -> None:
    assert classes_of(name)


def reasons(names: list[str | None], **policy: object) -> list[str | None]:
    frame = make_frame(["text"] * len(names), licence=pl.Series(names, dtype=pl.String))
    return build(Licences.model_validate(policy), 0)(frame)["reason"].to_list()


def test_what_is_denied_wins_over_what_is_allowed() -> None:
    names = ["MIT", "CC-BY-NC-4.0", "CC-BY-SA-4.0", "Apache-2.0"]
    assert reasons(names, allow=["permissive", "share_alike"], deny=["Apache", "non_commercial"]) == [
        None,
        "licence_denied",
        None,
        "licence_denied",
    ]


def test_only_what_is_listed_passes_where_licences_are_listed() -> None:
    assert reasons(["CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-3.0"], allow=["CC-BY-4.0"]) == [
        None,
        "licence_not_allowed",
        "licence_not_allowed",
    ]


def test_rows_without_a_licence_are_flagged_dropped_or_kept_as_asked() -> None:
    frame = make_frame(["a"])
    assert build(Licences(), 0)(frame)["flags"].to_list() == [["licence_unknown"]]
    assert reasons([None, "who knows"], unknown="drop") == ["licence_unknown", "licence_unknown"]
    assert reasons([None], unknown="keep") == [None]


def test_share_alike_rows_are_kept_apart_by_two_steps_that_split_every_row() -> None:
    names = ["MIT", "CC-BY-SA-4.0", "GFDL-1.3", "CC0-1.0"]
    out, only = reasons(names, share_alike="drop"), reasons(names, share_alike="only")
    assert out == [None, "licence_share_alike", "licence_share_alike", None]
    assert [one is None for one in out] != [other is None for other in only]
    assert all((one is None) != (other is None) for one, other in zip(out, only, strict=True))


def test_every_reason_given_is_named() -> None:
    stage = build(Licences(allow=("permissive",), unknown="drop", share_alike="drop"), 0)
    frame = make_frame(["t"] * 4, licence=pl.Series(["MIT", None, "CC-BY-NC-4.0", "GPL-3.0"], dtype=pl.String))
    assert set(stage(frame)["reason"].drop_nulls()) <= set(stage.reasons)
    assert stage.counts(frame) == {"permissive": 1, "unknown": 1, "non_commercial": 1, "copyleft": 1}
