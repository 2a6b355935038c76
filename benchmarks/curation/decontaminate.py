"""Decontamination: speed over all documents and benchmarks, recall by injection, false alarms; datatrove beside it.

Speed is of whole processes, interleaved, Parquet in and Parquet out, index included; `steady` is tilth's stage alone
once its index is built. Both are asked about the same documents with items put in: datatrove's 12-grams on words split
at white space, with questions in its index. Each document of the recall part holds one item, so a document that is
flagged counts as found, for both.
"""

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
from harness.environments import PEERS_FOLDER, environment
from harness.figures import last_json_line
from harness.measure import Measured, measured
from harness.results import fresh_folder, say

from curation.near import PEER_ENVIRONMENT, make_environment
from tilth.base.random import stream
from tilth.curate.decontaminate.index import build_index
from tilth.curate.decontaminate.inject import FORMS, measure_recall, put_in
from tilth.data.benchmarks import BenchmarkItem, items, read_benchmarks
from tilth.recipe.stages.decontaminate import Matching

ASKED_SPEED = 5.0  # MB a CPU-second
ASKED_FALSE = 0.001  # of clean documents
#: Files of the shared documents that no benchmark was made from: what is flagged there is a false alarm, or a find.
CLEAN = ("book", "legal", "classical_zh", "latex", "code_docs", "gov_news", "web_noisy", "forum_qa")


def run(options: Namespace) -> dict[str, Any]:
    """Measure. `options`: `documents`, `benchmarks` (folders of Parquet), `work`, `rounds`, `items` (how many are put
    into documents) and `peer` (False: tilth alone).
    """
    work = fresh_folder(options.work)
    table = read_benchmarks([str(options.benchmarks)])
    rows = items(table)
    _write_items(rows, work / "items.jsonl")
    drawn = {row: rows[row] for row in sorted(stream(0, "drawn").sample(range(len(rows)), options.items))}
    hosts = _hosts(options.documents)
    injected = _write_injected(drawn, hosts, work / "injected")
    if options.peer:
        make_environment()
    names = ("tilth", "datatrove") if options.peer else ("tilth",)
    runs = [
        {"round": number, "contender": name, **_once(name, options.documents, options.benchmarks, work)}
        for number in range(options.rounds)
        for name in (names if number % 2 == 0 else names[::-1])
    ]
    for one in runs:
        say(f"round {one['round'] + 1} {one['contender']}: {one['mb_per_cpu_s']:.2f} MB a CPU-second")
    matching = Matching()
    recalls = measure_recall(drawn, build_index(table, matching), matching, hosts)
    peer = {name: _found(name, injected, options.benchmarks, work) for name in names}
    clean = _clean(options.documents, options.benchmarks, work)
    summary = _summary(
        runs, [asdict(one) | {"findable": one.findable, "overall": one.overall} for one in recalls], clean
    )
    return {
        "runs": runs,
        "recall": [asdict(one) for one in recalls],
        "flagged_of_injected": peer,
        "clean": clean,
        **summary,
    }


def _summary(runs: list[dict[str, Any]], recalls: list[dict[str, Any]], clean: dict[str, int]) -> dict[str, Any]:
    own = [one for one in runs if one["contender"] == "tilth"]
    figures = {
        "mb_per_cpu_s": max(one["mb_per_cpu_s"] for one in own),
        "steady_mb_per_cpu_s": max(one["steady_mb_per_cpu_s"] for one in own),
        "false_share": clean["flagged"] / clean["rows"],
    }
    met = {"speed": figures["mb_per_cpu_s"] >= ASKED_SPEED, "false": figures["false_share"] < ASKED_FALSE}
    for one in recalls:
        asked = FORMS[one["form"]][1]
        figures[f"recall_{one['form']}"] = one["findable"]
        figures[f"recall_{one['form']}_of_all"] = one["overall"]
        if asked is not None:
            met[f"recall_{one['form']}"] = one["findable"] >= asked
    return {"figures": figures, "met": met}


def _command(name: str, documents: Path, benchmarks: Path, work: Path, out: Path) -> list[str]:
    if name == "tilth":
        drive = str(Path(__file__).with_name("decontaminate_drive.py"))
        return [
            sys.executable,
            drive,
            "--documents",
            str(documents),
            "--benchmarks",
            str(benchmarks),
            "--work",
            str(out),
        ]
    python, drive = str(PEER_ENVIRONMENT / "bin" / "python"), str(PEERS_FOLDER / "datatrove" / "decont.py")
    return [python, drive, "--documents", str(documents), "--items", str(work / "items.jsonl"), "--work", str(out)]


def _measure(name: str, documents: Path, benchmarks: Path, work: Path) -> tuple[Measured, dict[str, Any]]:
    out = fresh_folder(work / f"{name}-out")
    log = work / f"{name}.log"
    command = _command(name, documents, benchmarks, work, out)
    figures = measured(command, env=environment(out), log=log, timeout=3600.0)
    if figures.returncode != 0:
        raise RuntimeError(f"{name} ended with {figures.returncode}; its output is in {log}")
    return figures, dict(last_json_line(log.read_text(errors="replace")))


def _once(name: str, documents: Path, benchmarks: Path, work: Path) -> dict[str, Any]:
    """One run over all documents."""
    size = sum(int(pl.read_parquet(file, columns=["text"])["text"].str.len_bytes().sum()) for file in _files(documents))
    figures, detail = _measure(name, documents, benchmarks, work)
    megabytes = size / 1e6
    steady = {"steady_mb_per_cpu_s": megabytes / detail["steady_cpu_s"]} if "steady_cpu_s" in detail else {}
    return {
        "cpu_s": figures.cpu_s,
        "peak_bytes": figures.peak_tree_bytes,
        "mb_per_cpu_s": megabytes / figures.cpu_s,
        **steady,
        "detail": detail,
    }


def _found(name: str, injected: dict[str, Path], benchmarks: Path, work: Path) -> dict[str, float]:
    """Form -> share of the documents with an item that the contender flags."""
    shares = {}
    for form, folder in injected.items():
        rows = pl.read_parquet(folder / "documents.parquet").height
        _, detail = _measure(name, folder, benchmarks, work)
        found = detail["found"] if name == "tilth" else rows - detail["kept"]
        shares[form] = found / rows
    return shares


def _clean(documents: Path, benchmarks: Path, work: Path) -> dict[str, int]:
    """Rows of the clean files, and how many of them are flagged."""
    folder = fresh_folder(work / "clean")
    for name in CLEAN:
        (folder / f"{name}.parquet").symlink_to(documents.resolve() / f"{name}.parquet")
    _, detail = _measure("tilth", folder, benchmarks, work)
    return {"rows": detail["rows"], "flagged": detail["found"]}


def _files(documents: Path) -> list[Path]:
    return sorted(documents.glob("*.parquet"))


def _hosts(documents: Path) -> list[str]:
    """Beginnings of clean documents to put items into."""
    texts = [text for name in ("gov_news", "legal") for text in pl.read_parquet(documents / f"{name}.parquet")["text"]]
    return [text[:3000] for text in stream(0, "hosts").sample(texts, 300)]


def _write_items(rows: list[BenchmarkItem], path: Path) -> None:
    lines = [json.dumps({"task": row.benchmark, "query": row.question, "label": row.answer}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_injected(drawn: dict[int, BenchmarkItem], hosts: list[str], folder: Path) -> dict[str, Path]:
    """Form -> folder with one Parquet file of documents that hold one item each."""
    folders = {}
    for form, (make, _) in FORMS.items():
        folders[form] = fresh_folder(folder / form)
        texts = []
        for row, item in drawn.items():
            rng = stream(0, "inject", form, row)
            texts.append(put_in(rng.choice(hosts), make(item, rng), rng))
        table = pl.DataFrame({"doc_id": [f"d{row}" for row in drawn], "text": texts})
        table.write_parquet(folders[form] / "documents.parquet")
    return folders
