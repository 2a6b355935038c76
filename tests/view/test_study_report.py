"""A made-up study from stored results to verdicts and a page: the planted bad arm is found, the null arm is not."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made_study import TASKS, rows_of, write

from tilth.study.design import parse_study
from tilth.study.statistics.settings import StatisticsSettings
from tilth.view.study.report import Asked, build_report, report_page, write_report
from tilth.view.study.words import report_text

HOSTILE = "</style><script>alert(1)</script>\"'&\u202e\x1b[31m{hash}"
EFFECTS = {"original": 0.0, "table+faq": -0.06, "null arm": 0.0, "shuffled": 0.12}
CATEGORIES = {"arc_easy": "knowledge", "piqa": "reasoning", "squad": "reading"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("results") / "results.parquet", rows_of(EFFECTS))


@pytest.fixture(scope="module")
def report(results: Path) -> dict[str, Any]:
    return build_report(Asked(results=(results,), baseline="original", categories=CATEGORIES, title="smoke"))


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {one["arm"]: one["verdict"] for one in report["primary"]["comparisons"]}


class Text(HTMLParser):
    """Every element with its attributes, and the text that a reader sees."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_planted_bad_arm_is_worse_the_good_one_better_and_the_null_arm_cannot_be_told(
    report: dict[str, Any],
) -> None:
    assert verdicts(report) == {"shuffled": "worse", "table+faq": "better", "null arm": "cannot tell"}
    assert report["primary"]["metric"] == "gold_bpb"


def test_two_seeds_with_the_spread_pooled_still_find_the_bad_arm(tmp_path: Path) -> None:
    results = write(tmp_path / "r.parquet", rows_of(EFFECTS, seeds=2))
    pooled = Asked(results=(results,), baseline="original", settings=StatisticsSettings(pool_seeds=True))
    found = verdicts(build_report(pooled))
    assert found["shuffled"] == "worse"
    assert found["null arm"] == "cannot tell"


def test_the_page_says_what_the_numbers_say_figure_first(report: dict[str, Any]) -> None:
    page = report_page(report)
    seen = Text(page).text
    titles = re.findall(r"<h2[^>]*>([^<]*)", page.decode())
    assert titles[:3] == ["Differences from the baseline", "Claims", "Arm by task"]
    for one in report["primary"]["comparisons"]:
        assert one["paragraph"] in seen
    assert {*TASKS, *CATEGORIES.values()} <= set(seen.split())


def test_the_forest_plot_puts_each_arm_at_its_effect(report: dict[str, Any]) -> None:
    plot = re.search(r"<svg.*?</svg>", report_page(report).decode(), re.DOTALL)
    assert plot is not None
    rows = re.findall(r"<g><title>([^:]+): .*?</title>(.*?)</g>", plot.group(), re.DOTALL)
    assert [name for name, _ in rows] == ["table+faq", "null arm", "shuffled"]
    zero = float(re.search(r'<line x1="([\d.]+)"[^>]*class="zero"', plot.group())[1])  # type: ignore[index]
    spans = [re.search(r'x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)"[^>]*interval', row) for _, row in rows]
    ends = [tuple(map(float, span.group(1, 2))) for span in spans if span]
    sides = [(low > zero) - (high < zero) for low, high in ends]
    assert sides == [1, 0, -1]


def test_the_page_is_the_same_for_the_same_results_whatever_their_order(results: Path, tmp_path: Path) -> None:
    asked = Asked(results=(results,), baseline="original")
    write_report(asked, tmp_path / "a")
    write_report(asked, tmp_path / "b")
    assert (tmp_path / "a/report.html").read_bytes() == (tmp_path / "b/report.html").read_bytes()
    assert (tmp_path / "a/report.json").read_bytes() == (tmp_path / "b/report.json").read_bytes()
    stored = json.loads((tmp_path / "a/report.json").read_bytes())
    assert report_page(stored) == (tmp_path / "a/report.html").read_bytes()


def test_the_page_fetches_nothing_runs_nothing_and_is_small(report: dict[str, Any]) -> None:
    page = report_page(report)
    assert len(page) < 200_000
    seen = Text(page)
    policy = next(attrs["content"] for tag, attrs in seen.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    assert not {tag for tag, _ in seen.tags} & {"script", "iframe", "object", "embed", "form", "img", "base"}
    assert not [attrs for _, attrs in seen.tags if any(name.startswith("on") or name == "style" for name in attrs)]
    links = [value for _, attrs in seen.tags for name, value in attrs.items() if name in ("href", "src")]
    assert set(links) == {"data:,", "#main"}


def test_hostile_names_are_text_everywhere(tmp_path: Path) -> None:
    effects = {HOSTILE: 0.0, f"{HOSTILE}2": 0.1}
    rows = rows_of(effects, tasks={f"task {HOSTILE}": 120, "b": 120})
    report = build_report(Asked(results=(write(tmp_path / "r.parquet", rows),), baseline=HOSTILE, title=HOSTILE))
    page = report_page(report)
    seen = Text(page)
    assert [tag for tag, _ in seen.tags].count("style") == 1
    assert "script" not in {tag for tag, _ in seen.tags}
    assert "<script>alert(1)</script>" in seen.text
    assert "{hash}" in seen.text
    assert not {"\u202e", "\x1b"} & set(page.decode())


def test_every_element_is_closed_and_charts_have_names(report: dict[str, Any]) -> None:
    page = report_page(report).decode()
    for tag in ("svg", "g", "table", "section", "div", "li", "td", "th", "pre"):
        assert len(re.findall(rf"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag
    assert len(re.findall(r'<svg [^>]*role="img" aria-label="[^"]+"', page)) == page.count("<svg")
    assert not re.search(r"(?:NaN|nan|None|inf)\b", re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL))


def test_lost_runs_are_named_and_never_a_score(tmp_path: Path) -> None:
    rows = rows_of(EFFECTS | {"gone": 0.0}, diverged=(("gone", 1), ("gone", 2), ("gone", 3), ("table+faq", 2)))
    report = build_report(Asked(results=(write(tmp_path / "r.parquet", rows),), baseline="original"))
    seen = Text(report_page(report)).text
    assert verdicts(report)["table+faq"] == "cannot tell"
    assert verdicts(report)["gone"] == "cannot tell"
    assert "no score: diverged" in seen
    assert seen.count("diverged") >= 4


def test_a_second_metric_stands_beside_and_decides_nothing(tmp_path: Path) -> None:
    rows = rows_of(EFFECTS)
    rows += [row | {"metric": "acc", "value": float(row["value"] < 0.8)} for row in rows]
    results = write(tmp_path / "r.parquet", rows)
    one = build_report(Asked(results=(results,), baseline="original", metrics=("gold_bpb",)))
    two = build_report(Asked(results=(results,), baseline="original", metrics=("gold_bpb", "acc")))
    assert two["primary"] == one["primary"]
    assert [other["metric"] for other in two["others"]] == ["acc"]
    assert "Other metrics" in Text(report_page(two)).text
    assert "--metric gold_bpb --metric acc" in two["command"]


def test_costs_and_published_scores_come_from_the_study_file(tmp_path: Path) -> None:
    price = {"date": "2026-11-01", "gpu_hour": 1.0}
    part = {"strategy": "s", "generator": "g", "mix_in": "web", "ratio": 0.5}
    study = parse_study(
        {
            "name": "costed",
            "baseline": "original",
            "tokenizer": "t",
            "sizes": {"smoke": {"parameters": "1M", "tokens": "1M"}},
            "evaluation": {"tasks": CATEGORIES, "form": "bpb", "metric": "gold_bpb", "version": "1"},
            "hardware": {"name": "gpu", "flops": 1e9, "price": price},
            "generators": {"g": {"tokens_per_second": 100}},
            "arms": [
                {"name": "original", "mix_in": "web", "published": "seeds/hq-1.7b"},
                {"name": "table+faq", "published": "seeds/table-1.7b", "source": "a"} | part,
                {"name": "shuffled", "source": "b", "synthetic_tokens": "100k"} | part,
            ],
        }
    )
    results = write(tmp_path / "r.parquet", rows_of(EFFECTS))
    report = build_report(Asked(results=(results,), baseline="original", study=study, categories=CATEGORIES))
    costs = report["costs"]["by_arm"]
    assert costs["table+faq"] - costs["original"] == pytest.approx(500_000 / 100 / 3600)
    seen = Text(report_page(report)).text
    assert "Cost against score" in seen
    assert "Published macro score x 100: 17.25 (9 runs), +5.16" in seen
    assert "refused shuffled: epochs 5, original has 1" in seen
    assert "Arms that differ from the baseline in more than the treatment: shuffled." in seen
    assert "It differs in more than the treatment: epochs 5 against 1." in seen
    assert "not the recipe alone: shuffled differs from original" in report_text(report)


def test_another_size_is_compared_by_its_order(tmp_path: Path) -> None:
    rows = rows_of(EFFECTS) + rows_of(EFFECTS, seed=5, size="large")
    results = write(tmp_path / "r.parquet", rows)
    report = build_report(Asked(results=(results,), baseline="original", size="large"))
    assert [(one["small"], one["large"], one["regret"]) for one in report["transfer"]] == [("smoke", "large", 0.0)]
