"""What the start of a file says before any row is read, and the complaint about a column that is not there."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tilth.base.errors import SourceError
from tilth.data.files import SourceFile

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Head:
    """The start of a file.

    `columns`: names seen, None for formats without columns; `kinds`: role of a mapped column -> kind of its values, for
    formats whose columns have types; `complete`: `columns` has every column of the file; `empty`: it has no rows.
    """

    columns: tuple[str, ...] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True
    empty: bool = False


def missing_column(file: SourceFile, role: str, name: str, seen: Iterable[str]) -> SourceError:
    """The error about a mapped column that a file does not have."""
    names = list(seen)
    shown = ", ".join(repr(one[:60]) for one in names[:_SHOWN]) or "none"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    near = difflib.get_close_matches(name.lower(), {one.lower(): one for one in names[:1000]}, n=1, cutoff=0.5)
    meant = {one.lower(): one for one in names[:1000]}
    hint = f" Did you mean {meant[near[0]]!r}?" if near else ""
    key = f"columns: {{{role}: ...}}" if not role.startswith("metadata.") else "columns: {metadata: [...]}"
    return SourceError(
        f"expected the column {name!r} ({role.split('.')[0]}) in {file.uri}; saw {shown}{more}.{hint} "
        f"Set {key} in the recipe, or leave the file out."
    )
