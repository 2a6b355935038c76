"""Curation without a recipe file, from the command line and from Python, on small real files."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tilth import corpus
from tilth.base.errors import ConfigError
from tilth.data.source import Columns
from tilth.recipe import shipped_recipes

GOOD = (
    "The harbour of the old town was built in the twelfth century, and the merchants of the coast have used it ever "
    "since. It is protected by a long wall of stone that was raised after the great flood. Ships of the north brought "
    "timber and fish, and they took back salt, cloth and wine. In the summer the market on the quay is full of people "
    "who come to buy what the boats have landed during the night. The guild kept careful books, and many of them can "
    "still be read in the archive that stands behind the church of the fishermen.\n"
)


def tilth(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tilth.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=110)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rows = [
        GOOD.replace("twelfth", f"{number}th").replace("salt", f"salt number {number * 7919}") for number in range(6)
    ]
    texts = [
        *rows,
        rows[0],
        rows[1] + " A last word.",
        "too short",
        GOOD + " Write to harbour.master@quay-town.org now.",
    ]
    pl.DataFrame({"text": texts, "name": [f"r{n}" for n in range(len(texts))]}).write_parquet(tmp_path / "raw.parquet")
    return tmp_path


def test_dedup_keeps_one_of_each_cluster_and_writes_the_clusters(files: Path) -> None:
    done = tilth("dedup", "raw.parquet", "--id", "name", "--keep", "first", "--run-dir", "out", cwd=files)
    assert done.returncode == 0, done.stderr
    assert "exact duplicate" in done.stdout
    kept = pl.read_parquet(files / "out" / "curated" / "part-*.parquet")
    assert "r0" in kept["doc_id"]
    assert "r6" not in kept["doc_id"]
    assert list((files / "out" / "curated" / "stages").glob("*/clusters/*.parquet"))


def test_curate_names_every_drop_and_replaces_personal_data(files: Path) -> None:
    done = tilth("curate", "raw.parquet", "--id", "name", "--run-dir", "out", cwd=files)
    assert done.returncode == 0, done.stderr
    assert "no --benchmarks given" in done.stderr
    kept = pl.read_parquet(files / "out" / "curated" / "part-*.parquet")
    assert not kept["text"].str.contains("harbour.master@").any()
    ledger = json.loads((files / "out" / "ledger.json").read_text())["steps"][1]["ledger"]
    assert ledger["in"] == 10 == ledger["kept"] + sum(ledger["reasons"].values())
    assert ledger["reasons"]["gopher_few_words"] == 1
    assert (files / "out" / "samples.html").exists()


def test_decontaminate_drops_cuts_or_flags_as_asked(files: Path) -> None:
    question = (
        "How many sacks of salt did the harbour master of the old town buy from the northern merchants in winter?"
    )
    item = {"item_id": ["1"], "benchmark": ["quay"], "question": [question], "answer": ["forty"]}
    pl.DataFrame(item).write_parquet(files / "bench.parquet")
    raw = pl.read_parquet(files / "raw.parquet")
    pl.concat([raw, pl.DataFrame({"text": [f"{GOOD}\n\n{question} forty\n"], "name": ["dirty"]})]).write_parquet(
        files / "raw.parquet"
    )
    for action, rows in (("drop", 10), ("cut", 11), ("flag", 11)):
        arguments = ("--benchmarks", "bench.parquet", "--action", action, "--id", "name", "--run-dir", action)
        done = tilth("decontaminate", "raw.parquet", *arguments, cwd=files)
        assert done.returncode == 0, done.stderr
        kept = pl.read_parquet(files / action / "curated" / "part-*.parquet")
        assert kept.height == rows
        found = kept.filter(pl.col("doc_id") == "dirty")["text"].to_list()
        assert [question in text for text in found] == {"drop": [], "cut": [False], "flag": [True]}[action]


def test_inspect_shows_where_thresholds_cut_and_writes_nothing(files: Path) -> None:
    done = tilth("inspect", "raw.parquet", "--preset", "gopher-quality", cwd=files)
    assert done.returncode == 0, done.stderr
    assert "word_count" in done.stdout
    assert "gopher_few_words" in done.stdout
    assert "10 documents" in done.stdout
    found = json.loads(tilth("inspect", "raw.parquet", "--json", "--limit", "4", cwd=files).stdout)
    assert found["rows"] == 4
    assert {path.name for path in files.iterdir()} == {"raw.parquet"}


def test_train_scorer_reports_figures_with_intervals_and_writes_a_scorer_that_a_recipe_uses(tmp_path: Path) -> None:
    noise = "click here to win now !!! best price $$$ buy cheap watches online free free free"
    rows = [(GOOD.replace("salt", f"salt {n}"), "good") for n in range(30)] + [
        (f"{noise} {n}", "bad") for n in range(30)
    ]
    pl.DataFrame(rows, schema=["text", "label"], orient="row").write_parquet(tmp_path / "labelled.parquet")
    done = tilth("train-scorer", "labelled.parquet", "--out", "scorer", "--good", "good", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "accuracy 1.000 (1.000 to 1.000)" in done.stdout
    recipe = """
name: scored
steps:
  raw: {read: {source: [labelled.parquet], columns: {metadata: [label]}}}
  best: {from: raw, curate: [{score: {scorer: scorer, minimum: 0.5}}]}
"""
    (tmp_path / "r.yaml").write_text(recipe)
    done = tilth("run", "r.yaml", "--run-dir", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(tmp_path / "out" / "best" / "part-*.parquet").height == 30


def test_a_shipped_curation_recipe_takes_other_files_columns_and_benchmarks(tmp_path: Path) -> None:
    recipe = corpus.curate_recipe(["a.parquet"], columns=Columns(text="body"), benchmarks=["items.parquet"], workers=3)
    read = recipe.steps["documents"].read
    assert read is not None
    assert read.columns.text == "body"
    assert recipe.execution.workers == 3
    assert "curate" in shipped_recipes()
    stages = [stage.name for stage in recipe.steps["curated"].curate or ()]
    assert stages[-1] == "decontaminate"
    without = corpus.curate_recipe(["a.parquet"]).steps["curated"].curate or ()
    assert "decontaminate" not in [stage.name for stage in without]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dedup", "raw.parquet", "--keep", "best"), "first or"),
        (("decontaminate", "raw.parquet", "--benchmarks", "raw.parquet", "--action", "burn"), "drop, cut or flag"),
        (("decontaminate", "raw.parquet", "--benchmarks", "nothing.parquet"), "nothing.parquet"),
        (("curate", "nothing/*.parquet"), "nothing"),
        (("inspect", "raw.parquet", "--preset", "gophre-quality"), "gopher-quality"),
    ],
)
def test_mistakes_are_said_without_a_traceback(files: Path, arguments: tuple[str, ...], words: str) -> None:
    done = tilth(*arguments, cwd=files)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_recipe_without_a_read_step_cannot_take_files(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("name: x\nsteps:\n  a: {read: {source: [b.parquet]}}\n")
    assert corpus.curate_recipe(["c.parquet"], tmp_path / "r.yaml").steps["a"].read is not None
    with pytest.raises(ConfigError, match="expected a recipe file"):
        corpus.curate_recipe(["c.parquet"], tmp_path / "none.yaml")


def test_label_trains_a_labeller_and_labels_rows_with_it(tmp_path: Path) -> None:
    said = {
        "physics": "The force on a mass in a field with velocity and momentum {} newtons, what is its energy?",
        "world_history": "In which year {} did the king sign the treaty that ended the war of the empires?",
    }
    rows = [(text.format(1000 + n), field) for n in range(30) for field, text in said.items()]
    pl.DataFrame(rows, schema=["text", "field"], orient="row").write_parquet(tmp_path / "known.parquet")
    done = tilth("label", "known.parquet", "--train", "labeller", "--label", "field", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "accuracy 1.000" in done.stdout
    done = tilth("label", "known.parquet", "--model", "labeller", "--run-dir", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    labelled = pl.read_parquet(tmp_path / "out" / "curated" / "part-*.parquet").unnest("signals")
    assert set(labelled["field"].drop_nulls()) == {"physics", "world_history"}
    both = tilth("label", "known.parquet", cwd=tmp_path)
    assert both.returncode == 2
    assert "expected one of --model" in both.stderr


def test_a_model_is_probed_and_its_weak_cell_gets_the_weight(tmp_path: Path) -> None:
    rows = [
        {
            "question": f"How much is {a} plus {b} in {discipline}, problem {number}?",
            "answer": str(a + b),
            "discipline": discipline,
            "difficulty": float(hard),
            "seed_id": f"{discipline}-{hard}-{number}",
        }
        for discipline in ("science", "history")
        for hard in (3, 7)
        for number in range(60)
        for a, b in [(number * 7 + hard, number + len(discipline))]
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "known.parquet")
    recipe = """
name: pool
steps:
  seeds:
    read:
      source: [known.parquet]
      columns: {text: question, id: seed_id, metadata: [answer, discipline, difficulty]}
"""
    (tmp_path / "pool.yaml").write_text(recipe)
    model = """
engine: scripted
model: planted
extra_body:
  scripted:
    known: [known.parquet]
    skill: {cells: {science/D4: 0.1, science/D2: 0.95, history/D2: 0.95, history/D4: 0.95}}
"""
    (tmp_path / "model.yaml").write_text(model)
    for arguments in (
        ("run", "pool.yaml", "--run-dir", "pool", "--quiet"),
        ("probe", "make", "pool/seeds", "--out", "set", "--least", "20"),
        ("probe", "run", "model.yaml", "--set", "set", "--out", "probe"),
        ("weights", "probe", "--target", "0.9", "--out", "weights.yaml"),
    ):
        done = tilth(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "science/D4" in done.stdout.splitlines()[3]  # the greatest weight first
    page = (tmp_path / "probe" / "probe.html").read_text()
    assert 'class="heat"' in page
    assert "<script" not in page
    again = tilth("probe", "compare", "probe", "probe", cwd=tmp_path)
    assert "science/D4" in again.stdout
    missing = tilth("probe", "run", "no-such-model", "--set", "set", "--out", "p2", cwd=tmp_path)
    assert missing.returncode == 2
    assert "--url" in missing.stderr
