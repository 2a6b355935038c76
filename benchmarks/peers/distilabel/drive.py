"""A distilabel pipeline, load and TextGeneration, with its cache on: JSONL in, one request a row, Parquet out.

distilabel sends a batch of rows at once and waits for all of it, so the requests in flight are its
`input_batch_size`.

One change in its favour: it quietens the log of `httpx`, but today's openai client uses `httpx2`, which would print
lines for each request. `httpx2` is quietened here as well.
"""

import logging
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "common"))  # last: it must hide nothing of the peer's

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromFileSystem
from distilabel.steps.tasks import TextGeneration
from driving import arguments, report

logging.getLogger("httpx2").setLevel(logging.WARNING)


def main() -> None:
    args = arguments("distilabel Pipeline")
    with Pipeline(name="rewrite", cache_dir=str(args.work / "cache")) as pipeline:
        load = LoadDataFromFileSystem(data_files=str(args.documents), batch_size=args.concurrency)
        write = TextGeneration(
            llm=OpenAILLM(
                model=args.model,
                base_url=args.base_url,
                api_key="none",
                generation_kwargs={"max_new_tokens": args.max_tokens},
            ),
            template=args.instruction + "\n\n{{ text }}",
            columns=["text"],
            input_batch_size=args.concurrency,
        )
        load >> write
    answers = pipeline.run(use_cache=True)["default"]["train"]
    answers.to_parquet(args.work / "output.parquet")
    report("distilabel", "distilabel", sum(text is not None for text in answers["generation"]))


if __name__ == "__main__":
    main()
