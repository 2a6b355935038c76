"""The stage replaces, drops, flags or keeps as the policies say, counts every value, and repeats none of them."""

import pickle

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tilth.curate.pii.stage import KINDS, build
from tilth.frames import make_frame
from tilth.recipe.stages.pii import Pii

TEXTS = [
    "Write to jane.roe@mail.org or bob@site.net, or call (415) 555-2671.",
    "Nothing to see here.",
    "The server at 203.45.67.89 answers 10.0.0.1.",
    "",
]
SECRETS = ("jane.roe", "bob@", "555-2671", "203.45.67.89")


def test_by_default_values_are_replaced_by_their_kind_and_private_addresses_stay() -> None:
    stage = build(Pii(), 0)
    out = stage(make_frame(TEXTS))
    assert out["text"].to_list() == [
        "Write to <EMAIL> or <EMAIL>, or call <PHONE>.",
        "Nothing to see here.",
        "The server at <IP> answers 10.0.0.1.",
        "",
    ]
    assert out["pii_found"].to_list() == [3, 0, 2, 0]
    assert out["pii_email"].to_list() == [2, 0, 0, 0]
    assert stage.changes_text
    assert out["reason"].null_count() == 4
    counts = stage.counts(out)
    seen = [counts[name] for name in ("pii_email", "pii_phone", "pii_ip", "pii_ip_private", "pii_rows")]
    assert seen == [2, 1, 1, 1, 2]
    assert sum(counts[f"pii_{kind}"] for kind in KINDS) == out["pii_found"].sum()


def test_the_example_form_puts_reserved_addresses_in() -> None:
    out = build(Pii(form="example"), 0)(make_frame([*TEXTS, "at 2400:cb00:2048:1::c629:d7a2"]))
    assert out["text"][0] == "Write to email@example.com or email@example.com, or call <PHONE>."
    assert out["text"][2] == "The server at 192.0.2.1 answers 10.0.0.1."
    assert out["text"][4] == "at 2001:db8::1"


def test_drop_and_flag_leave_the_text_and_name_kinds_only() -> None:
    settings = Pii(policies={**dict.fromkeys(KINDS, "keep"), "phone": "drop", "email": "drop", "ip": "flag"})
    stage = build(settings, 0)
    out = stage(make_frame(TEXTS))
    assert out["text"].to_list() == TEXTS
    assert not stage.changes_text
    assert out["reason"].to_list() == ["personal_data", None, None, None]
    assert out["detail"][0] == "email: 2, phone: 1"
    assert out["flags"].to_list() == [[], [], ["pii_ip"], []]
    assert set(stage.reasons) == {"personal_data"}


def test_what_was_found_is_in_no_other_column() -> None:
    out = build(Pii(policies={"phone": "drop", "ip": "flag"}), 0)(make_frame(TEXTS))
    beside = out.drop("text").write_json()
    assert not any(secret in beside for secret in SECRETS)


def test_a_second_pass_finds_nothing_more() -> None:
    stage = build(Pii(form="example", policies={"ip_private": "replace"}), 0)
    once = stage(make_frame(TEXTS))
    twice = stage(make_frame(once["text"].to_list()))
    assert twice["text"].to_list() == once["text"].to_list()


def test_the_identity_says_what_decides_and_the_stage_pickles() -> None:
    one, other = build(Pii(), 0), build(Pii(form="example"), 0)
    assert one.identity == build(Pii(policies={"email": "replace"}), 7).identity
    assert one.identity != other.identity
    assert pickle.loads(pickle.dumps(one)).identity == one.identity


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValidationError):
        Pii.model_validate({"policies": {"name": "drop"}})


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=200), max_size=8))
def test_any_texts_keep_their_rows_and_their_order(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    frame = make_frame([*texts, *TEXTS])
    out = build(Pii(), 0)(frame)
    assert out["key"].to_list() == frame["key"].to_list()
    assert out["text"].to_list()[len(texts) + 1] == TEXTS[1]
    assert out.schema["pii_found"] == pl.UInt32
