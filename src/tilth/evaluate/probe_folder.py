"""Likelihoods of a checkpoint folder (config, tokenizer, weights in the form of transformers), measured here.

The same prompts and definitions as `likelihood` has for servers; the tokens and their log-probabilities come from the
scorer of `evaluate.scoring`, which needs the extra `eval`. Nothing is journalled: a folder gives the same values again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import log
from pathlib import Path
from typing import Any

from tilth.base.errors import MissingExtra
from tilth.data.dataset import iter_rows, read_manifest
from tilth.data.qa import qa_of
from tilth.data.questions import gold_text, question_of
from tilth.evaluate.likelihood import LETTERS, MOST_ANSWER, Loss, Measured, choice_credit, prompts_of
from tilth.generate.model import ModelSpec
from tilth.steer.scores import result_rows

_COLUMNS = ["doc_id", "text", "language", "metadata"]


def folder_of(model: ModelSpec) -> Path | None:
    """The folder of a checkpoint that transformers reads; None for any other model."""
    path = Path(model.model or "")
    return path if model.engine == "openvino" and (path / "config.json").is_file() else None


def can_generate(model: ModelSpec) -> bool:
    """Whether the engine that answers for a checkpoint folder is installed; True for any other model."""
    return folder_of(model) is None or find_spec("openvino_genai") is not None


def measure_folder(
    folder: Path, run_dir: Path, where: Mapping[str, tuple[str, str | None]]
) -> tuple[Measured, dict[str, str]]:
    """Score the items read in `run_dir`; what was measured, and metric -> why it was not.

    `where` gives each item's cell and passage. Memory: the model and one batch. Raises `SourceError` for a folder that
    is no causal language model.
    """
    from tilth.evaluate.scoring.score import Scorer

    try:
        scorer = Scorer(folder)
    except MissingExtra as error:
        return Measured(), dict.fromkeys(("gold_bpb", "choice_acc"), str(error))
    asked = [one for row in _items(run_dir) if (one := _asked(row)) is not None]
    measured = Measured(losses=[Loss(item, *where[item], size, nats) for item, size, nats in _golds(scorer, asked)])
    for loss in measured.losses:
        bits = sum(loss.nats) / log(2)
        measured.rows.extend(result_rows(loss.item, loss.group, loss.cell, {"gold_bpb": bits / loss.size}))
    for item, credit in _choices(scorer, asked):
        cell, group = where[item]
        measured.rows.extend(result_rows(item, group, cell, {"choice_acc": credit}))
    missing = {"gold_bpb": "no item has a gold answer", "choice_acc": "no item has choices"}
    seen = {row["metric"] for row in measured.rows}
    return measured, {metric: why for metric, why in missing.items() if metric not in seen}


@dataclass(frozen=True, slots=True)
class _Asked:
    """An item: its prompt and gold answer; where it has choices, its other prompt, and which of how many is right."""

    item: str
    prompt: str
    answer: str
    listed: str
    choices: int
    gold: int
    joint: str


def _golds(scorer: Any, asked: Sequence[_Asked]) -> Iterator[tuple[str, int, list[float]]]:
    """Each item's gold answer: its bytes and the nats of its tokens. Items whose answer does not fit are left out."""
    from tilth.evaluate.item import Item
    from tilth.evaluate.scoring.encode import Encoded

    items = [Item(item=one.item, group=None, requests=((one.prompt, one.joint + one.answer),)) for one in asked]
    encoded = [one for one in scorer.encoder.encode(items) if isinstance(one, Encoded)]
    values = _tokens(scorer, [one.sequences[0] for one in encoded])
    for one, found in zip(encoded, values, strict=True):
        yield one.item.item, one.item.lengths[0], [-float(value) for value in found]


def _choices(scorer: Any, asked: Sequence[_Asked]) -> Iterator[tuple[str, float]]:
    """Each item with choices, and whether the right letter is the likeliest."""
    from tilth.evaluate.item import Item

    several = {one.item: one for one in asked if one.choices}
    items = [
        Item(
            item=one.item,
            group=None,
            requests=tuple((one.listed, one.joint + letter) for letter in LETTERS[: one.choices]),
        )
        for one in several.values()
    ]
    for found in scorer.score(items)[0] if items else ():
        item = found.item.item
        yield item, choice_credit([-value for value in found.values], several[item].gold)


def _tokens(scorer: Any, sequences: Sequence[Any]) -> list[Any]:
    """The log-probability of each answer token of each sequence, in the order given; batches are of alike lengths."""
    from tilth.evaluate.scoring.pack import batches

    found: list[Any] = [None] * len(sequences)
    for batch in batches([len(one.ids) for one in sequences], 0, scorer.model.plain_budget):
        for at, values in zip(batch, scorer.model.plain([sequences[at] for at in batch]), strict=True):
            found[at] = values
    return found


def _items(run_dir: Path) -> list[dict[str, Any]]:
    manifest = read_manifest(run_dir / "items")
    assert manifest is not None, "the items are read before"
    paths = [run_dir / "items" / f"{shard.name}.parquet" for shard in manifest.shards]
    return [row for path in paths for row in iter_rows(path, _COLUMNS)]


def _asked(row: Mapping[str, Any]) -> _Asked | None:
    """What is asked about a row; None without a gold answer that is short enough."""
    gold = gold_text(question_of(row["text"], row["metadata"]))
    if not gold or len(gold) > MOST_ANSWER:
        return None
    qa = qa_of(row["text"], row["metadata"])
    options = qa.choices or ()
    chinese = (row["language"] or "").startswith("zh")
    plain, listed = prompts_of(row["text"], qa.context, options, chinese)
    letters = 1 < len(options) <= len(LETTERS) and gold in options
    return _Asked(
        item=row["doc_id"],
        prompt=plain,
        answer=gold,
        listed=listed,
        choices=len(options) if letters else 0,
        gold=options.index(gold) if letters else 0,
        joint="" if chinese else " ",
    )
