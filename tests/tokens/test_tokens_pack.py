"""Mixtures as training shards, every token back to its row, and the forms of other programs."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tokens_help import dataset, texts, tokenizer_file

from tilth.base.errors import ConfigError, DriftError
from tilth.data.tokenized import PACKED, TokenSet, open_tokens
from tilth.mix.make import make_mixture
from tilth.recipe.stages.mix import Mix, MixPart
from tilth.recipe.stages.tokens import Tokenise
from tilth.tokens.explain import explain, window
from tilth.tokens.export import export_chat, export_jsonl, export_megatron, export_parquet
from tilth.tokens.pack import pack
from tilth.tokens.tokenise import tokenise

TOKENS = 6000


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study's folder: two datasets, their token sets, a mixture and its shards."""
    folder = tmp_path_factory.mktemp("study")
    asked = Tokenise(tokenizer=str(tokenizer_file(tmp_path_factory)))
    for name, shards in {"web": (texts(30), texts(21, 30)), "faq": (texts(20, 100),)}.items():
        tokenise(dataset(folder / name, *shards), folder / f"{name}-tokens", asked)
    mixed(folder, "mixture", TOKENS)
    pack(folder / "mixture", folder / "packed")
    return folder


def mixed(folder: Path, name: str, tokens: int) -> None:
    parts = (MixPart(name="web", weight=1, kind="original"), MixPart(name="faq", weight=2, kind="synthetic"))
    sets = {part.name: folder / f"{part.name}-tokens" for part in parts}
    make_mixture(Mix(parts=parts, tokens=tokens, shard_tokens=1500), sets, folder / name)


def decoded(tokens: TokenSet, base: Path, ids: list[int]) -> str:
    from tokenizers import Tokenizer

    built = Tokenizer.from_file(tokens.tokenizer["name"])
    return str(built.decode(ids))


def test_packed_shards_hold_the_mixture_in_order_and_to_the_token(base: Path) -> None:
    packed = open_tokens(base / "packed", PACKED)
    assert packed.tokens == TOKENS
    for shard in packed.shards:
        rows = pq.read_table(base / "mixture" / shard.source).to_pylist()
        documents = np.split(np.asarray(shard.ids(packed.dtype)), shard.ends()[:-1].astype(int))
        assert [len(document) for document in documents] == [row["tokens"] for row in rows]
        for document, row in zip(documents, rows, strict=True):
            text = pq.read_table(base / row["part"] / row["shard"])["text"][row["row"]].as_py()
            found = decoded(packed, base, document.tolist())
            assert found == text if not row["cropped"] else text.startswith(found.rstrip("\ufffd"))


def test_every_token_is_explained_by_its_row_prompt_model_and_call(base: Path) -> None:
    packed = open_tokens(base / "packed", PACKED)
    for shard in packed.shards:
        ids = shard.ids(packed.dtype)
        for token in [0, shard.tokens - 1, *range(7, shard.tokens, 211)]:
            found = explain(shard.path, token)
            assert found.token == ids[token]
            assert found.part in ("web", "faq")
            assert found.dataset == base / str(found.part)
            assert found.columns["prompt"] == f"{found.part}-prompt"
            assert found.columns["model"] == "small-model"
            place = int(found.shard.removeprefix("part-").removesuffix(".parquet"))
            assert found.columns["request_id"] == f"call-{place}-{found.row}"
            row = pq.read_table(found.dataset / found.shard)["text"][found.row].as_py()
            assert found.excerpt == row[:200]
            start = token - found.position
            prefix = decoded(packed, base, ids[start : token + 1].tolist()).rstrip("\ufffd")
            assert row.startswith(prefix)
            assert "text" not in found.columns


def test_a_token_of_a_single_dataset_is_explained_too(base: Path) -> None:
    tokens = open_tokens(base / "web-tokens")
    second = tokens.shards[1]
    found = explain(second.path, int(second.ends()[4]))
    assert (found.shard, found.row, found.position, found.part, found.epoch) == ("part-00001.parquet", 5, 0, None, None)
    for wrong in (-1, second.tokens):
        with pytest.raises(ConfigError, match="expected a token from 0"):
            explain(second.path, wrong)


def test_a_window_says_where_its_documents_end(base: Path) -> None:
    packed = open_tokens(base / "packed", PACKED)
    shard = packed.shards[1]
    ends = shard.ends().astype(int)
    found = window(packed, shard.name, 100, 400)
    assert found.ids.tolist() == np.asarray(shard.ids(packed.dtype))[100:500].tolist()
    for place in range(400):
        document = int((ends <= 100 + place).sum())
        assert found.documents[place] == document
        assert found.positions[place] == 100 + place - (ends[document - 1] if document else 0)


def test_shards_of_whole_sequences_say_what_was_cropped(base: Path) -> None:
    made = pack(base / "mixture", base / "sequences", sequence=128)
    ledger = made.manifest.ledger
    assert all(shard.tokens % 128 == 0 for shard in made.shards)
    assert ledger["tokens_in"] == TOKENS == ledger["tokens_out"] + ledger["cropped"]
    assert 0 < ledger["cropped"] < 128 * len(made.shards)
    assert all(int(shard.ends()[-1]) == shard.tokens for shard in made.shards)
    with pytest.raises(DriftError, match="sequence was 128"):
        pack(base / "mixture", base / "sequences", sequence=64)


def test_a_shard_that_was_not_finished_is_made_again(base: Path) -> None:
    pack(base / "mixture", base / "again")
    before = {path.name: path.read_bytes() for path in (base / "again").iterdir()}
    for name in ("manifest.json", "part-00002.json", "part-00002.ds.index"):
        (base / "again" / name).unlink()
    pack(base / "mixture", base / "again")
    assert {path.name: path.read_bytes() for path in (base / "again").iterdir()} == before


def test_a_mixture_of_token_sets_that_changed_is_refused(base: Path, tmp_path: Path) -> None:
    import shutil

    for name in ("web", "faq", "web-tokens", "faq-tokens", "mixture"):
        shutil.copytree(base / name, tmp_path / name)
    manifest = tmp_path / "faq-tokens" / "manifest.json"
    value = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**value, "fingerprint": "other"}))
    with pytest.raises(ConfigError, match="made anew"):
        pack(tmp_path / "mixture", tmp_path / "packed")


def test_megatron_files_have_its_layout(base: Path, tmp_path: Path) -> None:
    packed = open_tokens(base / "packed", PACKED)
    for prefix, shard in zip(export_megatron(packed, tmp_path), packed.shards, strict=True):
        assert prefix.with_suffix(".bin").read_bytes() == shard.path.read_bytes()
        index = prefix.with_suffix(".idx").read_bytes()
        count = shard.documents
        assert index[:18] == b"MMIDIDX\x00\x00" + (1).to_bytes(8, "little") + b"\x08"
        assert np.frombuffer(index, "<u8", 2, 18).tolist() == [count, count + 1]
        lengths = np.frombuffer(index, "<i4", count, 34)
        pointers = np.frombuffer(index, "<i8", count, 34 + 4 * count)
        assert np.cumsum(lengths).tolist() == shard.ends().tolist()
        assert pointers.tolist() == [0, *(2 * shard.ends()[:-1]).tolist()]
        assert np.frombuffer(index, "<i8", -1, 34 + 12 * count).tolist() == list(range(count + 1))


def test_texts_are_exported_in_the_order_of_the_mixture(base: Path, tmp_path: Path) -> None:
    table = export_parquet(base / "mixture", tmp_path / "parquet")
    lines = export_jsonl(base / "mixture", tmp_path / "jsonl")
    assert table.rows == lines.rows
    for parquet, jsonl in zip(table.paths, lines.paths, strict=True):
        rows = pq.read_table(parquet).to_pylist()
        assert rows == [json.loads(line) for line in jsonl.read_text().splitlines()]
        for row in rows:
            source = pq.read_table(base / row["part"] / row["shard"])["text"][row["row"]].as_py()
            assert row["text"] == source


def test_chat_leaves_out_rows_without_a_turn_and_counts_them(base: Path, tmp_path: Path) -> None:
    whole = export_jsonl(base / "mixture", tmp_path / "all")
    done = export_chat(base / "mixture", tmp_path / "chat")
    lines = [json.loads(line) for path in done.paths for line in path.read_text().splitlines()]
    assert done.rows == len(lines)
    assert sum(done.left_out.values()) + done.rows == whole.rows
    assert set(done.left_out) == {"no question"}
    assert all(line["row"] % 2 for line in lines)
    assert lines[0]["messages"] == [{"role": "user", "content": "how many?"}, {"role": "assistant", "content": "12"}]
    texts_ = export_chat(base / "mixture", tmp_path / "columns", user="prompt", assistant="text")
    assert texts_.rows == whole.rows
