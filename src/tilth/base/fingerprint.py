"""Fingerprints: short hashes of values that have one canonical JSON form.

What has no stable form (a function, a set, an object with a default repr) is refused with a remedy,
since a fingerprint of it would differ between processes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any

import orjson
from pydantic import BaseModel

#: Raise it when the same value would give another fingerprint.
SCHEME = 1


def canonical(value: Any) -> Any:
    """`value` as plain JSON types, dataclasses and pydantic models as objects; raises TypeError on the rest."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, BaseModel):
        return {name: canonical(getattr(value, name)) for name in type(value).model_fields}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: canonical(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [canonical(item) for item in value]
    raise TypeError(
        f"a fingerprint needs a value with a stable form; saw {type(value).__name__}. "
        "Pass its name, its settings or its text instead."
    )


def fingerprint(value: Any) -> str:
    """32 hex digits that depend on every field of `value` and not on the order of its keys."""
    data = orjson.dumps([SCHEME, canonical(value)], option=orjson.OPT_SORT_KEYS)
    return blake2b(data, digest_size=16).hexdigest()


def text_hash(*parts: str) -> str:
    """32 hex digits of texts; the parts are kept apart, so ("ab", "c") differs from ("a", "bc").

    Unpaired surrogates, which Python strings may hold and UTF-8 may not, hash like any other character.
    """
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
