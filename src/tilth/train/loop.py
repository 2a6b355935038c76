"""One run of transformers' Trainer with accelerate: its settings, the schedule, and what surrounds it.

Imports torch and transformers; only `tilth.train.run` imports this, when it trains.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.utils import logging as transformers_logging

from tilth.base.errors import ConfigError, DriftError, Interrupted
from tilth.base.files import read_json
from tilth.train import state as states
from tilth.train.masks import check_masks
from tilth.train.metrics import NAME as METRICS_NAME
from tilth.train.metrics import Metrics
from tilth.train.model import kept_randomness
from tilth.train.presets import Resolved, rate_factor
from tilth.train.progress import Progress
from tilth.train.sequences import Sequences, collate, collate_flat
from tilth.train.watch import Watch

#: Tokens at once on a device where micro_batch is not given. 2 sequences of 4,096 on a GPU, as the published protocol
#: has it; on a CPU more is slower (docs/train.md).
_DEVICE_TOKENS: Final = {"cuda": 8192, "cpu": 512}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the loop ended."""

    parameters: int
    seconds: float
    processes: int
    diverged_at: int | None


class _Trainer(Trainer):  # type: ignore[misc]  # transformers hides its types behind lazy imports
    """Trainer with the schedule of the settings; embeddings are not decayed, operations not counted."""

    made: Resolved

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:  # noqa: ARG002 - its signature
        if self.lr_scheduler is None:
            made = self.made
            self.lr_scheduler: Any = LambdaLR(optimizer or self.optimizer, lambda step: rate_factor(step, made))
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def get_decay_parameter_names(self, model: Any) -> list[str]:
        embeddings = {
            f"{name}.weight" for name, module in model.named_modules() if isinstance(module, torch.nn.Embedding)
        }
        return [name for name in super().get_decay_parameter_names(model) if name not in embeddings]

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ARG002 - its signature
        return 0  # it walks over all parameters at each micro-batch; cost.py knows the formula


def processes() -> int:
    """Processes that train this run together, as the launcher says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process is the one that writes."""
    return int(os.environ.get("RANK", "0")) == 0


def fit(
    made: Resolved,
    model: Callable[[], Any],
    sequences: Sequences,
    out: Path,
    *,
    branch: Path | None,
    tokenizer_files: Mapping[str, bytes],
    facts: Mapping[str, Any],
    on_progress: Callable[[Progress], None],
) -> Outcome:
    """Train `model()` from the newest state in `out`, else from `branch` or its own weights.

    Leaves random states, threads, log levels and torch's default settings of this process as they were.
    """
    with _surroundings(made.settings.threads):
        arguments = _arguments(made, out / states.STATES)
        facts = {**facts, "precision": "bf16" if arguments.bf16 else "fp32"}
        resumed = newest_state(out, facts)
        start = resumed or branch
        built = model()
        metrics = Metrics(
            out / METRICS_NAME if is_first() else None, states.step_of(resumed) if resumed is not None else made.first
        )
        watch = Watch(made, out, metrics, tokenizer_files, facts, on_progress)
        trainer = _trainer(made, built, arguments, sequences, watch)
        if made.recipe.documents == "masked":
            check_masks(trainer.model, arguments.device, bf16=arguments.bf16)
        _run(trainer, start, out)
        metrics.write()
        if trainer.accelerator.num_processes > 1:
            trainer.accelerator.end_training()  # or each process complains at its end
        parameters = sum(weights.numel() for weights in trainer.model.parameters())
        return Outcome(
            parameters=parameters,
            seconds=watch.seconds,
            processes=trainer.accelerator.num_processes,
            diverged_at=watch.diverged_at,
        )


def newest_state(out: Path, facts: Mapping[str, Any]) -> Path | None:
    """The state to go on from; raises DriftError where it was trained in another precision."""
    found = states.newest(out)
    if is_first():
        states.prune(out, found)
    recorded = read_json(found / states.MARKER)["precision"] if found is not None else facts["precision"]
    if recorded != facts["precision"]:
        raise DriftError(
            f"expected to go on with {out} in {recorded}, as it was begun; this machine would take "
            f"{facts['precision']}. Go on where it was begun, or set precision: {recorded}."
        )
    return found


def _run(trainer: Trainer, start: Path | None, out: Path) -> None:
    try:
        trainer.train(resume_from_checkpoint=None if start is None else str(start))
    except KeyboardInterrupt as error:
        found = states.newest(out)
        step = 0 if found is None else states.step_of(found)
        raise Interrupted(f"stopped; the same command goes on from step {step} of {out}.") from error


def _trainer(made: Resolved, model: Any, arguments: TrainingArguments, sequences: Sequences, watch: Watch) -> _Trainer:
    flat = made.recipe.documents == "masked" and "flash" in str(model.config._attn_implementation)
    trainer = _Trainer(
        model=model,
        args=arguments,
        train_dataset=sequences,
        data_collator=collate_flat if flat else collate,
        callbacks=[watch],
    )
    trainer.made = made
    trainer.remove_callback(PrinterCallback)
    watch.trainer = trainer
    return trainer


def _arguments(made: Resolved, folder: Path) -> TrainingArguments:
    recipe, settings = made.recipe, made.settings
    on_gpu = settings.device == "auto" and torch.cuda.is_available()
    bf16 = on_gpu and torch.cuda.is_bf16_supported() if settings.precision == "auto" else settings.precision == "bf16"
    micro, accumulation = split_batch(made, processes(), "cuda" if on_gpu else "cpu")
    fsdp: dict[str, Any] = {}
    if settings.sharding == "fsdp" and (not on_gpu or processes() == 1):
        raise ConfigError(
            "sharding: fsdp needs several processes with a GPU each; give sharding: none on this machine."
        )
    if settings.sharding == "fsdp":  # whole state dicts, so that a checkpoint is a folder that anyone reads
        fsdp = {"fsdp": True, "fsdp_config": {"state_dict_type": "FULL_STATE_DICT"}}
    made_arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=made.last,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=accumulation,
        learning_rate=recipe.learning_rate,
        adam_beta1=recipe.beta1,
        adam_beta2=recipe.beta2,
        adam_epsilon=recipe.epsilon,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.clip,
        activation_checkpointing=settings.gradient_checkpointing,
        bf16=bf16,
        use_cpu=not on_gpu and (settings.device == "cpu" or not torch.backends.mps.is_available()),
        seed=settings.seed,
        logging_steps=settings.log_every,
        logging_nan_inf_filter=False,  # a loss that is no number is what we look for
        save_strategy="no",  # the callback says when
        eval_strategy="no",
        train_sampling_strategy="sequential",  # the order is the mixture's
        dataloader_pin_memory=on_gpu,
        ddp_find_unused_parameters=False,  # every weight takes part in every step
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
        **fsdp,
    )
    if processes() == 1 and made_arguments.n_gpu > 1:
        _log.warning("%d GPUs are visible and one is used: start it by accelerate launch", made_arguments.n_gpu)
        made_arguments._n_gpu = 1  # or transformers would take DataParallel, with other batches
    return made_arguments


def split_batch(made: Resolved, count: int, device: str) -> tuple[int, int]:
    """Sequences at once on a device, and how often a step: micro x accumulation x processes = batch.

    Raises ConfigError with the numbers where that cannot be.
    """
    each, rest = divmod(made.batch, count)
    if rest or each == 0:
        raise ConfigError(
            f"expected {count} processes to share a batch of {made.batch} sequences ({made.recipe.batch_tokens:,} "
            f"tokens) evenly; {made.batch} = {count} x {each} + {rest}. "
            "Take another number of processes or batch_tokens."
        )
    most = max(1, _DEVICE_TOKENS[device] // made.recipe.sequence)
    micro = made.settings.micro_batch or max(size for size in range(1, min(most, each) + 1) if each % size == 0)
    if each % micro:
        raise ConfigError(
            f"expected micro_batch x accumulation x processes = {made.batch} sequences; saw micro_batch {micro} and "
            f"{count} processes with {each} sequences each. Give a divisor of {each} as micro_batch."
        )
    return micro, each // micro


@contextlib.contextmanager
def _surroundings(threads: int | None) -> Iterator[None]:
    """Quiet transformers, set torch's threads, and put all of it back."""
    before, level = torch.get_num_threads(), transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with kept_randomness():
            yield
    finally:
        torch.set_num_threads(before)
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
