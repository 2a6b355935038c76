"""Mixtures of real token sets: exact budgets, exact repetition, common random numbers between arms."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokens_help import dataset, texts, tokenizer_file

from tilth.base.errors import ConfigError
from tilth.data.dataset import read_manifest
from tilth.data.tokenized import open_tokens
from tilth.mix.make import make_mixture
from tilth.recipe.stages.mix import Mix, MixPart
from tilth.recipe.stages.tokens import Tokenise
from tilth.tokens.tokenise import tokenise


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Token sets of one original and two synthetic datasets."""
    base = tmp_path_factory.mktemp("sets")
    made = {"web": (texts(40), texts(25, 40)), "faq": (texts(30, 100), []), "table": (texts(9, 200),)}
    settings_ = Tokenise(tokenizer=str(tokenizer_file(tmp_path_factory)))
    for name, shards in made.items():
        tokenise(dataset(base / name, *shards), base / f"{name}-tokens", settings_)
    return {name: base / f"{name}-tokens" for name in made}


def mix(tokens: int, shares: dict[str, float], seed: int = 0, shard_tokens: int = 1000, cap: float = 50) -> Mix:
    parts = tuple(
        MixPart(name=name, weight=weight, kind="original" if name == "web" else "synthetic", cap=cap)
        for name, weight in shares.items()
    )
    return Mix(parts=parts, tokens=tokens, seed=seed, shard_tokens=shard_tokens)


def rows_of(folder: Path) -> list[dict[str, object]]:
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]).to_pylist()


def of_part(rows: list[dict[str, object]], part: str) -> list[tuple[object, ...]]:
    return [(r["shard"], r["row"], r["epoch"], r["tokens"]) for r in rows if r["part"] == part]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tokens=st.integers(1, 20_000),
    weights=st.tuples(st.floats(0.05, 1), st.floats(0.05, 1), st.floats(0.05, 1)),
    seed=st.integers(0, 9),
    shard_tokens=st.integers(100, 30_000),
)
def test_budget_repetition_and_ledger_are_exact(
    sets: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    tokens: int,
    weights: tuple[float, float, float],
    seed: int,
    shard_tokens: int,
) -> None:
    out = tmp_path_factory.mktemp("mixture")
    plan = make_mixture(mix(tokens, dict(zip(sets, weights, strict=True)), seed, shard_tokens), sets, out)
    rows = rows_of(out)
    assert sum(row["tokens"] for row in rows) == tokens
    manifest = read_manifest(out)
    assert manifest is not None
    ledger = manifest.ledger
    assert ledger["tokens_in"] == ledger["tokens_out"] + ledger["cropped"]
    assert ledger["tokens_out"] == tokens
    assert ledger["documents"] == len(rows)
    for part in plan.parts:
        mine = [row for row in rows if row["part"] == part.name]
        assert sum(row["tokens"] for row in mine) == part.tokens
        whole, sizes = open_tokens(sets[part.name]), Counter((row["shard"], row["row"]) for row in mine)
        passes = max((row["epoch"] for row in mine), default=0) + 1
        assert manifest.details["parts"][part.name]["most_seen"] == (passes if mine else 0)
        # every row of the part was seen in each pass but the last, and in no pass twice
        assert len({(row["shard"], row["row"], row["epoch"]) for row in mine}) == len(mine)
        assert set(sizes.values()) <= {passes, passes - 1}
        if passes > 1:
            assert len(sizes) == whole.documents
        assert sum(row["cropped"] > 0 for row in mine) <= 1


def test_a_common_part_has_the_same_rows_at_the_same_places_whatever_the_other_part(
    sets: dict[str, Path], tmp_path: Path
) -> None:
    make_mixture(mix(4000, {"web": 1, "faq": 1}), sets, tmp_path / "faq")
    make_mixture(mix(4000, {"web": 1, "table": 1}), sets, tmp_path / "table")
    make_mixture(mix(4000, {"web": 3, "table": 7}), sets, tmp_path / "less")
    faq, table, less = (rows_of(tmp_path / name) for name in ("faq", "table", "less"))
    assert of_part(faq, "web") == of_part(table, "web")
    shorter = of_part(less, "web")
    assert shorter[:-1] == of_part(table, "web")[: len(shorter) - 1]  # the last one is cropped
    starts: dict[str, list[int]] = {}
    for name, rows in (("faq", faq), ("table", table)):
        at = 0
        for row in rows:
            if row["part"] == "web":
                starts.setdefault(name, []).append(at)
            at += int(row["tokens"])  # type: ignore[call-overload]
    longest = max(int(row["tokens"]) for row in faq + table)  # type: ignore[call-overload]
    assert max(abs(a - b) for a, b in zip(*starts.values(), strict=True)) <= 2 * longest


def test_parts_are_spread_evenly(sets: dict[str, Path], tmp_path: Path) -> None:
    make_mixture(mix(10_000, {"web": 1, "faq": 3}), sets, tmp_path / "m")
    rows, seen, web = rows_of(tmp_path / "m"), 0, 0
    longest = max(int(row["tokens"]) for row in rows)  # type: ignore[call-overload]
    for row in rows:
        assert abs(web - seen / 4) <= 2 * longest
        seen += int(row["tokens"])  # type: ignore[call-overload]
        web += int(row["tokens"]) if row["part"] == "web" else 0  # type: ignore[call-overload]


def test_the_shard_size_does_not_change_the_order_and_the_seed_does(sets: dict[str, Path], tmp_path: Path) -> None:
    for name, seed, size in (("a", 1, 500), ("b", 1, 10**6), ("c", 2, 500)):
        make_mixture(mix(3000, {"web": 1, "faq": 1}, seed, size), sets, tmp_path / name)
    assert rows_of(tmp_path / "a") == rows_of(tmp_path / "b")
    assert len(list((tmp_path / "a").glob("*.parquet"))) == 6
    assert of_part(rows_of(tmp_path / "a"), "web") != of_part(rows_of(tmp_path / "c"), "web")


def test_a_mixture_half_made_is_made_again_to_the_same_bytes(sets: dict[str, Path], tmp_path: Path) -> None:
    asked = mix(3000, {"web": 1, "faq": 1})
    make_mixture(asked, sets, tmp_path / "m")
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    (tmp_path / "m" / "manifest.json").unlink()
    (tmp_path / "m" / "part-00001.parquet").unlink()
    make_mixture(asked, sets, tmp_path / "m")
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()} == before
    with pytest.raises(ConfigError, match="holds another mixture"):
        make_mixture(mix(3001, {"web": 1, "faq": 1}), sets, tmp_path / "m")


def test_parts_with_different_tokenizers_are_refused(
    sets: dict[str, Path], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = dataset(tmp_path / "other", texts(5))
    made = tokenise(other, tmp_path / "tokens", Tokenise(tokenizer=str(tokenizer_file(tmp_path_factory, "llama3"))))
    with pytest.raises(ConfigError, match="one tokenizer"):
        make_mixture(mix(100, {"web": 1, "faq": 1}), {**sets, "faq": made.folder}, tmp_path / "m")


def test_an_unfinished_token_set_is_refused(sets: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"no manifest\.json"):
        make_mixture(mix(100, {"web": 1}), {"web": tmp_path / "empty"}, tmp_path / "m")
