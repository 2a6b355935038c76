"""What `tilth train-scorer` measured, as text."""

from collections.abc import Iterator, Mapping
from typing import Any

from tilth.view.tables import table_text
from tilth.view.terminal import one_line


def scorer_text(report: Mapping[str, Any]) -> str:
    """The report of a trained scorer: figures on rows it was not trained on, each with its interval."""
    body = _classes(report) if report["task"] == "classes" else _scores(report)
    lines = [f"{report['rows']:,} rows in {report['groups']:,} groups, {report['folds']} folds", *body]
    lines += [f"hint: {one_line(hint, 400)}" for hint in report["hints"]]
    lines.append(f"scorer  {report['folder']}   (in a recipe: - score: {{scorer: {report['folder']}}})")
    return "\n".join(lines)


def labeller_text(report: Mapping[str, Any]) -> str:
    """The report of a trained labeller: both levels, each with its interval."""
    lines = [f"{report['rows']:,} labelled rows"]
    for level in ("discipline", "field"):
        if level in report:
            lines += [f"{level}:", *(f"  {line}" for text in _classes(report[level]) for line in text.splitlines())]
    for name, rows in report["left_out"].items():
        lines.append(f"left out: {one_line(name)}, {rows} rows are too few to measure")
    lines.append(f"labeller {report['folder']}   (in a recipe: - label: {{model: {report['folder']}}})")
    return "\n".join(lines)


def agreement_text(report: Mapping[str, Any]) -> str:
    """How far two annotators agree, and whether their labels may steer."""
    low, high = report["interval"]
    kappa = f"kappa {report['kappa']:.3f} ({low:.3f} to {high:.3f}); the same label on {report['observed']:.1%}"
    lines = [f"{report['rows']:,} questions with both labels, {report['missing']:,} without one of them", kappa]
    rows = [
        (
            item["name"],
            *(f"{item[name]:,}" for name in ("first", "second", "both")),
            f"{item['kappa']:.3f}",
            one_line(report["reasons"].get(item["name"], "may steer" if report["usable"] else "-"), 80),
        )
        for item in report["by_class"]
    ]
    lines.append(table_text(("class", "first", "second", "both", "kappa", "verdict"), rows))
    verdict = (
        "the labels may steer" if report["usable"] else f"the labels steer nothing: {report['reasons'].get('all', '')}"
    )
    return "\n".join([*lines, verdict])


def _classes(report: Mapping[str, Any]) -> Iterator[str]:
    always = f"always naming the largest class gives {report['majority']:.3f}"
    yield f"accuracy {_with_interval(report, 'accuracy')}; {always}"
    yield f"macro F1 {_with_interval(report, 'macro_f1')}"
    calibration = report["calibration"]
    yield (
        f"calibration error {calibration['error']:.3f}; sure enough to answer on {calibration['coverage']:.1%} of "
        f"rows, right on {calibration['precision']:.1%} of those"
    )
    rows = [
        (item["name"], f"{item['rows']:,}", *(f"{item[name]:.3f}" for name in ("precision", "recall", "f1")))
        for item in report["classes"]
    ]
    yield table_text(("class", "rows", "precision", "recall", "F1"), rows)


def _scores(report: Mapping[str, Any]) -> Iterator[str]:
    always = f"always naming the median gives {report['baseline_error']:.3f}"
    yield f"mean error {_with_interval(report, 'mean_error')}; {always}"
    yield f"rank correlation {_with_interval(report, 'spearman')}"


def _with_interval(report: Mapping[str, Any], name: str) -> str:
    low, high = report[f"{name}_interval"]
    return f"{report[name]:.3f} ({low:.3f} to {high:.3f})"
