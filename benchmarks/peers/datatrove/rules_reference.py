"""Decisions of datatrove's own quality filters, one row a document and filter: what tests compare tilth's presets with.

Run it in an environment with requirements.txt and rules_requirements.txt:

    python rules_reference.py FOLDER_OF_PARQUET OUTPUT.parquet

Each filter sees each English document (column `lang`) as it came, with its own defaults. One thing is replaced: words
are split on white space, as spaCy's are too slow to use at scale. Sentences stay those of datatrove's English tokenizer
(spaCy's rule-based sentencizer).
"""

import argparse
from pathlib import Path

import datatrove.utils.word_tokenizers as tokenizers
import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

FILTERS = {
    "gopher-quality": GopherQualityFilter,
    "gopher-repetition": GopherRepetitionFilter,
    "c4": C4QualityFilter,
    "fineweb": FineWebQualityFilter,
}


class WhiteSpaceWords(tokenizers.SpaCyTokenizer):
    """datatrove's English tokenizer with words split on white space."""

    def word_tokenize(self, text):
        return text.split()


def decide(document_filter, doc_id, text):
    """(kept, reason); datatrove returns a boolean, or a pair. It fails on a text without words: no decision."""
    try:
        result = document_filter.filter(Document(text=text, id=doc_id))
    except (ZeroDivisionError, IndexError) as error:
        return None, type(error).__name__
    return result if isinstance(result, tuple) else (result, None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", type=Path)
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    tokenizer = WhiteSpaceWords("en")
    tokenizers.load_word_tokenizer = lambda _language: tokenizer
    filters = {name: make() for name, make in FILTERS.items()}
    rows = []
    for path in sorted(args.documents.glob("*.parquet")):
        table = pq.read_table(path, columns=["doc_id", "text", "lang"])
        for doc_id, text, lang in zip(*(table[name].to_pylist() for name in table.column_names), strict=True):
            if lang == "en":
                rows += [(doc_id, name, *decide(each, doc_id, text)) for name, each in filters.items()]
    columns = list(zip(*rows, strict=True))
    names = ["doc_id", "filter", "kept", "reason"]
    types = [pa.string(), pa.string(), pa.bool_(), pa.string()]
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
    pq.write_table(pa.table(arrays, names=names), args.output, compression="zstd", compression_level=19)


if __name__ == "__main__":
    main()
