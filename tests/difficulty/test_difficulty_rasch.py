"""The item response model recovers what was planted: difficulties, skills, one scale for different panels."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.difficulty.bins import BinSettings, fitted_bins
from tilth.difficulty.rasch import Answers, RaschSettings, fit_rasch


def answered(
    rng: np.random.Generator, difficulty: NDArray[np.float64], skill: NDArray[np.float64], tries: NDArray[np.int64]
) -> tuple[NDArray[np.int64], ...]:
    """Columns item, solver, passes, tries of answers drawn from the model."""
    passes = rng.binomial(tries, 1 / (1 + np.exp(difficulty[:, None] - skill)))
    item, solver = np.nonzero(tries)
    return item, solver, passes[item, solver], tries[item, solver]


def within(level: float, hits: int, total: int) -> bool:
    """Whether a count of covered values agrees with `level` up to four standard errors."""
    return abs(hits / total - level) <= 4 * np.sqrt(level * (1 - level) / total)


def test_planted_difficulty_is_recovered_and_intervals_cover() -> None:
    rng = np.random.default_rng(1)
    planted, skill = rng.normal(0, 1.5, 3000), np.array([-1.0, 0.0, 0.5, 1.0])
    fit = fit_rasch(Answers.of(*answered(rng, planted, skill, np.full((3000, 4), 4))))
    centred = planted - planted.mean()
    assert fit.converged
    assert np.corrcoef(centred, fit.difficulty)[0, 1] >= 0.9
    assert within(0.9, int(((fit.low <= centred) & (centred <= fit.high)).sum()), 3000)
    assert abs(fit.spread - 1.5) < 0.1


def test_errors_of_skills_are_as_large_as_their_scatter() -> None:
    rng = np.random.default_rng(2)
    skill = np.array([-1.0, 0.0, 1.0])
    standardised = []
    for _ in range(150):
        fit = fit_rasch(Answers.of(*answered(rng, rng.normal(0, 1.2, 250), skill, np.full((250, 3), 3))))
        standardised.append((fit.skill - skill) / fit.skill_error)
    scatter = np.std(standardised)
    assert 0.85 < scatter < 1.15  # the standard error of a standard deviation of 450 values is 0.03


def panels(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Easy questions for a weak panel, hard ones for a strong panel, one solver in both."""
    planted = np.concatenate([rng.normal(-0.8, 1.2, 1500), rng.normal(0.8, 1.2, 1500)])
    skill = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
    tries = np.zeros((3000, 7), dtype=np.int64)
    tries[:1500, :4] = 4
    tries[1500:, 3:] = 4
    return planted, skill, tries


def test_panels_of_different_skill_are_put_on_one_scale_by_a_solver_in_common() -> None:
    rng = np.random.default_rng(3)
    planted, skill, tries = panels(rng)
    columns = answered(rng, planted, skill, tries)
    fit = fit_rasch(Answers.of(*columns, group=np.repeat([0, 1], 1500)))
    centred = planted - planted.mean()
    raw = np.bincount(columns[0], columns[2]) / np.bincount(columns[0], columns[3])
    gap = centred[1500:].mean() - centred[:1500].mean()
    found = fit.difficulty[1500:].mean() - fit.difficulty[:1500].mean()
    assert np.corrcoef(centred, fit.difficulty)[0, 1] >= 0.9
    assert np.corrcoef(centred, fit.difficulty)[0, 1] > abs(np.corrcoef(centred, raw)[0, 1]) + 0.05
    assert abs(found - gap) < 0.15
    assert within(0.9, int(((fit.low <= centred) & (centred <= fit.high)).sum()), 3000)
    assert np.abs(fit.skill - (skill - planted.mean())).max() < 0.2


def test_anchored_skills_put_a_later_panel_on_the_earlier_scale() -> None:
    rng = np.random.default_rng(4)
    first, skill = rng.normal(0, 1, 2000), np.array([-0.5, 0.5, 1.5])
    early = fit_rasch(Answers.of(*answered(rng, first, skill, np.full((2000, 3), 6))))
    later = rng.normal(2.0, 1, 1000)  # harder questions: a fit of its own would call their mean 0
    columns = answered(rng, later, skill, np.full((1000, 3), 6))
    fit = fit_rasch(Answers.of(*columns), anchors={1: float(early.skill[1]), 2: float(early.skill[2])})
    assert abs(fit.difficulty.mean() - (later.mean() - first.mean())) < 0.15
    assert fit.skill[1] == early.skill[1]
    assert fit.skill_error[1] == 0
    assert abs(fit_rasch(Answers.of(*columns)).difficulty.mean()) < 0.1


def test_panels_without_a_link_are_refused_and_anchors_link_them() -> None:
    item, solver = [0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 2, 3]
    answers = Answers.of(item, solver, [1, 2, 3, 1, 0, 2], [4] * 6)
    with pytest.raises(ConfigError, match="2 parts"):
        fit_rasch(answers)
    assert fit_rasch(answers, anchors={0: 0.0, 2: 1.0}).converged


def test_nobody_and_everybody_give_finite_difficulties_with_wide_intervals() -> None:
    rng = np.random.default_rng(5)
    planted = rng.normal(0, 1, 400)
    item, solver, passes, tries = answered(rng, planted, np.array([-0.5, 0.5]), np.full((400, 2), 4))
    passes[item == 0], passes[item == 1], passes[item == 2] = 0, 4, 2
    fit = fit_rasch(Answers.of(item, solver, passes, tries))
    assert fit.extreme[0]
    assert fit.extreme[1]
    assert not fit.extreme[2]
    assert fit.difficulty[1] < fit.difficulty[2] < fit.difficulty[0] < 5
    assert min(fit.error[0], fit.error[1]) > fit.error[2]
    assert np.isfinite(fit.difficulty).all()


def test_a_solver_who_solves_all_stays_finite_and_an_unanswered_item_keeps_the_prior() -> None:
    fit = fit_rasch(Answers.of([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1], [4, 4, 4, 1, 2, 3], [4] * 6, group=[0, 0, 0, 0]))
    assert np.isfinite(fit.skill).all()
    assert fit.skill[0] > fit.skill[1]
    assert fit.answers[3] == 0
    assert not fit.extreme[3]
    assert fit.error[3] == pytest.approx(fit.spread, rel=0.02)


def test_too_few_iterations_are_reported() -> None:
    rng = np.random.default_rng(6)
    columns = answered(rng, rng.normal(0, 1, 200), np.array([0.0, 1.0]), np.full((200, 2), 2))
    short = fit_rasch(Answers.of(*columns), RaschSettings(iterations=2))
    assert not short.converged
    assert short.change > 1e-4


def test_order_of_rows_does_not_matter_and_split_counts_add_up() -> None:
    rng = np.random.default_rng(7)
    columns = answered(rng, rng.normal(0, 1, 300), np.array([-1.0, 0.0, 1.0]), np.full((300, 3), 2))
    order = rng.permutation(len(columns[0]))
    one = fit_rasch(Answers.of(*columns))
    other = fit_rasch(Answers.of(*(np.concatenate([part[order], part[:0]]) for part in columns)))
    np.testing.assert_allclose(one.difficulty, other.difficulty, atol=1e-9)


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        (([], [], [], []), "at least one row"),
        (([0], [0], [3], [2]), "at most the tries"),
        (([-1], [0], [1], [2]), "from 0"),
        (([0, 1], [0], [1], [2]), "one length"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns: tuple[list[int], ...], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Answers.of(*columns)


def test_bins_follow_the_reference_solver_and_certainty_is_honest() -> None:
    rng = np.random.default_rng(8)
    planted, skill = rng.normal(0, 1.5, 3000), np.array([-1.0, 0.0, 1.0])
    fit = fit_rasch(Answers.of(*answered(rng, planted, skill, np.full((3000, 3), 8))))
    binned = fitted_bins(fit)
    rate = 1 / (1 + np.exp(planted - planted.mean()))
    truth = 1 + (rate[:, None] <= np.array([0.9, 0.7, 0.5, 0.2])).sum(axis=1)
    right = binned.bin == truth
    assert set(binned.bin.tolist()) == {1, 2, 3, 4, 5}
    assert abs(right.mean() - binned.certainty.mean()) < 0.04
    assert np.abs(binned.bin - truth).max() <= 2
    strong = fitted_bins(fit, BinSettings(reference_skill=2.0))
    assert strong.bin.mean() < binned.bin.mean()
    assert (np.diff(fit.expected_rate(0.0)[np.argsort(fit.difficulty)]) < 0.02).all()
