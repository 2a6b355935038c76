"""Every error tilth raises on purpose; names say what the caller does next.

    TilthError
    ├── UserError              the user can mend it; printed in full, without a traceback
    │   ├── ConfigError        a recipe, prompt file or option is wrong
    │   ├── SourceError        an input cannot be read as asked
    │   ├── MissingExtra       an optional package is not installed
    │   ├── DriftError         a resume under another identity; names the fields and the rows
    │   └── RunLocked          another process writes this run
    ├── StopRun                the run ends now; what was journalled is kept
    │   ├── BudgetReached      a cap on money, tokens or time; resumable
    │   ├── Interrupted        the user pressed Ctrl-C
    │   └── StorageError       disk full, no permission, read-only folder
    ├── EngineError            one request failed; says whether another try can help
    └── CorruptData            a file of ours does not read back as it was written

A message says what was expected, what was seen and what to do.
"""

from dataclasses import dataclass
from typing import Literal


class TilthError(Exception):
    """Root of the tree."""


class UserError(TilthError):
    """Something the user can mend."""


class ConfigError(UserError):
    """A recipe, a prompt file or an option is wrong."""


class SourceError(UserError):
    """An input cannot be read as asked."""


class MissingExtra(UserError):
    """An optional package is needed and not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package}, which is not installed. Install it with: pip install 'tilth[{extra}]'"
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One field of an identity that differs from the recorded one."""

    field: str
    recorded: str
    now: str
    rows: int


class DriftError(UserError):
    """A run was continued under another identity.

    Attributes: `changes`, one `Change` a field, and `rows`, how many finished rows the changes touch.
    """

    def __init__(self, message: str, changes: tuple[Change, ...] = (), rows: int = 0) -> None:
        super().__init__(message)
        self.changes = changes
        self.rows = rows


class RunLocked(UserError):
    """Another process writes this run."""


class StopRun(TilthError):
    """The run ends now; everything journalled is kept and the same command goes on from there."""


class BudgetReached(StopRun):
    """A cap on money, tokens or time was reached."""


class Interrupted(StopRun):
    """The user asked to stop."""


class StorageError(StopRun):
    """The disk refuses: full, read-only or no permission."""


EngineErrorKind = Literal[
    "rate_limited",  # 429
    "overloaded",  # 503, 529
    "server",  # other 5xx, or a body that is not what the API promises
    "timeout",
    "connection",  # refused, reset, dropped
    "engine_died",  # a process of ours went away
    "bad_request",  # 400, 404, 422: the request itself is wrong
    "too_long",  # the prompt does not fit the context
    "auth",  # 401, 403: no request can succeed
]

#: Kinds that another try of the same request can mend.
PASSING: frozenset[str] = frozenset({"rate_limited", "overloaded", "server", "timeout", "connection", "engine_died"})
#: Kinds that end the run, since every further request fails alike.
FATAL: frozenset[str] = frozenset({"auth"})


class EngineError(TilthError):
    """One request failed.

    Attributes: `kind`; `retry_after`, seconds the server asked to wait, or None.
    """

    def __init__(self, kind: EngineErrorKind, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after

    @property
    def passing(self) -> bool:
        """True where another try of the same request can help."""
        return self.kind in PASSING


class CorruptData(TilthError):
    """A file of ours does not read back as it was written."""
