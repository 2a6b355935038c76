"""The fast way gives the ids of the tokenizers package, whatever the text."""

import unicodedata
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokens_help import LINES, texts, tokenizer_file

from tilth.recipe.stages.tokens import Tokenise
from tilth.tokens import encode
from tilth.tokens.encode import PROBES, Encoder
from tilth.tokens.tokenizer import HubTokenizer, load_tokenizer

SPLITS = ("gpt2", "digits", "llama3", "qwen2")


@pytest.fixture(scope="module", params=SPLITS)
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HubTokenizer:
    return load_tokenizer(Tokenise(tokenizer=str(tokenizer_file(tmp_path_factory, request.param))))


@pytest.fixture(scope="module", params=[True, False], ids=["tiktoken", "package"])
def fast(tokenizer: HubTokenizer, request: pytest.FixtureRequest) -> Encoder:
    if request.param:
        pytest.importorskip("tiktoken")
    made = Encoder(tokenizer)
    if not request.param:
        made._quick = None
    assert made.engine == ("units+tiktoken" if request.param else "units"), made.reason + made.why_not_quick
    return made


def assert_same(fast: Encoder, tokenizer: HubTokenizer, some: list[str], specials: str = "text") -> None:
    built = tokenizer.build()
    built.encode_special_tokens = specials == "text"
    expected = [found.ids for found in built.encode_batch(some, add_special_tokens=False)]
    found = fast.encode(pl.Series(some, dtype=pl.String))
    assert found.counts.tolist() == [len(ids) for ids in expected]
    for ids, whole, text in zip(np.split(found.ids, np.cumsum(found.counts)[:-1]), expected, some, strict=True):
        assert ids.tolist() == whole, text


# what patterns look at: space of all kinds, line ends, quotes, letters, digits, marks, symbols
_PIECES = st.sampled_from(
    [
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "\u00a0",
        "\u3000",
        "\x85",
        "'",
        "'s",
        "'LL",
        "’",
        "a",
        "Wort",
        "é",
        "e\u0301",
        "水稻",
        "١",
        "7",
        "123456",
        "½",
        "(",
        ").",
        "—",
        "😀",
        "\x00",
        "\u200d",
        "ſ",
        "<|endoftext|>",
        "\ufdd0",
        "\ufdd0\ufdd1\ufdd0",
    ]
)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(st.lists(_PIECES, max_size=25).map("".join), st.text(max_size=40)), max_size=6))
def test_any_texts_have_the_ids_of_the_package_and_come_back(
    fast: Encoder, tokenizer: HubTokenizer, some: list[str]
) -> None:
    assert fast.engine.startswith("units"), fast.reason
    some = [text for text in some if text.isprintable() or text.encode("utf-8", "ignore").decode() == text]
    if not some:
        return
    assert_same(fast, tokenizer, some)
    if tokenizer.parsed()["normalizer"] is None:
        found = fast.encode(pl.Series(some, dtype=pl.String))
        built = tokenizer.build()
        back = [built.decode(ids.tolist()) for ids in np.split(found.ids, np.cumsum(found.counts)[:-1])]
        assert back == some


def test_memory_of_units_does_not_change_ids(
    fast: Encoder, tokenizer: HubTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "_REMEMBERED", 30)
    for start in range(0, 40, 8):
        assert_same(fast, tokenizer, texts(8, start))


def test_text_of_a_special_token_is_text_unless_asked_otherwise(tokenizer: HubTokenizer) -> None:
    some = ["before <|endoftext|> after", "<|endoftext|>", "none"]
    assert_same(Encoder(tokenizer), tokenizer, some)
    parsing = Encoder(tokenizer, specials="parse")
    assert_same(parsing, tokenizer, some, "parse")
    assert tokenizer.eos in parsing.encode(pl.Series(some)).ids
    assert tokenizer.eos not in Encoder(tokenizer).encode(pl.Series(some)).ids


def test_hostile_texts_cost_linear_time_and_stay_exact(fast: Encoder, tokenizer: HubTokenizer) -> None:
    some = [
        mark * (50_000 // len(mark)) for mark in ("a", " ", "\n", ".", "\x01", "的", "' ", "1", "😀", " \n", "it's ")
    ]
    assert_same(fast, tokenizer, [*some, "", "x"])


def test_a_text_too_long_for_one_call_is_cut_and_counted(
    tokenizer: HubTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "_LONGEST", 1000)
    made = Encoder(tokenizer, engine="plain")
    long = " ".join(LINES[:2]) * 40
    found = made.encode(pl.Series([long, "short"]))
    assert made.cut == 1
    assert tokenizer.build().decode(found.ids[: found.counts[0]].tolist()) == long


def test_a_difference_in_the_first_texts_ends_the_fast_way_with_a_reason(tokenizer: HubTokenizer) -> None:
    made = Encoder(tokenizer)
    assert made._units is not None
    object.__setattr__(made._units, "pattern", r"(?s).{1,3}")  # a wrong way to cut
    assert not made.check(PROBES)
    assert made.engine == "plain"
    assert "other ids" in made.reason
    assert_same(made, tokenizer, list(PROBES))


def test_a_tokenizer_that_cuts_in_an_unknown_way_is_used_as_it_is(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    built = Tokenizer(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))  # type: ignore[call-arg]
    built.pre_tokenizer = pre_tokenizers.Whitespace()
    built.save(str(tmp_path / "tokenizer.json"))
    made = Encoder(load_tokenizer(Tokenise(tokenizer=str(tmp_path), eos="none")))
    assert made.engine == "plain"
    assert "WordLevel" in made.reason
    assert made.encode(pl.Series(["a b c", ""])).ids.tolist() == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.timeout(900)  # every code point, or documents of all kinds, on a busy machine
def test_every_code_point_has_the_ids_of_the_package(fast: Encoder, tokenizer: HubTokenizer) -> None:
    # every letter, digit, mark, space and symbol; of the uniform rest (ideographs, private use, unassigned) each 16th
    points = [chr(p) for p in range(0x110000) if not 0xD800 <= p <= 0xDFFF]
    uniform = {"Lo", "Co", "Cn"}
    points = [c for c in points if ord(c) < 0x3000 or ord(c) % 16 == 0 or unicodedata.category(c) not in uniform]
    for at in range(0, len(points), 20_000):
        assert_same(fast, tokenizer, [f"a{c}a {c}1{c} b{c}\n{c}'s  {c} .{c} '{c}" for c in points[at : at + 20_000]])


@pytest.mark.slow
@pytest.mark.timeout(900)  # every code point, or documents of all kinds, on a busy machine
def test_real_documents_of_all_kinds_have_the_ids_of_the_package(
    fast: Encoder, tokenizer: HubTokenizer, shared: Path
) -> None:
    for path in sorted((shared / "data" / "documents").glob("*.parquet")):
        some = pl.read_parquet(path, columns=["text"])["text"].sample(40, seed=1).str.slice(0, 20_000)
        assert_same(fast, tokenizer, some.to_list())
    assert fast.engine.startswith("units"), fast.reason
