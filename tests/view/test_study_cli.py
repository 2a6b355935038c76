"""The commands of studies: what they print, what they write, how they end."""

import json
from pathlib import Path

import pytest
import yaml
from made_study import rows_of, write
from typer.testing import CliRunner, Result

from tilth.base.errors import ConfigError
from tilth.cli.study import study_app
from tilth.study.statistics.report import plain

PROJECT = Path(__file__).parents[2]
SAMPLES = PROJECT / "tests" / "evaluate_tasks" / "lm_eval"
BAD = """
name: bad
baseline: a
tokenizer: t
sizes: {s: {parameters: 1M, tokens: 1M}}
evaluation: {tasks: {arc: GK}, form: cloze, metric: norm_prob_gold, version: "1"}
hardware: {name: gpu, flops: 1.0e+12}
arms: [{name: a, mix_in: web}, {name: b, mix_in: web, tokens: 2M, tokenizer: other}]
"""


def tilth(*words: object, fails: bool = False) -> Result:
    found = CliRunner().invoke(study_app, [str(word) for word in words])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert (found.exit_code != 0) is fails, found.output
    return found


@pytest.mark.parametrize("name", ["smoke", "boostqa", "finephrase"])
def test_plans_of_shipped_studies_print_their_cost_and_reach(name: str) -> None:
    seen = tilth("plan", name).output
    for word in ("runs", "tokens trained on", "money", "smallest difference", "published"):
        assert word in seen


def test_a_plan_with_unequal_arms_is_refused_with_the_diff(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(BAD)
    found = tilth("plan", tmp_path / "bad.yaml", fails=True)
    assert found.exit_code == 4
    assert "refused: b: tokens 2,000,000, a has 1,000,000" in found.output
    assert "refused: b: tokenizer other, a has t" in found.output
    plan = json.loads(CliRunner().invoke(study_app, ["plan", str(tmp_path / "bad.yaml"), "--json"]).stdout)
    assert len(plan["differences"]) == 2


def smoke_by_answers(folder: Path) -> Path:
    """The shipped study, judged by the metric that the made-up results have."""
    shipped = yaml.safe_load((PROJECT / "src" / "tilth" / "studies" / "smoke.yaml").read_text(encoding="utf-8"))
    shipped["evaluation"] |= {"metric": "gold_bpb", "tasks": {"arc_easy": "knowledge", "piqa": "reasoning"}}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(shipped))
    return path


def test_a_plan_takes_the_spread_from_stored_results(tmp_path: Path) -> None:
    results = write(tmp_path / "r.parquet", rows_of({"original": 0.0, "shuffled": 0.1}))
    seen = " ".join(tilth("plan", smoke_by_answers(tmp_path), "--noise", results).output.split())
    assert "measured: original, 3 seeds, gold_bpb at size smoke" in seen
    assert "measure the baseline" not in seen


def test_import_then_report_from_samples_alone(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        for arm in ("original", "table"):
            out = tmp_path / "results" / f"{arm}-{seed}.parquet"
            seen = tilth("import", SAMPLES, "--arm", arm, "--seed", seed, "--out", out).output
    assert "arc_easy" in seen
    assert "4 scored" in seen
    seen = tilth("report", tmp_path / "results", "--baseline", "original", "--out", tmp_path / "page").output
    assert "table is not worse than" in seen or "cannot be told" in seen
    stored = json.loads((tmp_path / "page" / "report.json").read_bytes())
    assert stored["primary"]["metric"] == "gold_bpb"
    assert (tmp_path / "page" / "report.html").read_bytes().startswith(b"<!doctype html>")


def test_a_cut_file_is_imported_named_and_ends_with_4(tmp_path: Path) -> None:
    whole = next(SAMPLES.glob("samples_*.jsonl"))
    cut = tmp_path / whole.name
    cut.write_bytes(whole.read_bytes()[:-30])
    found = tilth("import", cut, "--arm", "a", "--seed", 1, "--out", tmp_path / "r.parquet", fails=True)
    assert found.exit_code == 4
    assert "is truncated: 3 items are in the table" in found.output
    assert (tmp_path / "r.parquet").exists()


def test_the_command_on_the_page_makes_the_page_again(tmp_path: Path) -> None:
    results = write(tmp_path / "r.parquet", rows_of({"original": 0.0, "shuffled": 0.1}))
    tilth(
        "report",
        results,
        "--baseline",
        "original",
        "--out",
        tmp_path / "a",
        "--pool-seeds",
        "--margin",
        "0.02",
        "--study",
        smoke_by_answers(tmp_path),
    )
    first = json.loads((tmp_path / "a" / "report.json").read_bytes())
    words = first["command"].split()
    assert words[:3] == ["tilth", "study", "report"]
    assert words[-2:] == ["--out", "FOLDER"]
    tilth(*words[2:-1], tmp_path / "b")
    assert (tmp_path / "b" / "report.html").read_bytes() == (tmp_path / "a" / "report.html").read_bytes()
    assert first["primary"]["settings"]["pool_seeds"] is True
    assert first["primary"]["margin"] == 0.02


def test_the_gate_holds_accuracies_against_what_guessing_scores(tmp_path: Path) -> None:
    rows = rows_of({"original": 0.0, "table": 0.1}, metric="acc")
    # an accuracy that rises to .27, where one choice of four is right (arc_easy) and one of two (piqa)
    rows = [{**row, "form": "cloze", "value": 0.26 + (row["value"] - 1) / 500 + row["step"] / 1e5} for row in rows]
    results = write(tmp_path / "r.parquet", [row for row in rows if row["task"] in ("arc_easy", "piqa")])
    tilth("report", results, "--baseline", "original", "--metric", "acc", "--out", tmp_path / "page")
    tasks = json.loads((tmp_path / "page" / "report.json").read_bytes())["primary"]["tasks"]
    assert {task["task"]: task["in_aggregate"] for task in tasks} == {"arc_easy": True, "piqa": False}


def test_wrong_options_say_what_is_right(tmp_path: Path) -> None:
    results = write(tmp_path / "r.parquet", rows_of({"original": 0.0, "shuffled": 0.1}))
    with pytest.raises(ConfigError, match="expected --aggregate macro"):
        tilth("report", results, "--baseline", "original", "--out", tmp_path, "--aggregate", "mean")
    with pytest.raises(ConfigError, match="expected one of the arms original, shuffled as the baseline; saw 'orig'"):
        tilth("report", results, "--baseline", "orig", "--out", tmp_path)


def test_published_prints_the_reproduced_figures_and_writes_the_page(tmp_path: Path) -> None:
    seen = tilth("published", "--out", tmp_path).output
    assert "60 / 29 / 11" in seen
    assert "59.8 / 29.2 / 11.0" in seen
    assert "12 of 53 supported" in seen
    page = (tmp_path / "published.html").read_bytes()
    assert len(page) < 1_000_000
    assert page.count(b"<svg") == 11
    numbers = json.loads((tmp_path / "published.json").read_bytes())
    assert plain(numbers) == numbers
    assert len(numbers["scores"]["runs"]) == 90
