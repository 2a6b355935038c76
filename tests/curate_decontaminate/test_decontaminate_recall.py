"""Recall by injection, false alarms on clean text, and contamination that the real data has by nature."""

import json
import re
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.random import stream
from tilth.curate.decontaminate.index import Index, build_index
from tilth.curate.decontaminate.inject import FORMS, measure_recall, put_in
from tilth.curate.decontaminate.match import find_matches
from tilth.curate.decontaminate.overlaps import overlaps
from tilth.curate.decontaminate.stage import build
from tilth.data.benchmarks import BenchmarkItem, items, read_benchmarks
from tilth.frames import make_frame
from tilth.recipe.stages.decontaminate import Decontaminate, Matching

MATCHING = Matching()
FEW = ("gsm8k", "mmlu", "cmrc2018", "nq_open", "winogrande", "gaokao_bench_obj")


@cache
def indexed(folder: Path, names: tuple[str, ...] = ()) -> tuple[pl.DataFrame, Index]:
    paths = [str(folder / f"{name}.parquet") for name in names] or [str(folder)]
    table = read_benchmarks(paths)
    return table, build_index(table, MATCHING)


def drawn(table: pl.DataFrame, count: int) -> dict[int, BenchmarkItem]:
    every = items(table)
    return {row: every[row] for row in sorted(stream(7, "items").sample(range(len(every)), count))}


def hosts(shared: Path, kind: str, count: int) -> list[str]:
    texts = pl.read_parquet(shared / "data" / "documents" / f"{kind}.parquet")["text"].to_list()
    return [text[:3000] for text in stream(7, "hosts").sample(texts, count)]


def test_items_put_into_clean_documents_are_found(shared: Path) -> None:
    table, index = indexed(shared / "data" / "benchmarks", FEW)
    asked = [form for form, (_, share) in FORMS.items() if share is not None]
    for result in measure_recall(drawn(table, 300), index, MATCHING, hosts(shared, "legal", 100), asked):
        assert result.findable >= (FORMS[result.form][1] or 0), result
        assert result.clear + result.short + result.hidden == 300


def test_law_and_literature_hold_no_item(shared: Path) -> None:
    _, index = indexed(shared / "data" / "benchmarks", FEW)
    for kind in ("legal", "book", "classical_zh"):
        texts = hosts(shared, kind, 200)
        assert find_matches(texts, index, MATCHING) == []


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=300), st.sampled_from(sorted(FORMS)), st.integers(0, 99))
def test_every_form_keeps_the_host_and_says_the_same_twice(host: str, form: str, seed: int) -> None:
    item = BenchmarkItem(
        benchmark="b", item_id="i", question="How many hens?\nTell | me.", choices=("1", "x"), answers=("x",)
    )
    once, twice = (put_in(host, FORMS[form][0](item, stream(seed)), stream(seed)) for _ in range(2))
    assert once == twice
    left = iter(once)
    assert all(sign in left for sign in host)


def test_svamp_is_found_in_its_seeds(shared: Path) -> None:
    seeds = pl.read_parquet(shared / "data" / "seeds" / "svamp_all.parquet")
    metadata = pl.Series("metadata", [json.dumps({"answer": answer}) for answer in seeds["answer"].to_list()])
    frame = make_frame(seeds["question"].to_list()).with_columns(metadata)
    built = build(Decontaminate(benchmarks=str(shared / "data" / "benchmarks" / "svamp.parquet")))
    found = built(frame)
    named = {name for names in found["contamination_found"].drop_nulls().to_list() for name in names}
    assert len(named) == 300
    assert 300 <= found["reason"].is_not_null().sum() <= 320  # some seeds are another's question once more


@pytest.mark.slow
def test_mgsm_is_found_in_gsm8k_and_mmlu_in_math(shared: Path) -> None:
    folder = shared / "data" / "benchmarks"
    table = read_benchmarks([str(folder / f"{name}.parquet") for name in ("gsm8k", "mgsm", "mmlu", "math")])
    found = {(row["benchmark"], row["found_in"]): row["items"] for row in overlaps(table).to_dicts()}
    assert found[("mgsm", "gsm8k")] == found[("gsm8k", "mgsm")] == 250
    assert found[("mmlu", "math")] >= 14


def test_a_translated_item_is_not_found(shared: Path) -> None:
    table = read_benchmarks([str(shared / "data" / "benchmarks" / "mgsm.parquet")])
    english, chinese = (table.filter(pl.col("lang") == lang) for lang in ("en", "zh"))
    index = build_index(english, MATCHING)
    assert english.height == chinese.height == 250
    assert find_matches(chinese["question"].to_list(), index, MATCHING) == []  # a limit of n-grams, said in the docs


@pytest.mark.slow
def test_wikipedia_pages_behind_wikitablequestions_are_found(shared: Path) -> None:
    table, index = indexed(shared / "data" / "benchmarks", ("wikitablequestions",))
    files = [shared / "data" / "documents" / f"{name}.parquet" for name in ("encyclopedia", "web_html")]
    pages = pl.concat([pl.read_parquet(file) for file in files]).filter(pl.col("source").str.starts_with("wikipedia"))
    number = re.compile(r"(\d+)-(?:page|csv)/(\d+)\.")
    page_of = {found.groups(): row for row, path in enumerate(pages["origin_path"]) if (found := number.search(path))}
    pairs = [(row, page_of.get(number.search(name).groups())) for row, name in enumerate(table["subset"])]  # type: ignore[union-attr]
    there = {(row, page) for row, page in pairs if page is not None}
    found = set()
    for match in find_matches(pages["text"].to_list(), index, MATCHING):
        found.update((int(item), match.document) for item in index.members_of(match.unit))
    assert len(there) == 1901
    assert len(there & found) / len(there) >= 0.9


@pytest.mark.slow
def test_all_forms_and_all_benchmarks(shared: Path) -> None:
    table, index = indexed(shared / "data" / "benchmarks")
    for result in measure_recall(drawn(table, 2000), index, MATCHING, hosts(shared, "gov_news", 300)):
        assert result.findable >= (FORMS[result.form][1] or 0), result
        assert result.overall >= 0.9 or FORMS[result.form][1] is None, result


@pytest.mark.slow
def test_under_one_clean_document_in_a_thousand_is_flagged(shared: Path) -> None:
    _, index = indexed(shared / "data" / "benchmarks")
    flagged, rows = 0, 0
    for kind in ("book", "legal", "classical_zh", "latex", "code_docs", "gov_news", "web_noisy", "forum_qa"):
        texts = pl.read_parquet(shared / "data" / "documents" / f"{kind}.parquet")["text"].to_list()
        flagged += len({match.document for match in find_matches(texts, index, MATCHING)})
        rows += len(texts)
    assert rows > 10_000
    assert flagged / rows < 0.001
