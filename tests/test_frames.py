import polars as pl

from tilth.data.schema import DOCUMENTS
from tilth.frames import CONTROL, drop, flag, make_frame


def test_a_frame_of_texts_has_the_columns_that_stages_are_promised() -> None:
    frame = make_frame(["one", "two"])
    assert set(frame.columns) == {*DOCUMENTS.names, *CONTROL}
    assert make_frame([]).schema == frame.schema


def test_the_first_reason_stays_and_null_conditions_drop_nothing() -> None:
    frame = make_frame(["a", "bb", "ccc"], size=pl.Series([1, 2, None]))
    frame = drop(frame, pl.col("size") > 1, "too_large", pl.format("{} characters", "size"))
    frame = drop(frame, pl.col("size") > 0, "any")
    assert frame["reason"].to_list() == ["any", "too_large", None]
    assert frame["detail"].to_list() == ["", "2 characters", None]


def test_flags_add_up_and_keep_their_type() -> None:
    frame = make_frame(["a", "bb"])
    frame = flag(flag(frame, pl.col("text") == "bb", "one"), pl.lit(True), "two")
    assert frame["flags"].to_list() == [["two"], ["one", "two"]]
    assert frame.schema["flags"] == pl.List(pl.String)
