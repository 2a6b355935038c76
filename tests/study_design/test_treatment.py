"""Arms that differ in more than the treatment are refused or flagged, with the difference."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError
from tilth.study.treatment import FIELDS, Facts, differences, line, refused, require_same

SAME = Facts(tokens=1_000_000, epochs=1.0, tokenizer="t", evaluation_version="1", decontamination="13-grams", size="s")


def found(**change: object) -> list[tuple[str, str]]:
    arms = {"base": SAME, "arm": replace(SAME, **change)}  # type: ignore[arg-type]
    return [(one.field, one.level) for one in differences(arms, "base")]


def test_equal_arms_differ_in_nothing() -> None:
    assert found() == []
    require_same(differences({"base": SAME, "arm": SAME}, "base"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"tokens": 1_005_000}, []),  # half a percent is rounding to whole steps
        ({"tokens": 1_500_000}, [("tokens", "refused")]),
        ({"tokenizer": "u"}, [("tokenizer", "refused")]),
        ({"evaluation_version": "2"}, [("evaluation_version", "refused")]),
        ({"decontamination": "none"}, [("decontamination", "refused")]),
        ({"decontamination": None}, [("decontamination", "flagged")]),
        ({"epochs": 1.4}, []),
        ({"epochs": 3.0}, [("epochs", "flagged")]),
        ({"epochs": 4.2}, [("epochs", "refused")]),
        ({"size": "t", "tokens": 1}, [("tokens", "refused"), ("size", "refused")]),
    ],
)
def test_each_field_has_its_own_rule(change: dict[str, object], expected: list[tuple[str, str]]) -> None:
    assert found(**change) == expected


def test_what_the_study_allows_is_flagged_and_the_refusal_shows_the_diff() -> None:
    arms = {"base": SAME, "arm": replace(SAME, tokenizer="u", tokens=3_000_000)}
    some = differences(arms, "base", may_differ=["tokenizer"])
    assert [one.level for one in some] == ["refused", "flagged"]
    assert line(some[0]) == "arm: tokens 3,000,000, base has 1,000,000 (not the treatment)"
    with pytest.raises(ConfigError, match=r"arm: tokens 3,000,000, base has 1,000,000"):
        require_same(some)
    require_same(one for one in some if one.level == "flagged")


def test_an_unknown_baseline_or_field_is_named() -> None:
    with pytest.raises(ConfigError, match="saw 'none'"):
        differences({"base": SAME}, "none")
    with pytest.raises(ConfigError, match="may_differ: expected some of tokens"):
        differences({"base": SAME}, "base", may_differ=["colour"])


@settings(deadline=None, max_examples=100)
@given(
    st.builds(
        Facts,
        tokens=st.none() | st.integers(1, 10**13),
        epochs=st.none() | st.floats(1, 50),
        tokenizer=st.none() | st.sampled_from("tu"),
        learning_rate=st.none() | st.floats(1e-6, 1),
    )
)
def test_no_refusal_is_left_where_everything_may_differ_and_the_rule_does_not_depend_on_which_is_the_baseline(
    facts: Facts,
) -> None:
    arms = {"base": SAME, "arm": facts}
    assert not refused(differences(arms, "base", FIELDS))
    there, back = differences(arms, "base"), differences(arms, "arm")
    assert [(one.field, one.level) for one in there] == [(one.field, one.level) for one in back]
