"""The keyed order of a part's rows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.mix.order import order_key, permuted


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3000), st.integers(0, 2**62))
def test_every_row_comes_exactly_once(rows: int, key: int) -> None:
    assert sorted(permuted(np.arange(rows), rows, key)) == list(range(rows))


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 10**12), st.integers(0, 2**62), st.integers(0, 2**40))
def test_a_range_of_places_is_the_same_asked_alone(rows: int, key: int, start: int) -> None:
    start %= rows
    places = np.arange(start, min(rows, start + 50))
    whole = permuted(places, rows, key)
    assert [int(permuted(places[i : i + 1], rows, key)[0]) for i in range(len(places))] == whole.tolist()
    assert whole.min() >= 0
    assert whole.max() < rows


def test_the_order_has_no_trend_and_differs_between_keys() -> None:
    rows = 20_000
    first, second = (permuted(np.arange(rows), rows, order_key(3, "faq", epoch)) for epoch in (0, 1))
    limit = 5 / np.sqrt(rows)  # five standard errors of a correlation of independent orders
    assert abs(np.corrcoef(np.arange(rows), first)[0, 1]) < limit
    assert abs(np.corrcoef(first, second)[0, 1]) < limit
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < limit


def test_small_sets_reach_every_order_about_equally_often() -> None:
    seen: dict[tuple[int, ...], int] = {}
    for seed in range(2400):
        order = tuple(permuted(np.arange(4), 4, order_key(seed, "part", 0)).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 24
    assert sum((count - 100) ** 2 / 100 for count in seen.values()) < 49.7  # chi-square, 23 degrees, p = 0.001
