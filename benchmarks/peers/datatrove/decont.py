"""datatrove's NGramsDecontFilter over an index of the same items: Parquet in, Parquet of the rows that are kept out.

Its indexer wants lighteval, which would download the tasks; its own `compute_hashes` makes the same index from local
items. Questions are in the index too (`find_query_ngrams`), words are split at white space, 12-grams are its default.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.decont import n_grams
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.hashing import create_hash_func
from datatrove.utils.word_tokenizers import WordTokenizer


class Whitespace(WordTokenizer):
    """The cheapest word split there is; the default one would load spaCy."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()

    def sent_tokenize(self, text: str) -> list[str]:
        raise NotImplementedError

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        raise NotImplementedError


n_grams.load_word_tokenizer = lambda language: Whitespace(language)


def build_index(items: Path, folder: Path, config: n_grams.NGramsDecontConfig) -> None:
    """One file of hashes a benchmark, as the indexer writes them."""
    # what `compute_hashes` needs of an indexer, which itself refuses to be made without lighteval
    tokenizer, hash_func = Whitespace("en"), create_hash_func(config.hash_config)
    indexer = SimpleNamespace(config=config, tokenizer=tokenizer, hash_func=hash_func)
    compute = n_grams.NGramsDecontIndexer.compute_hashes
    hashes: dict[str, set[int]] = defaultdict(set)
    for line in items.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        hashes[item["task"]].update(compute(indexer, item["label"], item["query"]))
    folder.mkdir(parents=True, exist_ok=True)
    for task, own in hashes.items():
        np.array(list(own), dtype=config.hash_config.np_descr).tofile(folder / f"{task}.index.hashes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True, help="JSON lines with task, query and label")
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    config = n_grams.NGramsDecontConfig(find_query_ngrams=True)
    build_index(args.items, args.work / "index", config)
    pipeline = [
        ParquetReader(str(args.documents), text_key="text", id_key="doc_id"),
        n_grams.NGramsDecontFilter(str(args.work / "index"), config=config),
        ParquetWriter(str(args.work / "kept")),
    ]
    LocalPipelineExecutor(pipeline, tasks=1, logging_dir=str(args.work / "logs")).run()
    print(json.dumps({"kept": sum(pq.read_metadata(file).num_rows for file in (args.work / "kept").glob("*.parquet"))}))


if __name__ == "__main__":
    main()
