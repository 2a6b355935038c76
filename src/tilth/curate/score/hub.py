"""Fetches a model from the Hub, or from the cache of an earlier fetch, and says which commit it is.

Guarantees: what was fetched is named by its commit, so that a later run with another commit is another run; without a
hub a cached copy is used, and where there is none the error says how to bring one.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tilth.base.errors import ConfigError, MissingExtra, SourceError

#: What a transformer needs; weights in other formats (pickles among them) are not fetched.
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file or folder on this disk, and the commit of the repository it was taken from."""

    path: Path
    commit: str


def fetch(repository: str, revision: str | None, file: str | None) -> Fetched:
    """The file `file` of a Hub repository, or a folder with its weights and tokenizer where `file` is None.

    Raises `ConfigError` where the repository, revision or file is not there, `SourceError` where no hub is reachable,
    `MissingExtra`.
    """
    hub = _hub()
    errors = hub.errors
    try:
        if file is None:
            path = Path(hub.snapshot_download(repository, revision=revision, allow_patterns=_WANTED))
            return Fetched(path, path.name)
        path = Path(hub.hf_hub_download(repository, file, revision=revision))
        return Fetched(path, _commit(path))
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(repository, revision, file, error) from error
    except errors.GatedRepoError as error:
        raise ConfigError(
            f"expected access to {repository}; the hub asks for its terms to be accepted. "
            "Accept them on its page and set HF_TOKEN."
        ) from error
    except (errors.EntryNotFoundError, errors.RevisionNotFoundError, errors.RepositoryNotFoundError) as error:
        raise ConfigError(
            f"expected {_what(repository, revision, file)} on the hub; it answered: {_first_line(error)}. "
            "Check the name, the revision and the file."
        ) from error
    except (errors.HFValidationError, ValueError) as error:
        raise ConfigError(f"expected a Hub model as owner/name; saw {repository!r}: {_first_line(error)}") from error
    except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, OSError) as error:
        raise _unreachable(repository, revision, file, error) from error


def _hub() -> ModuleType:
    try:
        importlib.import_module("huggingface_hub.errors")
    except ModuleNotFoundError:
        raise MissingExtra("a scorer from the Hub", "huggingface-hub", "hub") from None
    return importlib.import_module("huggingface_hub")


def _commit(path: Path) -> str:
    """The cache keeps files under snapshots/<commit>/."""
    parts = path.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts else "unknown"


def _unreachable(repository: str, revision: str | None, file: str | None, error: Exception) -> SourceError:
    return SourceError(
        f"expected to fetch {_what(repository, revision, file)} from the Hub; no hub and no cached copy is within "
        f"reach ({_first_line(error)}). Fetch it on a connected machine with `hf download {repository}` and copy "
        "the cache (HF_HOME), name the file or folder itself as the scorer, or train one with `tilth train-scorer`."
    )


def _what(repository: str, revision: str | None, file: str | None) -> str:
    return f"{repository}{f'/{file}' if file else ''} at {revision or 'its newest revision'}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
