"""A claim in words, from its numbers alone: the same comparison gives the same paragraph."""

from tilth.study.statistics.compare import Analysis, Comparison

_VERDICTS = {
    "better": "better than",
    "worse": "worse than",
    "not worse than": "not worse than",
}


def paragraph(one: Comparison, analysis: Analysis, alpha: float = 0.05) -> str:
    """What the study says of one arm, in plain words, with effect, interval and adjusted p."""
    return " ".join(part for part in (_headline(one, analysis), *_details(one, analysis, alpha)) if part)


def _headline(one: Comparison, analysis: Analysis) -> str:
    where = f"on {analysis.metric} at size {analysis.size}"
    if one.verdict == "cannot tell":
        return f"Whether {one.arm} is better than {one.baseline} {where} cannot be told{_why(one)}."
    return f"{one.arm} is {_VERDICTS[one.verdict]} {one.baseline} {where}."


def _why(one: Comparison) -> str:
    if one.standing == "diverged":
        return ", since every one of its runs diverged; it has no score, which is not a score of zero"
    if one.standing == "no results":
        return ", since it has no finished run with a seed of the baseline's"
    if one.standing == "no baseline":
        return ", since the baseline has no finished run"
    if one.standing == "one seed":
        return " from one seed, which does not show how much a change of seed does; this is screening"
    if one.standing == "a seed diverged":
        return ", since a run of it diverged and the others are not a fair sample"
    return " from this study"


def _details(one: Comparison, analysis: Analysis, alpha: float) -> tuple[str, ...]:
    if one.effect is None or one.low is None or one.high is None:
        return ()
    level = f"{100 * (1 - alpha):g} %"
    seeds = f"{one.seeds} matched seed" + ("s" if one.seeds != 1 else "")
    effect = (
        f"Its {analysis.aggregate} score differs by {_signed(one.effect)} ({level} interval {_signed(one.low)} to "
        f"{_signed(one.high)}, {seeds}; positive is better)."
    )
    adjusted = _adjusted(one, analysis)
    return effect, adjusted, _stopped(one), _margin(one), _noise(analysis), _left_out(one), _best(one)


def _stopped(one: Comparison) -> str:
    if one.looks < 2:
        return ""
    return f"It was stopped early by a rule that may look {one.looks} times; interval and p allow for all of them."


def _adjusted(one: Comparison, analysis: Analysis) -> str:
    if one.p_adjusted is None:
        return ""
    count = sum(other.p is not None for other in analysis.comparisons)
    return f"Adjusted for {count} arm{'s' if count != 1 else ''}, p {_p(one.p_adjusted)}."


def _margin(one: Comparison) -> str:
    if one.margin is None:
        return ""
    if one.equivalent:
        return (
            f"The whole interval lies within {one.margin:.3g} of no difference: the two are equivalent in that sense."
        )
    if one.verdict == "not worse than":
        return f"The interval excludes a loss of {one.margin:.3g} or more."
    return ""


def _noise(analysis: Analysis) -> str:
    if analysis.noise is None:
        return ""
    noise = analysis.noise
    return f"The spread between seeds is taken as {noise.sd:.3g} ({noise.source}, {noise.df:g} degrees of freedom)."


def _left_out(one: Comparison) -> str:
    if one.without_one_task is None or one.verdict not in ("better", "worse"):
        return ""
    low, high = one.without_one_task
    if min(abs(low), abs(high)) > 0 and (low > 0) == (high > 0):
        return f"No single task decides this: with any one left out it is {_signed(low)} to {_signed(high)}."
    return f"One task decides this: with one left out it is {_signed(low)} to {_signed(high)}."


def _best(one: Comparison) -> str:
    if one.probability_best is None or one.probability_top_three is None:
        return ""
    return (
        f"The chance that it is the best arm is {one.probability_best:.0%}, and that it is among the best three "
        f"{one.probability_top_three:.0%}."
    )


def _signed(value: float) -> str:
    return f"{value:+.3g}"


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"= {value:.2g}"
