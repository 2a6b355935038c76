"""datatrove's own quality filters: Parquet in, Parquet of the kept documents out; words split on white space.

Everything not named below is datatrove's own default. Its split of a text into words is shared by the filters, as it
keeps the last five.
"""

import argparse
import json
from importlib import metadata
from pathlib import Path

import datatrove.utils.word_tokenizers as tokenizers
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter


class Whitespace(tokenizers.WordTokenizer):
    """The cheapest word split there is; the default one would load spaCy."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()

    def sent_tokenize(self, text: str) -> list[str]:
        raise NotImplementedError

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        raise NotImplementedError


_WORDS = Whitespace()
tokenizers.load_word_tokenizer = lambda _language: _WORDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=Path, required=True, help="folder of Parquet files with id and text")
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    pipeline = [
        ParquetReader(str(args.documents)),
        GopherQualityFilter(),
        FineWebQualityFilter(),
        GopherRepetitionFilter(),
        ParquetWriter(str(args.work / "kept")),
    ]
    LocalPipelineExecutor(pipeline, tasks=1, logging_dir=str(args.work / "logs")).run()
    print(json.dumps({"contender": "datatrove", "version": metadata.version("datatrove")}))


if __name__ == "__main__":
    main()
