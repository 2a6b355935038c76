"""What happens beside the loop: metrics, progress, the end of a diverging run, checkpoints and states to resume from.

Imports transformers; only `tilth.train.loop` imports this.
"""

import math
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback

from tilth.base.files import write_bytes
from tilth.train import state as states
from tilth.train.metrics import Metrics
from tilth.train.presets import Resolved, rate_factor
from tilth.train.progress import Progress, Rate

#: Processes agree on when to save only this often, since it costs a message between them.
_AGREE_STEPS = 10


def checkpoint_steps(made: Resolved) -> dict[int, int]:
    """Step of each evaluation checkpoint -> its number: evenly spaced, the last at the end."""
    count, length = made.settings.checkpoints, made.last - made.first
    return {made.first + max(1, round(length * number / count)): number for number in range(1, count + 1)}


def checkpoint_folder(out: Path, step: int) -> Path:
    """Where the evaluation checkpoint of a step lies."""
    return out / "checkpoints" / f"step-{step:08d}"


class Watch(TrainerCallback):  # type: ignore[misc]  # transformers hides its types behind lazy imports
    """The callback of a run. `diverged_at`: the step whose loss or gradient was not a finite number."""

    def __init__(
        self,
        made: Resolved,
        out: Path,
        metrics: Metrics,
        tokenizer_files: Mapping[str, bytes],
        facts: Mapping[str, Any],
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._made, self._out, self._metrics = made, out, metrics
        self._tokenizer_files, self._facts, self._on_progress = tokenizer_files, facts, on_progress
        self._due = checkpoint_steps(made)
        self._rate = Rate()
        self._seconds = metrics.seconds
        self._last = (0, 0.0)  # step and clock of the last report
        self._saved = 0.0
        self.trainer: Trainer | None = None
        self.diverged_at: int | None = None

    @property
    def seconds(self) -> float:
        """Of training, over all sessions."""
        return self._seconds + time.monotonic() - self._begun

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **more: Any) -> None:
        """Start the clock; set the rate of the first step, which a branch may have from another schedule."""
        self._begun = self._saved = time.monotonic()
        self._last = (state.global_step, self._begun)
        rate = self._made.recipe.learning_rate * rate_factor(state.global_step, self._made)
        for group in more["optimizer"].param_groups:
            group["lr"] = rate
        more["lr_scheduler"]._last_lr = [rate] * len(more["optimizer"].param_groups)  # what is reported of that step

    def on_step_end(self, _args: Any, state: Any, control: Any, **_more: Any) -> None:
        """Ask for a report and a state where they are due."""
        step = state.global_step
        if step < self._made.last and self._save_due(step):
            control.should_save = True
        if self._made.branches and step == self._made.decay_begins:
            control.should_save = True
        if control.should_save or step in self._due or step == self._made.last:
            control.should_log = True  # so that a loss that is no number is seen before anything is kept

    def _save_due(self, step: int) -> bool:
        due = time.monotonic() - self._saved >= 60 * self._made.settings.save_minutes
        return due if self._trainer.accelerator.num_processes == 1 else self._agreed(step, due)

    def _agreed(self, step: int, due: bool) -> bool:
        """What process 0 says; its clock decides for all."""
        from accelerate.utils import broadcast_object_list

        if step % _AGREE_STEPS and self._made.settings.save_minutes > 0:
            return False
        return bool(broadcast_object_list([due])[0])

    @property
    def _trainer(self) -> Trainer:
        if self.trainer is None:
            raise AssertionError("the trainer is set before it trains")
        return self.trainer

    def on_log(self, _args: Any, state: Any, control: Any, logs: Any = None, **_more: Any) -> None:
        """Take in a report; end a run that diverged; write the checkpoint that is due."""
        if not logs or "loss" not in logs:
            return
        state.log_history.clear()  # the metrics are ours to keep; transformers would write them into every state
        self._report(state.global_step, logs)
        numbers = (logs["loss"], logs.get("grad_norm", 0.0))
        if not all(math.isfinite(number) for number in numbers):
            self._diverge(state.global_step, control)
        elif state.global_step in self._due:
            if self._finite_weights():
                self._checkpoint(state.global_step)
            else:
                self._diverge(state.global_step, control)

    def _diverge(self, step: int, control: Any) -> None:
        self.diverged_at = step
        control.should_save, control.should_training_stop = False, True

    def _finite_weights(self) -> bool:
        if self._trainer.is_fsdp_enabled:  # each process holds a part; the next loss tells
            return True
        return all(bool(weights.isfinite().all()) for weights in self._trainer.model.parameters())

    def _report(self, step: int, logs: Mapping[str, float]) -> None:
        now = time.monotonic()
        before, when = self._last
        self._last = (step, now)
        tokens = self._made.recipe.batch_tokens
        seconds = self._seconds + now - self._begun
        self._metrics.add(
            {
                "step": step,
                "tokens": (step - self._made.first) * tokens,
                "loss": logs["loss"],
                "learning_rate": logs["learning_rate"],
                "grad_norm": logs.get("grad_norm"),
                "tokens_per_second": (step - before) * tokens / max(now - when, 1e-9),
                "seconds": seconds,
            }
        )
        if self._trainer.is_world_process_zero():
            rate = self._rate.add((step - before) * tokens, now - when)
            self._on_progress(
                Progress(
                    step=step,
                    steps=self._made.last,
                    tokens=(step - self._made.first) * tokens,
                    loss=logs["loss"],
                    learning_rate=logs["learning_rate"],
                    tokens_per_second=rate,
                    seconds=seconds,
                    eta_seconds=(self._made.last - step) * tokens / rate,
                )
            )

    def _checkpoint(self, step: int) -> None:
        """Write an evaluation checkpoint: as a whole or not at all; one that is there stays."""
        target = checkpoint_folder(self._out, step)
        if target.exists():
            return
        temporary = target.with_name(f".{target.name}.tmp")
        if self._trainer.is_world_process_zero():
            shutil.rmtree(temporary, ignore_errors=True)
        self._trainer.accelerator.wait_for_everyone()
        config = self._trainer.model.config
        config.use_cache, training = (
            True,
            config.use_cache,
        )  # readers generate with the cache; training has no use for it
        try:
            self._trainer.save_model(str(temporary))
        finally:
            config.use_cache = training
        self._trainer.accelerator.wait_for_everyone()
        if self._trainer.is_world_process_zero():
            (temporary / "training_args.bin").unlink(missing_ok=True)  # a pickle with this machine's paths
            self._add_tokenizer(temporary)
            for weights in temporary.glob("*.safetensors"):  # safetensors makes them readable by the owner alone
                weights.chmod((temporary / "config.json").stat().st_mode)
            states.sync_tree(temporary)
            states.replace_folder(temporary, target)
        self._trainer.accelerator.wait_for_everyone()

    def _add_tokenizer(self, folder: Path) -> None:
        for name, data in self._tokenizer_files.items():
            if not (folder / name).exists():
                write_bytes(folder / name, data)

    def on_save(self, _args: Any, state: Any, _control: Any, **_more: Any) -> None:
        """A state is written: metrics up to it, then its marker; older states go."""
        self._trainer.accelerator.wait_for_everyone()
        if self._trainer.is_world_process_zero():
            self._seal(state.global_step)
        self._trainer.accelerator.wait_for_everyone()
        self._saved = time.monotonic()

    def _seal(self, step: int) -> None:
        folder = self._out / states.STATES / f"checkpoint-{step}"
        facts = {**self._facts, "step": step, "sequences": (step - self._made.first) * self._made.batch}
        self._metrics.write()
        self._add_tokenizer(folder)
        if self._made.branches and step == self._made.decay_begins:  # before the marker: a kill between repeats both
            states.keep_branch(self._out, folder, self._made, facts)
        states.seal(folder, facts)
        states.prune(self._out, folder)
