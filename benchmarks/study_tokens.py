"""Tokenising: MB of text a CPU-second, against datatrove's tokeniser and the tokenizers package, with the same ids.

    python benchmarks/study_tokens.py --documents FOLDER --datatrove PYTHON     # Parquet with doc_id and text

Trains a tokenizer of 49,152 on a part of the documents, then gives each contender the rest in one fresh process, one
thread, from the first import to the files on disk. The token files must be the same, byte for byte. `--language`
takes documents of one language only: what a text without spaces costs differs. Ends with 0 at 4 times datatrove.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
from harness.environments import environment
from harness.figures import spread
from harness.measure import measured
from harness.results import RESULTS, fresh_folder, save, say

from tilth.recipe.stages.tokens import Tokenise, TrainTokenizer
from tilth.tokens.tokenise import tokenise
from tilth.tokens.train import train_tokenizer

ASKED = 4.0  # times datatrove's rate
PEER = Path(__file__).parent / "peers" / "datatrove" / "tokens.py"


def make(args: argparse.Namespace, work: Path) -> int:
    """Write the documents and the tokenizer; bytes of text."""
    columns = ["doc_id", "text", "lang"]
    paths = sorted(args.documents.glob("*.parquet"))
    frame = pl.concat([pl.read_parquet(path, columns=columns) for path in paths])
    if args.language:
        frame = frame.filter(pl.col("lang").str.starts_with(args.language))
    frame = frame.sample(fraction=1, shuffle=True, seed=1)
    size = frame["text"].str.len_bytes().cum_sum()
    fresh_folder(work / "train"), fresh_folder(work / "documents")
    frame.filter(size < args.train_mb * 1e6).write_parquet(work / "train" / "part-00000.parquet")
    rest = frame.filter((size >= args.train_mb * 1e6) & (size < (args.train_mb + args.mb) * 1e6))
    rest.rename({"doc_id": "id"}).write_parquet(work / "documents" / "part-00000.parquet")
    train_tokenizer(work / "train", work / "tokenizer", TrainTokenizer(vocabulary=args.vocabulary, split=args.split))
    return int(rest["text"].str.len_bytes().sum())


def commands(args: argparse.Namespace, work: Path) -> dict[str, list[str]]:
    """Contender -> command."""
    ours = [sys.executable, str(Path(__file__).resolve()), "--child", str(work)]
    found = {"tilth": [*ours, "--engine", "auto"], "tokenizers": [*ours, "--engine", "plain"]}
    if args.datatrove:
        found["datatrove"] = [str(args.datatrove), str(PEER), "--documents", str(work / "documents")]
        found["datatrove"] += ["--tokenizer", str(work / "tokenizer" / "tokenizer.json"), "--work", str(work / "peer")]
    return found


def child(work: Path, engine: str) -> None:
    """What is measured of ours."""
    settings = Tokenise(tokenizer=str(work / "tokenizer"), specials="parse", engine=engine)  # type: ignore[arg-type]
    tokenise(work / "documents", fresh_folder(work / engine), settings)


def token_file(work: Path, contender: str) -> bytes:
    place = {"tilth": "auto/part-00000.ds", "tokenizers": "plain/part-00000.ds"}
    return (work / place.get(contender, "peer/tokens/00000_unshuffled.ds")).read_bytes()


def main() -> int:
    args = parser().parse_args()
    if args.child:
        child(args.child, args.engine)
        return 0
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        size = make(args, work)
        say(f"{size / 1e6:.1f} MB of text")
        runs = [run(args, work, contender, size) for _ in range(args.rounds) for contender in commands(args, work)]
        same = len({token_file(work, contender) for contender in commands(args, work)}) == 1
    rates = {
        name: spread([run["mb_per_cpu_s"] for run in runs if run["name"] == name]) for name in commands(args, work)
    }
    for contender, rate in rates.items():
        say(f"{contender:<11} {rate.text(2)} MB a CPU-second")
    against = rates["datatrove" if args.datatrove else "tokenizers"].median
    ratio = rates["tilth"].median / against
    say(f"{ratio:.1f} times, {ASKED:g} asked; token files {'the same' if same else 'DIFFER'}")
    del args.child, args.engine, args.datatrove, args.documents
    label = f"study_tokens_{args.language}" if args.language else "study_tokens"
    save(label, args, {"bytes": size, "runs": runs, "same": same, "ratio": ratio, "asked": ASKED})
    return 0 if same and ratio >= ASKED else 1


def run(args: argparse.Namespace, work: Path, contender: str, size: int) -> dict[str, Any]:
    """One fresh process."""
    one_thread = {"POLARS_MAX_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = commands(args, work)[contender]
    found = measured(command, env={**environment(work), **one_thread}, log=work / "log", timeout=1800)
    if found.returncode != 0:
        raise RuntimeError(f"{contender} ended with {found.returncode}: {(work / 'log').read_text()[-2000:]}")
    rate = size / 1e6 / found.cpu_s
    say(f"{contender}: {found.cpu_s:.1f} CPU-s, {rate:.2f} MB a CPU-second, {found.peak_tree_bytes / 1e6:.0f} MB")
    return {
        "name": contender, "cpu_s": found.cpu_s, "mb_per_cpu_s": rate, "peak_bytes": found.peak_tree_bytes
    }  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--documents", type=Path, help="folder of Parquet files with doc_id, text and lang")
    made.add_argument("--datatrove", type=Path, help="a Python with datatrove; without it tokenizers is compared")
    made.add_argument("--language", default="", help="take documents of this language only")
    made.add_argument("--mb", type=float, default=60, help="of text (default %(default)s)")
    made.add_argument("--train-mb", type=float, default=15)
    made.add_argument("--vocabulary", type=int, default=49_152)
    made.add_argument("--split", default="digits", choices=("gpt2", "digits", "llama3", "qwen2"))
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--results", type=Path, default=RESULTS)
    made.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--engine", default="auto", help=argparse.SUPPRESS)
    return made


if __name__ == "__main__":
    sys.exit(main())
