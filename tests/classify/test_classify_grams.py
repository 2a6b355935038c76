"""n-grams: the same for a text whatever stands beside it, and for any text at all."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tilth.classify import grams as module
from tilth.classify.grams import Counts, Grams, count_grams

SMALL = Grams(bits=12)
FIRST = [694, 850, 992]  # columns of the sentence below
texts = st.lists(st.text(st.characters(exclude_categories=()), max_size=60), max_size=6)


def row(counts: Counts, at: int) -> dict[int, int]:
    here = slice(counts.indptr[at], counts.indptr[at + 1])
    return dict(zip(counts.columns[here].tolist(), counts.counts[here].tolist(), strict=True))


@given(texts)
@example(["", "\ud800 alone", "a" * 200, "中文字符 and 混合", "\x00\x01", "𝒳𠀀", "１２３ 123"])
@settings(deadline=None, max_examples=60)
def test_a_text_has_the_same_n_grams_alone_and_in_company(many: list[str]) -> None:
    together = count_grams(many, SMALL)
    assert len(together.indptr) == len(many) + 1
    for at, text in enumerate(many):
        assert row(together, at) == row(count_grams([text], SMALL), 0)


def test_digits_case_and_wide_forms_are_folded() -> None:
    counts = count_grams(["Sold in 1998", "sold in 2024", "ＳＯＬＤ ｉｎ １２３４", "sold in 19"], SMALL)
    assert row(counts, 0) == row(counts, 1) == row(counts, 2) != row(counts, 3)


def test_word_runs_ideographs_and_characters_are_counted_as_documented() -> None:
    def count(text: str, **which: tuple[int, ...]) -> int:
        asked = {"words": (), "characters": (), "ideographs": (), **which}
        return int(count_grams([text], Grams(bits=24, **asked)).counts.sum())

    assert count("the cat sat.", words=(1,)) == 4  # three words and a full stop
    assert count("the cat sat.", words=(2,)) == 3
    assert count("化学反应", words=(1,)) == 4
    assert count("化学反应", ideographs=(3,)) == 2
    assert count("化学 反应", ideographs=(3,)) == 0
    assert count("cat", characters=(3,)) == 3  # with its neighbours: -ca, cat, at-
    assert count("", words=(1, 2), characters=(3,), ideographs=(3,)) == 0


def test_only_the_start_of_a_long_text_is_read() -> None:
    short = Grams(bits=12, max_chars=100)
    whole = "word " * 20
    assert row(count_grams([whole + "x" * 1000], short), 0) == row(count_grams([whole], short), 0)


def test_chunks_bound_what_is_worked_on_at_a_time() -> None:
    size = module.CHUNK_CHARS
    assert module.chunks([]) == []
    assert module.chunks([size * 3]) == [(0, 1)]
    assert module.chunks([size // 2, size // 2, 10, size]) == [(0, 1), (1, 3), (3, 4)]


def test_hashes_are_the_same_in_another_process() -> None:
    code = (
        "from tilth.classify.grams import Grams, count_grams\n"
        "found = count_grams(['Energy is conserved; 能量守恒'], Grams(bits=16))\n"
        "print(found.columns.tolist(), found.counts.tolist())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    here = count_grams(["Energy is conserved; 能量守恒"], Grams(bits=16))
    assert run.stdout.strip() == f"{here.columns.tolist()} {here.counts.tolist()}"
    assert here.columns[:3].tolist() == FIRST  # a changed hash means a new VERSION, since old models no longer fit


def test_n_grams_spread_over_the_columns() -> None:
    words = [f"w{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a in range(20) for b in range(20) for c in range(10)]
    counts = count_grams([" ".join(words)], Grams(bits=20, words=(1,), characters=(), ideographs=()))
    # 4,000 words thrown at 2**20 places share about 7.6 of them; a bad hash shares hundreds
    assert 4000 - len(np.unique(counts.columns)) < 40
