"""One logged sample of lm-evaluation-harness to one scored item: requests, gold answer, metrics.

The formulas stand in `evaluate.metrics`. Nothing is guessed: an item whose right choice cannot be told has no gold.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from tilth.base.errors import SourceError
from tilth.evaluate.metrics import bits_per_byte, first_of, score_choices

_GENERATED = ("exact_match", "f1", "acc")  # metrics of generated answers that are kept
_MOST_GROUP = 64  # characters of a passage's name; a longer one is hashed


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is read. `item` names the field of `doc` that is the question's stable id (by default the hash of the
    question), `group` the field that several questions share (a passage). `form` is found out where it is None."""

    item: str | None = None
    group: str | None = None
    form: str | None = None
    filter: str | None = None  # of the harness; needed where a file holds several


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One item of one run. `logged_acc` is the accuracy that the harness itself logged for it."""

    item: str
    group: str | None
    form: str
    metrics: dict[str, float]
    logged_acc: float | None


def score_sample(sample: Mapping[str, Any], reading: Reading, where: str) -> tuple[Scored | None, str]:
    """The item with its metrics, or None and the state that it ends in; `where` names the line in messages."""
    requests = _requests(sample["arguments"])
    answers = sample["filtered_resps"]
    if not isinstance(answers, list) or not answers:
        return None, "no log-likelihood"
    pairs = [_pair(answer) for answer in answers]
    if all(pair is not None for pair in pairs) and len(pairs) <= len(requests):
        found = _choices(sample, requests[: len(pairs)], [float(pair) for pair in pairs if pair is not None])
        if found is None:
            return None, "no gold"
        metrics, form = found
    elif len(requests) == 1 and len(requests[0]) == 1:
        metrics, form = _rolling(requests[0][0], answers[0]), "bpb"
    else:
        metrics, form = _generated(sample), "generate"
    if not metrics:
        return None, "no log-likelihood"
    acc = sample.get("acc")
    logged = float(acc) if isinstance(acc, int | float) and "acc" in metrics else None
    item, group = _identity(sample, reading, where)
    return Scored(item=item, group=group, form=form, metrics=metrics, logged_acc=logged), "scored"


def _requests(arguments: Any) -> list[list[str]]:
    """The arguments of each request in order: context and continuation, or one text."""
    if isinstance(arguments, list):  # versions before 0.4.2
        return [[str(part) for part in one] if isinstance(one, list) else [str(one)] for one in arguments]
    if not isinstance(arguments, dict):
        return []
    ordered = (arguments[name] for name in sorted(arguments, key=_number))
    return [[str(one[part]) for part in sorted(one, key=_number)] for one in ordered if isinstance(one, dict)]


def _number(name: str) -> int:
    digits = name.rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def _pair(answer: Any) -> float | None:
    """The log-likelihood of a request's (log-likelihood, greedy) pair."""
    if isinstance(answer, list) and len(answer) == 1 and isinstance(answer[0], list):
        answer = answer[0]
    if not isinstance(answer, list) or len(answer) != 2 or str(answer[1]) not in ("True", "False"):
        return None
    return _float(answer[0])


def _float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _choices(
    sample: Mapping[str, Any], requests: Sequence[Sequence[str]], likelihoods: Sequence[float]
) -> tuple[dict[str, float], str] | None:
    """The metrics of choices scored as continuations; None where the gold answer is not to be had."""
    if any(len(request) < 2 for request in requests):
        return None
    kept = _conditioned(requests)
    texts = [requests[index][1].lstrip() for index in kept]
    values = [likelihoods[index] for index in kept]
    contexts = {requests[index][0] for index in kept}
    gold = [0] if len(texts) == 1 else _gold(sample, texts, values, same_answer=len(contexts) == len(kept) > 1)
    if not gold or not all(texts):
        return None
    metrics = score_choices(values, [len(text.encode("utf-8", "surrogatepass")) for text in texts], gold)
    letters = len(texts) > 1 and all(len(text.strip("().: ")) == 1 for text in texts)
    return metrics, "choice" if letters else "cloze" if len(texts) > 1 else "bpb"


def _conditioned(requests: Sequence[Sequence[str]]) -> range:
    """The requests with a context: acc_mutual_info appends each choice again with an empty one."""
    half = len(requests) // 2
    doubled = len(requests) >= 4 and len(requests) % 2 == 0 and all(not one[0] for one in requests[half:])
    return range(half if doubled and any(one[0] for one in requests[:half]) else len(requests))


def _gold(sample: Mapping[str, Any], texts: Sequence[str], values: Sequence[float], *, same_answer: bool) -> list[int]:
    """The indices of the right choices; empty where they cannot be told.

    `target` is an index, a list of indices, or the right choice's text. Where contexts differ and one continuation is
    scored after each (WinoGrande) the target is that text; with two contexts the logged acc tells which was right.
    """
    target = str(sample["target"]).strip()
    if same_answer and len(set(texts)) == 1:
        acc = sample.get("acc")
        if len(texts) != 2 or acc not in (0, 1):
            return []
        first = first_of(values)
        return [first if acc == 1 else 1 - first]
    if re.fullmatch(r"\d{1,6}", target):
        found = [int(target)]
    elif re.fullmatch(r"\[\d{1,6}(?:, ?\d{1,6}){0,99}\]", target):
        found = [int(part) for part in target[1:-1].split(",")]
    else:
        found = [index for index, text in enumerate(texts) if text.strip() == target]
    return [index for index in found if index < len(texts)]


def _rolling(text: str, answer: Any) -> dict[str, float]:
    value = _float(answer[0] if isinstance(answer, list) and answer else answer)
    size = len(text.encode("utf-8", "surrogatepass"))
    return {} if value is None or not size else {"bpb": bits_per_byte(value, size)}


def _generated(sample: Mapping[str, Any]) -> dict[str, float]:
    found = {name: sample.get(name) for name in _GENERATED}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def _identity(sample: Mapping[str, Any], reading: Reading, where: str) -> tuple[str, str | None]:
    doc = sample["doc"] if isinstance(sample["doc"], dict) else {}
    for name in (reading.item, reading.group):
        if name is not None and name not in doc:
            raise SourceError(f"expected the field {name!r} in every question; {where} has {', '.join(doc) or 'none'}.")
    item = str(doc[reading.item]) if reading.item else str(sample.get("doc_hash") or _hash(doc))[:16]
    passage = None if reading.group is None else doc[reading.group]
    group = None if passage is None else str(passage)
    return item, group if group is None or len(group) <= _MOST_GROUP else _hash(group)


def _hash(value: Any) -> str:
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str), digest_size=8).hexdigest()
