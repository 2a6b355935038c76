"""Accuracy on the real documents and benchmark questions; prints the table of docs/language.md."""

from pathlib import Path

import polars as pl
import pytest

from tilth.curate.language.accuracy import accuracy, labelled, table
from tilth.curate.language.identify import identify

#: Whole texts whose label is the language of the paper, not of the text (Chinese instructions around English).
_MIXED = ("gaokao_subjective en", "gaokao_bench_obj en")


@pytest.mark.slow
def test_real_documents_and_questions_are_told_apart(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = pl.concat([labelled(shared / "data" / "documents"), labelled(shared / "data" / "benchmarks")])
    measured = accuracy(rows.filter(~pl.col("group").is_in(_MIXED)))
    with capsys.disabled():
        print("\n" + table(measured))
    share = (pl.col("right") * pl.col("rows")).sum() / pl.col("rows").sum()
    by_length = dict(measured.group_by("length").agg(share).iter_rows())
    # measured: 0.9956 whole, 0.9970 at 200 characters, 0.9948 at 100, 0.9943 at 50, 0.973 at 20
    assert by_length[None] >= 0.993
    assert by_length[200] >= 0.994
    assert by_length[100] >= 0.992
    assert by_length[50] >= 0.99
    assert by_length[20] >= 0.965
    documents = measured.filter(pl.col("length").is_null() & pl.col("group").str.starts_with("book"))
    assert documents["right"].min() == 1.0


@pytest.mark.slow
def test_classical_chinese_is_told_from_its_modern_translation(shared: Path) -> None:
    """The odd half of the bilingual documents, which the weights were not fitted on, sentence runs of 60 characters."""
    from hashlib import blake2b

    frame = pl.read_parquet(shared / "data" / "documents" / "classical_zh.parquet")
    bilingual = frame.filter(pl.col("source") == "classical_modern_bitext")
    held_out = bilingual.filter(
        [blake2b(name.encode(), digest_size=1).digest()[0] % 2 == 1 for name in bilingual["doc_id"]]
    )

    def share(prefix: str) -> float:
        lines = held_out["text"].str.extract_all(rf"(?m)^{prefix}：.*$").list.join("")
        texts = lines.str.replace_all(f"{prefix}：", "").str.slice(100, 200)
        found = identify(texts.filter(texts.str.len_chars() >= 60))["language_id"]
        return float((found == "lzh").mean() or 0.0)

    classical, modern = share("古文"), share("现代文")
    assert classical >= 0.97  # measured: 1.00
    assert modern <= 0.08  # measured: 0.047


@pytest.mark.slow
def test_traditional_poetry_is_classical_and_law_is_simplified(shared: Path) -> None:
    documents = pl.concat(
        pl.read_parquet(shared / "data" / "documents" / f"{kind}.parquet", columns=["source", "text"])
        for kind in ("classical_zh", "legal", "textbook")
    )
    found = documents.hstack(identify(documents["text"]))

    def share(source: str, tag: str) -> float:
        return float((found.filter(pl.col("source") == source)["language_id"] == tag).mean() or 0.0)

    assert share("chinese_poetry", "lzh") >= 0.99
    assert share("cn_laws", "zh-Hans") >= 0.995
    assert share("d2l_zh", "zh-Hans") >= 0.98
