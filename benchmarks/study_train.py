"""Step time of `tilth train` over a plain PyTorch loop of the same transformers model on the same batches.

    python benchmarks/study_train.py                # smoke and laptop, a few minutes of one core
    python benchmarks/study_train.py --preset smoke --rounds 3

Both run in this process, in alternating order, on one thread. Time is CPU time, for other work may run on the machine:
of each round the median over its steps, then the ratio of the round, then the median of the ratios. tilth's steps have
everything on: metrics and progress at each step, gradient norm, a look for a loss that is no number. `whole` is all of
a `train` call (set-up, the check of the masks, a checkpoint, the record), but imports, over as many plain steps. Ends
with 0 at 1.05.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import torch
import transformers
from harness.environments import ROOT
from harness.figures import spread
from harness.results import RESULTS, fresh_folder, save, say

from tilth.data.dataset import write_shard
from tilth.data.tokenized import PACKED, open_tokens
from tilth.mix.make import make_mixture
from tilth.recipe.stages.mix import Mix, MixPart
from tilth.recipe.stages.tokens import Tokenise, TrainTokenizer
from tilth.recipe.stages.train import Train
from tilth.tokens.pack import pack
from tilth.tokens.tokenise import tokenise
from tilth.tokens.train import train_tokenizer
from tilth.train.loop import split_batch
from tilth.train.model import build, tokenizer_of
from tilth.train.presets import Resolved, rate_factor, resolve
from tilth.train.progress import Progress
from tilth.train.run import train
from tilth.train.sequences import Sequences, collate

ASKED = 1.05
#: Tokens a step where the preset's own batch would take too long here: what the presets accumulate is the same work.
BATCH = {"smoke": None, "laptop": 1024}


def make(args: argparse.Namespace, work: Path, settings: Train) -> Path:
    """A packed set for the model of `settings`."""
    made = resolve(settings)
    if not (work / "tokens").exists():
        texts = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("src/**/*.py"))]  # real text, at hand
        write_shard(fresh_folder(work / "documents") / "part-00000.parquet", pa.table({"text": texts}))
        train_tokenizer(work / "documents", work / "tokenizer", TrainTokenizer(vocabulary=args.vocabulary))
        tokenise(work / "documents", work / "tokens", Tokenise(tokenizer=str(work / "tokenizer")))
    name = str(settings.preset)
    mix = Mix(parts=(MixPart(name="text", weight=1, kind="original", cap=100),), tokens=made.recipe.tokens)
    make_mixture(mix, {"text": work / "tokens"}, work / f"mixture-{name}")
    pack(work / f"mixture-{name}", work / f"packed-{name}", sequence=made.recipe.sequence)
    return work / f"packed-{name}"


def asked_for(args: argparse.Namespace, preset: str) -> Train:
    """Settings of a run of as many steps as are measured."""
    settings = Train.model_validate(
        {"preset": preset, "batch_tokens": BATCH[preset], "documents": args.masks, "device": "cpu", "threads": 1}
    )
    tokens = args.steps * resolve(settings).recipe.batch_tokens
    return settings.model_copy(update={"tokens": tokens})


def ours(packed: Path, out: Path, settings: Train) -> dict[str, Any]:
    """CPU seconds of each step of a `train` call, of the call, and its last loss."""
    marks, losses = [], []

    def seen(progress: Progress) -> None:
        marks.append(time.process_time())
        losses.append(progress.loss)

    begun = time.process_time()
    trained = train(packed, fresh_folder(out), settings, on_progress=seen)
    whole = time.process_time() - begun
    if trained.state != "finished":
        raise RuntimeError(f"the run ended as {trained.state}")
    return {"steps": differences(marks), "whole": whole, "losses": losses}


def plain(packed: Path, made: Resolved) -> dict[str, Any]:
    """The same in a loop as one writes it down: same model, batches, optimiser, clipping and schedule."""
    tokens, recipe = open_tokens(packed, PACKED), made.recipe
    model = build(made.architecture, tokenizer_of(tokens, made.settings), recipe.sequence, made.settings.seed, None)  # type: ignore[arg-type]
    matrices = [each for name, each in model.named_parameters() if each.ndim == 2 and "embed" not in name]
    others = [each for name, each in model.named_parameters() if each.ndim != 2 or "embed" in name]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    betas = (recipe.beta1, recipe.beta2)
    optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=betas, eps=recipe.epsilon, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_factor(step, made))
    sequences = Sequences(tokens, recipe.sequence, made.sequences, documents=recipe.documents)
    micro, accumulation = split_batch(made, 1, "cpu")
    loader = iter(torch.utils.data.DataLoader(sequences, batch_size=micro, collate_fn=collate))  # type: ignore[arg-type]
    model.train()
    marks, losses = [], []
    for _ in range(made.steps):
        total = 0.0
        batches = [next(loader) for _ in range(accumulation)]
        items = sum((batch["labels"][:, 1:] != -100).sum() for batch in batches)
        for batch in batches:
            total += one_batch(model, batch, items)
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        marks.append(time.process_time())
        losses.append(total)
    return {"steps": differences(marks), "losses": losses}


def one_batch(model: Any, batch: dict[str, Any], items: Any) -> float:
    """Forward and backward; a function, so that nothing of the graph is held when the next one is built."""
    loss = model(**batch, use_cache=False, num_items_in_batch=items).loss
    loss.backward()
    return float(loss.detach())


def differences(marks: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(marks)]


def compare(args: argparse.Namespace, work: Path, preset: str) -> dict[str, Any]:
    """Rounds of both, alternating; the first of each is a warm-up and not counted."""
    settings = asked_for(args, preset)
    made, packed = resolve(settings), make(args, work, settings)
    rounds = []
    for number in range(args.rounds + 1):
        if number % 2:
            theirs, mine = plain(packed, made), ours(packed, work / "run", settings)
        else:
            mine, theirs = ours(packed, work / "run", settings), plain(packed, made)
        drift = max(abs(a - b) for a, b in zip(theirs["losses"][:10], mine["losses"][:10], strict=True))
        if drift > 1e-3:
            raise RuntimeError(f"the two loops train differently: losses of the first steps differ by {drift}")
        if number == 0:
            continue
        plain_step, our_step = median(theirs["steps"]), median(mine["steps"])
        rounds.append(
            {
                "plain_step_s": plain_step,
                "tilth_step_s": our_step,
                "ratio": our_step / plain_step,
                "whole_ratio": mine["whole"] / (plain_step * made.steps),
                "tokens_per_cpu_s": made.recipe.batch_tokens / our_step,
            }
        )
        say(f"{preset} round {number}: {1000 * plain_step:.1f} ms plain, {1000 * our_step:.1f} ms tilth")
    figures = {name: asdict(spread([each[name] for each in rounds])) for name in rounds[0]}
    ratio, whole = (spread([each[name] for each in rounds]) for name in ("ratio", "whole_ratio"))
    rate = spread([each["tokens_per_cpu_s"] for each in rounds])
    say(f"{preset}: step {ratio.text(3)} of a plain loop's; a whole call {whole.text(3)}; {rate.text(0)} tokens/CPU-s")
    return {"steps": made.steps, "batch_tokens": made.recipe.batch_tokens, "rounds": rounds, "figures": figures}


def main() -> int:
    args = parser().parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        found = {preset: compare(args, Path(name), preset) for preset in args.preset}
    worst = max(each["figures"]["ratio"]["median"] for each in found.values())
    say(f"worst {worst:.3f}, {ASKED:g} asked")
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    save("study-train", args, {"versions": versions, "presets": found, "worst": worst, "asked": ASKED})
    return 0 if worst <= ASKED else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--preset", nargs="+", choices=tuple(BATCH), default=list(BATCH))
    made.add_argument("--masks", choices=("masked", "joined"), default="masked", help="between documents")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--steps", type=int, default=30)
    made.add_argument("--vocabulary", type=int, default=4096)
    made.add_argument("--results", type=Path, default=RESULTS)
    return made


if __name__ == "__main__":
    sys.exit(main())
