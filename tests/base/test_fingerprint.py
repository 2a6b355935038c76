import subprocess
import sys
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.base.fingerprint import fingerprint, text_hash
from tilth.base.random import seed_of, stream

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=4), JSON, max_size=6))
def test_the_order_of_keys_does_not_count(value: dict[str, object]) -> None:
    assert fingerprint(value) == fingerprint(dict(reversed(value.items())))


@given(JSON, JSON)
def test_different_values_have_different_fingerprints(one: object, other: object) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (_same(one, other))


def _same(one: object, other: object) -> bool:
    import orjson

    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)


def test_what_has_no_stable_form_is_refused_with_a_remedy() -> None:
    with pytest.raises(TypeError, match="Pass its name"):
        fingerprint({"f": print})


@dataclass(frozen=True)
class Settings:
    a: int = 1
    b: tuple[str, ...] = ("x",)


def test_every_field_of_a_dataclass_counts() -> None:
    assert len({fingerprint(Settings()), fingerprint(Settings(a=2)), fingerprint(Settings(b=("y",)))}) == 3


def test_text_hash_keeps_its_parts_apart_and_takes_lone_surrogates() -> None:
    assert text_hash("ab", "c") != text_hash("a", "bc")
    assert len(text_hash("\ud800")) == 32


def test_seeds_are_the_same_in_every_process_and_differ_by_name() -> None:
    code = "from tilth.base.random import seed_of; print(seed_of(7, 'a', 'b', 3))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(other) == seed_of(7, "a", "b", 3)
    assert stream(7, "a").random() == stream(7, "a").random() != stream(7, "b").random()
