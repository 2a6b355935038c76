"""lm-evaluation-harness as a back end: emits a task, runs it in a child process offline, reads its samples.

The rows are those of our own scorer for the same items, to the harness's precision. `prob_norm_token` is there where an
item has one right answer, since the harness logs no tokens and only that one's likelihood can be told from its bits.
"""

import importlib.util
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from tilth.base.errors import MissingExtra, SourceError
from tilth.evaluate.blocks import Block
from tilth.evaluate.harness.emit import emit
from tilth.evaluate.harness.item import Reading
from tilth.evaluate.harness.samples import read_samples
from tilth.evaluate.item import Asked
from tilth.evaluate.rows import Scored, result_table
from tilth.evaluate.runs import RunName
from tilth.evaluate.scoring.encode import Encoded, Encoder
from tilth.recipe.stages.evaluate import Evaluate

_CPU_BATCH = 16  # requests; padding wastes more than larger batches save
_OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


class HarnessBackend:
    """Scores tasks with lm-evaluation-harness; close it, or its process lives on."""

    def __init__(self, model: Path, settings: Evaluate, blocks: Sequence[Block]) -> None:
        """Raises `MissingExtra` without the harness."""
        if importlib.util.find_spec("lm_eval") is None:
            raise MissingExtra("evaluating with lm-evaluation-harness", "lm-eval", "eval")
        self._model, self._settings = model, settings
        self._blocks = {block.name: block for block in blocks}
        self._work = tempfile.TemporaryDirectory(prefix="tilth-lm-eval-")
        self._child: subprocess.Popen[bytes] | None = None
        self._encoder: Encoder | None = None
        self._count = 0

    def __call__(self, asked: Asked, run: RunName, on_progress: Callable[[int], None]) -> Scored:
        """One task; a harness that fails is named in the result and started anew for the next one."""
        encoded = self._encode(asked)
        kept = [one for one in encoded if isinstance(one, Encoded)]
        left_out = Counter(str(one) for one in encoded if not isinstance(one, Encoded))
        if not kept:
            return Scored(left_out=left_out)
        self._count += 1
        folder = Path(self._work.name) / f"{self._count:04d}"
        name = emit(folder, asked, [one.item for one in kept], self._blocks.get(asked.task))
        answer = self._ask({"task": name, "folder": str(folder), "out": str(folder / "out")})
        if "failure" in answer:
            return Scored(left_out=left_out, failure=str(answer["failure"]))
        try:
            rows = self._read(folder, asked, run, kept)
        except SourceError as error:
            return Scored(left_out=left_out, failure=str(error))
        on_progress(len(kept))
        return Scored(rows, left_out, sum(one.cut for one in kept))

    def close(self) -> None:
        """End the child process and remove what it wrote."""
        self._end()
        self._work.cleanup()

    def _encode(self, asked: Asked) -> list[Any]:
        """What the harness would stop at (an answer without a token, one longer than the context) is found before."""
        if self._encoder is None:
            from transformers import AutoConfig

            config = AutoConfig.from_pretrained(str(self._model))
            self._encoder = Encoder(self._model, config, self._settings.max_length)
        return list(self._encoder.encode(asked.items))

    def _read(self, folder: Path, asked: Asked, run: RunName, kept: Sequence[Encoded]) -> Any:
        paths = sorted(folder.rglob("samples_*.jsonl"))
        if len(paths) != 1:
            raise SourceError(f"expected one file of samples from the harness; saw {len(paths)}.")
        found = read_samples(paths[0], run, Reading(item="item", group="group", form=asked.form))
        if found.items != len(kept):
            raise SourceError(f"expected samples of {len(kept)} items from the harness; saw {found.items}.")
        metrics: dict[str, dict[str, float]] = defaultdict(dict)
        for row in found.rows:
            metrics[row["item"]][row["metric"]] = row["value"]
        for one in kept:
            if "gold_bpb" in metrics[one.item.item] and len(one.item.gold) == 1:
                metrics[one.item.item]["prob_norm_token"] = _per_token(one, metrics[one.item.item]["gold_bpb"])
        return result_table(asked, run, ((one.item.item, one.item.group, metrics[one.item.item]) for one in kept))

    def _ask(self, line: dict[str, Any]) -> dict[str, Any]:
        """One line to the child and its answer; a child that died is a failure."""
        if self._child is None:
            ready = self._start()
            if "failure" in ready:
                self._end()
                return ready
        answer = self._say(line)
        if answer.get("died"):
            self._end()
        return answer

    def _start(self) -> dict[str, Any]:
        cache = str(Path(self._work.name) / "cache")
        with (Path(self._work.name) / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tilth.evaluate.harness.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **_OFFLINE, "HF_DATASETS_CACHE": cache, "TOKENIZERS_PARALLELISM": "false"},
            )
        device = self._settings.device or _device()
        given: dict[str, Any] = {
            "pretrained": str(self._model),
            "device": device,
            "dtype": self._settings.dtype,
            "batch_size": _CPU_BATCH if device == "cpu" else "auto",
        }
        if self._settings.max_length is not None:
            given["max_length"] = self._settings.max_length
        return self._say(given)

    def _say(self, line: dict[str, Any]) -> dict[str, Any]:
        child = self._child
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(orjson.dumps(line) + b"\n")
            child.stdin.flush()
            answer = child.stdout.readline()
        except OSError:
            answer = b""
        if answer:
            found: dict[str, Any] = orjson.loads(answer)
            return found
        code = child.wait()
        tail = (Path(self._work.name) / "log").read_text(encoding="utf-8", errors="replace")[-600:]
        return {"failure": f"lm-evaluation-harness ended with code {code}: {tail.strip()}", "died": True}

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()
        try:
            child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _per_token(one: Encoded, bits: float) -> float:
    gold = one.item.gold[0]
    likelihood = -bits * math.log(2) * one.item.lengths[gold]
    return math.exp(likelihood / one.sequences[gold].answer)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
