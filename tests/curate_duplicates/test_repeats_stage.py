"""Repeated lines and paragraphs: what is cut, what stays, and that nothing depends on the cut into parts."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.near import pieces as pieces_module
from tilth.curate.repeats import stage as repeats_stage
from tilth.curate.repeats.stage import Repeats, build
from tilth.curate.repeats.units import units_of
from tilth.frames import make_frame
from tilth.recipe.stages.duplicates import RepeatedText

FOOTER = "Subscribe to our weekly newsletter today"


def run(stage: Repeats, frames: list[pl.DataFrame], folder: Path) -> pl.DataFrame:
    names = [f"part-{number:05d}" for number in range(len(frames))]
    for name, frame in zip(names, frames, strict=True):
        stage.gather([frame[: len(frame) // 2], frame[len(frame) // 2 :]], name, folder)
    stage.decide(names, folder, 1)
    return pl.concat(stage.apply(frame, name, folder) for name, frame in zip(names, frames, strict=True))


def pages(count: int) -> list[str]:
    return [f"Article {'abcdefgh'[number]} tells its own story\n{FOOTER}" for number in range(count)]


def test_a_line_in_more_than_n_documents_is_cut_but_for_the_first(tmp_path: Path) -> None:
    out = run(build(RepeatedText(documents=3), 0), [make_frame(pages(4))], tmp_path)
    assert out["text"].to_list() == [pages(4)[0], *(text.split("\n")[0] for text in pages(4)[1:])]
    assert out["repeated_text_units"].to_list() == [0, 1, 1, 1]
    assert out["repeated_text_share"][1] == pytest.approx(35 / 59)


def test_a_line_in_no_more_than_n_documents_stays_however_often_one_document_says_it(tmp_path: Path) -> None:
    texts = [*pages(3), "\n".join([FOOTER] * 50)][1:]
    out = run(build(RepeatedText(documents=3), 0), [make_frame(texts)], tmp_path)
    assert out["text"].to_list() == texts


def test_case_punctuation_and_numbers_make_no_other_line(tmp_path: Path) -> None:
    texts = [
        "a\nPage 1 of 20 - all rights reserved.",
        "b\npage 7 of 31: ALL RIGHTS RESERVED\r",
        "c\nPagé 2 of 99 all rights reserved",
    ]
    out = run(build(RepeatedText(documents=2, keep_first=False), 0), [make_frame(texts)], tmp_path)
    assert out["text"].to_list() == ["a", "b", "c"]


def test_short_lines_are_left_alone(tmp_path: Path) -> None:
    texts = ["Contents\nx", "Contents\ny", "Contents\nz"]
    out = run(build(RepeatedText(documents=1), 0), [make_frame(texts)], tmp_path)
    assert out["text"].to_list() == texts


def test_a_document_of_which_nothing_is_left_is_dropped_with_its_text(tmp_path: Path) -> None:
    stage = build(RepeatedText(documents=1), 0)
    out = run(stage, [make_frame([FOOTER, FOOTER, f"{FOOTER}\n\n{FOOTER}\n", "own"])], tmp_path)
    assert out["reason"].to_list() == [None, "only_repeated_text", "only_repeated_text", None]
    assert out["text"][2] == f"{FOOTER}\n\n{FOOTER}\n"
    assert stage.counts(out)["repeated_dropped"] == 2
    assert set(out["reason"].drop_nulls()) <= set(stage.reasons)


def test_drop_and_flag_act_on_documents_above_the_share_and_leave_texts(tmp_path: Path) -> None:
    texts = [*pages(3), f"{'own words here ' * 20}\n{FOOTER}"]
    for action in ("drop", "flag"):
        stage = build(RepeatedText(documents=2, action=action, keep_first=False), 0)
        out = run(stage, [make_frame(texts)], tmp_path / action)
        assert out["text"].to_list() == texts
        marked = out["reason"].is_not_null() if action == "drop" else out["flags"].list.len() > 0
        assert marked.to_list() == [True, True, True, False]
        assert not stage.changes_text


def test_paragraphs_go_with_the_blank_lines_behind_them(tmp_path: Path) -> None:
    block = "This paragraph is on\nevery single page here.\n\n \n"
    texts = [f"own {word}\n\n{block}after {word}" for word in ("a", "b", "c")]
    out = run(build(RepeatedText(unit="paragraph", documents=2), 0), [make_frame(texts)], tmp_path)
    assert out["text"].to_list() == [texts[0], "own b\n\nafter b", "own c\n\nafter c"]


def test_chinese_lines_count_characters(tmp_path: Path) -> None:
    line = "版权所有，未经许可不得转载，违者必究，最终解释权归本站所有。"
    texts = [f"第{word}篇\n{line}" for word in "一二三"]
    out = run(build(RepeatedText(documents=2), 0), [make_frame(texts)], tmp_path)
    assert out["text"].to_list() == [texts[0], "第二篇", "第三篇"]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.lists(st.sampled_from(["alpha", "beta3!", "Gamma", "délta", "", "  ", "一二三四五"]), max_size=6), max_size=8
    ),
    st.integers(1, 8),
    st.integers(1, 9),
    st.sampled_from([30, 1 << 18]),
)
def test_what_is_cut_is_what_a_plain_count_says(
    tmp_path_factory: pytest.TempPathFactory, documents: list[list[str]], size: int, limit: int, piece: int
) -> None:
    texts = ["\n".join(lines) for lines in documents]
    holders = Counter(line for lines in documents for line in {*lines})
    first = {line: next(n for n, lines in enumerate(documents) if line in lines) for line in holders}
    expected = [
        [line for line in lines if not (len(line.strip()) >= 5 and holders[line] > 2 and first[line] != number)]
        for number, lines in enumerate(documents)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats_stage, "SLICE_ENTRIES", limit)
        patch.setattr(pieces_module, "PIECE", max(piece, *(len(text.encode()) for text in texts), 1))
        frame = make_frame(texts)
        frames = [frame[low : low + size] for low in range(0, len(frame), size)] or [frame]
        out = run(build(RepeatedText(documents=2, min_chars=5), 0), frames, tmp_path_factory.mktemp("stage"))
    for lines, kept, text, reason in zip(documents, expected, out["text"], out["reason"], strict=True):
        if kept == lines or reason is not None:
            assert text == "\n".join(lines)
            assert reason is None or not "".join(kept).strip()
        else:
            assert text.rstrip("\n") == "\n".join(kept).rstrip("\n")


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.text(st.sampled_from("ab é\n\r\u3000中.\u0301"), max_size=40), max_size=6),
    st.sampled_from(["line", "paragraph"]),
)
def test_units_lie_in_their_documents_in_order_and_apart(texts: list[str], unit: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces_module, "PIECE", 16)
        units = units_of(pl.Series(texts, dtype=pl.String), unit)  # type: ignore[arg-type]
    place = dict.fromkeys(range(len(texts)), 0)
    covered = dict.fromkeys(range(len(texts)), 0)
    for document, start, end, letters in zip(units.document, units.start, units.end, units.letters, strict=True):
        assert place[document] <= start < end <= len(texts[document])
        place[document] = end
        inside = sum(c.isalnum() for c in texts[document][start:end])
        assert inside == letters > 0
        covered[document] += inside
    assert all(covered[number] == sum(c.isalnum() for c in text) for number, text in enumerate(texts))
