"""The command line as a person uses it: real processes, exit codes, and errors without a traceback."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.main import get_command

from tilth.cli import app

#: What every command that reads files without a recipe takes.
FILES = ["--id", "--json-lines", "--language", "--licence", "--metadata", "--quiet", "--run-dir", "--text", "--workers"]
FILES += ["source"]
#: Every command with its options. A new option is a decision: it stands here, in the help and in the docs.
SURFACE = {
    "inspect": ["--json", "--language", "--limit", "--preset", "--text", "source"],
    "curate": sorted([*FILES, "--benchmarks", "--recipe"]),
    "dedup": sorted([*FILES, "--against", "--exact-only", "--keep", "--write-index"]),
    "decontaminate": sorted([*FILES, "--action", "--benchmarks"]),
    "train-scorer": ["--good", "--group", "--json", "--label", "--out", "--seed", "--text", "labelled"],
    "label": sorted([*FILES, "--json", "--label", "--model", "--train"]),
    "explain": ["--json", "place"],
    "train-tokenizer": ["--out", "--quiet", "--split", "--text", "--vocabulary", "data"],
    "tokenise": sorted(
        [
            *("--bos-token", "--eos-token", "--max-document-tokens", "--out", "--quiet", "--revision", "--text"),
            *("--tokenizer", "--workers", "data"),
        ]
    ),
    "mix": ["--out", "--plan", "--quiet", "--suggest", "file"],
    "pack": ["--out", "--quiet", "--sequence", "mixture"],
    "export": ["--assistant", "--out", "--quiet", "--to", "--user", "mixture"],
    "agreement": ["--kappa", "--out", "first", "second"],
    "weights": ["--metric", "--out", "--target", "probe"],
    "probe make": ["--difficulty", "--items", "--least", "--out", "--seed", "dataset"],
    "probe run": sorted(
        [
            "--answers",
            "--completions",
            "--json-lines",
            "--out",
            "--quiet",
            "--set",
            "--step",
            "--temperature",
            "--url",
            "model",
        ]
    ),
    "probe compare": ["--metric", "probes"],
    "study plan": ["--json", "--noise", "--size", "study"],
    "study import": sorted(
        ["--arm", "--filter", "--form", "--group", "--item", "--out", "--seed", "--size", "--step", "samples"]
    ),
    "study report": sorted(
        [
            *("--aggregate", "--baseline", "--checkpoints", "--form", "--json", "--margin", "--metric", "--no-gate"),
            *("--about", "--out", "--pool-seeds", "--size", "--study", "results"),
        ]
    ),
    "study run": ["--arm", "--json-lines", "--no-contamination", "--quiet", "--run-dir", "--workers", "study"],
    "train": sorted(
        [
            *("--preset", "--start", "--revision", "--settings", "--tokens", "--sequence", "--batch-tokens"),
            *("--learning-rate", "--schedule", "--phase", "--documents", "--seed", "--checkpoints", "--micro-batch"),
            *("--threads", "--emit-launch", "--nodes", "--gpus", "--time", "--partition", "--account"),
            *("--json", "--json-lines", "--quiet", "--out", "tokens"),
        ]
    ),
    "evaluate": sorted(
        [
            *("--tasks", "--benchmarks", "--form", "--held-out", "--held-out-limit", "--shots", "--limit", "--backend"),
            *("--device", "--task-folder", "--emit-tasks", "--list", "--arm", "--seed", "--size", "--step"),
            *("--out", "model"),
        ]
    ),
    "study published": ["--json", "--out"],
    "run": sorted(
        [
            *("--json-lines", "--keep", "--new-run", "--quiet", "--regenerate", "--run-dir", "--source", "--with"),
            "recipe",
        ]
    ),
    "preview": ["--rows", "--source", "--with", "recipe"],
    "estimate": ["--quiet", "--rows", "--run-dir", "--source", "--with", "recipe"],
    "status": ["--json", "run_dir"],
    "verify": ["run_dir"],
    "reparse": ["run_dir"],
    "doctor": ["--folder", "recipe"],
    "crash-test": ["--kills", "--rows", "--seed", "--source", "--with", "recipe"],
    "checks": [],
    "prompts list": ["--prompts"],
    "prompts show": ["--prompts", "name"],
    "prompts render": ["--prompts", "--row", "--seed", "document", "name"],
}


def tilth(*arguments: str, cwd: Path | None = None, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tilth.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        env={**os.environ, **environment},
    )


def surface() -> dict[str, list[str]]:
    found = {}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        for place, item in [(name, command)] if inner is None else [(f"{name} {sub}", inner[sub]) for sub in inner]:
            options = [max(param.opts, key=len) for param in item.params]
            found[place] = sorted(option for option in options if option != "--help")
    return found


def test_the_surface_is_the_one_that_is_written_down() -> None:
    assert surface() == SURFACE


def test_help_imports_no_engine_and_no_heavy_package() -> None:
    code = (
        "import sys; sys.argv=['tilth','--help']\n"
        "try:\n import tilth.cli; tilth.cli.app()\nexcept SystemExit: pass\n"
        "heavy={'torch','ray','pyarrow','numpy','polars','aiohttp','openvino_genai','tokenizers','transformers'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Usage: tilth" in done.stdout


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    text = (
        "Granite is a hard rock that formed deep in the earth. It is used for bridges and for kerbs in many towns.\n\n"
        "Basalt is a dark rock that cools fast at the surface. It covers most of the floor of the oceans.\n\n"
        "Marble refers to limestone that was changed by heat and by pressure. Sculptors have worked it for 3,000 years."
        " A block of 2 cubic metres weighs about 5.4 tonnes, and a lorry carries 4 of them.\n"
    )
    pq.write_table(pa.table({"text": [text, text + " More."]}), tmp_path / "rocks.parquet")
    return tmp_path


def test_a_first_run_prints_the_ledger_and_the_page(documents: Path) -> None:
    done = tilth("run", "finephrase", "--source", "rocks.parquet", "--run-dir", "out", cwd=documents)
    assert done.returncode == 0, done.stderr
    assert "rules, no model" in done.stdout
    page = re.search(r"^samples (.+)$", done.stdout, flags=re.MULTILINE)
    assert page is not None
    assert (documents / page.group(1)).exists()
    status = tilth("status", "out", cwd=documents)
    assert status.returncode == 0
    assert "finished" in status.stdout
    assert tilth("verify", "out", cwd=documents).stdout.strip().endswith("sound")
    assert "0 requests" in tilth("reparse", "out", cwd=documents).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nothing.yaml"), "expected a recipe file"),
        (("run", "finephrase"), "expected files at"),
        (("status", "nowhere"), "expected a run in nowhere"),
        (("prompts", "show", "fak"), "faq"),
        (("run", "finephrase", "--keep", "--regenerate"), "Choose one"),
    ],
)
def test_a_users_mistake_is_one_message_without_a_traceback(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = tilth(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_prompts_are_listed_shown_and_rendered_with_a_file_of_ones_own(tmp_path: Path) -> None:
    listed = tilth("prompts", "list").stdout
    assert "faq" in listed
    assert "tutorial_zh" in listed
    assert "document" in tilth("prompts", "show", "faq").stdout
    (tmp_path / "doc.txt").write_text("A text with [[instruction]] and {braces} and $dollars.")
    shown = tilth("prompts", "render", "faq", str(tmp_path / "doc.txt")).stdout
    assert "A text with [[instruction]] and {braces} and $dollars." in shown


def test_escape_sequences_of_a_document_do_not_reach_the_terminal(documents: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[31mRed is a colour that warns people. Blue is a colour of the sea. " * 20
    pq.write_table(pa.table({"text": [hostile]}), documents / "hostile.parquet")
    for command in (("preview", "finephrase"), ("run", "finephrase", "--run-dir", "h")):
        done = tilth(*command, "--source", "hostile.parquet", cwd=documents)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout + done.stderr


def test_doctor_looks_at_a_recipe(documents: Path) -> None:
    done = tilth("doctor", "finephrase", "--folder", "runs", cwd=documents)
    assert done.returncode == 4  # finephrase reads documents/, which is not there
    assert "expected files at" in done.stdout
    assert "fsync" in done.stdout


def test_an_estimate_costs_nothing_twice_and_is_checked_after_the_run(documents: Path) -> None:
    done = tilth(
        "estimate", "finephrase", "--source", "rocks.parquet", "--run-dir", "out", "--rows", "5", cwd=documents
    )
    assert done.returncode == 0, done.stderr
    assert "samples kept" in done.stdout
    run = tilth("run", "finephrase", "--source", "rocks.parquet", "--run-dir", "out", cwd=documents)
    assert run.returncode == 0, run.stderr
    assert "forecast" in run.stdout
