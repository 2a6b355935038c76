"""Probe a model: its accuracy on a probe set by generation, and its likelihoods where the engine gives them.

The answers are made by a recipe of two steps (read, solve) in a run folder, so a probe is journalled, resumed and paid
for like any run, and any engine answers. Running it again asks nothing that was answered. `compare` puts checkpoints
of a training run beside each other.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tilth.base.errors import ConfigError, CorruptData
from tilth.base.files import read_json
from tilth.base.progress import Snapshot
from tilth.cost import Usage, load_price
from tilth.data.dataset import iter_rows, read_manifest
from tilth.data.source import Columns, SourceSpec
from tilth.evaluate.likelihood import Measured, measure_likelihood, why_not
from tilth.evaluate.probe_folder import can_generate, folder_of, measure_folder
from tilth.evaluate.probe_loss import save_losses
from tilth.evaluate.probe_set import ProbeSet
from tilth.generate.model import ModelSpec, Sampling
from tilth.recipe import Budget, Execution, Recipe, Step
from tilth.recipe.stages.solve import Solve
from tilth.runner.session import Options
from tilth.runner.session import run as run_recipe
from tilth.runner.spend import Spend
from tilth.steer.scores import (
    ProbeResults,
    Score,
    cell_scores,
    items_frame,
    paired_differences,
    result_rows,
)

#: Reasons of an answer that is no answer: the engine failed or refused, so nothing is said about the model.
_NO_ANSWER = "not_answered"
_NO_GENERATION = "the engine that answers for a checkpoint folder is not installed: pip install 'tilth[local]'"
_METADATA = ("answer", "choices", "context", "cell")


class ProbeSettings(BaseModel):
    """How a model is asked. One greedy answer by default; for k answers give a temperature too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answers: int = Field(1, ge=1, le=256)
    sampling: Sampling = Sampling(temperature=0.0, max_tokens=2048)
    prompt_folders: tuple[str, ...] = ()
    generate: bool = True  # False: likelihoods alone, as for a base model that answers nothing yet
    likelihood: bool = True  # where the engine gives log-probabilities of a prompt
    completions: bool = False  # ask for likelihoods by the completions API of a server that answers by chat
    name: str | None = None  # of the model in results; None: the model's own
    step: int = Field(0, ge=0)  # optimiser steps of the checkpoint
    seed: int = Field(0, ge=0)
    budget: Budget = Budget()  # over generation and likelihoods together
    prices: str | None = None  # a price file, for a cap on money


def probe(
    model: ModelSpec,
    probe_set: ProbeSet,
    run_dir: Path,
    settings: ProbeSettings | None = None,
    *,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> ProbeResults:
    """Ask `model` every item and score it; writes `results.parquet` and `probe.json` to `run_dir`.

    The same call resumes a probe that was stopped. Raises `UserError` where the user must act (no server, another model
    in this folder), `StopRun` where a cap or Ctrl-C ended it.
    """
    settings = settings or ProbeSettings()
    recipe = probe_recipe(model, probe_set, settings)
    ledger = run_recipe(recipe, run_dir, run_dir, options=Options(), on_snapshot=on_snapshot)
    if "answers" in recipe.steps:
        rows, missing = _scored(run_dir / "answers", probe_set)
        lacking = {} if any(row["metric"] == "acc" for row in rows) else {"acc": "no answer could be judged"}
    else:
        rows, missing, lacking = [], {}, {"acc": _NO_GENERATION if settings.generate else "switched off"}
    found, why = _likelihoods(model, probe_set, run_dir, settings, ledger)
    rows += found.rows
    lacking |= why
    if found.losses:
        save_losses(run_dir, found.losses)
    results = ProbeResults(
        model=settings.name or model.model or model.engine,
        step=settings.step,
        probe=probe_set.fingerprint,
        cells=probe_set.cells,
        items=items_frame(rows),
        answers=settings.answers,
        missing=missing,
        not_measured=lacking,
        stem=probe_set.stem,
    )
    results.save(run_dir, seed=settings.seed)
    return results


def _likelihoods(
    model: ModelSpec, probe_set: ProbeSet, run_dir: Path, settings: ProbeSettings, ledger: dict[str, Any]
) -> tuple[Measured, dict[str, str]]:
    """From a server that gives them, or from a checkpoint folder; else why there are none."""
    scorer = model.model_copy(update={"api": "completions"}) if settings.completions else model
    folder = folder_of(model)
    if not settings.likelihood:
        return Measured(), dict.fromkeys(("choice_acc", "gold_bpb"), "switched off")
    if folder is not None:
        return measure_folder(folder, run_dir, _places(probe_set))
    if (why := why_not(scorer)) is not None:
        return Measured(), dict.fromkeys(("choice_acc", "gold_bpb"), why)
    return measure_likelihood(scorer, run_dir, settings.seed, _places(probe_set), _spend(settings, model, ledger))


def probe_recipe(model: ModelSpec, probe_set: ProbeSet, settings: ProbeSettings) -> Recipe:
    """The recipe that reads the items and, where the engine is installed, asks them.

    Raises `ConfigError` for k answers at temperature 0.
    """
    if settings.answers > 1 and settings.sampling.temperature == 0:
        raise ConfigError(
            f"expected a temperature above 0 for {settings.answers} answers an item; at 0 they are one answer. Set "
            "sampling: {temperature: ...}, or answers: 1."
        )
    columns = Columns(text="question", id="item_id", language="lang", metadata=_METADATA)
    solve = Solve(
        model=model,
        sampling=settings.sampling,
        prompt_folders=tuple(str(Path(folder).absolute()) for folder in settings.prompt_folders),
        k=settings.answers,
        solver=settings.name,
        text_words=100,  # an item's answer is compared whatever its length; what is longer is no item
    )
    steps = {"items": Step(read=SourceSpec(source=(str(probe_set.path.absolute()),), columns=columns))}
    if settings.generate and can_generate(model):
        steps["answers"] = Step(solve=solve, sources=("items",))
    return Recipe(
        name="probe",
        seed=settings.seed,
        steps=steps,
        budget=settings.budget,
        execution=Execution(prices=str(Path(settings.prices).absolute()) if settings.prices else None),
    )


def checkpoint_model(folder: Path, *, context: int = 4096, threads: int = 0) -> ModelSpec:
    """The spec of a checkpoint folder (config, tokenizer, safetensors) or GGUF file, for the local engine.

    `context` is lowered to what the folder's config says the model was made for. Raises `ConfigError` where it is
    neither.
    """
    if not ((folder / "config.json").is_file() or folder.suffix == ".gguf"):
        raise ConfigError(f"expected a checkpoint folder with a config.json, or a GGUF file; saw {folder}.")
    return ModelSpec(
        engine="openvino", model=str(folder.absolute()), context=min(context, _made_for(folder)), threads=threads
    )


def _made_for(folder: Path) -> int:
    """Positions that a checkpoint's config names; very many where it names none."""
    try:
        value = read_json(folder / "config.json") if folder.is_dir() else {}
    except CorruptData:
        value = {}  # whoever loads the model says what is wrong with its config
    known = value.get("max_position_embeddings") if isinstance(value, dict) else None
    return known if isinstance(known, int) and known > 0 else 1 << 30


def checkpoint_step(folder: Path) -> int:
    """The optimiser steps in a checkpoint's name (`checkpoint-1200`, `step_1200`); 0 where it names none."""
    found = re.findall(r"\d{1,12}", folder.name)
    return int(found[-1]) if found else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellMove:
    """One cell over several probes: its scores, and the paired change from each to the next and from first to last."""

    cell: str
    scores: tuple[Score, ...]
    changes: tuple[Score, ...]  # one fewer than scores
    overall: Score  # last minus first


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """How the weak spots of a model move. `names` are the probes as model and step, in the order given."""

    metric: str
    level: float
    names: tuple[str, ...]
    cells: tuple[CellMove, ...]


def compare(
    results: Sequence[ProbeResults], metric: str = "acc", *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Moves:
    """Several probes on one set, such as checkpoints of a run, item by item.

    Changes are paired: the interval of a change is that of the differences of common items. Raises `ConfigError` for
    fewer than two, or different probe sets.
    """
    if len(results) < 2:
        raise ConfigError(f"expected at least two probes to compare; saw {len(results)}.")
    scores = [cell_scores(one, metric, level=level, draws=draws, seed=seed) for one in results]
    steps = [
        paired_differences(one, two, metric, level=level, draws=draws, seed=seed) for one, two in pairwise(results)
    ]
    whole = paired_differences(results[0], results[-1], metric, level=level, draws=draws, seed=seed)
    return Moves(
        metric=metric,
        level=level,
        names=tuple(f"{one.model} at {one.step:,}" for one in results),
        cells=tuple(
            CellMove(
                cell=cell.name,
                scores=tuple(found[cell.name] for found in scores),
                changes=tuple(found[cell.name] for found in steps),
                overall=whole[cell.name],
            )
            for cell in results[0].cells
        ),
    )


def _spend(settings: ProbeSettings, model: ModelSpec, ledger: dict[str, Any]) -> Spend:
    """The account of the likelihoods, which goes on from that of the answers."""
    cost = {field.name: ledger["cost"][field.name] for field in fields(Usage)}
    price = load_price(Path(settings.prices) if settings.prices else None, model.price)
    return Spend(price=price, budget=settings.budget, before=Usage(**cost), gpus=model.gpus * max(len(model.urls), 1))


def _places(probe_set: ProbeSet) -> dict[str, tuple[str, str | None]]:
    """Item -> its cell and its passage."""
    return {item: (cell, group) for item, cell, group in probe_set.items.iter_rows()}


def _scored(folder: Path, probe_set: ProbeSet) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The accuracy of each item that was answered, and how many were not, by reason."""
    where = _places(probe_set)
    rows: list[dict[str, Any]] = []
    why: dict[str, str] = {}
    for row in _rows(folder, ["doc_id", "parsed"]):
        item = row["doc_id"]
        value, reason = accuracy_of(orjson.loads(row["parsed"] or "{}"))
        if value is None:
            why[item] = reason
        else:
            cell, group = where[item]
            rows += result_rows(item, group, cell, {"acc": value})
    why |= {row["doc_id"]: row["reason"] for row in _rows(folder / "dropped", ["doc_id", "reason"])}
    measured = {row["item"] for row in rows}
    counts = Counter(why.get(item, "not_asked") for item in where if item not in measured)
    return rows, dict(counts.most_common())


def accuracy_of(parsed: Any) -> tuple[float | None, str]:
    """The share of an item's answers that are right, over those that could be judged; else None and why.

    A cut-off or unreadable answer is wrong. An answer that the engine did not give is none.
    """
    answers = parsed.get("answers") if isinstance(parsed, dict) else None
    given = [one for one in answers if isinstance(one, dict)] if isinstance(answers, list) else []
    known = [one["correct"] for one in given if isinstance(one.get("correct"), bool)]
    if known:
        return sum(known) / len(known), ""
    how = next((str(one.get("how")) for one in given if one.get("how") != _NO_ANSWER), _NO_ANSWER)
    return None, how


def _rows(folder: Path, columns: list[str]) -> list[dict[str, Any]]:
    """Rows of a step's shards; of its drops where `folder` is that of the drops."""
    manifest = read_manifest(folder.parent if folder.name == "dropped" else folder)
    names = [shard.name for shard in manifest.shards] if manifest else []
    paths = [folder / f"{name}.parquet" for name in names]
    return [row for path in paths if path.exists() for row in iter_rows(path, columns)]


def weakest(results: ProbeResults, metric: str = "acc") -> pl.DataFrame:
    """Cells with their scores, the weakest first: cell, value, low, high, items."""
    scores = cell_scores(results, metric)
    rows = [{"cell": name, "value": one.value, "low": one.low, "high": one.high, "items": one.items}
            for name, one in scores.items() if one.value is not None]  # fmt: skip
    return pl.DataFrame(rows).sort("value", "cell", descending=[metric == "gold_bpb", False])
