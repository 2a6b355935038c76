"""CPU time of the client a request: tilth and its peers, interleaved, against one loopback server.

A round is each contender once, in the same order. Each contender runs twice in a round: on a few documents, for the
cost of starting, and on all of them. So a result can be read with start-up and without; the verdict takes the
reading that is worse for tilth.
"""

import shutil
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.contenders import TILTH, Job, Result, run
from harness.documents import write_jsonl
from harness.environments import is_ready
from harness.figures import Run, per_cpu_second, ratios, spread, table
from harness.results import fresh_folder, save, say
from harness.servers import serving

STARTUP_REQUESTS = 8
ASKED_PER_CPU_SECOND = 1000
ASKED_RATIO = 5.0


def throughput(args: Namespace) -> int:
    """Run it, print it, write results/throughput.json; 0 when what was asked is met."""
    missing = [name for name in args.contenders if name != TILTH and not is_ready(name)]
    if missing:
        say(f"no environment for {', '.join(missing)}: run `python benchmarks/generate.py setup` first")
        return 2
    peers_get = args.peer_requests or args.requests
    sizes = {name: args.requests if name == TILTH else peers_get for name in args.contenders}
    files = _documents(args.work, {STARTUP_REQUESTS, *sizes.values()}, args.document_bytes)
    records: list[dict[str, Any]] = []
    with serving({"latency": args.latency, "answer_bytes": args.answer_bytes}, args.url) as server:
        for name in args.contenders:  # once unmeasured: byte code is compiled, files are in the page cache
            _run(name, "warm-up", STARTUP_REQUESTS, files, server.url, args)
        for number in range(args.rounds):
            records += [_measure(name, number, sizes[name], files, server.url, args) for name in args.contenders]
    summary = summarise(records)
    save("throughput", args, {"runs": records, "summary": summary})
    _show(summary)
    return 0 if all(row["met"] for row in summary.values()) else 1


def _documents(work: Path, sizes: set[int], size: int) -> Mapping[int, Path]:
    """One file a size, each in a folder of its own: datatrove reads folders. The smaller begin as the larger do."""
    files = {}
    for count in sizes:
        path = fresh_folder(work / f"documents-{count}") / "documents.jsonl"
        write_jsonl(path, count, size)
        files[count] = path
    return files


def _run(name: str, folder: str, count: int, files: Mapping[int, Path], url: str, args: Namespace) -> Result:
    """One run on `count` documents; what it wrote is removed, its log stays until the work folder goes."""
    work = fresh_folder(args.work / f"{name}-{folder}")
    job = Job(
        documents=files[count], count=count, url=url, work=work, in_flight=args.in_flight, max_tokens=args.max_tokens
    )
    result = run(name, job)
    shutil.rmtree(work)
    return result


def _measure(
    name: str, number: int, count: int, files: Mapping[int, Path], url: str, args: Namespace
) -> dict[str, Any]:
    """Start-up run, measured run; one record for the result file."""
    startup = _run(name, f"{number}-startup", STARTUP_REQUESTS, files, url, args)
    whole = _run(name, f"{number}-run", count, files, url, args)
    timed = Run(
        requests=count,
        cpu_s=whole.measured.cpu_s,
        startup_requests=STARTUP_REQUESTS,
        startup_cpu_s=startup.measured.cpu_s,
    )
    say(
        f"round {number + 1} {name}: {timed.whole_ms:.2f} ms a request ({timed.net_ms:.2f} without start-up of "
        f"{startup.measured.cpu_s:.1f} s), {count} requests in {whole.measured.wall_s:.1f} s"
    )
    return {
        "round": number,
        "contender": name,
        "requests": count,
        "whole_ms": timed.whole_ms,
        "net_ms": timed.net_ms,
        "startup": asdict(startup.measured),
        "run": asdict(whole.measured),
        "detail": dict(whole.detail),
    }


def summarise(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per contender: both readings, the ratio to tilth round by round, and whether what was asked is met.

    Without tilth among the contenders there are no ratios, and nothing is judged.
    """
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        by_name.setdefault(record["contender"], []).append(record)
    ours = by_name.get(TILTH)
    summary: dict[str, dict[str, Any]] = {}
    for name, own in by_name.items():
        row: dict[str, Any] = {
            reading: asdict(spread([record[f"{reading}_ms"] for record in own])) for reading in ("whole", "net")
        }
        row["per_cpu_second"] = {
            reading: asdict(spread([per_cpu_second(record[f"{reading}_ms"]) for record in own]))
            for reading in ("whole", "net")
        }
        row["peak_tree_mb"] = max(record["run"]["peak_tree_bytes"] for record in own) / 1e6
        if name == TILTH:
            row["met"] = row["per_cpu_second"]["whole"]["median"] >= ASKED_PER_CPU_SECOND
        elif ours is not None:
            row["ratio"] = {
                reading: asdict(spread(ratios([r[f"{reading}_ms"] for r in own], [r[f"{reading}_ms"] for r in ours])))
                for reading in ("whole", "net")
            }
            row["met"] = min(value["median"] for value in row["ratio"].values()) >= ASKED_RATIO
        else:
            row["met"] = True
        summary[name] = row
    return summary


def _show(summary: Mapping[str, Mapping[str, Any]]) -> None:
    def text(value: Mapping[str, float] | None, digits: int) -> str:
        return (
            f"{value['median']:.{digits}f} ({value['least']:.{digits}f}-{value['greatest']:.{digits}f})"
            if value
            else "-"
        )

    rows = [
        {
            "client": name,
            "CPU ms a request": text(row["whole"], 2),
            "without start-up": text(row["net"], 2),
            "requests a CPU-second": text(row["per_cpu_second"]["whole"], 0),
            "dearer than tilth": text(row.get("ratio", {}).get("whole"), 1),
            "without start-up ": text(row.get("ratio", {}).get("net"), 1),
            "memory MB": f"{row['peak_tree_mb']:.0f}",
            "asked": "met" if row["met"] else "NOT MET",
        }
        for name, row in summary.items()
    ]
    say(table(rows))
