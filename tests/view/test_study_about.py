"""The page with what a run knows of its arms: data, contamination, samples, measured cost, and runs that were lost."""

import asyncio
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import browser, chromium
from made_study import rows_of, write
from typer.testing import CliRunner

from tilth.cli.study import study_app
from tilth.study.about import (
    About,
    ArmAbout,
    BenchmarkFound,
    Contamination,
    Cost,
    Dataset,
    Hours,
    Part,
    RunNote,
    Sample,
    write_about,
)
from tilth.study.treatment import Facts
from tilth.view.study.costs import costs_of
from tilth.view.study.curves import Curve, sooner
from tilth.view.study.report import Asked, build_report, report_page
from tilth.view.study.words import report_text

HOSTILE = "</style></article><script>alert(1)</script>\"'&\u202e\x1b[31m\nsecond line {hash}"
EFFECTS = {"original": 0.0, "table": -0.06, "shuffled": 0.12}
BINARY = chromium()


def found(rows: int, touched: int) -> Contamination:
    return Contamination(
        rows=rows,
        touched=touched,
        found=(
            BenchmarkFound(benchmark="arc_easy", items=2376, found=touched, rows=touched),
            BenchmarkFound(benchmark="squad", items=900, found=0, rows=0),
        ),
        share_of_tokens=touched / rows / 2,
    )


def cost(generated: int, **others: Any) -> Cost:
    return Cost(
        runs=3,
        generation=Hours(cpu=generated / 1e6),
        training=Hours(cpu=0.3),
        evaluation=Hours(cpu=0.15),
        tokens_generated=generated,
        tokens_trained=600_000,
        **others,
    )


def arm(name: str, data: str | None, **others: Any) -> ArmAbout:
    share = 0.5 if data else 1.0
    parts = [Part(dataset="web", kind="original", share=share, tokens=int(200_000 * share), available=300_000)]
    if data:
        made = Part(dataset=data, kind="synthetic", share=0.5, tokens=100_000, available=61_000, repeats=1.64)
        parts.insert(0, made)
    facts = Facts(tokens=200_000, epochs=1.64 if data else 1.0, tokenizer="abc", size="smoke")
    usual = {"cost": cost(61_000 if data else 0), "contamination": found(1000, 12 if data else 0)}
    return ArmAbout(arm=name, size="smoke", facts=facts, parts=tuple(parts), **(usual | others))


STOPPED = RunNote(seed=3, outcome="stopped early", detail="a gain of 0.02 is excluded", error=0.05, looks=2)
ABOUT = About(
    study="smoke",
    arms=(
        arm("original", None),
        arm("table", "tables"),
        arm("shuffled", "shuffled words", runs=(STOPPED,), notes=("its words were shuffled on purpose",)),
    ),
    datasets=(
        Dataset(name="web", kind="original", rows=13_791, tokens=300_000, contamination=found(13_791, 30)),
        Dataset(
            name="tables",
            kind="synthetic",
            rows=900,
            samples=(
                Sample(shard="part-00000.parquet", row=7, text=HOSTILE, prompt="table", source=f"source {HOSTILE}"),
                Sample(shard="part-00000.parquet", row=8, text="", cut=True),
            ),
        ),
    ),
    notes=("one engine was down for an hour",),
    overhead=0.021,
)


class Text(HTMLParser):
    """Elements, and the text that a reader sees."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three arms at three seeds; the last run of shuffled was never made."""
    rows = [row for row in rows_of(EFFECTS) if (row["arm"], row["seed"]) != ("shuffled", 3)]
    return write(tmp_path_factory.mktemp("results") / "r.parquet", rows)


def report(results: Path, about: About = ABOUT, **others: Any) -> dict[str, Any]:
    asked = Asked(results=(results,), baseline="original", about=about, about_path="about.json", **others)
    return build_report(asked)


def test_the_page_shows_data_contamination_samples_cost_and_what_became_of_runs(results: Path) -> None:
    page = report_page(report(results))
    seen = Text(page).text
    titles = re.findall(r"<h2[^>]*>([^<]*)", page.decode())
    assert titles[:8] == [
        "Differences from the baseline",
        "Claims",
        "Arm by task",
        "Scores while training",
        "Cost against score",
        "Gain for the cost",
        "Data of each arm",
        "Benchmark items in the data",
    ]
    for words in (
        "50% tables (100,000 tokens, seen 1.64 times)",
        "12 of 1,000 (1.2 %)",
        "30 of 2,376",
        "Not looked through: tables.",
        "synthetic, 900 rows, in table",
        "second line {hash}",
        "shuffled: stopped early (seed 3)",
        "a gain of 0.02 is excluded",
        "its words were shuffled on purpose",
        "one engine was down for an hour",
        "2.1% of the processor time",
        "worse, stopped",
        "--about about.json",
    ):
        assert words in seen, words


def test_texts_of_others_are_text_in_samples_too(results: Path) -> None:
    page = report_page(report(results))
    seen = Text(page)
    assert "script" not in seen.tags
    assert seen.tags.count("style") == 1
    assert seen.tags.count("article") == page.decode().count("</article>") == 2
    assert seen.text.count("<script>alert(1)</script>") == 2
    assert not {"\u202e", "\x1b"} & set(page.decode())
    assert "no text" in seen.text


def test_measured_costs_come_before_planned_ones_in_hours_or_in_money(results: Path) -> None:
    costs = report(results)["costs"]
    assert (costs["how"], costs["unit"]) == ("measured", "CPU hours")
    assert costs["by_arm"]["table"] == pytest.approx(0.061 + 0.15)
    priced = {"generation_money": 3.0, "money": 33.0, "currency": "USD"}
    dear = replace(ABOUT, arms=tuple(replace(one, cost=cost(61_000, **priced)) for one in ABOUT.arms))
    assert costs_of(None, dear, "smoke") == {
        "how": "measured",
        "unit": "USD",
        "by_arm": dict.fromkeys(("original", "table", "shuffled"), 13.0),
    }
    partly = replace(dear, arms=(*dear.arms[:2], ABOUT.arms[2]))  # one arm without a price: hours for all
    assert (costs_of(None, partly, "smoke") or {})["unit"] == "CPU hours"
    on_gpu = replace(ABOUT, arms=(replace(ABOUT.arms[1], cost=Cost(runs=1, training=Hours(cpu=9.0, gpu=2.0))),))
    assert costs_of(None, on_gpu, "smoke") == {"how": "measured", "unit": "GPU hours", "by_arm": {"table": 2.0}}
    assert costs_of(None, ABOUT, "large") is None
    seen = Text(report_page(report(results))).text
    assert "One model by this recipe cost 0.211 CPU hours as measured, +0.061 against the baseline's." in seen


def test_the_gain_for_the_cost_is_the_effect_over_the_cost(results: Path) -> None:
    made = report(results)
    page = report_page(made).decode()
    (one,) = [row for row in made["primary"]["comparisons"] if row["arm"] == "table"]
    section = page[page.index("Gain for the cost") : page.index("Data of each arm")]
    table = section[section.index("<table") :]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", table)
    assert cells[0] == "table"
    assert float(cells[2].replace("−", "-")) == pytest.approx(0.1 * one["effect"] / 0.211, abs=1e-4)
    assert float(cells[3].replace("−", "-")) == pytest.approx(0.1 * one["effect"] / 0.061, rel=0.01)


def test_a_stopped_arms_claim_allows_for_the_looks(results: Path) -> None:
    without = replace(ABOUT, arms=(*ABOUT.arms[:2], replace(ABOUT.arms[2], runs=())))
    (stopped,), (plain,) = (
        [one for one in report(results, about)["primary"]["comparisons"] if one["arm"] == "shuffled"]
        for about in (ABOUT, without)
    )
    assert (stopped["looks"], plain["looks"]) == (2, 1)
    assert stopped["p"] == pytest.approx(min(1.0, 2 * plain["p"]))
    assert stopped["high"] - stopped["low"] > plain["high"] - plain["low"]
    assert "stopped early by a rule that may look 2 times" in stopped["paragraph"]


def test_arms_are_held_against_the_baseline_by_what_they_were_run_with(results: Path) -> None:
    other = replace(ABOUT.arms[1], facts=replace(ABOUT.arms[1].facts, tokenizer="another"))
    made = report(results, replace(ABOUT, arms=(ABOUT.arms[0], other, ABOUT.arms[2])))
    assert [(one["arm"], one["field"], one["level"]) for one in made["differences"] if one["level"] == "refused"] == [
        ("table", "tokenizer", "refused")
    ]
    assert "Arms that differ from the baseline in more than the treatment: table." in Text(report_page(made)).text


def test_the_terminal_says_cost_and_lost_runs_beside_each_claim(results: Path) -> None:
    words = report_text(report(results))
    assert "run: shuffled: stopped early (seed 3). a gain of 0.02 is excluded" in words
    assert words.count("CPU hours as measured") == 2


def test_the_command_reads_the_file_and_names_it_in_its_own_command(results: Path, tmp_path: Path) -> None:
    write_about(tmp_path / "about.json", ABOUT)
    words = ["report", results, "--baseline", "original", "--about", tmp_path / "about.json", "--out", tmp_path / "out"]
    done = CliRunner().invoke(study_app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out/report.html").read_text()
    assert "Samples of the data" in page
    assert f"--about {tmp_path}/about.json" in page


def test_how_much_sooner_an_arm_reaches_the_baselines_last_score() -> None:
    def curve(name: str, *scores: float) -> Curve:
        return Curve(arm=name, points=tuple((100 * (n + 1), score, score, score) for n, score in enumerate(scores)))

    curves = [
        curve("base", 1.0, 0.8, 0.6),
        curve("fast", 0.9, 0.5, 0.4),
        curve("slow", 1.1, 1.0, 0.9),
        curve("at once", 0.5, 0.4),
    ]
    found_ = sooner(curves, "base", higher_is_better=False)
    assert found_ == [
        ("fast", pytest.approx(175.0), pytest.approx(300 / 175)),
        ("slow", None, 0.0),
        ("at once", 100.0, 3.0),
    ]
    assert sooner(curves[1:], "base", higher_is_better=False) == []


_LOOK = "[document.documentElement.scrollWidth <= innerWidth, document.querySelectorAll('article').length]"


@pytest.mark.skipif(BINARY is None, reason="no Chromium found; set TILTH_CHROMIUM to the path of one")
@pytest.mark.parametrize(("width", "dark"), [(1300, False), (400, True)])
def test_the_page_fits_a_screen_and_a_phone(results: Path, tmp_path: Path, width: int, dark: bool) -> None:
    long = replace(ABOUT.datasets[1], name="a dataset whose name is far too long " * 4)
    about = replace(ABOUT, datasets=(ABOUT.datasets[0], long))
    (tmp_path / "page.html").write_bytes(report_page(report(results, about)))

    async def visit() -> tuple[Any, list[Any]]:
        assert BINARY is not None
        async with browser(BINARY) as tab:
            await tab.size(width, 900, dark)
            await tab.open((tmp_path / "page.html").as_uri())
            return await tab.run(_LOOK), tab.of("Log.entryAdded") + tab.of("Runtime.exceptionThrown")

    (fits, articles), faults = asyncio.run(visit())
    assert fits
    assert articles == 2
    assert faults == []
