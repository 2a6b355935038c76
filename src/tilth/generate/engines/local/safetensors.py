"""Weights of a Hugging Face folder, read without torch.

The layout is that of the safetensors format: eight bytes of header length, a JSON header with type, shape and byte
range of each tensor, then the data. Tensors are mapped from disk and converted one at a time, so memory does not grow
with the model. bfloat16, which NumPy lacks, is widened to float32 exactly (its bits are the upper half).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from tilth.base.errors import ConfigError

_LARGEST_HEADER: Final = 100_000_000  # bytes; the format's own limit
_DTYPES: Final[dict[str, npt.DTypeLike]] = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """One tensor on disk."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int  # bytes from the start of the file

    def load(self) -> npt.NDArray[Any]:
        """The values as float64, float32 or float16; bfloat16 comes as float32."""
        raw = np.memmap(self.file, dtype=_DTYPES[self.dtype], mode="r", offset=self.offset, shape=self.shape or (1,))
        if self.dtype == "BF16":
            return (raw.astype(np.uint32) << 16).view(np.float32)
        return raw


def open_safetensors(folder: Path) -> dict[str, StoredTensor]:
    """Every tensor of the folder by name; raises ConfigError where there is none or a file is damaged."""
    tensors: dict[str, StoredTensor] = {}
    for file in _files(folder):
        tensors.update(_read_header(file))
    return tensors


def safetensors_files(folder: Path) -> list[Path]:
    """The weight files of the folder, in order of name."""
    return _files(folder)


def _files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = sorted(set(_weight_map(index).values()))
        files = [folder / Path(name).name for name in names]  # the last part only: a name may not leave the folder
    else:
        files = [folder / "model.safetensors"]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ConfigError(
            f"expected {', '.join(missing)} in {folder}; the file is not there. "
            "Give a folder with config.json, tokenizer.json and safetensors weights, or a GGUF file."
        )
    return files


def _weight_map(index: Path) -> Mapping[str, str]:
    try:
        found = orjson.loads(index.read_bytes())["weight_map"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"expected a JSON object with a weight_map in {index}; copy the model again") from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise ConfigError(f"expected file names in the weight_map of {index}; copy the model again")
    return found


def _read_header(file: Path) -> dict[str, StoredTensor]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(_LARGEST_HEADER, size):
            raise ConfigError(f"expected a safetensors file at {file}; saw no header. Copy the model again.")
        try:
            header = orjson.loads(stream.read(length))
            return {
                name: _tensor(file, size, 8 + length, name, entry)
                for name, entry in header.items()
                if name != "__metadata__"
            }
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"expected a safetensors header in {file}; saw: {error!r}. Copy the model again."
            ) from error


def _tensor(file: Path, size: int, base: int, name: str, entry: Mapping[str, Any]) -> StoredTensor:
    start, end = (int(at) for at in entry["data_offsets"])
    shape = tuple(int(n) for n in entry["shape"])
    if entry["dtype"] not in _DTYPES:
        raise ConfigError(
            f"expected {name} in {file} as F32, F16 or BF16; saw {entry['dtype']}. "
            "Quantised folders are not read; give the unquantised model or a GGUF file."
        )
    expected = int(np.prod(shape)) * np.dtype(_DTYPES[entry["dtype"]]).itemsize
    if not 0 <= start <= end <= size - base or end - start != expected:
        raise ConfigError(f"expected {expected} bytes for {name} in {file}; the file is cut. Copy the model again.")
    return StoredTensor(file=file, dtype=entry["dtype"], shape=shape, offset=base + start)
