"""The language of texts: 76 languages, the forms of Chinese, short, empty and hostile texts."""

import unicodedata
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tilth.curate.language import model, sample
from tilth.curate.language.identify import identify
from tilth.curate.language.tags import disagree

DECLARATION = Path(__file__).with_name("declaration.tsv")


def declaration() -> list[tuple[str, str]]:
    lines = DECLARATION.read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t", 1)) for line in lines if not line.startswith("#")]  # type: ignore[misc]


def one(text: str) -> str:
    return str(identify(pl.Series([text]))["language_id"][0])


def right(rows: list[tuple[str, str]]) -> dict[str, list[bool]]:
    found = identify(pl.Series([text for _, text in rows]))["language_id"].to_list()
    by_language = defaultdict(list)
    for (tag, _), got in zip(rows, found, strict=True):
        exact = tag in ("zh-Hans", "zh-Hant", "yue")
        by_language[tag].append(got == tag if exact else not disagree(tag, got))
    return by_language


def test_whole_sentences_in_76_languages_and_forms_are_told_apart() -> None:
    by_language = right(declaration())
    assert len(by_language) == 76
    assert np.mean([hit for hits in by_language.values() for hit in hits]) >= 0.99  # measured: 0.998
    weak = [tag for tag, hits in by_language.items() if sum(hits) < 5]
    assert not weak


def test_the_first_twenty_characters_are_mostly_enough() -> None:
    by_language = right([(tag, text[:20]) for tag, text in declaration()])
    assert np.mean([hit for hits in by_language.values() for hit in hits]) >= 0.945  # measured: 0.963


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("这是一个简单的中文句子，用来测试语言识别。", "zh-Hans"),
        ("這是一個簡單的中文句子，用來測試語言識別。", "zh-Hant"),
        ("学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？", "lzh"),
        ("學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？人不知而不慍，不亦君子乎？", "lzh"),
        ("佢哋喺度食緊飯，我唔知佢幾時先至走。", "yue"),
        ("今日は学校に行きましたが、図書館は閉まっていました。", "ja"),
        ("使用 `git commit` 命令可以提交你的修改。", "zh-Hans"),
        ("<html><body><p>Heute ist das Wetter schön, und wir gehen spazieren.</p></body></html>", "de"),
    ],
)
def test_forms_of_chinese_and_mixed_texts(text: str, tag: str) -> None:
    assert one(text) == tag


@pytest.mark.parametrize(
    ("text", "tag"), [("", "und"), (" \n\t", "und"), ("12 345 + 6 = ?", "zxx"), ("\x00\x01\x02!", "zxx")]
)
def test_what_is_no_language_is_named_so(text: str, tag: str) -> None:
    assert one(text) == tag


def test_a_null_is_an_empty_text_and_no_text_is_no_row() -> None:
    assert identify(pl.Series([None], dtype=pl.String))["language_id"].to_list() == ["und"]
    assert identify(pl.Series([], dtype=pl.String)).height == 0


def test_the_walk_over_many_texts_gives_what_the_library_gives() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    library = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    texts = [*(text for _, text in declaration()), "", "ABC DEF", "e\u0301t\u00e9", "12", "a" * 3000]
    loaded = model.load()
    neutral = model.scores(loaded, [model.encode(text) for text in texts]) - loaded.favour
    labels, ours = model.probabilities(loaded, neutral)
    for row, text in zip(ours, texts, strict=True):
        theirs = dict(library.rank(unicodedata.normalize("NFC", text)))
        assert np.abs(row - np.array([theirs[label] for label in labels])).max() < 1e-3


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=12), st.randoms(use_true_random=False))
@example(["<" * 3000, "a", "é" * 5000, "\U0001f600" * 9], None)
def test_an_answer_depends_on_its_own_text_only(texts: list[str], random: object) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    together = identify(pl.Series(texts, dtype=pl.String))
    alone = pl.concat([identify(pl.Series([text], dtype=pl.String)) for text in texts])
    assert together["language_id"].to_list() == alone["language_id"].to_list()
    assert np.allclose(together["language_score"], alone["language_score"], atol=1e-5)
    assert together["language_score"].is_between(0, 1).all()
    assert together["language_form_score"].drop_nulls().is_between(0, 1).all()


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60), st.integers(1, 200))
def test_a_sample_is_bounded_and_whole_where_the_text_is_short(text: str, times: int) -> None:
    text = text.encode("utf-8", "replace").decode().replace("<", "")
    (cut,) = sample.cut(pl.Series([text * times], dtype=pl.String))
    assert len(cut) <= sample.SAMPLE
    assert len(text * times) > sample.SAMPLE or cut == text * times


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["x", "wort ", "中", "<", "\x01", "a\n"])
def test_fifty_megabytes_cost_hardly_more_than_a_page(unit: str) -> None:
    import time

    texts = pl.Series([unit * (50_000_000 // len(unit.encode()))])
    identify(pl.Series(["warm"]))
    begin = time.process_time()
    identify(texts)
    assert time.process_time() - begin < 30
