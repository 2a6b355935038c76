"""A server that allows so many requests a second and answers 429 to the rest: what rate is reached, and is a row lost?

Allowed is what the server's token bucket gives out between the first request and the last answer: its size, and its
rate over that time. A row is lost when it has no answer, whether it is missing or was dropped without a model's
text.
"""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from harness.contenders import STEP, Job, run_tilth
from harness.documents import write_parquet
from harness.figures import spread
from harness.results import fresh_folder, save, say
from harness.servers import serving

ASKED = 0.90  # of the allowed rate


def storm(args: Namespace) -> int:
    """Run it, print it, write results/storm.json; 0 when what was asked is met."""
    documents = fresh_folder(args.work / "documents")
    write_parquet(documents, args.requests, args.document_bytes)
    runs: list[dict[str, Any]] = []
    for number in range(args.rounds):
        settings = {
            "latency": args.latency,
            "answer_bytes": args.answer_bytes,
            "rate": args.rate,
            "burst": args.rate,  # one second's worth
            "retry_after": args.retry_after,
        }
        with serving(settings, args.url) as server:  # a new one each round: the bucket begins full
            server.reset()
            work = fresh_folder(args.work / f"storm-{number}")
            job = Job(documents=documents, count=args.requests, url=server.url, work=work, in_flight=args.in_flight)
            result = run_tilth(job)
            counters = server.stats()
        share = reached(counters, args.rate, args.rate)
        lost = args.requests - answered_rows(work / "run" / STEP)
        refused = counters["outcomes"].get("rate_limited", 0)
        runs.append({"round": number, "share": share, "lost": lost, "refused": refused, "server": counters})
        runs[-1]["measured"] = asdict(result.measured)
        say(f"round {number + 1}: {100 * share:.1f} % of the allowed rate, {lost} rows lost, {refused} times refused")
    summary = {"share": asdict(spread([run["share"] for run in runs])), "lost": sum(run["lost"] for run in runs)}
    met = summary["share"]["median"] >= ASKED and summary["lost"] == 0
    save("storm", args, {"runs": runs, "summary": summary, "asked": ASKED})
    say(f"asked: at least {100 * ASKED:.0f} % of the allowed rate, no row lost: {'met' if met else 'NOT MET'}")
    return 0 if met else 1


def reached(counters: Mapping[str, Any], rate: float, burst: float) -> float:
    """Requests let in over those the bucket would have let in at the same time."""
    let_in = counters["requests"] - counters["outcomes"].get("rate_limited", 0)
    return float(let_in / (burst + rate * counters["seconds"]))


def answered_rows(step: Path) -> int:
    """Rows kept, and rows dropped that hold a model's text."""
    kept = sum(pq.read_metadata(path).num_rows for path in step.glob("*.parquet"))
    dropped = [pq.read_table(path, columns=["raw"])["raw"] for path in (step / "dropped").glob("*.parquet")]
    return int(kept + sum(len(column) - column.null_count for column in dropped))
