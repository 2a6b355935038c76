"""Budgets, refusals and start values."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError
from tilth.mix.plan import plan_lines, plan_mix, split_budget, suggest_mix
from tilth.recipe.stages.mix import Mix, MixPart


def mix(tokens: int, *parts: tuple[str, float, str], cap: float = 4.0) -> Mix:
    return Mix(parts=tuple(MixPart(name=n, weight=w, kind=k, cap=cap) for n, w, k in parts), tokens=tokens)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=8), st.integers(1, 10**13))
def test_parts_add_up_to_the_budget_and_keep_their_shares(weights: list[float], tokens: int) -> None:
    asked = mix(tokens, *[(f"p{i}", weight, "original") for i, weight in enumerate(weights)])
    given_ = split_budget(asked)
    assert sum(given_.values()) == tokens
    for name, share in asked.shares.items():
        assert abs(given_[name] - share * tokens) <= 1 + 1e-9 * tokens


def test_an_impossible_budget_is_refused_with_its_numbers() -> None:
    asked = mix(10_000, ("web", 1, "original"), ("table", 3, "synthetic"), cap=2)
    with pytest.raises(ConfigError) as refused:
        plan_mix(asked, {"web": 10_000, "table": 3_000})
    text = str(refused.value)
    for number in ("table: asked 7,500", "available 3,000", "2.50 passes", "cap is 2", "at most 8,000 tokens"):
        assert number in text
    assert "web: asked" not in text
    plan_mix(asked.model_copy(update={"tokens": 8_000}), {"web": 10_000, "table": 3_000})


def test_a_part_without_tokens_is_refused() -> None:
    with pytest.raises(ConfigError, match="available 0"):
        plan_mix(mix(10, ("web", 1, "original")), {"web": 0})
    with pytest.raises(ConfigError, match="none for web"):
        plan_mix(mix(10, ("web", 1, "original")), {})


def test_repetition_is_printed_for_each_part() -> None:
    plan = plan_mix(mix(1000, ("web", 1, "original"), ("faq", 1, "synthetic")), {"web": 5000, "faq": 250})
    printed = "\n".join(plan_lines(plan))
    assert "seen 2.00 times (cap 4)" in printed
    assert "seen 0.10 times" in printed
    assert "50.0% synthetic" in printed
    assert plan.notes == ("faq is seen 2.00 times, 250 tokens of it exist",)


def test_start_values_are_the_published_ones_and_never_all_synthetic() -> None:
    for form, share in {"table": 0.7, "math": 0.8, "faq": 0.6, "tutorial": 0.6}.items():
        found, reasons = suggest_mix({"syn": form}, ("web",), 1000)
        assert plan_mix(found, {"syn": 1000, "web": 1000}).synthetic == pytest.approx(share)
        assert form in reasons[0]
    found, reasons = suggest_mix({"a": "table", "b": None}, ("web", "books"), 1000)
    assert found.shares == pytest.approx({"a": 0.3, "b": 0.3, "web": 0.2, "books": 0.2})
    assert "no published curve" in reasons[1]
    with pytest.raises(ConfigError, match="original"):
        suggest_mix({"a": "table"}, (), 1000)
