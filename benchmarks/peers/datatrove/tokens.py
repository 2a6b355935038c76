"""datatrove's own tokenising: documents in, one token file in their order and its index out. All else is its default.

--fixture makes the files of tests/tokens/datatrove from its documents.jsonl and tokenizer.json.
"""

import argparse
import json
import os
import resource
from importlib import metadata
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread: CPU-seconds are compared

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader, ParquetReader
from datatrove.pipeline.tokens import DocumentTokenizer

FIXTURE = Path(__file__).resolve().parents[3] / "tests" / "tokens" / "datatrove"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=Path, help="folder of Parquet files with id and text")
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--fixture", action="store_true")
    args = parser.parse_args()
    reader = (
        JsonlReader(str(FIXTURE), glob_pattern="documents.jsonl")
        if args.fixture
        else ParquetReader(str(args.documents))
    )
    writer = DocumentTokenizer(
        str(FIXTURE if args.fixture else args.work / "tokens"),
        tokenizer_name_or_path=str(FIXTURE / "tokenizer.json" if args.fixture else args.tokenizer),
        eos_token="<|endoftext|>",
        shuffle_documents=False,
        save_final_metadata=not args.fixture,
    )
    LocalPipelineExecutor([reader, writer], tasks=1, logging_dir=str(args.work / "logs")).run()
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"contender": "datatrove", "version": metadata.version("datatrove"), "cpu_s": cpu}))


if __name__ == "__main__":
    main()
