"""Peak memory of a run on 100,000 documents and on ten times as many: it must not grow with the input.

Two peaks: the largest single process as the kernel has it, and the largest sum over the run's processes, sampled.
The second is the one judged; it counts pages that processes share once for each, so it is on the safe side.
"""

from argparse import Namespace
from typing import Any

from harness.contenders import Job, run
from harness.documents import write_parquet
from harness.figures import table
from harness.results import fresh_folder, save, say
from harness.servers import serving

ASKED_BYTES = 500e6
ASKED_GROWTH = 1.10


def memory(args: Namespace) -> int:
    """Run it, print it, write results/memory.json; 0 when what was asked is met."""
    runs: list[dict[str, Any]] = []
    with serving({"latency": args.latency, "answer_bytes": args.answer_bytes}, args.url) as server:
        for count in args.sizes:
            documents = fresh_folder(args.work / "documents")
            write_parquet(documents, count, args.document_bytes)
            work = fresh_folder(args.work / "run")
            job = Job(
                documents=documents, count=count, url=server.url, work=work, in_flight=args.in_flight, timeout=6 * 3600
            )
            figures = run("tilth", job).measured
            peaks = {"process_mb": figures.peak_process_bytes / 1e6, "tree_mb": figures.peak_tree_bytes / 1e6}
            runs.append({"documents": count, **peaks, "cpu_s": figures.cpu_s, "wall_s": figures.wall_s})
            say(f"{count} documents: peak {peaks['tree_mb']:.0f} MB, {figures.wall_s:.0f} s")
    summary = judge(runs)
    save("memory", args, {"runs": runs, "summary": summary})
    say(table([{key: f"{value:.1f}" for key, value in run.items()} for run in runs]))
    say(f"growth {summary['growth']:.3f} (asked: at most {ASKED_GROWTH}), {'met' if summary['met'] else 'NOT MET'}")
    return 0 if summary["met"] else 1


def judge(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The last, largest size against the limit and against the first."""
    first, last = runs[0]["tree_mb"], runs[-1]["tree_mb"]
    growth = last / first
    return {"growth": growth, "peak_mb": last, "met": last * 1e6 <= ASKED_BYTES and growth <= ASKED_GROWTH}
