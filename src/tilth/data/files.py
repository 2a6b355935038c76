"""The files behind a source: which they are, what they are called in rows, and whether they are still the same.

Guarantees: the same folder gives the same files in the same order on every machine; nothing is opened; what cannot be
read as asked is a `SourceError` before anything is read. Costs one `stat` a local file, about 10 us.

Three names of one file:
- `uri` is what is opened: an absolute path, or a URL (of a Hub dataset: with the commit);
- `origin` is what the rows say: the path as the user wrote it, relative where that was relative, so that a published
  dataset does not tell whose home folder it was made in;
- `dataset` is what ids are made of, see `dataset_of`.
"""

import difflib
import glob
import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from tilth.base.errors import SourceError
from tilth.data import remote
from tilth.data.source import SourceSpec

#: Ending of a file name -> format. Tables may also be compressed, see COMPRESSIONS.
SUFFIXES = {
    ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".jsonlines": "jsonl",
    ".csv": "csv", ".tsv": "csv",
    ".txt": "text", ".text": "text", ".md": "text", ".markdown": "text",
    ".html": "html", ".htm": "html", ".xhtml": "html",
    ".warc": "warc", ".wet": "warc",
}  # fmt: skip
#: Ending of a file name -> Arrow's name of the codec.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
#: Formats of rows and columns; the others have one text a file or record.
TABLES = frozenset({"parquet", "jsonl", "csv"})
#: What people put beside tables to say what they are: there it is passed over; by its own name, or alone, it is read.
_BESIDE = frozenset({"readme", "attribution", "licence", "license", "notice", "changelog"})
#: Formats that a whole Hub dataset is searched for: its README is no document.
_HUB_FORMATS = frozenset({"parquet", "jsonl"})
_COMPRESSED = frozenset({"jsonl", "csv", "warc"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file of a source. `size` is in bytes, None where unknown; `stamp` changes whenever the content may have."""

    uri: str
    origin: str
    dataset: str
    format: str
    compression: str | None
    size: int | None
    stamp: str
    key_env: str | None = None

    @property
    def is_table(self) -> bool:
        """True where rows have columns that a recipe can map."""
        return self.format in TABLES

    @property
    def is_remote(self) -> bool:
        """True where fsspec opens it."""
        return remote.is_remote(self.uri)


@dataclass(frozen=True, slots=True)
class Found:
    """What a source matches: `files` to read, and names beside them that are of no format we know."""

    files: tuple[SourceFile, ...]
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Match:
    """One name that a pattern gave; `exact` when the user wrote that very name."""

    uri: str
    origin: str
    size: int | None
    stamp: str
    dataset: str
    exact: bool


def list_files(spec: SourceSpec, base: Path) -> tuple[SourceFile, ...]:
    """The files of `spec` in the order of their uri; relative paths start at `base`, the recipe's folder.

    Raises `SourceError` when a pattern matches nothing, a path is not there or may not be read, a name says no format,
    or all files together hold no byte. A Hub dataset without a commit is pinned to one here.
    """
    return find_files(spec, base).files


def find_files(spec: SourceSpec, base: Path) -> Found:
    """As `list_files`, with the names that folders and globs hold beside and that are not read."""
    spec = remote.pin_sources(spec)
    files: dict[str, SourceFile] = {}
    ignored: set[str] = set()
    for pattern in spec.source:
        matches = list(_remote(pattern, spec) if remote.is_remote(pattern) else _local(pattern, base))
        taken, left = _take(pattern, matches, spec)
        for file in taken:
            files.setdefault(file.uri, file)
        ignored.update(left)
    if not sum(1 if file.size is None else file.size for file in files.values()):
        raise SourceError(f"expected documents in {', '.join(spec.source)}; saw {len(files):,} files, all of 0 bytes.")
    return Found(
        tuple(files[uri] for uri in sorted(files)), tuple(sorted(ignored - {f.origin for f in files.values()}))
    )


def content_digest(file: SourceFile) -> str:
    """32 hex digits of the file's bytes: whether a file whose stamp changed is another one. Reads all of it."""
    digest = blake2b(digest_size=16)
    with open_raw(file) as raw, remote.source_errors(file.uri):
        while block := raw.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def open_raw(file: SourceFile) -> AbstractContextManager[BinaryIO]:
    """The file's bytes as they are stored; closed at the end of the `with`."""
    if file.is_remote:
        return cast(AbstractContextManager[BinaryIO], remote.open_remote(file.uri, file.key_env))
    with remote.source_errors(file.uri):
        return Path(file.uri).open("rb")


def prove_unchanged(file: SourceFile) -> None:
    """Raise `SourceError` when the file went away or is not the one that was listed."""
    if file.is_remote:
        # a commit of the Hub cannot change; asking would cost a call a file
        now = file.stamp if remote.is_pinned(file.uri) else remote.stamp_now(file.uri, file.key_env)
    else:
        with remote.source_errors(file.uri):
            now = _local_stamp(Path(file.uri).stat())
    if now != file.stamp:
        raise SourceError(
            f"expected {file.uri} as it was when it was listed; it changed since. "
            "Wait until nothing writes it, then run the same command again."
        )


def dataset_of(pattern: str, *, is_file: bool) -> str:
    """The name that ids of a pattern's documents are made of: its fixed folder, as the user wrote it.

    `data/*.parquet`, `data/part-0.parquet`, `data/` and `./data` give `data`; `hf://datasets/o/n@x/a/*.parquet` gives
    `hf://datasets/o/n`. So ids stay the same when a folder's rows are cut into other files, when a file is converted
    to another format, and from one revision to the next.
    """
    hub = remote.hub_dataset(pattern)
    if hub is not None:
        return hub
    if "::" in pattern:  # a file in an archive: the archive's place
        return dataset_of(pattern.rsplit("::", 1)[1], is_file=True)
    protocol, mark, path = pattern.removeprefix("file://").replace("\\", "/").rpartition("://")
    fixed: list[str] = []
    parts = path.split("/")
    for part in parts[:-1] if is_file else parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    joined = "/".join(fixed)
    if mark:
        return f"{protocol}{mark}{joined}"
    return os.path.normpath(joined or ("/" if path.startswith("/") else ".")).replace("\\", "/")


def format_of(name: str) -> tuple[str | None, str | None]:
    """Format and compression that a file name says."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes[-2:]]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    found = SUFFIXES.get(suffixes[-1]) if suffixes else None
    if compression and found not in _COMPRESSED:
        found = None
    return found, compression


def _take(pattern: str, matches: list[_Match], spec: SourceSpec) -> tuple[list[SourceFile], list[str]]:
    """The matches of the wanted format as files, and the names of the rest."""
    if not matches:
        raise SourceError(f"expected files at {pattern}; saw none. Look at the path, or take it out of the recipe.")
    taken, left = [], []
    tables = {_folder(match) for match in matches if format_of(_name(match.uri))[0] in (*TABLES, "warc")}
    whole_hub = remote.names_whole_dataset(pattern)
    for match in matches:
        found, compression = format_of(_name(match.uri))
        if spec.format != "auto" and (match.exact or found == spec.format or _asks_for(pattern)):
            found = spec.format
        wanted = found in _HUB_FORMATS if whole_hub and spec.format == "auto" else spec.format in ("auto", found)
        beside = _folder(match) in tables and PurePosixPath(_name(match.uri)).stem.lower() in _BESIDE
        if found is None or not wanted or beside:
            left.append(match.origin)
            continue
        taken.append(
            SourceFile(
                uri=match.uri, origin=match.origin, dataset=match.dataset, format=found,
                compression=compression if found in _COMPRESSED else None,
                size=match.size, stamp=match.stamp, key_env=spec.key_env,
            )
        )  # fmt: skip
    if not taken:
        raise SourceError(_nothing_known(pattern, left, spec))
    return taken, left


def _folder(match: _Match) -> str:
    return match.uri.rpartition("/")[0]


def _asks_for(pattern: str) -> bool:
    """True for a glob whose last part names an ending, such as *.tex: the user said which files."""
    last = pattern.rsplit("/", 1)[-1]
    return glob.has_magic(last) and not last.endswith("*")


def _nothing_known(pattern: str, names: list[str], spec: SourceSpec) -> str:
    seen = Counter("".join(PurePosixPath(_name(name)).suffixes[-2:]) or "no ending" for name in names)
    shown = ", ".join(f"{ending} ({count})" for ending, count in seen.most_common(8))
    if spec.format == "auto":
        known = " ".join(SUFFIXES)
        return (
            f"expected a file name that says its format ({known}; tables and WARC also with .gz or .zst) at {pattern}; "
            f"saw {shown}. Set format: in the recipe's source, or name other files."
        )
    return (
        f"expected {spec.format} files at {pattern}; saw {shown}. "
        f"Name them with a glob, such as {pattern.rstrip('/')}/*.ending, or set another format."
    )


def _name(uri: str) -> str:
    """The part of an address that ends in the file's name."""
    if not remote.is_remote(uri):
        return uri
    return urlsplit(uri).path if uri.startswith(("http://", "https://")) else uri.split("::", 1)[0]


def _remote(pattern: str, spec: SourceSpec) -> Iterator[_Match]:
    entries = remote.list_remote(pattern, spec.key_env)
    for entry in entries:
        if _hidden(_name(entry.uri)) and len(entries) > 1:
            continue
        exact = len(entries) == 1 and _name(entry.uri).endswith(_name(pattern).rsplit("/", 1)[-1] or "\0")
        dataset = _without_secrets(dataset_of(pattern, is_file=exact))
        yield _Match(entry.uri, _without_secrets(entry.uri), entry.size, entry.stamp, dataset, exact)


def _without_secrets(uri: str) -> str:
    """An address as rows may show it: without user, password and query, which may sign a request."""
    if "::" in uri:
        return "::".join(_without_secrets(part) for part in uri.split("::"))
    protocol, mark, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    if protocol in ("http", "https"):
        path = path.partition("?")[0]
    return f"{protocol}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _local(pattern: str, base: Path) -> Iterator[_Match]:
    path = Path(pattern.removeprefix("file://")).expanduser()
    relative = not path.is_absolute()
    place = base / path
    with remote.source_errors(str(place)):
        exact = place.exists() and not place.is_dir()
        folder = place.is_dir()
    names = _walk(place) if folder else iter([place]) if exact else _glob(pattern, place)
    dataset = dataset_of(pattern, is_file=exact)
    for name in names:
        with remote.source_errors(str(name)):
            info = name.stat()
        if not stat.S_ISREG(info.st_mode):
            raise SourceError(f"expected a plain file at {name}; saw a device, a pipe or a socket. Name another.")
        if not os.access(name, os.R_OK):
            raise SourceError(f"expected to read {name}; no permission. Give this user the right to read it.")
        uri = os.path.abspath(name)  # noqa: PTH100  # Path.resolve would follow links away from the user's names
        origin = Path(os.path.relpath(uri, base)).as_posix() if relative else Path(uri).as_posix()
        yield _Match(uri, origin, info.st_size, _local_stamp(info), dataset, exact)


def _glob(pattern: str, place: Path) -> Iterator[Path]:
    if not glob.has_magic(str(place)):
        raise SourceError(_not_there(pattern, place))
    for name in sorted(glob.iglob(str(place), recursive=True)):  # noqa: PTH207  # takes absolute patterns
        found = Path(name)
        if found.is_dir():
            yield from (inner for inner in _walk(found))
        elif not found.name.startswith("_"):
            yield found


def _walk(folder: Path) -> Iterator[Path]:
    """Every file under `folder` but hidden ones (a leading dot or underscore), links followed, each folder once."""
    seen = set()
    for root, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        info = Path(root).stat()
        if (info.st_dev, info.st_ino) in seen:
            folders.clear()
            continue
        seen.add((info.st_dev, info.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        for name in sorted(names):
            if not name.startswith((".", "_")):
                yield Path(root) / name


def _raise(error: OSError) -> None:
    said = error.strerror or str(error)
    raise SourceError(
        f"expected to list {error.filename}; the system said: {said}. Give the right to read it."
    ) from error


def _hidden(path: str) -> bool:
    return PurePosixPath(path).name.startswith((".", "_"))


def _not_there(pattern: str, place: Path) -> str:
    """Says which name is missing, and the nearest that is there."""
    parent = place.parent
    beside = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
    near = difflib.get_close_matches(place.name, beside, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return (
        f"expected a file, folder or glob at {pattern} ({place}); nothing is there.{hint} Mend the path in the recipe."
    )


def _local_stamp(info: Any) -> str:
    return f"{info.st_size}-{info.st_mtime_ns}"
