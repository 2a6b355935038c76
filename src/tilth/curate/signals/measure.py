"""Measure named signals of a frame: each as a column, what they share made once, nothing made that none needs.

Cost on ordinary English: see docs/rules.md. Memory: that of one slice, about 1 MiB of text or one longer document.
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
        piece = of_series(texts.slice(start, length), bad_words=pattern)
        for name, values in parts.items():
            values.append(SIGNALS[name].function(piece))
    return frame.with_columns(_column(name, values) for name, values in parts.items())


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
