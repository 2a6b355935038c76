"""Samples of lm-evaluation-harness (0.4.x, `--log_samples`) as rows of the table of results.

One file holds one task of one run, one JSON object a line: `doc_id`, `doc`, `target`, `arguments` (`gen_args_0` with
`arg_0`, the context, and `arg_1`, the continuation, and so on), `filtered_resps` (a pair of strings a request:
log-likelihood and whether it was the greedy choice), `filter`, `metrics`, `doc_hash`. The scores are computed here from
log-likelihoods and lengths, by the formulas of `evaluate.metrics`, so that every run is scored alike. Rolling
log-likelihoods give bpb; generated answers keep the harness's own exact_match, f1 or acc. Every line of a file ends in
one named state. About 38 MB a CPU-second (14,000 items), memory that of one file's rows.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from tilth.base.errors import SourceError
from tilth.data.results import write_results
from tilth.evaluate.harness.item import Reading, Scored, score_sample
from tilth.evaluate.runs import RunName

_NAME = re.compile(r"samples_(.+?)(?:_(\d{4}-\d\d-\d\dT[\d.:-]+))?\.jsonl")
_NEEDED = ("doc_id", "doc", "target", "arguments", "filtered_resps")
# Ties and rounding aside our acc is the harness's; more than this share apart means that the file is read wrong.
_APART = 0.01

#: A line ends in one of these.
STATES = ("scored", "no gold", "no log-likelihood", "another filter", "repeated", "truncated", "not JSON")


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of one file. `state`: "whole", "truncated" (cut in the middle of a line) or "incomplete" (fewer items
    than the harness says it evaluated). `expected` is that number, where a results file lies beside it."""

    path: Path
    task: str
    form: str
    state: Literal["whole", "truncated", "incomplete"]
    lines: Mapping[str, int]
    items: int
    expected: int | None
    version: str | None
    rows: list[dict[str, Any]] = field(repr=False)


def import_samples(
    paths: Sequence[Path], run: RunName, out: Path, reading: Reading | None = None
) -> tuple[Imported, ...]:
    """Read every file (folders are looked through) and write one table of results to `out`, atomically.

    Raises `SourceError` for a file that cannot be read, or two files of one task.
    """
    found = tuple(read_samples(path, run, reading) for path in _files(paths))
    tasks = Counter((one.task, one.form) for one in found)
    twice = [task for (task, _), count in tasks.items() if count > 1]
    if twice:
        files = ", ".join(str(one.path) for one in found if one.task == twice[0])
        raise SourceError(f"expected one file a task; {twice[0]} is in {files}. Name the one that counts.")
    write_results(out, [row for one in found for row in one.rows])
    return found


def read_samples(path: Path, run: RunName, reading: Reading | None = None) -> Imported:
    """One file's rows and what became of its lines.

    Raises `SourceError` where it is no samples file, a field is missing, no item can be scored, or the scores computed
    here do not agree with the harness's.
    """
    chosen = reading or Reading()
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise SourceError(f"expected a file samples_TASK_DATE.jsonl of lm-evaluation-harness; saw {path.name}.")
    lines: Counter[str] = Counter()
    scored = list(_scored(path, chosen, lines))
    if not scored:
        raise SourceError(
            f"expected items that can be scored in {path}; of {lines.total()} lines none can: {_counted(lines)}. "
            "Evaluate with --log_samples, and name the gold answer in the task's doc_to_target."
        )
    _agree(path, scored)
    version, expected = _beside(path, named[1], named[2])
    evaluated = lines["scored"] + lines["no gold"] + lines["no log-likelihood"]
    short = expected is not None and evaluated < expected
    form = chosen.form or Counter(one.form for one in scored).most_common(1)[0][0]
    return Imported(
        path=path,
        task=named[1],
        form=form,
        state="truncated" if lines["truncated"] else "incomplete" if short else "whole",
        lines=dict(sorted(lines.items())),
        items=len(scored),
        expected=expected,
        version=version,
        rows=[row for one in scored for row in _rows(one, run, named[1], form)],
    )


def _files(paths: Sequence[Path]) -> list[Path]:
    found = [file for path in paths for file in (sorted(path.rglob("samples_*.jsonl")) if path.is_dir() else [path])]
    if not found:
        raise SourceError(f"expected samples_*.jsonl in {', '.join(map(str, paths))}; found none. Use --log_samples.")
    return found


def _scored(path: Path, reading: Reading, lines: Counter[str]) -> Iterator[Scored]:
    """The items of a file that can be scored; each line is counted under its state."""
    asked: set[tuple[str, str]] = set()
    items: Counter[str] = Counter()
    filters: set[str] = set()
    for number, (sample, state) in enumerate(_samples(path), start=1):
        if sample is None:
            lines[state] += 1
            continue
        _check(sample, path, number)
        name = str(sample.get("filter", "none"))
        if reading.filter is not None and name != reading.filter:
            lines["another filter"] += 1
            continue
        filters.add(name)
        if len(filters) > 1:
            raise SourceError(f"expected one filter in {path}; saw {', '.join(sorted(filters))}. Choose with --filter.")
        one, state = score_sample(sample, reading, f"{path} line {number}")
        if one is None:
            lines[state] += 1
            continue
        key = (one.item, str(sample["doc_id"]))
        state = "repeated" if key in asked else "scored"
        asked.add(key)
        lines[state] += 1
        if state == "scored":
            yield one if items[one.item] == 0 else _numbered(one, items[one.item])
            items[one.item] += 1


def _numbered(one: Scored, times: int) -> Scored:
    """The same question asked twice in a benchmark is two items."""
    return replace(one, item=f"{one.item}#{times + 1}")


def _samples(path: Path) -> Iterator[tuple[dict[str, Any] | None, str]]:
    """Each line as an object; a last line without its end is "truncated", any other that is no JSON is named so."""
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.strip():
                    continue
                try:
                    value = orjson.loads(_finite(line))
                except orjson.JSONDecodeError:
                    yield None, "not JSON" if line.endswith(b"\n") else "truncated"
                    continue
                yield (value, "") if isinstance(value, dict) else (None, "not JSON")
    except OSError as error:
        raise SourceError(f"expected a file of samples at {path}; saw: {error.strerror}. Name another.") from error


def _finite(line: bytes) -> bytes:
    """Python writes NaN and Infinity, which JSON does not know, for metrics of a diverged model; the log-likelihoods
    themselves are strings and stay."""
    if b"NaN" not in line and b"Infinity" not in line:
        return line
    return re.sub(rb"(?<=: )(?:NaN|-?Infinity)(?=[,}])", b"null", line)


def _check(sample: Mapping[str, Any], path: Path, number: int) -> None:
    missing = [name for name in _NEEDED if name not in sample]
    if missing:
        raise SourceError(
            f"expected samples as lm-evaluation-harness 0.4 writes them; line {number} of {path} has no "
            f"{', '.join(missing)}. Evaluate with --log_samples."
        )


def _agree(path: Path, scored: Iterable[Scored]) -> None:
    """The harness logs its own acc; where ours is another the gold answer was misread."""
    both = [(one.metrics["acc"], one.logged_acc) for one in scored if one.logged_acc is not None]
    known = [(ours, theirs) for ours, theirs in both if math.isfinite(ours)]
    apart = sum(ours != theirs for ours, theirs in known)
    if apart > max(1.0, _APART * len(known)):
        raise SourceError(
            f"expected the accuracy that {path} logs; computed from its log-likelihoods {apart} of {len(known)} items "
            "differ. Its target is not the right choice's index or text; mend the task and evaluate again."
        )


def _beside(path: Path, task: str, date: str | None) -> tuple[str | None, int | None]:
    """The task's version and the number of items evaluated, from the results file of the same date beside it."""
    place = path.with_name(f"results_{date}.json" if date else "results.json")
    try:
        value = orjson.loads(place.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None, None
    versions, counts = value.get("versions") or {}, value.get("n-samples") or {}
    version, count = versions.get(task), (counts.get(task) or {}).get("effective")
    return None if version is None else str(version), count if isinstance(count, int) else None


def _rows(one: Scored, run: RunName, task: str, form: str) -> Iterator[dict[str, Any]]:
    for metric, value in one.metrics.items():
        yield {
            "arm": run.arm,
            "size": run.size,
            "seed": run.seed,
            "step": run.step,
            "task": task,
            "form": form,
            "item": one.item,
            "group": one.group,
            "metric": metric,
            "value": value,
        }


def _counted(lines: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(lines.items())) or "it is empty"
