"""Figures of merit: calibration, thresholds, intervals and rank correlation against known truths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from tilth.classify.calibrate import (
    abstain_threshold,
    expected_calibration_error,
    fit_temperature,
    softmax,
)
from tilth.classify.evaluate import report_classes, report_scores, spearman


def draw(temperature: float, rows: int = 4000, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Decisions whose softmax at `temperature` is the truth that labels were drawn from."""
    random = np.random.default_rng(7)
    decisions = random.normal(0, 1, (rows, classes)).astype(np.float32)
    chances = softmax(decisions / np.float32(temperature))
    truth = np.array([random.choice(classes, p=row / row.sum()) for row in chances.astype(np.float64)])
    return decisions, truth


@pytest.mark.parametrize("temperature", [0.2, 1.0, 4.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    decisions, truth = draw(temperature)
    assert fit_temperature(decisions, truth) == pytest.approx(temperature, rel=0.15)


def test_a_calibrated_model_has_a_small_error_and_an_overconfident_one_a_large() -> None:
    decisions, truth = draw(1.0)
    right = decisions.argmax(axis=1) == truth
    assert expected_calibration_error(softmax(decisions).max(axis=1), right) < 0.03
    assert expected_calibration_error(softmax(decisions * 8).max(axis=1), right) > 0.25
    assert expected_calibration_error(np.array([0.9, 0.9], np.float32), np.array([True, False])) == pytest.approx(0.4)
    assert expected_calibration_error(np.zeros(0, np.float32), np.zeros(0, bool)) == 0


@given(st.lists(st.tuples(st.floats(0, 1, width=16), st.booleans()), min_size=1, max_size=200), st.floats(0.1, 1))
@settings(deadline=None, max_examples=100)
def test_a_threshold_keeps_its_precision_on_the_rows_it_was_read_from(
    rows: list[tuple[float, bool]], target: float
) -> None:
    probability = np.array([row[0] for row in rows], np.float32)
    right = np.array([row[1] for row in rows])
    at = abstain_threshold(probability, right, target)
    answered = probability >= at
    assert answered.sum() == 0 or (right[answered].mean() >= target and answered.sum() >= 50)


def test_a_report_counts_what_stands_in_the_confusion() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2] * 20)
    answer = np.array([0, 0, 1, 1, 1, 0] * 20)
    decisions = np.eye(3, dtype=np.float32)[answer]
    fold = np.arange(120) % 4
    report = report_classes(decisions, truth, ["a", "b", "c"], fold, np.arange(120), precision=0.9)
    assert report.accuracy == pytest.approx(4 / 6)
    assert report.majority == pytest.approx(0.5)
    assert report.confusion == ((40, 20, 0), (0, 40, 0), (20, 0, 0))
    first = report.classes[0]
    assert (first.rows, first.precision, first.recall) == (60, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert report.macro_f1 == pytest.approx((2 / 3 + 0.8 + 0) / 3)
    low, high = report.accuracy_interval
    assert low < report.accuracy < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 / 9 / 120), rel=0.15)  # the normal approximation


def test_whole_groups_widen_the_interval() -> None:
    truth = np.repeat([0, 1], 60)
    answer = np.where(np.arange(120) // 12 % 2, truth, 1 - truth)  # right or wrong by whole groups of 12
    decisions = np.eye(2, dtype=np.float32)[answer]
    fold = np.arange(120) % 4
    alone = report_classes(decisions, truth, ["a", "b"], fold, np.arange(120), precision=0.9).accuracy_interval
    whole = report_classes(decisions, truth, ["a", "b"], fold, np.arange(120) // 12, precision=0.9).accuracy_interval
    assert whole[1] - whole[0] > 2 * (alone[1] - alone[0])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=60))
@settings(deadline=None, max_examples=100)
def test_rank_correlation_is_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs, np.float32).T
    if first.std() == 0 or second.std() == 0:
        assert spearman(first, second) == 0
    else:
        assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)


def test_a_score_report_names_error_order_and_baseline() -> None:
    truth = np.arange(100, dtype=np.float32) / 20
    report = report_scores(truth + np.float32(0.25), truth, np.arange(100) % 5, np.arange(100))
    assert report.mean_error == pytest.approx(0.25, abs=1e-4)
    assert report.spearman == pytest.approx(1)
    assert report.baseline_error == pytest.approx(1.25, abs=0.01)
