"""Reads a token shard with datatrove's dataset and with OLMo-core, and compares with the plain bytes.

    python tokens_read.py SHARD.ds TOKEN_BYTES EOS_ID      # needs datatrove, ai2-olmo-core and torch

Ends with 0 where both give the same tokens and OLMo-core finds the same documents.
"""

import sys

import numpy as np
from datatrove.utils.dataset import DatatroveFileDataset
from olmo_core.data import NumpyFSLDataset
from olmo_core.data.utils import iter_document_indices

LENGTH = 32


def main() -> None:
    path, size, eos = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    dtype = np.uint16 if size == 2 else np.uint32
    ids, ends = np.fromfile(path, dtype), np.fromfile(path + ".index", np.uint64)
    whole = ids[: len(ids) // LENGTH * LENGTH].reshape(-1, LENGTH)
    datatrove = DatatroveFileDataset(path, LENGTH - 1, size)
    olmo = NumpyFSLDataset(
        path, sequence_length=LENGTH, pad_token_id=eos, eos_token_id=eos, vocab_size=int(ids.max()) + 1, dtype=dtype
    )
    olmo.prepare()
    for name, dataset in (("datatrove", datatrove), ("OLMo-core", olmo)):
        found = np.stack([dataset[place]["input_ids"].numpy() for place in range(len(dataset))])
        if not np.array_equal(found, whole):
            sys.exit(f"{name} read other tokens")
    documents = [end for _, end in iter_document_indices(path, eos_token_id=eos, dtype=dtype)]
    if documents != ends.tolist():
        sys.exit(f"OLMo-core found {len(documents)} documents, the index has {len(ends)}")
    print(f"{len(whole)} sequences and {len(documents)} documents read alike")


if __name__ == "__main__":
    main()
