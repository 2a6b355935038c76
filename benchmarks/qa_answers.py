"""Answer checking: mixed answers a CPU-second, and the worst single answer.

    python benchmarks/qa_answers.py --benchmarks FOLDER      # a folder of benchmark files in Parquet

Gold answers of real benchmarks in five writings, answers of other questions, rewritten mathematics that needs computer
algebra (one answer in fifty), and hostile texts. CPU time is this process, its worker and the worker's children; the
worker's start is reported apart, since it is paid once. Ends with 0 when both figures are met, 1 when not.
"""

import argparse
import json
import random
import resource
import sys
import time
from pathlib import Path

import polars as pl
from harness.results import RESULTS, save, say

from tilth.answers.algebra import stop_worker
from tilth.answers.check import check

ASKED_RATE, ASKED_WORST = 500, 2.0
NAMES = ("gsm8k", "math", "aqua_rat", "mmlu", "svamp", "gaokao_bench_obj", "triviaqa_3k", "nq_open", "cmath")
FRAMES = ("{}", "The answer is {}.", "We work it out.\n#### {}", "Thus \\boxed{{{}}}", "答案：{}")
ALGEBRA = (
    ("x^2+2x+1", "(x+1)^2"), ("\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt{3}}"), ("2\\cdot\\sqrt{12}", "4\\sqrt{3}"),
    ("0.5\\pi", "\\frac{\\pi}{2}"), ("(x-1)(x+1)", "x^2-1"), ("y=2x+1", "2x-y+1=0"),
)  # fmt: skip
HOSTILE = ("9**9**9", "(" * 100_000, "1" * 2_000_000, "\\frac{" * 20_000, "x^{99999}+1", "99999999!", "a " * 200_000)

Pair = tuple[str, str | list[str], list[str]]


def pairs(folder: Path, rows: int, rng: random.Random) -> list[Pair]:
    """Answers, gold answers and options, shuffled."""
    found: list[Pair] = []
    for name in NAMES:
        frame = pl.read_parquet(folder / f"{name}.parquet")
        items: list[Pair] = []
        for row in frame.sample(min(rows, len(frame)), seed=1).iter_rows(named=True):
            choices = row["choices"] if isinstance(row["choices"], list) else json.loads(row["choices"] or "[]")
            first = row["answer"].split(" || ")[0]
            gold = [first, *json.loads(row["raw"])["aliases"]] if name == "triviaqa_3k" else row["answer"]
            items.append((first, gold, choices))
        for at, (first, gold, choices) in enumerate(items):
            found.append((rng.choice(FRAMES).format(first), gold, choices))
            found.append((rng.choice(FRAMES).format(items[at - 7][0]), gold, choices))
    found += [(*ALGEBRA[at % len(ALGEBRA)], []) for at in range(len(found) // 50)]
    rng.shuffle(found)
    return found


def cpu() -> float:
    """CPU seconds of this process and of the children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, save; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmarks", type=Path, required=True, help="folder of benchmark files in Parquet")
    parser.add_argument("--rows", type=int, default=250, help="questions of each benchmark (default %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result file")
    args = parser.parse_args(arguments)
    work = pairs(args.benchmarks, args.rows, random.Random(1))
    begun = cpu()
    check("x+x", "2x", "symbolic")
    stop_worker()
    started = cpu() - begun
    times: list[float] = []
    hows: dict[str, int] = {}
    check("x+x", "2x", "symbolic")
    begun = cpu()  # the second worker's start is inside the figure below, and taken off
    for answer, gold, options in work:
        at = time.perf_counter()
        how = check(answer, gold, None, options).how
        times.append(time.perf_counter() - at)
        hows[how] = hows.get(how, 0) + 1
    stop_worker()
    spent = cpu() - begun - started
    check("x+x", "2x", "symbolic")
    worst = []
    for answer in HOSTILE:
        at = time.perf_counter()
        verdict = check(answer, "(x+1)^{99999}", "symbolic")
        worst.append((round(time.perf_counter() - at, 3), answer[:20], verdict.how))
    rate, slowest = len(work) / spent, max(max(times), *(one[0] for one in worst))
    say(f"{len(work)} mixed answers: {rate:.0f} a CPU-second (asked {ASKED_RATE})")
    say(f"start of the worker, once: {started:.2f} CPU-s")
    say(f"worst single answer {slowest:.2f} s (asked {ASKED_WORST}): mixed {max(times):.2f}, hostile {max(worst)}")
    body = {"answers": len(work), "answers_per_cpu_s": rate, "worker_start_cpu_s": started, "worst_s": slowest,
            "worst_mixed_s": max(times), "hostile": worst, "how": hows}  # fmt: skip
    args.benchmarks = args.benchmarks.name
    save("qa_answers", args, body)
    return 0 if rate >= ASKED_RATE and slowest <= ASKED_WORST else 1


if __name__ == "__main__":
    sys.exit(main())
