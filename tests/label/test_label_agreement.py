"""Agreement against textbook values and scikit-learn's, and a gate that keeps bad labels from steering."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from tilth.base.errors import ConfigError
from tilth.label.agreement import Gate, agree, judge, krippendorff_alpha

GATE = Gate(source="two readers, 200 questions")


def noisy(rows: int, share: float, seed: int = 0) -> tuple[list[str], list[str]]:
    """Two annotators, the second of whom answers at random in `share` of the rows."""
    random = np.random.default_rng(seed)
    first = random.choice(["a", "b", "c"], rows)
    second = np.where(random.random(rows) < share, random.choice(["a", "b", "c"], rows), first)
    return first.tolist(), second.tolist()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=40))
@settings(deadline=None, max_examples=25)
def test_kappa_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    first, second = [one for one, _ in pairs], [two for _, two in pairs]
    if len(set(first + second)) == 1:
        assert agree(first, second).kappa == 1  # scikit-learn says nan
    else:
        assert agree(first, second).kappa == pytest.approx(cohen_kappa_score(first, second))


def test_kappa_of_the_usual_example() -> None:
    """Fifty grants, twenty accepted and fifteen refused by both, five and ten split: kappa 0.4."""
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    found = agree(first, second)
    assert found.kappa == pytest.approx(0.4)
    assert found.observed == pytest.approx(0.7)
    assert found.confusion == ((15, 10), (5, 20))
    assert found.interval[0] < 0.4 < found.interval[1]


def test_alpha_of_krippendorffs_own_example() -> None:
    """Krippendorff 2011, section C: four observers, twelve units, gaps; nominal alpha 0.743."""
    table = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    labels = [[None if sign == "." else sign for sign in line.split()] for line in table]
    assert krippendorff_alpha(labels) == pytest.approx(0.743, abs=5e-4)


def test_alpha_is_one_for_perfect_and_near_zero_for_chance() -> None:
    first, _ = noisy(3000, 0.0)
    assert krippendorff_alpha([first, first, first]) == 1
    chance = [noisy(3000, 0.0, seed)[0] for seed in range(3)]
    assert abs(krippendorff_alpha(chance)) < 0.03
    with pytest.raises(ConfigError, match="at least two labels"):
        krippendorff_alpha([["a", None], [None, "b"]])


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(40):
        found = agree(*noisy(300, 0.3, seed))
        covered += found.interval[0] <= 0.7 <= found.interval[1]  # kappa of random answers in 30% of rows
    assert covered >= 34


def test_abstentions_are_counted_apart() -> None:
    found = agree(["a", None, "b", "a"], ["a", "a", None, "b"])
    assert (found.rows, found.missing, found.observed) == (2, 2, 0.5)
    with pytest.raises(ConfigError, match="saw none"):
        agree([None], ["a"])
    with pytest.raises(ConfigError, match="one length"):
        agree(["a"], [])


def test_below_the_gate_no_label_steers() -> None:
    bad = judge(agree(*noisy(400, 0.5)), GATE)
    assert not bad.usable
    assert not any(bad.classes.values())
    assert "is below 0.7" in bad.reasons["all"]
    good = judge(agree(*noisy(400, 0.1)), GATE)
    assert good.usable
    assert all(good.classes.values())
    assert good.reasons == {}
    assert good.gate.source == "two readers, 200 questions"


def test_few_rows_and_confused_classes_are_refused_by_name() -> None:
    assert judge(agree(*noisy(50, 0.0)), GATE).reasons["all"] == "50 rows with both labels; 100 are needed"
    first = ["a"] * 100 + ["b"] * 100 + ["law"] * 20 + ["politics"] * 20 + ["rare"] * 3
    second = ["a"] * 100 + ["b"] * 100 + ["law", "politics"] * 20 + ["rare"] * 3
    verdict = judge(agree(first, second), GATE)
    assert verdict.usable
    assert verdict.classes == {"a": True, "b": True, "law": False, "politics": False, "rare": False}
    assert verdict.reasons["rare"] == "3 rows; 10 are needed"
    assert "is below 0.7" in verdict.reasons["law"]
