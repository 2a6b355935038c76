"""From files to documents: prove that the files can be read as the recipe asks, then read them in batches.

Guarantees: `check_source` costs the start of each file and no more; every input of a file ends as one document or one
reject (`Batch.inputs` counts them); the same file with the same settings gives the same batches.

Ids are not compared here: two rows with one id are the business of the run, which knows all files.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from tilth.base.errors import SourceError
from tilth.data.batch import Batch, Found, collect
from tilth.data.files import SourceFile
from tilth.data.html import need_web
from tilth.data.readers.head import Head, missing_column
from tilth.data.readers.table import READERS
from tilth.data.rejects import Reject
from tilth.data.source import SourceSpec

#: Remote files whose starts are fetched at a time; more would be unkind to a server.
_AT_ONCE = 8


def check_source(spec: SourceSpec, files: tuple[SourceFile, ...]) -> None:
    """Open each file far enough to prove that the mapping fits; raises `SourceError` or `MissingExtra` where not.

    Text and id must be in each file. Language, licence and metadata must be in each file whose columns are all known
    from its start (Parquet, CSV), and in one of the files where rows may leave fields out (JSON Lines).
    """
    if not files:
        raise SourceError(f"expected files in {', '.join(spec.source)}; saw none.")
    if spec.extract_html or any(file.format == "html" for file in files):
        need_web()
    _check_mapping_is_used(spec, files)
    heads = _heads(spec, files)
    if all(head.empty for head in heads):
        raise SourceError(f"expected rows in {', '.join(spec.source)}; saw {len(files):,} files without any.")
    for file, head in zip(files, heads, strict=True):
        _check_columns(spec, file, head)
    _check_sparse(spec, files, heads)
    _check_kinds(spec, files, heads)


def read_file(file: SourceFile, spec: SourceSpec, *, batch_rows: int = 1000) -> Iterator[Batch]:
    """The file's rows in batches of at most `batch_rows`, in order, none of them empty.

    `spec.limit` is not applied: it counts over all files, see `first_documents`. Raises `SourceError` when the file
    went away, changed since it was listed, or cannot be reached.
    """
    return read_files((file,), spec, batch_rows=batch_rows)


def read_files(files: Iterable[SourceFile], spec: SourceSpec, *, batch_rows: int = 1000) -> Iterator[Batch]:
    """As `read_file` over several files. Files of one document each share batches; no other files do.

    A batch of one row costs 0.2 ms, so a folder of many small texts is read several times faster this way.
    """
    for shared, group in groupby(files, key=lambda file: READERS[file.format].one_a_file):
        if shared:
            yield from collect(_rows(group, spec), spec, batch_rows)
            continue
        for file in group:
            reader = READERS[file.format]
            if reader.batches is not None:
                yield from reader.batches(file, spec, batch_rows)
            elif reader.rows is not None:
                yield from collect(reader.rows(file, spec), spec, batch_rows)


def first_documents(batches: Iterable[Batch], limit: int | None) -> Iterator[Batch]:
    """Batches up to the one with document number `limit`; of that one the documents up to it, and all its rejects."""
    left = limit
    for batch in batches:
        count = batch.documents.num_rows
        if left is None or count < left:
            yield batch
            left = None if left is None else left - count
            continue
        yield Batch(
            documents=batch.documents.slice(0, left), rejects=batch.rejects, inputs=left + batch.rejects.num_rows
        )
        return


def _rows(files: Iterable[SourceFile], spec: SourceSpec) -> Iterator[Found | Reject]:
    for file in files:
        rows = READERS[file.format].rows
        if rows is not None:
            yield from rows(file, spec)


def _heads(spec: SourceSpec, files: tuple[SourceFile, ...]) -> list[Head]:
    if not any(file.is_remote for file in files):
        return [READERS[file.format].check(file, spec) for file in files]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda file: READERS[file.format].check(file, spec), files))


def _check_mapping_is_used(spec: SourceSpec, files: tuple[SourceFile, ...]) -> None:
    mapped = [role for role in spec.columns.named() if role != "text"]
    if any(file.is_table for file in files) or not (mapped or spec.extract_html or spec.columns.text != "text"):
        return
    raise SourceError(
        f"expected tables (Parquet, JSON Lines, CSV), since the recipe maps columns or sets extract_html; saw only "
        f"{', '.join(sorted({file.format for file in files}))}. Take columns and extract_html out of the recipe."
    )


def _check_columns(spec: SourceSpec, file: SourceFile, head: Head) -> None:
    if head.columns is None or (head.empty and not head.columns):
        return
    for role, name in spec.columns.named().items():
        if name not in head.columns and (head.complete or role in ("text", "id")):
            raise missing_column(file, role, name, head.columns)


def _check_sparse(spec: SourceSpec, files: tuple[SourceFile, ...], heads: list[Head]) -> None:
    tables = [
        (file, head) for file, head in zip(files, heads, strict=True) if head.columns is not None and not head.empty
    ]
    for role, name in spec.columns.named().items():
        if tables and not any(name in (head.columns or ()) for _, head in tables):
            file, head = tables[0]
            raise missing_column(file, role, name, head.columns or ())


def _check_kinds(spec: SourceSpec, files: tuple[SourceFile, ...], heads: list[Head]) -> None:
    """One mapped column must hold one kind of value in all files: ids 7 and "7" are not the same row."""
    first: dict[str, tuple[str, SourceFile]] = {}
    for file, head in zip(files, heads, strict=True):
        for role, kind in head.kinds.items():
            known, where = first.setdefault(role, (kind, file)) if kind != "nulls" else (kind, file)
            if kind != known:
                name = spec.columns.named()[role]
                raise SourceError(
                    f"expected {known} in the column {name!r} ({role}) of {file.uri}, as in {where.uri}; saw {kind}. "
                    "Write the files with one schema, or leave the odd one out."
                )
