"""datatrove's four MinHash stages: Parquet in, Parquet without near duplicates out; words split at white space.

Word 5-grams, 14 bands of 8 rows and everything not named below are datatrove's own defaults (64-bit xxhash among them).
"""

import argparse
import json
from importlib import metadata
from pathlib import Path

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import minhash
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.word_tokenizers import WordTokenizer


class Whitespace(WordTokenizer):
    """The cheapest word split there is; the default one would load spaCy."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()

    def sent_tokenize(self, text: str) -> list[str]:
        raise NotImplementedError

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        raise NotImplementedError


minhash.load_word_tokenizer = lambda language: Whitespace(language)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=Path, required=True, help="folder of Parquet files with id and text")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    folders = {name: str(args.work / name) for name in ("signatures", "buckets", "removed", "output", "logs")}
    parts = len(list(args.documents.glob("*.parquet")))
    config = minhash.MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    reader = ParquetReader(str(args.documents))
    stages = [
        (parts, [reader, minhash.MinhashDedupSignature(folders["signatures"], config)]),
        (14, [minhash.MinhashDedupBuckets(folders["signatures"], folders["buckets"], config=config)]),
        (1, [minhash.MinhashDedupCluster(folders["buckets"], folders["removed"], config=config)]),
        (parts, [reader, minhash.MinhashDedupFilter(folders["removed"]), ParquetWriter(folders["output"])]),
    ]
    for number, (tasks, pipeline) in enumerate(stages):
        logs = f"{folders['logs']}/{number}"
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=args.workers, logging_dir=logs).run()
    print(json.dumps({"peer": "datatrove", "version": metadata.version("datatrove")}), flush=True)


if __name__ == "__main__":
    main()
