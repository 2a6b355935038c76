"""Bespoke curator's LLM class on its OpenAI back end: JSONL in, one request a row, its cache on, Parquet out.

One change, because nothing may be fetched at run time: curator asks tiktoken for `cl100k_base` at its start, which
tiktoken downloads. `offline_encoding` hands it a tiktoken encoding of the 256 bytes instead: the same Rust code
without merges, so curator's count of prompt tokens costs it no more than the real one. Telemetry and viewer are off
(environment, set by the harness). Its own limits per minute are set high enough never to wait.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "common"))  # last: it must hide nothing of the peer's

import tiktoken


def offline_encoding(_name: str) -> tiktoken.Encoding:
    """Bytes as tokens, split as GPT-4's encoding splits words."""
    pattern = (
        r"'(?:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+"
    )
    ranks = {bytes([value]): value for value in range(256)}
    return tiktoken.Encoding("bytes", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


tiktoken.get_encoding = offline_encoding

from bespokelabs import curator  # noqa: E402  (after the change above)
from datasets import load_dataset  # noqa: E402
from driving import arguments, report  # noqa: E402


class Rewriter(curator.LLM):
    """One request a document. `instruction` is set by main()."""

    instruction = ""

    def prompt(self, row: dict) -> str:
        return f"{self.instruction}\n\n{row['text']}"

    def parse(self, row: dict, response: str) -> dict:
        return {"id": row["id"], "text": response}


def main() -> None:
    args = arguments("Bespoke curator")
    Rewriter.instruction = args.instruction
    model = Rewriter(
        model_name=args.model,
        backend="openai",
        generation_params={"max_tokens": args.max_tokens},
        backend_params={
            "base_url": args.base_url,
            "api_key": "none",
            "max_concurrent_requests": args.concurrency,
            "max_requests_per_minute": 100_000_000,
            "max_tokens_per_minute": 1_000_000_000_000,
        },
    )
    documents = load_dataset(
        "json", data_files=str(args.documents), split="train", cache_dir=str(args.work / "datasets")
    )
    answers = model(documents, working_dir=str(args.work / "cache")).dataset
    answers.to_parquet(args.work / "output.parquet")
    report("curator", "bespokelabs-curator", len(answers))


if __name__ == "__main__":
    main()
