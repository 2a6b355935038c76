"""Files that are not on this machine: anything fsspec opens, and datasets of the Hub at one pinned commit.

Guarantees: every error of a back end becomes a `SourceError` that names the address; a token is read from the
environment when a connection is made, and is in no value that is kept. Costs one listing call a pattern, and one
metadata call a file where the listing does not say its identity.
"""

import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tilth.base.errors import MissingExtra, SourceError, UserError
from tilth.data.source import SourceSpec

HUB = "hf://datasets/"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_NAME = re.compile(
    r"(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>refs/(?:convert|pr)/[^/]+|[^/]+))?(?:/(?P<path>.*))?"
)
#: Names under which file systems give a file's identity, the strongest first.
_IDENTITY = ("ETag", "etag", "blob_id", "sha256", "md5Hash", "checksum", "crc32c", "content_md5", "generation", "CRC")
_TIMES = ("LastModified", "last_modified", "Last-Modified", "mtime", "modified", "created")


@dataclass(frozen=True, slots=True)
class Entry:
    """One remote file: its address, bytes where known, and a cheap identity that changes with the content."""

    uri: str
    size: int | None
    stamp: str


def is_remote(pattern: str) -> bool:
    """True for an address with a protocol other than file://."""
    return "://" in pattern and not pattern.startswith("file://")


@contextmanager
def source_errors(uri: str) -> Iterator[None]:
    """Turn each failure to reach `uri` into a `SourceError`."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise SourceError(
            f"expected to read {uri}; it is not there. Look at the address and at who may read it."
        ) from error
    except PermissionError as error:
        raise SourceError(
            f"expected to read {uri}; no permission. Give the right to read it, or set key_env."
        ) from error
    except Exception as error:  # each back end has error classes of its own, none of them known here
        name = type(error).__name__
        raise SourceError(
            f"expected to read {uri}; saw {name}: {str(error)[:300]}. Try again, or leave it out."
        ) from error


def connect(uri: str, key_env: str | None) -> tuple[Any, str]:
    """The fsspec file system of `uri` and the path in it."""
    import fsspec

    protocol = uri.split("://", 1)[0]
    if protocol == "hf":
        _need_hub()
    try:
        return fsspec.core.url_to_fs(uri, **_options(uri, protocol, key_env))  # type: ignore[no-any-return]
    except ImportError as error:
        raise SourceError(f"expected to open {uri}; its file system is not installed: {error}.") from error
    except ValueError as error:
        raise SourceError(
            f"expected an address that fsspec knows; saw {uri}: {error}. Look at its protocol."
        ) from error


def list_remote(pattern: str, key_env: str | None) -> list[Entry]:
    """Every file under an address, a folder or a glob; empty where nothing matches."""
    rest = ""
    if "::" in pattern:
        head, rest = pattern.split("::", 1)
        if "://" not in head:
            raise SourceError(f"expected a first protocol with a path, such as zip://*.csv::{rest}; saw {pattern}.")
        rest = f"::{rest}"
    with source_errors(pattern):
        fs, path = connect(pattern, key_env)
        found = _match(fs, path, http=pattern.startswith(("http://", "https://")))
        entries = [_entry(fs, name, info, rest) for name, info in found.items() if info.get("type") != "directory"]
    return sorted(entries, key=lambda entry: entry.uri)


def stamp_now(uri: str, key_env: str | None) -> str:
    """The file's cheap identity at this moment."""
    with source_errors(uri):
        fs, path = connect(uri, key_env)
        fs.invalidate_cache()
        return _stamp(fs, path, fs.info(path))


@contextmanager
def open_remote(uri: str, key_env: str | None) -> Iterator[Any]:
    """A binary file object that can seek where the back end can."""
    with source_errors(uri):
        # the file system is held as long as the file: an archive closes with it
        fs, path = connect(uri, key_env)
        file = fs.open(path, "rb")
    with file:
        yield file


def is_pinned(uri: str) -> bool:
    """True for an address whose content cannot change: a Hub dataset at a commit."""
    match = _hub(uri)
    return match is not None and _COMMIT.fullmatch(match["revision"] or "") is not None


def pin_sources(spec: SourceSpec) -> SourceSpec:
    """`spec` with each Hub dataset at a commit: `hf://datasets/owner/name@<commit>/path`, `revision` cleared.

    Asks the Hub once a dataset that has no commit yet; a spec without Hub datasets comes back as it is. Store the
    result with the run, so that a resume reads the same commit.
    """
    hubs = [pattern for pattern in spec.source if pattern.startswith("hf://")]
    if not hubs:
        if spec.revision is not None:
            raise SourceError("expected an hf:// source beside revision; saw none. Take revision out of the recipe.")
        return spec
    sources = tuple(_pin(p, spec) if p.startswith("hf://") else p for p in spec.source)
    return spec.model_copy(update={"source": sources, "revision": None})


def hub_dataset(pattern: str) -> str | None:
    """`hf://datasets/owner/name` without revision and path; None for any other address."""
    match = _hub(pattern)
    return f"{HUB}{match['name']}" if match else None


def names_whole_dataset(pattern: str) -> bool:
    """True for a Hub dataset without a path in it."""
    match = _hub(pattern)
    return match is not None and not (match["path"] or "").strip("/")


def _hub(pattern: str) -> re.Match[str] | None:
    return _HUB_NAME.fullmatch(pattern.removeprefix(HUB)) if pattern.startswith(HUB) else None


def _pin(pattern: str, spec: SourceSpec) -> str:
    match = _hub(pattern)
    if match is None:
        raise SourceError(f"expected hf://datasets/owner/name[@revision][/glob]; saw {pattern}.")
    given = match["revision"]
    if given and spec.revision and given != spec.revision:
        raise SourceError(f"expected one revision of {pattern}; saw @{given} and revision: {spec.revision}. Keep one.")
    wanted = given or spec.revision
    commit = wanted if wanted and _COMMIT.fullmatch(wanted) else _commit(match["name"], wanted, spec.key_env)
    path = f"/{match['path']}" if match["path"] else ""
    return f"{HUB}{match['name']}@{commit}{path}"


def _commit(name: str, revision: str | None, key_env: str | None) -> str:
    """The commit that `revision` (a branch or tag; None: the newest) of a dataset stands for."""
    _need_hub()
    from huggingface_hub import HfApi

    at = f"{HUB}{name}" + (f"@{revision}" if revision else "")
    with source_errors(at):
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=_token(key_env))
        commit = api.dataset_info(name, revision=revision.replace("%2F", "/") if revision else None).sha
    if not commit:
        raise SourceError(f"expected the Hub to name the commit of {at}; it does not. Give revision: a commit.")
    return str(commit)


def _need_hub() -> None:
    try:
        importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise MissingExtra("a source on the Hub (hf://)", "huggingface_hub", "hub") from error


def _token(key_env: str | None) -> str | None:
    if key_env is None:
        return None
    token = os.environ.get(key_env)
    if not token:
        raise SourceError(
            f"expected a token in the environment variable {key_env}; it is not set. Set it, or drop key_env."
        )
    return token


def _options(uri: str, protocol: str, key_env: str | None) -> dict[str, Any]:
    if protocol == "hf":
        return {"endpoint": os.environ.get("HF_ENDPOINT"), "token": _token(key_env)}
    if key_env is None:
        return {}
    if protocol in ("http", "https"):
        return {"headers": {"Authorization": f"Bearer {_token(key_env)}"}}
    raise SourceError(
        f"expected key_env with hf:// or https:// only; saw it with {uri}. "
        f"{protocol}:// finds its credentials in its own environment variables and files: drop key_env."
    )


def _match(fs: Any, path: str, *, http: bool) -> dict[str, dict[str, Any]]:
    """Names of files with what the listing says of them."""
    # an address of the web may hold ? as the start of a query
    if any(sign in path for sign in ("*[" if http else "*?[")):
        found: dict[str, dict[str, Any]] = fs.glob(path, detail=True)
        return found
    if not http and fs.isdir(path):
        return fs.find(path, detail=True)  # type: ignore[no-any-return]
    return {path: fs.info(path)} if fs.exists(path) else {}


def _entry(fs: Any, path: str, info: dict[str, Any], rest: str) -> Entry:
    size = info.get("size")
    return Entry(f"{fs.unstrip_protocol(path)}{rest}", None if size is None else int(size), _stamp(fs, path, info))


def _stamp(fs: Any, path: str, info: dict[str, Any]) -> str:
    for names in (_IDENTITY, _TIMES):
        for name in names:
            value = info.get(name)
            if value:
                # one back end gives a time as a number in listings and as a datetime elsewhere
                stable = value.timestamp() if isinstance(value, datetime) else value
                return f"{info.get('size')}-{name}-{stable}"
    return f"{info.get('size')}-{fs.ukey(path)}"
