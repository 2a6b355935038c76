"""What a run reads: every token of whole sequences in the order of the shards, and where its documents begin."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from train_help import SEQUENCE

from tilth.base.errors import ConfigError
from tilth.data.tokenized import PACKED, open_tokens
from tilth.tokens.explain import window
from tilth.train.sequences import IGNORED, Sequences, collate, collate_flat, positions_in


def test_sequences_are_the_tokens_of_the_shards_in_order(packed: Path) -> None:
    tokens = open_tokens(packed, PACKED)
    for length in (SEQUENCE, 50):
        whole = sum(shard.tokens // length for shard in tokens.shards)
        found = Sequences(tokens, length, whole - 3)
        expected = [
            np.asarray(shard.ids(tokens.dtype))[: shard.tokens // length * length].reshape(-1, length)
            for shard in tokens.shards
        ]
        read = np.stack([found[number]["input_ids"] for number in range(len(found))])
        assert (read == np.concatenate(expected)[: whole - 3]).all()
        assert len(found) == whole - 3


def test_a_run_that_goes_on_reads_what_comes_after(packed: Path) -> None:
    tokens = open_tokens(packed, PACKED)
    all_of_it = Sequences(tokens, SEQUENCE, 20)
    later = Sequences(tokens, SEQUENCE, 8, offset=100, begin=12)
    assert len(later) == 108
    for place in range(8):
        assert (later[100 + place]["input_ids"] == all_of_it[12 + place]["input_ids"]).all()


def test_too_few_tokens_are_refused_with_the_numbers(packed: Path) -> None:
    tokens = open_tokens(packed, PACKED)
    whole = sum(shard.tokens // SEQUENCE for shard in tokens.shards)
    with pytest.raises(ConfigError, match=rf"expected 1,000 sequences of 32 tokens \(32,000 .* it has {whole} "):
        Sequences(tokens, SEQUENCE, 1000)


def test_masked_positions_are_those_of_the_index(packed: Path) -> None:
    tokens = open_tokens(packed, PACKED)
    found = Sequences(tokens, SEQUENCE, 30, documents="masked")
    for number in range(30):
        row = found[number]
        shard, start = tokens.shards[0], number * SEQUENCE
        if start + SEQUENCE > shard.tokens:
            break
        documents = window(tokens, shard.name, start, SEQUENCE).documents
        begins = np.concatenate([[True], np.diff(documents) > 0])
        assert ((row["position_ids"] == 0) == begins).all()
        assert (np.diff(row["position_ids"])[~begins[1:]] == 1).all()
        assert (row["labels"] == np.where(begins, IGNORED, row["input_ids"])).all()


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.data())
def test_positions_count_from_the_begin_of_a_document_or_of_the_window(sizes: list[int], data: st.DataObject) -> None:
    total = sum(sizes)
    start = data.draw(st.integers(0, total - 1))
    length = data.draw(st.integers(1, total - start))
    places = np.concatenate([np.arange(size) for size in sizes])[start : start + length]
    expected = np.where(np.cumsum(places == 0) > 0, places, np.arange(length))
    found = positions_in(np.cumsum(sizes).astype(np.uint64), start, length)
    assert found.tolist() == expected.tolist()


def test_a_flat_batch_holds_the_same_rows_and_predicts_no_first_token(packed: Path) -> None:
    found = Sequences(open_tokens(packed, PACKED), SEQUENCE, 4, documents="masked")
    rows = [found[number] for number in range(4)]
    stacked, flat = collate(rows), collate_flat(rows)
    assert flat["input_ids"].shape == (1, 4 * SEQUENCE)
    assert (flat["input_ids"].reshape(4, SEQUENCE) == stacked["input_ids"]).all()
    assert (flat["labels"].reshape(4, SEQUENCE)[:, 1:] == stacked["labels"][:, 1:]).all()
    assert (flat["labels"].reshape(4, SEQUENCE)[:, 0] == IGNORED).all()
