"""How busy tilth keeps a slow server: the share of its slots at work, from the server's own integral.

Two readings. With the ramps: from the first request to the last answer. Without: from the first sample at which
every slot was busy to the last at which not all requests had arrived; between the two only the client can leave a
slot idle.
"""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.contenders import Job, complete, recipe, run_tilth
from harness.documents import write_parquet
from harness.figures import busy_share, spread
from harness.results import fresh_folder, save, say
from harness.servers import sampled, serving

ASKED = 0.97


def slots(args: Namespace) -> int:
    """Run it, print it, write results/slots.json; 0 when what was asked is met."""
    documents = fresh_folder(args.work / "documents")
    write_parquet(documents, args.requests, args.document_bytes)
    runs: list[dict[str, Any]] = []
    settings = {"latency": args.latency, "slots": args.slots, "answer_bytes": args.answer_bytes}
    with serving(settings, args.url) as server:
        for number in range(args.rounds):
            work = fresh_folder(args.work / f"slots-{number}")
            job = Job(documents=documents, count=args.requests, url=server.url, work=work, in_flight=args.in_flight)
            chosen = recipe(job)
            chosen["execution"]["workers"] = args.workers
            with sampled(server) as samples:
                result = complete("tilth", job, run_tilth(job, chosen))
            shares = read_shares(samples, args.slots, args.requests)
            runs.append({"round": number, **shares, "measured": asdict(result.measured), "server": samples[-1]})
            say(f"round {number + 1}: {_percent(shares['steady'])} busy, {_percent(shares['whole'])} with the ramps")
    steady = [run["steady"] for run in runs if run["steady"] is not None]
    summary = {
        "whole": asdict(spread([run["whole"] for run in runs])),
        "steady": asdict(spread(steady)) if steady else None,
    }
    save("slots", args, {"runs": runs, "summary": summary, "asked": ASKED})
    met = len(steady) == len(runs) and spread(steady).median >= ASKED
    say(
        f"asked: {_percent(ASKED)} of {args.slots} slots at {args.latency * 1000:.0f} ms: {'met' if met else 'NOT MET'}"
    )
    return 0 if met else 1


def read_shares(samples: Sequence[Mapping[str, Any]], slots_there: int, requests: int) -> dict[str, float | None]:
    """Both readings from the server's samples; `steady` is None where the slots were never all busy."""
    last = samples[-1]
    whole = busy_share(last["busy_slot_seconds"], slots_there, last["seconds"])
    full = [sample for sample in samples if sample["max_active"] >= slots_there and _arrived(sample) < requests]
    if len(full) < 2:
        return {"whole": whole, "steady": None}
    area = full[-1]["busy_slot_seconds"] - full[0]["busy_slot_seconds"]
    return {"whole": whole, "steady": busy_share(area, slots_there, full[-1]["clock"] - full[0]["clock"])}


def _arrived(sample: Mapping[str, Any]) -> int:
    return int(sample["requests"] + sample["active"] + sample["queued"])


def _percent(value: float | None) -> str:
    return "never all" if value is None else f"{100 * value:.1f} %"
