"""Commands from texts to training shards: train-tokenizer, tokenise, mix, pack, export."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tilth.cli.options import QuietOption, TextOption, WorkersOption

DataArgument = Annotated[
    Path, typer.Argument(help="A dataset's folder, a step of a run, a Parquet file or a glob.", metavar="DATA")
]
MixtureArgument = Annotated[Path, typer.Argument(help="The folder of a mixture.", metavar="MIXTURE")]


def train_tokenizer(
    data: DataArgument,
    out: Annotated[Path, typer.Option("--out", help="The folder for tokenizer.json.")],
    vocabulary: Annotated[
        int, typer.Option("--vocabulary", min=257, max=1 << 20, help="Tokens, 256 bytes and special ones included.")
    ],
    split: Annotated[
        Literal["gpt2", "digits", "llama3", "qwen2"],
        typer.Option("--split", help="How text is cut before merges. digits: as SmolLM2."),
    ] = "digits",
    text: TextOption = "text",
    quiet: QuietOption = False,
) -> None:
    """Train a byte-level BPE tokenizer; the same texts give the same file."""
    from tilth.recipe.stages.tokens import TrainTokenizer
    from tilth.tokens.train import train_tokenizer as train

    path = train(data, out, TrainTokenizer(vocabulary=vocabulary, split=split), column=text)
    if not quiet:
        print(f"tokenizer {path}   ({vocabulary:,} tokens)")


def tokenise(
    data: DataArgument,
    tokenizer: Annotated[str, typer.Option("--tokenizer", help="A tokenizer.json, a folder with one, or a Hub name.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of the token set. The same command completes it.")],
    workers: WorkersOption = 0,
    max_document_tokens: Annotated[
        int | None, typer.Option("--max-document-tokens", min=2, help="Longer documents are cropped. Default: none.")
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="Of a Hub name.")] = None,
    eos_token: Annotated[
        str | None, typer.Option("--eos-token", help="Closes each document. Default: what the tokenizer names.")
    ] = None,
    bos_token: Annotated[str | None, typer.Option("--bos-token", help="Opens each document. Default: none.")] = None,
    text: TextOption = "text",
    quiet: QuietOption = False,
) -> None:
    """Turn texts into headerless token shards, each with an index of its documents."""
    from tilth.recipe.stages.tokens import Tokenise
    from tilth.tokens.tokenise import tokenise as make

    settings = Tokenise(
        tokenizer=tokenizer,
        revision=revision,
        eos_token=eos_token,
        bos_token=bos_token,
        max_document_tokens=max_document_tokens,
        column=text,
    )
    made = make(data, out, settings, workers=workers, on_shard=None if quiet else _say_shards)
    if not quiet:
        _print_tokens(made)


def mix(
    file: Annotated[Path, typer.Argument(help="A mix file: parts, tokens, seed.", metavar="FILE")],
    out: Annotated[Path | None, typer.Option("--out", help="The folder of the mixture.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print the plan and make nothing.")] = False,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Print the file with start values as weights, and make nothing.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Make one ordered mixture of token sets by weights; refuses a budget that cannot be met, with the numbers."""
    from tilth.base.errors import ConfigError
    from tilth.mix.load import load_mix, suggest_for
    from tilth.mix.make import make_mixture, plan_mixture
    from tilth.mix.plan import plan_lines

    if sum((out is not None, plan, suggest)) != 1:
        raise ConfigError("expected one of --out FOLDER, --plan and --suggest. Choose one.")
    if suggest:
        found = suggest_for(file)
        print(found.text + "\n".join(f"# {line}" for line in found.reasons))
        lines = plan_lines(plan_mixture(found.loaded.mix, found.loaded.folders))
        print("\n".join(f"# {line}" for line in lines))
        return
    asked = load_mix(file)
    made = plan_mixture(asked.mix, asked.folders) if out is None else make_mixture(asked.mix, asked.folders, out)
    if not quiet or out is None:
        print("\n".join(plan_lines(made)))
    if not quiet and out is not None:
        print(f"mixture {out}")


def pack(
    mixture: MixtureArgument,
    out: Annotated[Path, typer.Option("--out", help="The folder of the shards. The same command completes it.")],
    sequence: Annotated[
        int | None, typer.Option("--sequence", min=2, help="Crop each shard to whole sequences of so many tokens.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Write a mixture's tokens in training order, as shards to train on."""
    from tilth.tokens.pack import pack as make

    made = make(mixture, out, sequence=sequence)
    if not quiet:
        _print_tokens(made)


def export(
    mixture: MixtureArgument,
    to: Annotated[Literal["megatron", "chat", "jsonl", "parquet"], typer.Option("--to", help="The form.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of the files.")],
    user: Annotated[str, typer.Option("--user", help="chat: the column or field of the user's turn.")] = "question",
    assistant: Annotated[
        str, typer.Option("--assistant", help="chat: the column or field of the assistant's turn.")
    ] = "answer",
    quiet: QuietOption = False,
) -> None:
    """Write a mixture for other programs: tokens for Megatron, or its texts as chat, JSON lines or Parquet."""
    from tilth.tokens.export import export as write

    done = write(mixture, to, out, user=user, assistant=assistant)
    if not quiet:
        print(f"{done.rows:,} documents in {len(done.paths)} shards   {out}")
        for reason, rows in done.left_out.items():
            print(f"left out {rows:,}: {reason}")


def _say_shards(done: int, of: int) -> None:
    print(f"{done} of {of} shards", file=sys.stderr)


def _print_tokens(made: Any) -> None:
    """What became of rows and tokens, and how the files are to be read."""
    ledger = made.manifest.ledger
    print(f"tokens  {ledger['tokens_in']:,} in = {ledger['tokens_out']:,} out + {ledger['cropped']:,} cropped")
    print(f"rows    {ledger['rows']:,} in = {ledger['documents']:,} documents + {ledger['empty']:,} empty")
    print(f"shards  {len(made.shards)} of {made.dtype.name}, document ends in .ds.index   {made.folder}")


#: Name of each command -> its function; `cli.main` adds them.
COMMANDS: dict[str, Callable[..., None]] = {
    "train-tokenizer": train_tokenizer,
    "tokenise": tokenise,
    "mix": mix,
    "pack": pack,
    "export": export,
}
