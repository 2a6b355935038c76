from collections import Counter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.sources.hold_out import build as build_hold_out
from tilth.curate.sources.shuffle import build as build_shuffle
from tilth.frames import make_frame
from tilth.recipe.stages.sources import HoldOut, Shuffle


def held_out(frame: pl.DataFrame) -> set[str]:
    return set(frame.filter(pl.col("reason") == "held_out")["text"])


def test_about_the_share_of_the_rows_is_held_out_by_name() -> None:
    frame = build_hold_out(HoldOut(share=0.2), 0)(make_frame([f"text {index}" for index in range(4000)]))
    assert 0.17 < frame["reason"].is_not_null().mean() < 0.23  # type: ignore[operator]
    assert set(frame["reason"].drop_nulls()) == {"held_out"}


def test_equal_texts_fall_on_one_side_and_a_growing_corpus_moves_no_row() -> None:
    stage = build_hold_out(HoldOut(share=0.3), 0)
    few, many = [f"a {index}" for index in range(200)], [f"b {index}" for index in range(300)]
    first, second = held_out(stage(make_frame([*few, *few]))), held_out(stage(make_frame([*many, *few])))
    assert {text for text in second if text.startswith("a")} == first
    kept = set(stage(make_frame([*few, *few])).filter(pl.col("reason").is_null())["text"])
    assert kept.isdisjoint(first)


def test_another_salt_holds_other_rows_out_and_another_seed_the_same() -> None:
    frame = make_frame([f"text {index}" for index in range(500)])
    plain = held_out(build_hold_out(HoldOut(share=0.3), 0)(frame))
    assert held_out(build_hold_out(HoldOut(share=0.3), 7)(frame)) == plain
    assert held_out(build_hold_out(HoldOut(share=0.3, salt="x"), 0)(frame)) != plain


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=6), st.integers(0, 3))
def test_shuffling_keeps_every_word_of_every_document(texts: list[str], seed: int) -> None:
    made = build_shuffle(Shuffle(), seed)(make_frame(texts))
    assert made.height == len(texts)
    assert made["reason"].is_null().all()
    for before, after in zip(texts, made["text"], strict=True):
        assert Counter("".join(before.split())) == Counter("".join(after.split()))


def test_shuffled_text_is_in_another_order_and_the_same_every_time() -> None:
    frame = make_frame(["the cat sat on the mat and looked at the moon", "床前明月光疑是地上霜"])
    first, again, other = (build_shuffle(Shuffle(), seed)(frame)["text"].to_list() for seed in (1, 1, 2))
    assert first == again != other
    assert first != frame["text"].to_list()
    assert sorted(first[1].split()) == sorted("床前明月光疑是地上霜")
