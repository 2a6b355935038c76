"""Finding the files of a source and proving, before anything is spent, that they can be read as asked.

Paths, globs and folders on this machine, and anything fsspec opens (`s3://`, `https://`, `memory://`, ...). A Hub dataset
(`hf://datasets/owner/name`) is pinned: its revision is resolved to a commit once, and the commit stands in each `uri`.
"""

import glob as local_glob
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, cast

from tilth.base.errors import MissingExtra, SourceError
from tilth.data.source import SourceSpec

#: Longest suffix first; what a file is called decides how it is read.
SUFFIXES = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".jsonl.zst": "jsonl",
    ".ndjson": "jsonl",
    ".json.gz": "jsonl",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".txt": "text",
    ".md": "text",
    ".html": "html",
    ".htm": "html",
    ".warc": "warc",
    ".warc.gz": "warc",
}
#: Formats whose files are one document each.
ONE_A_FILE = frozenset({"text", "html"})
_BLOCK = 1 << 20
#: Documentation that people put beside data; in a folder it is not taken for data.
_BESIDE = frozenset({"readme.md", "attribution.md", "licence.txt", "license.txt", "license.md", "licence.md"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file: where, what, how large, and a cheap stamp that changes when the file does."""

    uri: str
    format: str
    size: int | None
    stamp: str
    dataset: str  # the source as the recipe names it, for ids

    @property
    def remote(self) -> bool:
        """True where fsspec opens it."""
        return "://" in self.uri


def list_files(spec: SourceSpec, base: Path) -> tuple[SourceFile, ...]:
    """Every file of the source, each once, in the order of the recipe and then by name.

    Raises `SourceError` where nothing is found, nothing can be read or a name says nothing about the format.
    """
    found: dict[str, SourceFile] = {}
    for item in spec.source:
        files = _remote(item, spec) if "://" in item else _local(item, spec, base)
        if not files:
            raise SourceError(f"expected files at {item}; there are none. Check the path, or quote the glob.")
        for file in files:
            found.setdefault(file.uri, file)
    return tuple(found.values())


def open_file(file: SourceFile) -> BinaryIO:
    """Open a file for reading bytes; raises `SourceError`."""
    try:
        if not file.remote:
            return Path(file.uri).open("rb")
        import fsspec

        return cast(BinaryIO, fsspec.open(file.uri, "rb").open())
    except (OSError, ValueError, ImportError) as error:
        raise SourceError(f"expected to read {file.uri}; saw: {error}. Check that it is there and readable.") from error


def content_digest(file: SourceFile) -> str:
    """32 hex digits of a file's bytes."""
    digest = blake2b(digest_size=16)
    with open_file(file) as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def check_source(spec: SourceSpec, files: Iterable[SourceFile]) -> None:
    """Prove that each file has what the recipe maps; raises `SourceError` naming file, column and the columns there."""
    from tilth.data.readers.table import CHECKS

    for file in files:
        check = CHECKS.get(file.format)
        if check is not None:
            check(file, spec)


def need_columns(file: SourceFile, spec: SourceSpec, have: Iterable[str]) -> None:
    """Raise `SourceError` unless every mapped column is there."""
    have = list(have)
    columns = spec.columns
    wanted = {"text": columns.text, "id": columns.id, "language": columns.language, "licence": columns.licence}
    wanted |= {f"metadata {name}": name for name in columns.metadata}
    for role, name in wanted.items():
        if name is not None and name not in have:
            near = get_close_matches(name, have, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise SourceError(
                f"expected the column {name!r} for {role.split()[0]} in {file.uri}; it has {', '.join(have) or 'none'}.{hint} "
                f"Set read.columns.{role.split()[0]} in the recipe."
            )


def _local(item: str, spec: SourceSpec, base: Path) -> list[SourceFile]:
    path = base / item
    if path.is_dir():
        paths = [
            found
            for found in sorted(path.rglob("*"))
            if found.is_file() and _known(found.name, spec) and found.name.lower() not in _BESIDE
        ]
    elif path.exists():
        paths = [path]
    else:
        paths = [Path(found) for found in sorted(local_glob.glob(str(path), recursive=True)) if Path(found).is_file()]
    return [_local_file(found, item, spec) for found in paths]


def _local_file(path: Path, item: str, spec: SourceSpec) -> SourceFile:
    try:
        stat = path.stat()
    except OSError as error:
        raise SourceError(f"expected to read {path}; saw: {error.strerror}. Check its permissions.") from error
    stamp = f"{stat.st_size}-{stat.st_mtime_ns}"
    return SourceFile(
        uri=str(path), format=_format(path.name, spec), size=stat.st_size, stamp=stamp, dataset=Path(item).name
    )


def _remote(item: str, spec: SourceSpec) -> list[SourceFile]:
    try:
        import fsspec

        item = _pin(item, spec)
        system, place = fsspec.core.url_to_fs(item)
        names = _expand(system, place, spec)
        return [_remote_file(system, name, item, spec) for name in names]
    except ImportError as error:
        raise SourceError(f"expected to open {item}; its file system is not installed: {error}.") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"expected to list {item}; saw: {error}. Check the address and your access to it.") from error


def _expand(system: Any, place: str, spec: SourceSpec) -> list[str]:
    if any(char in place for char in "*?["):
        return sorted(name for name in system.glob(place) if system.isfile(name))
    if system.isdir(place):
        return sorted(name for name in system.find(place) if _known(name, spec))
    return [place] if system.exists(place) else []


def _remote_file(system: Any, name: str, item: str, spec: SourceSpec) -> SourceFile:
    info = system.info(name)
    marks = [str(info[key]) for key in ("ETag", "etag", "sha256", "blob_id", "mtime", "LastModified", "created") if key in info]
    protocol = item.partition("://")[0]
    uri = name if "://" in name else f"{protocol}://{name.lstrip('/') if protocol != 'memory' else name}"
    return SourceFile(
        uri=uri,
        format=_format(name, spec),
        size=info.get("size"),
        stamp="-".join([str(info.get("size")), *marks]),
        dataset=item,
    )


def _pin(item: str, spec: SourceSpec) -> str:
    """A Hub dataset's address with its revision resolved to a commit; other addresses as they are."""
    prefix = "hf://datasets/"
    if not item.startswith(prefix):
        return item
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise MissingExtra("a Hub dataset", "huggingface_hub", "hub") from None
    owner, _, rest = item.removeprefix(prefix).partition("/")
    name, _, inside = rest.partition("/")
    name, _, revision = name.partition("@")
    try:
        commit = HfApi().dataset_info(f"{owner}/{name}", revision=revision or spec.revision).sha
    except Exception as error:  # the Hub client raises many kinds, all of which mean: not reachable as asked
        raise SourceError(
            f"expected the Hub dataset {owner}/{name} at {revision or spec.revision or 'its newest revision'}; saw: {error}"
        ) from error
    return f"{prefix}{owner}/{name}@{commit}/{inside}".rstrip("/")


def _known(name: str, spec: SourceSpec) -> bool:
    if spec.format != "auto":
        return not Path(name).name.startswith(".")
    return _by_suffix(name) is not None


def _format(name: str, spec: SourceSpec) -> str:
    if spec.format != "auto":
        return spec.format
    found = _by_suffix(name)
    if found is None:
        raise SourceError(
            f"expected a file name that says its format ({', '.join(SUFFIXES)}); saw {name}. Set read.format in the recipe."
        )
    return found


def _by_suffix(name: str) -> str | None:
    lowered = name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if lowered.endswith(suffix):
            return SUFFIXES[suffix]
    return None
