"""GGUF files, safetensors folders and vocabularies: what is written reads back, what is damaged is named."""

import contextlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import (
    CHINESE,
    CODE,
    EMOJI,
    ENGLISH,
    Shape,
    byte_level_tokenizer,
    random_folder,
    random_weights,
    sentencepiece_like,
    stories_folder,
    write_folder,
    write_safetensors,
)
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

from tilth.base.errors import ConfigError
from tilth.generate.engines.local.convert import interleave_rotary, read_shape
from tilth.generate.engines.local.memory import token_bytes
from tilth.generate.engines.local.resolve import counter_for, resolve_model
from tilth.generate.engines.local.safetensors import open_safetensors
from tilth.generate.gguf import Weight, read_gguf, write_gguf
from tilth.generate.model import ModelSpec
from tilth.generate.tokenizer import load_counter
from tilth.generate.vocab import PRE_TOKENIZERS, pre_tokenizer_name, rebuild_tokenizer, vocabulary_metadata

METADATA = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.negative": -3,
    "llama.epsilon": 1e-5,
    "llama.flag": True,
    "tokenizer.ggml.tokens": ["a", "春", "", "\n"],
    "tokenizer.ggml.scores": [0.0, -1.5],
    "tokenizer.ggml.token_type": [1, 2, 3],
}


def small_file() -> bytes:
    rng = np.random.default_rng(0)
    matrix, vector = rng.standard_normal((6, 5)).astype(np.float32), rng.standard_normal(7).astype(np.float32)
    weights = [
        Weight(name="matrix", shape=(6, 5), dtype=np.float16, load=lambda: matrix),
        Weight(name="vector", shape=(7,), dtype=np.float32, load=lambda: vector),
    ]
    out = io.BytesIO()
    write_gguf(out, METADATA, weights)
    return out.getvalue()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tilth"


def test_a_written_file_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(small_file())
    found = read_gguf(path)
    assert found.metadata["llama.epsilon"] == pytest.approx(1e-5)
    assert {key: value for key, value in found.metadata.items() if key != "llama.epsilon"} == {
        key: value for key, value in METADATA.items() if key != "llama.epsilon"
    }
    rng = np.random.default_rng(0)
    matrix, vector = rng.standard_normal((6, 5)).astype(np.float32), rng.standard_normal(7).astype(np.float32)
    assert np.array_equal(found.load("matrix"), matrix.astype(np.float16))
    assert np.array_equal(found.load("vector"), vector)


def test_the_reference_reader_agrees(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf", reason="the reference reader, package gguf, is not installed")
    path = tmp_path / "m.gguf"
    path.write_bytes(small_file())
    reader = gguf.GGUFReader(path)
    assert reader.fields["llama.block_count"].contents() == 2
    assert reader.fields["llama.negative"].contents() == -3
    assert reader.fields["tokenizer.ggml.tokens"].contents() == METADATA["tokenizer.ggml.tokens"]
    assert reader.fields["tokenizer.ggml.token_type"].contents() == [1, 2, 3]
    ours = read_gguf(path)
    for tensor in reader.tensors:
        assert np.array_equal(np.asarray(tensor.data), ours.load(tensor.name))


@given(size=st.integers(0, len(small_file()) - 400))
@settings(deadline=None, max_examples=60)
def test_a_cut_file_is_a_clear_error(tmp_path_factory: pytest.TempPathFactory, size: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "m.gguf"
    path.write_bytes(small_file()[:size])
    with pytest.raises(ConfigError, match="GGUF"):
        read_gguf(path)


@given(at=st.integers(4, 400), value=st.integers(0, 255))
@settings(deadline=None, max_examples=150)
def test_a_damaged_header_never_crashes(tmp_path_factory: pytest.TempPathFactory, at: int, value: int) -> None:
    data = bytearray(small_file())
    data[at] = value
    path = tmp_path_factory.mktemp("bad") / "m.gguf"
    path.write_bytes(bytes(data))
    with contextlib.suppress(ConfigError):  # or it reads, where the byte did not matter
        read_gguf(path)


def test_what_is_not_gguf_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"PK\x03\x04" + bytes(60))
    with pytest.raises(ConfigError, match="version 2 or 3"):
        read_gguf(tmp_path / "m.gguf")
    with pytest.raises(ConfigError, match="GGUF file at"):
        read_gguf(tmp_path / "absent.gguf")


# safetensors


@pytest.mark.parametrize(("dtype", "tolerance"), [("F32", 0.0), ("F16", 1e-3), ("BF16", 1e-2)])
def test_safetensors_read_in_every_float_type(tmp_path: Path, dtype: str, tolerance: float) -> None:
    values = np.linspace(-3, 3, 24, dtype=np.float32).reshape(4, 6)
    write_safetensors(tmp_path / "model.safetensors", {"a": values, "b": values[:2] * 2}, dtype)
    tensors = open_safetensors(tmp_path)
    assert np.allclose(tensors["a"].load(), values, rtol=tolerance, atol=tolerance)
    assert np.allclose(tensors["b"].load(), values[:2] * 2, rtol=tolerance, atol=tolerance)


def test_bfloat16_widens_exactly(tmp_path: Path) -> None:
    values = np.array([1.0, -0.5, 3.0e38, 1.0e-38, 0.0], np.float32)
    exact = (values.view(np.uint32) & 0xFFFF0000).view(np.float32)
    write_safetensors(tmp_path / "model.safetensors", {"a": exact}, "BF16")
    assert np.array_equal(open_safetensors(tmp_path)["a"].load(), exact)


def test_shards_are_found_through_the_index_and_never_outside_the_folder(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "one.safetensors", {"a": np.ones((2, 2), np.float32)})
    write_safetensors(tmp_path / "two.safetensors", {"b": np.zeros(3, np.float32)})
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}))
    assert set(open_safetensors(tmp_path)) == {"a", "b"}
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / index.name).write_text(json.dumps({"weight_map": {"a": "../one.safetensors"}}))
    with pytest.raises(ConfigError, match=r"one\.safetensors"):
        open_safetensors(inner)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"a": np.ones((8, 8), np.float32)})
    whole = path.read_bytes()
    for damaged in (whole[:-4], whole[:40], b"", b"\xff" * 64, whole.replace(b'"F32"', b'"I32"')):
        path.write_bytes(damaged)
        with pytest.raises(ConfigError, match=r"model\.safetensors"):
            open_safetensors(tmp_path)


# conversion


def test_rotary_rows_interleave_head_by_head() -> None:
    rows = np.arange(16).reshape(8, 2)  # two heads of four
    assert interleave_rotary(rows, 2)[:, 0].tolist() == [0, 4, 2, 6, 8, 12, 10, 14]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model_type": "gemma2"}, "gemma2"),
        ({"hidden_act": "gelu"}, "gelu"),
        ({"attention_bias": True}, "attention_bias"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"use_sliding_window": True}, "sliding"),
        ({"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}, "llama3"),
        ({"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 2.0}}, "linear"),
        ({"quantization_config": {"quant_method": "awq"}}, "quantization_config"),
        ({"num_hidden_layers": None}, "config.json"),
    ],
)
def test_models_that_would_come_out_wrong_are_refused(tmp_path: Path, change: dict, named: str) -> None:
    folder, _ = random_folder(tmp_path)
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=named):
        read_shape(folder)


def test_a_folder_is_converted_once_and_again_when_it_changes(tmp_path: Path, cache: Path) -> None:
    folder, _ = random_folder(tmp_path / "model")
    spec = ModelSpec(engine="openvino", model=str(folder), context=512)
    first = resolve_model(spec, strict=True)
    stamp = first.path.stat().st_mtime_ns
    assert first.path.parent.parent == cache
    assert resolve_model(spec, strict=True).path.stat().st_mtime_ns == stamp
    random_folder(folder, seed=1)
    second = resolve_model(spec, strict=True)
    assert second.revision != first.revision
    assert second.path != first.path
    assert sorted(path.suffix for path in first.path.parent.iterdir()) == [".gguf", ".gguf"]


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("tied", [True, False])
def test_every_tensor_is_carried_over(tmp_path: Path, cache: Path, architecture: str, tied: bool) -> None:
    shape = Shape(architecture=architecture, tied=tied, head_size=32)
    folder, reference = random_folder(tmp_path / "model", shape)
    model = resolve_model(ModelSpec(engine="xllamacpp", model=str(folder), weights="f32", context=512), strict=True)
    assert len(model.gguf.tensors) == len(reference.weights)
    assert np.array_equal(model.gguf.load("token_embd.weight"), reference.weights["model.embed_tokens.weight"])
    assert np.array_equal(
        model.gguf.load("blk.1.ffn_down.weight"), reference.weights["model.layers.1.mlp.down_proj.weight"]
    )
    assert token_bytes(model.gguf, 2) == 2 * 2 * 2 * 2 * 32
    assert model.stops == (0, 1)
    assert model.vocabulary == 512


def test_weights_too_large_for_f16_are_refused_not_made_infinite(tmp_path: Path, cache: Path) -> None:
    folder, reference = random_folder(tmp_path / "model")
    weights = dict(reference.weights)
    weights["lm_head.weight"] = weights["lm_head.weight"] * np.float32(1e6)
    write_safetensors(folder / "model.safetensors", weights)
    with pytest.raises(ConfigError, match=r"output\.weight"):
        resolve_model(ModelSpec(engine="openvino", model=str(folder), context=512), strict=False)
    assert not list(cache.glob("gguf/*.gguf"))


def test_a_missing_tensor_is_named(tmp_path: Path, cache: Path) -> None:
    shape = Shape()
    weights = random_weights(shape)
    del weights["model.layers.1.mlp.up_proj.weight"]
    folder = write_folder(tmp_path / "model", shape, weights, byte_level_tokenizer())
    with pytest.raises(ConfigError, match=r"model\.layers\.1\.mlp\.up_proj\.weight"):
        resolve_model(ModelSpec(engine="openvino", model=str(folder), context=512), strict=False)


@pytest.mark.parametrize("name", ["absent.gguf", "./absent", "absent", "/nowhere/model"])
def test_a_model_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match="not there"):
        resolve_model(ModelSpec(engine="openvino", model=name), strict=False)


def test_a_folder_that_cannot_be_written_stops_with_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tilth.base.errors import StorageError

    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    folder, _ = random_folder(tmp_path / "model")
    with pytest.raises(StorageError):
        resolve_model(ModelSpec(engine="openvino", model=str(folder), context=512), strict=False)


# vocabularies

TEXTS = [
    ENGLISH,
    CHINESE,
    CODE,
    EMOJI,
    "I'll don't WE'RE 1234567 3.14\r\n\r\n  tabs\t\tand   spaces  \n\n\n end",
    "<|end|> <|user|>x",
    "",
    " ",
]


def with_pre_tokenizer(name: str) -> Tokenizer:
    tokenizer = byte_level_tokenizer()
    parts = []
    for step in PRE_TOKENIZERS[name]:
        if step["type"] == "Split":
            parts.append(pre_tokenizers.Split(Regex(step["pattern"]["Regex"]), "isolated"))
        elif step["type"] == "Digits":
            parts.append(pre_tokenizers.Digits(individual_digits=True))
        else:
            parts.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=step["use_regex"]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
    if name == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    if name == "llama-bpe":
        spec = json.loads(tokenizer.to_str())
        spec["model"]["ignore_merges"] = True
        tokenizer = Tokenizer.from_str(json.dumps(spec))
    return tokenizer


@pytest.mark.parametrize("name", list(PRE_TOKENIZERS))
@given(text=st.one_of(st.sampled_from(TEXTS), st.text(max_size=80)))
@settings(deadline=None, max_examples=40)
def test_a_byte_level_vocabulary_survives_gguf(name: str, text: str) -> None:
    tokenizer = with_pre_tokenizer(name)
    spec = json.loads(tokenizer.to_str())
    assert pre_tokenizer_name(spec) == name
    rebuilt = Tokenizer.from_str(rebuild_tokenizer(vocabulary_metadata(spec, 520, strict=True), "here"))
    ids = tokenizer.encode(text).ids
    assert rebuilt.encode(text).ids == ids
    assert rebuilt.decode(ids) == tokenizer.decode(ids)


def test_a_sentencepiece_vocabulary_survives_gguf(tmp_path: Path) -> None:
    folder, _ = stories_folder(tmp_path)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    metadata = vocabulary_metadata(json.loads(tokenizer.to_str()), 512, strict=True)
    rebuilt = Tokenizer.from_str(rebuild_tokenizer(metadata, "here"))
    for text in (*TEXTS, "Once upon a time, there was a little girl named Lily.", "日本 ü", "  two  spaces"):
        ids = tokenizer.encode(text).ids
        assert rebuilt.encode(text).ids == ids
        assert rebuilt.decode(ids) == tokenizer.decode(ids)


def test_vocabularies_that_cannot_be_exact_are_refused() -> None:
    odd = byte_level_tokenizer()
    odd.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel()])
    with pytest.raises(ConfigError, match="pre-tokeniser"):
        vocabulary_metadata(json.loads(odd.to_str()), 512, strict=True)
    with pytest.raises(ConfigError, match="Unigram"):
        vocabulary_metadata(json.loads(sentencepiece_like().to_str()), 512, strict=True)
    with pytest.raises(ConfigError, match="at most 100 tokens"):
        vocabulary_metadata(json.loads(byte_level_tokenizer().to_str()), 100, strict=True)
    metadata = vocabulary_metadata(json.loads(byte_level_tokenizer().to_str()), 512, strict=True)
    with pytest.raises(ConfigError, match="someone-elses"):
        rebuild_tokenizer(metadata | {"tokenizer.ggml.pre": "someone-elses"}, "here")
    with pytest.raises(ConfigError, match=r"tokenizer\.json beside"):
        rebuild_tokenizer({"tokenizer.ggml.model": "t5"}, "here")
    tied = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": ["a", "b", "ab", "ba"],
        "tokenizer.ggml.scores": [0.0, 0.0, -1.0, -1.0],
        "tokenizer.ggml.token_type": [1, 1, 1, 1],
    }
    with pytest.raises(ConfigError, match="equal"):
        rebuild_tokenizer(tied, "here")


def test_a_gguf_file_counts_with_its_own_vocabulary_and_template(tmp_path: Path, cache: Path) -> None:
    folder, _ = random_folder(tmp_path / "model")
    model = resolve_model(ModelSpec(engine="xllamacpp", model=str(folder), context=512), strict=True)
    inside, outside = load_counter(str(model.path), plain=True), load_counter(str(folder), plain=True)
    messages = (("system", "Be brief."), ("user", ENGLISH + CHINESE))
    assert inside.exact
    assert inside.encode_messages(messages) == outside.encode_messages(messages)
    spec = ModelSpec(engine="openvino", model=str(model.path), context=512)
    assert counter_for(spec).count_messages(messages) == outside.count_messages(messages)
    assert counter_for(ModelSpec(engine="endpoint", model="m", urls=("http://localhost",))) is None


def test_a_tokenizer_beside_a_gguf_file_wins(tmp_path: Path, cache: Path) -> None:
    folder, _ = random_folder(tmp_path / "model")
    model = resolve_model(ModelSpec(engine="xllamacpp", model=str(folder), context=512), strict=True)
    os.link(model.path, tmp_path / "m.gguf")
    other = byte_level_tokenizer(300)
    other.save(str(tmp_path / "tokenizer.json"))
    counter = load_counter(str(tmp_path / "m.gguf"))
    assert counter.encode(ENGLISH) == other.encode(ENGLISH).ids
    assert counter.template is not None
