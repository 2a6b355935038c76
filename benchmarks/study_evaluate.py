"""Scoring: CPU time of our own scorer against lm-evaluation-harness, on the same items of the same model.

    python benchmarks/study_evaluate.py                     # the shipped samples of three benchmarks
    python benchmarks/study_evaluate.py --benchmarks FOLDER --tasks arc_easy piqa --limit 300

Makes a model of about 7 M parameters with random weights (what is computed does not depend on them) and a tokenizer
trained on the shipped documents, writes the tasks for the harness, then runs each contender in turn in a fresh process,
one thread. The harness gets its tasks with prompts written out, no index of its own tasks, and batches of 8 (no other
size was tried). Log-likelihoods are compared item by item. CPU time is that of the whole process, and again without
imports. Ends with 0 where ours costs a third or less by both and agrees to 1e-4.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl
from harness.environments import environment
from harness.figures import last_json_line, ratios, spread
from harness.measure import measured
from harness.results import RESULTS, save, say

ASKED = 3.0  # times cheaper
APART = 1e-4  # nats
DOCUMENTS = Path(__file__).parents[1] / "src" / "tilth" / "demo" / "documents"


def settings(args: argparse.Namespace) -> Any:
    from tilth.recipe.stages.evaluate import Evaluate

    return Evaluate(
        benchmarks=None if args.benchmarks is None else str(args.benchmarks),
        tasks=tuple(args.tasks),
        forms=("cloze", "choice", "bpb"),
        shots=args.shots,
        limit=args.limit,
        held_out={"text": str(args.work / "held_out.parquet")},
        device="cpu",
    )


def make(args: argparse.Namespace) -> None:
    """The tokenizer, the model, the held-out text and the harness's tasks."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from tilth.data.files import list_files
    from tilth.data.reading import read_files
    from tilth.data.source import SourceSpec
    from tilth.evaluate.harness.emit import emit_all
    from tilth.recipe.stages.tokens import TrainTokenizer
    from tilth.tokens.train import train_tokenizer

    spec = SourceSpec(source=(str(DOCUMENTS),))
    texts = [
        text for batch in read_files(list_files(spec, Path.cwd()), spec) for text in batch.documents["text"].to_pylist()
    ]
    (args.work / "text").mkdir()
    pl.DataFrame({"id": [str(place) for place in range(len(texts))], "text": texts}).write_parquet(
        args.work / "text" / "part-00000.parquet"
    )
    pl.DataFrame({"text": texts[: args.documents_scored]}).write_parquet(args.work / "held_out.parquet")
    model = args.work / "model"
    train_tokenizer(args.work / "text", model, TrainTokenizer(vocabulary=4096))
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=4096, hidden_size=256, intermediate_size=704, num_hidden_layers=8, num_attention_heads=8,
        num_key_value_heads=4, max_position_embeddings=2048, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(shape).save_pretrained(model)
    emit_all(args.work / "tasks", settings(args))


def ours(args: argparse.Namespace) -> float:
    import torch  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401

    from tilth.evaluate.checkpoint import evaluate_checkpoint
    from tilth.evaluate.runs import RunName

    imported = time.process_time()
    evaluate_checkpoint(
        args.work / "model", args.work / f"{time.time_ns()}.parquet", settings(args), RunName(arm="a", seed=1)
    )
    return imported


def theirs(args: argparse.Namespace) -> float:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    imported = time.process_time()
    manager = TaskManager(include_path=str(args.work / "tasks"), include_defaults=False)
    names = sorted(path.stem for path in (args.work / "tasks").glob("*.yaml"))
    found = simple_evaluate(
        model=HFLM(pretrained=str(args.work / "model"), device="cpu", batch_size=args.batch),
        tasks=names,
        task_manager=manager,
        bootstrap_iters=0,
        log_samples=True,
    )
    values = {
        name: {sample["doc"]["item"]: [_likelihood(one) for one in sample["filtered_resps"]] for sample in samples}
        for name, samples in found["samples"].items()
    }
    (args.work / "theirs.json").write_text(json.dumps(values))
    return imported


def _likelihood(answer: Any) -> float:
    return float(answer[0] if isinstance(answer, list | tuple) else answer)


def apart(args: argparse.Namespace) -> tuple[int, float, float]:
    """Requests compared, and the greatest difference: of answers in nats, of whole texts in nats per token."""
    from tilth.evaluate.ask import ask, benchmark_folder, read_items
    from tilth.evaluate.blocks import load_blocks
    from tilth.evaluate.harness.emit import task_name
    from tilth.evaluate.held_out import ask_held_out
    from tilth.evaluate.scoring.score import Scorer

    theirs = json.loads((args.work / "theirs.json").read_text())
    chosen = settings(args)
    scorer = Scorer(args.work / "model", device="cpu")
    blocks = load_blocks(chosen.tasks)
    asked = [
        ask(block, read_items(benchmark_folder(chosen), block), form, chosen)
        for block in blocks
        for form in chosen.forms
        if form in block.forms
    ] + [ask_held_out(chosen, "text")]
    count, most, text = 0, 0.0, 0.0
    for one in asked:
        for found in scorer.score(one.items)[0]:
            other = theirs[task_name(one)][found.item.item]
            for value, expected, tokens in zip(found.values, other, found.tokens, strict=True):
                count += 1
                if found.item.rolling:
                    text = max(text, abs(value - expected) / tokens)
                else:
                    most = max(most, abs(value - expected))
    return count, most, text


def run(args: argparse.Namespace, name: str) -> dict[str, Any]:
    one_thread = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--child", name, "--work", str(args.work)]
    cache = {"HF_DATASETS_CACHE": str(args.work / "cache")}
    found = measured(
        command, env={**environment(args.work), **one_thread, **offline, **cache}, log=args.work / "log", timeout=3600
    )
    log = (args.work / "log").read_text()
    if found.returncode != 0:
        raise RuntimeError(f"{name} ended with {found.returncode}: {log[-2000:]}")
    imports = float(last_json_line(log)["imports"])  # type: ignore[arg-type]
    say(f"{name:<8} {found.cpu_s:7.1f} CPU-s, {found.cpu_s - imports:7.1f} without imports, {found.wall_s:.1f} s")
    return {
        "name": name,
        "cpu_s": found.cpu_s,
        "scoring_cpu_s": found.cpu_s - imports,
        "peak_bytes": found.peak_tree_bytes,
    }


def main() -> int:
    args = parser().parse_args()
    if args.child:
        imports = ours(args) if args.child == "tilth" else theirs(args)
        print(json.dumps({"imports": imports}), flush=True)
        return 0
    with tempfile.TemporaryDirectory() as name:
        args.work = Path(name)
        make(args)
        runs = [run(args, contender) for _ in range(args.rounds) for contender in ("tilth", "lm-eval")]
        count, nats, text = apart(args)
    figures = {}
    for column in ("cpu_s", "scoring_cpu_s"):
        both = {name: [one[column] for one in runs if one["name"] == name] for name in ("tilth", "lm-eval")}
        figures[column] = spread(ratios(both["lm-eval"], both["tilth"]))
        say(f"{column:<14} {figures[column].text(1)} times cheaper, {ASKED:g} asked")
    say(f"{count:,} requests: answers differ by at most {nats:.1e} nats ({APART:g} asked), texts by {text:.1e} a token")
    del args.child, args.work
    body = {name: figure.median for name, figure in figures.items()}
    save(
        "study-evaluate",
        args,
        {"runs": runs, "ratio": body, "asked": ASKED, "requests": count, "nats": nats, "text": text},
    )
    return 0 if min(body.values()) >= ASKED and nats <= APART and text <= APART else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--benchmarks", type=Path, help="folder of benchmark files; default: the shipped samples")
    made.add_argument("--tasks", nargs="+", default=["arc_easy", "svamp", "gsm8k"])
    made.add_argument("--shots", type=int, default=5)
    made.add_argument("--limit", type=int, default=200)
    made.add_argument("--documents-scored", type=int, default=10)
    made.add_argument("--batch", type=int, default=8, help="requests a batch of the harness")
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--results", type=Path, default=RESULTS)
    made.add_argument("--child", help=argparse.SUPPRESS)
    made.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    return made


if __name__ == "__main__":
    sys.exit(main())
