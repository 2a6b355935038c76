"""Likelihoods of answers under a model: choice by likelihood, and bits per byte of the gold answer.

    bits per byte = -log2 P(answer | question) / UTF-8 bytes of the answer

It says something where accuracy is still at chance. The prompt is sent with its answer and asked back with the
log-probability of each token (`echo`, `logprobs` of the completions API, as vLLM and others serve it). The answer's
tokens are those beyond the ones that the question alone has. Choices are shown with letters and the letter with the
greatest likelihood counts, as evaluation harnesses do for MMLU. The runner's worker makes the calls, so they are
journalled, resumed and capped. An engine that gives no log-probabilities of a prompt measures nothing, and says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, log
from pathlib import Path
from typing import Any, ClassVar

import orjson

from tilth.base.fingerprint import fingerprint
from tilth.base.log import EventLog
from tilth.cost import Usage
from tilth.data.dataset import iter_rows, read_manifest
from tilth.data.qa import qa_of
from tilth.data.questions import gold_text, question_of
from tilth.generate.journal import Journal, load_part
from tilth.generate.loop import run as run_loop
from tilth.generate.model import ModelSpec
from tilth.generate.request import Completion, Request
from tilth.lineage import sample_id, shown
from tilth.runner.lock import lease
from tilth.runner.pool import open_pool
from tilth.runner.shard import Fingerprints
from tilth.runner.spend import Spend, usage_of
from tilth.runner.worker import Job, Worker, closing
from tilth.stage import Document, Generate, Identity, Outcome, RoutedAway, Unit
from tilth.steer.scores import result_rows

_TASK = "likelihood"
#: Lead-ins of the plain format: question, options, answer.
_LEADS = {"en": ("Question: ", "Answer:"), "zh": ("问题：", "答案：")}
LETTERS = "ABCDEFGHIJ"
#: Longest gold answer: a longer one is an essay, whose likelihood says little about the question.
MOST_ANSWER = 2000
NO_ECHO = "no_prompt_logprobs"
_MEANINGS = {NO_ECHO: "the server gives no log-probabilities of a prompt (echo with logprobs)"}


def why_not(model: ModelSpec) -> str | None:
    """Why an engine cannot measure likelihoods; None where it can."""
    if model.engine != "endpoint":
        return f"the engine {model.engine} gives no log-probabilities of a prompt"
    if model.api != "completions":
        return "the chat API gives no log-probabilities of a prompt; set api: completions, or completions: true"
    return None


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of one gold answer: nats of each of its tokens, and its length in UTF-8 bytes."""

    item: str
    cell: str
    group: str | None
    size: int
    nats: list[float]


@dataclass(frozen=True, slots=True)
class Measured:
    """Result rows, and the losses they come from."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The stage. Calls of an item: 0 the question alone, 1 with its gold answer, 2 the question with its options, 3 on
    that with each letter."""

    VERSION: ClassVar[int] = 1
    model: ModelSpec

    @property
    def identity(self) -> Identity:
        shared = {"stage": f"likelihood {self.VERSION}"}
        shared |= {f"model.{name}": shown(getattr(self.model, name)) for name in ModelSpec.IDENTITY}
        return Identity(shared=shared, by_prompt={_TASK: {}})

    @property
    def prompts(self) -> Sequence[str]:
        return (_TASK,)

    def alarms(self) -> list[dict[str, Any]]:
        return []

    def expand(self, document: Document) -> tuple[list[Unit], list[RoutedAway]]:
        """One unit an item with a gold answer that is short enough."""
        question = question_of(document.text, document.metadata)
        gold = gold_text(question)
        if not gold or len(gold) > MOST_ANSWER:
            return [], [RoutedAway(prompt=_TASK, reason="no_gold" if not gold else "long_gold")]
        row = sample_id(document.doc_id, _TASK, 0)
        return [Unit(sample_id=row, document=document, prompt=_TASK, payload=gold)], []

    async def __call__(self, unit: Unit, generate: Generate) -> Outcome:
        """Ask for the log-probabilities and add them up."""
        gold: str = unit.payload
        qa = qa_of(unit.document.text, unit.document.metadata)
        chinese = (unit.document.language or "").startswith("zh")
        plain, listed = prompts_of(unit.document.text, qa.context, qa.choices or (), chinese)
        joint = "" if chinese else " "
        bare = await self._tokens(unit, plain, 0, generate)
        whole = await self._tokens(unit, f"{plain}{joint}{gold}", 1, generate)
        nats = tail_nats(bare, whole)
        if nats is None:
            return self.failed(unit, NO_ECHO, _MEANINGS[NO_ECHO], passing=False)
        size = len(gold.encode("utf-8", "replace"))
        found: dict[str, Any] = {"gold_bpb": sum(nats) / log(2) / size, "gold_nats": nats, "gold_bytes": size}
        options = qa.choices or ()
        if 1 < len(options) <= len(LETTERS) and gold in options:
            first = await self._tokens(unit, listed, 2, generate)
            ends = [
                await self._tokens(unit, f"{listed}{joint}{letter}", 3 + place, generate)
                for place, letter in enumerate(LETTERS[: len(options)])
            ]
            each = [tail_bits(first, end) for end in ends]
            if all(one is not None for one in each):
                found["choice_bits"] = each
                found["choice_acc"] = choice_credit([one or 0.0 for one in each], options.index(gold))
        return Outcome(reason=None, row={**self._row(unit), "text": unit.document.text, "parsed": _json(found)})

    def failed(self, unit: Unit, reason: str, detail: str, *, passing: bool) -> Outcome:
        """The outcome of an item whose call failed for good."""
        row = {**self._row(unit), "reason": reason, "detail": detail, "raw": None}
        return Outcome(reason=reason, row=row, passing=passing)

    async def _tokens(self, unit: Unit, prompt: str, call: int, generate: Generate) -> list[float | None] | None:
        request = Request(
            row=unit.sample_id,
            messages=(("user", prompt),),
            task=_TASK,
            document="",
            language=unit.document.language,
            max_tokens=1,  # not every server takes 0; what it writes is cut off again
            temperature=0.0,
            logprobs=1,
            extra={"echo": True},
        )
        return prompt_logprobs(await generate(request, call))

    def _row(self, unit: Unit) -> dict[str, Any]:
        document = unit.document
        return {
            "sample_id": unit.sample_id,
            "doc_id": document.doc_id,
            "source_hash": document.content_hash,
            "origin": document.origin,
            "licence": document.licence,
            "source_language": document.language,
            "prompt": _TASK,
            "prompt_version": self.VERSION,
            "window": 0,
            "windows": 1,
            "model": self.model.model,
            "revision": self.model.revision,
            "engine": self.model.engine,
        }


def prompt_logprobs(completion: Completion) -> list[float | None] | None:
    """The log-probability of each token of the prompt (None for the first); None where the server gave none.

    What comes from a server is checked: a number that is positive or not finite makes the whole unusable.
    """
    tokens, count = completion.logprobs, completion.prompt_tokens
    if tokens is None:
        return None
    count = len(tokens) - 1 if count is None else count
    if count < 1 or len(tokens) < count:
        return None  # no echo: only what was written has log-probabilities
    values = [token.get("logprob") if isinstance(token, dict) else None for token in tokens[:count]]
    # 1e-6: servers round a certain token to a little above 0
    good = [float(one) for one in values[1:] if isinstance(one, int | float) and isfinite(one) and one <= 1e-6]
    return [None, *good] if len(good) == count - 1 else None


def tail_nats(bare: list[float | None] | None, whole: list[float | None] | None) -> list[float] | None:
    """Nats of the tokens of `whole` beyond those that `bare` has; None where either is missing or there are none."""
    if bare is None or whole is None or len(whole) <= len(bare):
        return None
    return [-(value or 0.0) for value in whole[len(bare) :]]


def tail_bits(bare: list[float | None] | None, whole: list[float | None] | None) -> float | None:
    """The same in bits, added up."""
    nats = tail_nats(bare, whole)
    return None if nats is None else sum(nats) / log(2)


def choice_credit(bits: Sequence[float], gold: int) -> float:
    """1 where the gold choice has the fewest bits, shared between ties."""
    least = min(bits)
    best = [place for place, value in enumerate(bits) if value == least]
    return 1 / len(best) if gold in best else 0.0


def measure_likelihood(
    model: ModelSpec, run_dir: Path, seed: int, where: Mapping[str, tuple[str, str | None]], spend: Spend
) -> tuple[Measured, dict[str, str]]:
    """Ask for the likelihoods of the items read in `run_dir`; what was measured, and metric -> why it was not.

    `where` gives each item's cell and passage. `spend` has the caps and what was spent on the run besides; what earlier
    sessions spent on likelihoods is added from their journal. What is journalled is not asked again.
    """
    folder, source = run_dir / _TASK, run_dir / "items"
    manifest = read_manifest(source)
    assert manifest is not None, "the items are read before"
    names = [shard.name for shard in manifest.shards]
    with lease(run_dir):
        run_loop(_ask(Likelihood(model), folder, source, names, seed, spend))
    measured = Measured()
    reasons: dict[str, int] = {}
    for name in names:
        for row in iter_rows(folder / f"{name}.parquet", ["doc_id", "parsed"]):
            found = orjson.loads(row["parsed"])
            cell, group = where[row["doc_id"]]
            values = {one: found.get(one) for one in ("gold_bpb", "choice_acc")}
            measured.rows.extend(result_rows(row["doc_id"], group, cell, values))
            if found.get("gold_nats"):  # an item that an earlier version measured has the sum alone
                measured.losses.append(Loss(row["doc_id"], cell, group, found["gold_bytes"], found["gold_nats"]))
        for row in iter_rows(folder / "dropped" / f"{name}.parquet", ["reason"]):
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    return measured, _not_measured({row["metric"] for row in measured.rows}, reasons)


def _not_measured(metrics: set[str], reasons: Mapping[str, int]) -> dict[str, str]:
    most = max(reasons, key=lambda name: reasons[name]) if reasons else ""
    words = _MEANINGS.get(most, most)
    none = {"gold_bpb": "no item has a gold answer", "choice_acc": "no item has choices"}
    return {metric: words or why for metric, why in none.items() if metric not in metrics}


async def _ask(stage: Likelihood, folder: Path, source: Path, names: list[str], seed: int, spend: Spend) -> None:
    """One pass of the runner's worker over the items. Every session has its own segment of the journal."""
    log_ = EventLog(folder.parent / "log.jsonl")
    session = len({path.name.split(".")[0] for path in (folder / "journal").glob("*/*.seg")}) + 1
    spec, salt = stage.model, fingerprint(dict(stage.identity.shared))
    pool = open_pool(spec, seed, log_)
    spend.before = spend.before + _journalled(folder, names, spend)
    prints = Fingerprints(documents="", generation=salt, reading="")
    async with closing(Journal(folder / "journal", session)) as journal:
        job = Job(
            folder=folder,
            source=source,
            text_column="text",
            stage=stage,
            fingerprints=dict.fromkeys(names, prints),
            salt=salt,
            pool=pool,
            journal=journal,
            spend=spend,
            window=4 * spec.max_in_flight * len(spec.urls),
            log=log_,
        )
        await pool.start()
        try:
            await Worker(job, lambda _: None).run(names)
        finally:
            await pool.close()


def _journalled(folder: Path, names: Sequence[str], spend: Spend) -> Usage:
    """What the answers in the journal cost."""
    total = Usage()
    for name in names:
        index, _ = load_part(folder / "journal" / name)
        answers = [record.completion for records in index.values() for record in records if record.completion]
        for answer in answers:
            total = total + usage_of(answer, spend.price)
    return total


def prompts_of(text: str, context: str | None, choices: Sequence[str], chinese: bool) -> tuple[str, str]:
    """The question up to where the answer stands, without and with its options."""
    question, answer = _LEADS["zh" if chinese else "en"]
    head = f"{context}\n\n" if context else ""
    options = "".join(f"{letter}. {choice}\n" for letter, choice in zip(LETTERS, choices, strict=False))
    return f"{head}{question}{text}\n{answer}", f"{head}{question}{text}\n{options}{answer}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
