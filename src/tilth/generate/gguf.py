"""GGUF files: read the header of any, write one with unquantised tensors.

The layout is that of the GGUF specification, version 3, little-endian: magic, counts, key-value pairs, tensor
descriptions, padding, tensor data, each tensor on an `ALIGNMENT` boundary. Reading costs one pass over the header
(0.2 s for a vocabulary of 150,000) and maps the weights only when asked; writing holds one tensor in memory at a time.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from tilth.base.errors import ConfigError

MAGIC: Final = b"GGUF"
VERSION: Final = 3
ALIGNMENT: Final = 32  # bytes; the specification's default
_LARGEST_STRING: Final = 1 << 28  # bytes; a length beyond it means a broken file, not a long template

#: Type numbers of the specification for metadata values.
_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING: Final = 8
_ARRAY: Final = 9
#: Type numbers of the specification for tensors that are not quantised.
_TENSOR_TYPES: Final[dict[int, npt.DTypeLike]] = {0: np.float32, 1: np.float16}


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufTensor:
    """Where one tensor lies. `shape` is row-major (the file stores it reversed); `kind` is the file's type number."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int  # bytes from the start of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Gguf:
    """The header of a GGUF file."""

    path: Path
    metadata: dict[str, Any]
    tensors: dict[str, GgufTensor]

    def load(self, name: str) -> npt.NDArray[Any]:
        """One tensor, mapped and read-only; raises ConfigError for a quantised one."""
        tensor = self.tensors[name]
        if tensor.kind not in _TENSOR_TYPES:
            raise ConfigError(f"expected {name} in {self.path} as f32 or f16; saw GGUF tensor type {tensor.kind}")
        dtype = np.dtype(_TENSOR_TYPES[tensor.kind])
        return np.memmap(self.path, dtype=dtype, mode="r", offset=tensor.offset, shape=tensor.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A tensor to write: `load` is called once, when its turn comes, and may return any float type."""

    name: str
    shape: tuple[int, ...]
    dtype: npt.DTypeLike  # np.float32 or np.float16
    load: Callable[[], npt.NDArray[Any]]

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def read_gguf(path: Path) -> Gguf:
    """The header of `path`; raises ConfigError where it is not a whole GGUF file of version 2 or 3."""
    try:
        data: npt.NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:
        raise ConfigError(f"expected a GGUF file at {path}; saw: {error}. Give the path of a .gguf file.") from error
    try:
        return _Reader(path, data.data).header()
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected a whole GGUF file at {path}; saw a cut or damaged one. Copy it again.") from error


class _Reader:
    """A cursor over the header's bytes."""

    def __init__(self, path: Path, data: memoryview) -> None:
        self._path = path
        self._data = data
        self._at = 0

    def header(self) -> Gguf:
        magic, version, tensors, pairs = struct.unpack_from("<4sIQQ", self._data, 0)
        if magic != MAGIC or version not in (2, 3):
            raise ConfigError(
                f"expected a little-endian GGUF file of version 2 or 3 at {self._path}; "
                f"saw {bytes(magic)!r}, version {version}. Convert the model to GGUF again with a current tool."
            )
        self._at = 24
        metadata = {self._string(): self._value(self._number("I")) for _ in range(pairs)}
        found = [self._tensor() for _ in range(tensors)]
        alignment = int(metadata.get("general.alignment", ALIGNMENT))
        base = -(-self._at // alignment) * alignment
        placed = {
            name: GgufTensor(name=name, shape=shape, kind=kind, offset=base + offset)
            for name, shape, kind, offset in found
        }
        if any(tensor.offset > len(self._data) for tensor in placed.values()):
            raise IndexError("a tensor lies behind the end of the file")
        return Gguf(path=self._path, metadata=metadata, tensors=placed)

    def _number(self, code: str) -> Any:
        (value,) = struct.unpack_from("<" + code, self._data, self._at)
        self._at += struct.calcsize("<" + code)
        return value

    def _string(self) -> str:
        length = self._number("Q")
        if length > _LARGEST_STRING or self._at + length > len(self._data):
            raise IndexError("a string is longer than the file")
        text = bytes(self._data[self._at : self._at + length])
        self._at += length
        return text.decode("utf-8", "surrogateescape")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            inner, count = self._number("I"), self._number("Q")
            if inner in _SCALARS:
                return self._numbers(_SCALARS[inner], count)
            return [self._value(inner) for _ in range(count)]
        return self._number(_SCALARS[kind]) if kind in _SCALARS else self._unknown(kind)

    def _numbers(self, code: str, count: int) -> list[Any]:
        if count * struct.calcsize("<" + code) > len(self._data):
            raise IndexError("an array is longer than the file")
        values = list(struct.unpack_from(f"<{count}{code}", self._data, self._at))
        self._at += count * struct.calcsize("<" + code)
        return values

    def _unknown(self, kind: int) -> Any:
        raise IndexError(f"value type {kind} is not in the specification")

    def _tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name, rank = self._string(), self._number("I")
        sizes = self._numbers("Q", rank)
        return name, tuple(reversed(sizes)), self._number("I"), self._number("Q")


def write_gguf(file: BinaryIO, metadata: Mapping[str, Any], weights: Iterable[Weight]) -> None:
    """Write a whole GGUF file. Ints become u32 (i32 when negative), floats f32; lists need one type throughout."""
    listed = list(weights)
    head = [MAGIC, struct.pack("<IQQ", VERSION, len(listed), len(metadata))]
    head += [_pack_string(key) + _pack_value(value) for key, value in metadata.items()]
    offset = 0
    for weight in listed:
        head.append(_describe(weight, offset))
        offset += _padded(weight.nbytes)
    header = b"".join(head)
    file.write(header + bytes(_padded(len(header)) - len(header)))
    for weight in listed:
        array = _narrowed(weight)
        file.write(array.data)
        file.write(bytes(_padded(array.nbytes) - array.nbytes))


def _narrowed(weight: Weight) -> npt.NDArray[Any]:
    """The values in the type to write; raises ConfigError where one is too large for it."""
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(weight.load().reshape(weight.shape), dtype=weight.dtype)
    if not np.isfinite(array).all():
        raise ConfigError(
            f"expected finite values of {weight.name} in {np.dtype(weight.dtype)}; saw some that are not. "
            "Set weights: f32, with engine: xllamacpp."
        )
    return array


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _describe(weight: Weight, offset: int) -> bytes:
    kind = next(number for number, dtype in _TENSOR_TYPES.items() if np.dtype(dtype) == np.dtype(weight.dtype))
    sizes = struct.pack(f"<I{len(weight.shape)}Q", len(weight.shape), *reversed(weight.shape))
    return _pack_string(weight.name) + sizes + struct.pack("<IQ", kind, offset)


def _pack_string(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(data)) + data


def _pack_value(value: Any) -> bytes:
    kind, data = _pack(value)
    return struct.pack("<I", kind) + data


def _pack(value: Any) -> tuple[int, bytes]:
    if isinstance(value, str):
        return _STRING, _pack_string(value)
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return (4, struct.pack("<I", value)) if value >= 0 else (5, struct.pack("<i", value))
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    return _ARRAY, _pack_array(value)


def _pack_array(values: list[Any]) -> bytes:
    if values and all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return struct.pack(f"<IQ{len(values)}i", 5, len(values), *values)  # i32, as token types are stored
    packed = [_pack(value) for value in values]
    kinds = {kind for kind, _ in packed} or {_STRING}
    if len(kinds) != 1:
        raise TypeError("a GGUF array holds one type of value")
    return struct.pack("<IQ", kinds.pop(), len(values)) + b"".join(data for _, data in packed)
