"""What the journal costs: the same run with the journal on and off, interleaved, as CPU time and as wall time a
request.
"""

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from harness.contenders import Job, complete, recipe, run_tilth
from harness.documents import write_parquet
from harness.figures import Spread, ratios, spread
from harness.results import fresh_folder, save, say
from harness.servers import serving

ASKED = 1.15  # journal on over journal off


def journal(args: Namespace) -> int:
    """Run it, print it, write results/journal.json; 0 when what was asked is met."""
    documents = fresh_folder(args.work / "documents")
    write_parquet(documents, args.requests, args.document_bytes)
    runs: list[dict[str, Any]] = []
    with serving({"latency": args.latency, "answer_bytes": args.answer_bytes}, args.url) as server:
        for number in range(args.rounds):
            for on in (True, False) if number % 2 == 0 else (False, True):  # whoever comes second finds a warmer disk
                work = fresh_folder(args.work / f"journal-{number}-{'on' if on else 'off'}")
                job = Job(documents=documents, count=args.requests, url=server.url, work=work, in_flight=args.in_flight)
                figures = complete("tilth", job, run_tilth(job, recipe(job, journal=on))).measured
                runs.append({"round": number, "on": on, "cpu_s": figures.cpu_s, "wall_s": figures.wall_s})
                state = "on " if on else "off"
                say(f"round {number + 1} journal {state}: {figures.cpu_s:.2f} CPU-s, {figures.wall_s:.2f} s")
    summary = {kind: _over(runs, kind) for kind in ("cpu_s", "wall_s")}
    save(
        "journal", args, {"runs": runs, "summary": {kind: asdict(one) for kind, one in summary.items()}, "asked": ASKED}
    )
    say(
        f"journal on over off: CPU {summary['cpu_s'].text(3)}, wall {summary['wall_s'].text(3)}; asked: at most {ASKED}"
    )
    return 0 if summary["cpu_s"].median <= ASKED else 1


def _over(runs: list[dict[str, Any]], kind: str) -> Spread:
    """On over off, round by round."""
    by_round = {
        on: [run[kind] for run in sorted(runs, key=lambda r: r["round"]) if run["on"] is on] for on in (True, False)
    }
    return spread(ratios(by_round[True], by_round[False]))
