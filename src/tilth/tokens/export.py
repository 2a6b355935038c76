"""Token sets and mixtures in the forms of other programs: Megatron's indexed dataset, Parquet, JSON lines, chat."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any, Final, Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import ConfigError
from tilth.base.files import write_atomic
from tilth.data.dataset import MANIFEST, read_manifest, write_shard
from tilth.data.tokenized import MIXTURE, MIXTURE_ROWS, PACKED, TOKEN_SET, TokenSet, TokenShard, open_tokens
from tilth.tokens.pack import OpenMixture, open_mixture, pack

#: Header and type codes of Megatron-LM's indexed dataset, version 1 (megatron/core/datasets/indexed_dataset.py).
_MEGATRON: Final = b"MMIDIDX\x00\x00" + (1).to_bytes(8, "little")
_INT32, _UINT16 = 4, 8
_PACKING: Final = ".packing"


def export_megatron(tokens: TokenSet, out: Path) -> list[Path]:
    """Write `NAME.bin` and `NAME.idx` for every shard; the paths without their endings. One sequence a document.

    Megatron has no uint32: ids of four bytes are written as int32, which is the same bytes below 2**31.
    """
    prefixes = []
    for shard in tokens.shards:
        prefix = out / shard.name
        write_atomic(prefix.with_suffix(".bin"), partial(_copy, shard))
        write_atomic(prefix.with_suffix(".idx"), partial(_write_index, shard, tokens.dtype.itemsize))
        prefixes.append(prefix)
    return prefixes


def _copy(shard: TokenShard, temporary: Path) -> None:
    with shard.path.open("rb") as source, temporary.open("wb") as target:
        while block := source.read(1 << 20):
            target.write(block)


def _write_index(shard: TokenShard, size: int, temporary: Path) -> None:
    ends = shard.ends().astype(np.int64)
    lengths = np.diff(ends, prepend=0)
    with temporary.open("wb") as file:
        file.write(_MEGATRON + bytes([_UINT16 if size == 2 else _INT32]))
        file.write(np.array([len(ends), len(ends) + 1], "<u8").tobytes())
        file.write(lengths.astype("<i4").tobytes())
        file.write(((ends - lengths) * size).astype("<i8").tobytes())
        file.write(np.arange(len(ends) + 1, dtype="<i8").tobytes())


#: Forms that `export` knows.
Form = Literal["megatron", "chat", "jsonl", "parquet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote, and rows left out with the reason."""

    paths: tuple[Path, ...]
    rows: int
    left_out: dict[str, int]


def export(folder: Path, form: Form, out: Path, *, user: str = "question", assistant: str = "answer") -> Exported:
    """Write a mixture into `out` in the form of another program; Megatron takes token sets and packed shards too.

    `user` and `assistant` are of `chat`, see `export_chat`. Raises ConfigError where `folder` is no such thing, or
    `out` holds a dataset.
    """
    manifest = read_manifest(folder)
    kind = None if manifest is None else manifest.details.get("kind")
    if kind != MIXTURE and (form != "megatron" or kind not in (TOKEN_SET, PACKED)):
        also = ", a token set or packed shards" if form == "megatron" else ""
        seen = "no manifest.json" if manifest is None else f"{kind or 'a dataset'!s}"
        raise ConfigError(f"expected a finished mixture{also} in {folder}; saw {seen}. Make it with tilth mix.")
    if (out / MANIFEST).exists():
        raise ConfigError(f"expected {out} to be new or an earlier export; it holds a dataset. Give another folder.")
    if form == "megatron":
        return _megatron(folder, kind == MIXTURE, out)
    if form == "chat":
        return export_chat(folder, out, user=user, assistant=assistant)
    return export_parquet(folder, out) if form == "parquet" else export_jsonl(folder, out)


def _megatron(folder: Path, mixture: bool, out: Path) -> Exported:
    packing = out / _PACKING  # a fixed name, so that a killed export goes on from it
    tokens = pack(folder, packing) if mixture else open_tokens(folder)
    prefixes = export_megatron(tokens, out)
    if mixture:
        rmtree(packing)
    return Exported(paths=tuple(prefixes), rows=tokens.documents, left_out={})


def export_parquet(mixture: Path, out: Path) -> Exported:
    """The mixture with its texts, a Parquet shard for each of its shards: its references, then `text`.

    Rows that were cropped for the budget have their whole text; `tokens` and `cropped` say how much was meant. Each
    source file is read once a mixture shard, so large mixtures want large shards. Memory: one mixture shard's texts.
    """
    return _export(open_mixture(mixture), out, ".parquet", write_shard)


def export_jsonl(mixture: Path, out: Path) -> Exported:
    """As `export_parquet`, a JSON object a line."""
    return _export(open_mixture(mixture), out, ".jsonl", lambda path, table: _write_lines(path, table.to_pylist()))


def export_chat(mixture: Path, out: Path, *, user: str = "question", assistant: str = "answer") -> Exported:
    """JSON lines of `messages`: one turn of the user, one of the assistant, and the reference of the row.

    `user` and `assistant` name columns, or fields of the row's JSON (`parsed`, `metadata`). A row that lacks one is
    left out and counted.
    """
    left: dict[str, int] = {}

    def write(path: Path, table: pa.Table) -> None:
        _write_lines(path, _turns(table, user, assistant, left))

    done = _export(open_mixture(mixture), out, ".jsonl", write, ("parsed", "metadata", user, assistant))
    return Exported(paths=done.paths, rows=done.rows - sum(left.values()), left_out=left)


def _turns(table: pa.Table, user: str, assistant: str, left: dict[str, int]) -> Iterator[dict[str, Any]]:
    for row in table.to_pylist():
        fields = {**_json(row.get("metadata")), **_json(row.get("parsed")), **{k: v for k, v in row.items() if v}}
        found = {role: fields.get(name) for role, name in (("user", user), ("assistant", assistant))}
        missing = next((role for role, content in found.items() if not isinstance(content, str) or not content), None)
        if missing is not None:
            reason = f"no {user if missing == 'user' else assistant}"
            left[reason] = left.get(reason, 0) + 1
            continue
        reference = {name: row[name] for name in ("part", "shard", "row", "epoch")}
        yield {"messages": [{"role": role, "content": content} for role, content in found.items()], **reference}


def _json(text: Any) -> dict[str, Any]:
    try:
        found = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _export(
    mixture: OpenMixture,
    out: Path,
    ending: str,
    write: Callable[[Path, pa.Table], None],
    more: tuple[str, ...] = (),
) -> Exported:
    paths, rows = [], 0
    for shard in mixture.manifest.shards:
        table = with_texts(mixture, pq.read_table(mixture.folder / f"{shard.name}.parquet"), more)
        path = out / f"{shard.name}{ending}"
        write(path, table)
        paths.append(path)
        rows += table.num_rows
    return Exported(paths=tuple(paths), rows=rows, left_out={})


def with_texts(mixture: OpenMixture, references: pa.Table, more: tuple[str, ...] = ()) -> pa.Table:
    """References of a mixture with the texts of their rows, and the columns of `more` that a dataset has."""
    keys = references.select(["part", "shard"]).group_by(["part", "shard"]).aggregate([]).to_pylist()
    parts = np.array(references["part"].to_pylist(), object)
    shards = np.array(references["shard"].to_pylist(), object)
    rows = references["row"].to_numpy()
    pieces, places = [], []
    for key in sorted(keys, key=lambda key: (key["part"], key["shard"])):
        chosen = np.flatnonzero((parts == key["part"]) & (shards == key["shard"]))
        pieces.append(_texts(mixture, key["part"], key["shard"], rows[chosen], more))
        places.append(chosen)
    if not pieces:
        return references.append_column("text", pa.array([], pa.string()))
    order = np.argsort(np.concatenate(places), kind="stable")
    texts = pa.concat_tables(pieces, promote_options="permissive").take(pa.array(order))
    for name in texts.column_names:
        references = references.append_column(name, texts[name])
    return references


def _texts(
    mixture: OpenMixture, part: str, shard: str, rows: "np.ndarray[Any, Any]", more: tuple[str, ...]
) -> pa.Table:
    tokens = mixture.parts[part]
    path = tokens.source / shard
    column = str(tokens.manifest.details["settings"]["column"])
    if not path.is_file():
        raise ConfigError(
            f"expected {path}, which {part} was tokenised from; it is gone. Put it back; --to megatron needs no texts."
        )
    file = pq.read_metadata(path)
    names = file.schema.to_arrow_schema().names
    expected = next(made.source_rows for made in tokens.shards if made.source == shard)
    if column not in names or file.num_rows != expected:
        raise ConfigError(
            f"expected {expected:,} rows with a column {column!r} in {path}; saw {file.num_rows:,} rows with "
            f"{', '.join(names)}. It changed since it was tokenised: tokenise it and make the mixture again."
        )
    others = [name for name in dict.fromkeys(more) if name in names and name not in (column, *MIXTURE_ROWS.names)]
    table = pq.read_table(path, columns=[column, *others])
    return table.rename_columns(["text", *others]).take(pa.array(rows))


def _write_lines(path: Path, rows: Any) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            for row in rows:
                file.write(orjson.dumps(row) + b"\n")

    write_atomic(path, write)
