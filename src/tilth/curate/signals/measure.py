"""Measure named signals of a frame: each as a column, what they share made once, nothing made that none needs.

Cost on ordinary English: see docs/rules.md. Memory: that of one slice, about 1 MiB of text or one longer document, of
which at most the first `LOOK` bytes are measured: hostile text takes a hundred times its size in columns.
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache

import numpy as np
import polars as pl

from tilth.base.errors import ConfigError
from tilth.curate.signals.badwords import pattern_of
from tilth.curate.signals.table import SIGNALS
from tilth.curate.signals.text import of_series

#: Bytes of text measured at once: columns of a slice then stay in the processor's cache (measured: 1 MiB is the best of
#: 256 KiB to 8 MiB).
SLICE = 1 << 20
#: Bytes of a document that are measured. Of a longer one, shares and means are those of this beginning, and counts are
#: scaled to its length; no book has as much text (War and Peace: 3 MB), and Gopher drops from 100,000 words on.
LOOK = 8 << 20
_NEAR = 4096  # bytes before the end of the beginning in which white space is looked for
#: Signals that count the whole of any document, and one that counts kinds and so is never scaled.
_WHOLE, _KINDS = ("character_count", "bad_word_count"), ("stop_word_count",)


def check_names(names: Sequence[str]) -> None:
    """Raises `ConfigError` for a signal that there is none of, with the nearest name."""
    for name in names:
        if name not in SIGNALS:
            near = get_close_matches(name, SIGNALS, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(SIGNALS)}."
            raise ConfigError(f"expected the name of a signal; saw {name!r}. {hint}")


def measure(frame: pl.DataFrame, names: Sequence[str], *, bad_words: Sequence[str] = ()) -> pl.DataFrame:
    """The frame with one column more for each of `names`, Int64 or Float64; null where there is nothing to measure.

    `bad_words` is what the signal of that name counts. Raises `ConfigError` for unknown names.
    """
    check_names(names)
    pattern = pattern_of(bad_words) if bad_words else None
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    texts = frame["text"]
    for start, length in _slices(texts):
        part = texts.slice(start, length)
        scale = _beginning(part)
        piece = of_series(part if scale is None else scale[0], bad_words=pattern)
        for name, values in parts.items():
            if scale is None:
                values.append(SIGNALS[name].function(piece))
            elif name in _WHOLE:
                values.append(SIGNALS[name].function(of_series(part, bad_words=pattern)))
            else:
                values.append(_scaled(name, SIGNALS[name].function(piece), scale[1]))
    return frame.with_columns(_column(name, values) for name, values in parts.items())


def _beginning(part: pl.Series) -> tuple[pl.Series, float] | None:
    """The first `LOOK` bytes of a longer document up to white space near, and how often they go into it."""
    if len(part) > 1 or (part.str.len_bytes().item() or 0) <= LOOK:
        return None
    data = part.item().encode()
    last = max(data.rfind(sign, LOOK - _NEAR, LOOK) for sign in (b"\n", b" "))
    kept = data[: last + 1 if last >= 0 else LOOK]
    return pl.Series([kept.decode(errors="ignore")]), len(data) / len(kept)


def _scaled(name: str, values: np.ndarray, times: float) -> np.ndarray:
    grows = values.dtype == np.int64 and name not in _KINDS
    return (values * times).astype(np.int64) if grows else values


def _slices(texts: pl.Series) -> Iterator[tuple[int, int]]:
    """Start and length of slices of rows of up to `SLICE` bytes; a longer text is alone. None for no rows."""
    ends = texts.str.len_bytes().fill_null(0).cast(pl.Int64).cum_sum().to_numpy()
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + SLICE, side="right")))
        yield start, stop - start
        start = stop


def _column(name: str, values: Sequence[np.ndarray]) -> pl.Series:
    if not values:
        return pl.Series(name, [], dtype=signal_type(name))
    return pl.Series(name, np.concatenate(values), nan_to_null=True)


@cache
def signal_type(name: str) -> pl.DataType:
    """The type of a signal's column, the same whatever the rows."""
    return pl.Series(SIGNALS[name].function(of_series(pl.Series([""], dtype=pl.String)))).dtype
