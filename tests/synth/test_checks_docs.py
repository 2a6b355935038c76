"""docs/checks.md says what the code does: every check, policy, threshold, source and alarm limit."""

import re
from pathlib import Path

from tilth.synth.checks.judge import catalogue
from tilth.synth.collapse import ENTROPY_LIMIT, LEAST, NOVELTY_LIMIT, OPENINGS_LIMIT, SKELETON_LIMIT, TOP_LIMIT

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")


def table(heading):
    """The rows of the table under a heading, cell by cell, without its head and rule."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.split("\n") if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def by_parser(values):
    return {parser: f"{value:g}" for parser, value in values.items()}


def test_the_page_lists_every_check_in_order_with_its_policy():
    rows = table("The checks")
    assert [row[0].strip("`") for row in rows] == [row["name"] for row in catalogue()]
    for shown, row in zip(rows, catalogue(), strict=True):
        assert shown[1] == row["measures"]
        assert shown[2] == row["runs"]
        policies = shown[3].split("; ")
        assert policies[0] == row["policy"]
        exceptions = {
            parser: policy
            for policy, _, parsers in (item.partition(" for ") for item in policies[1:])
            for parser in parsers.split(", ")
        }
        assert exceptions == row["by_parser"]


def test_the_page_lists_every_threshold_with_its_values_and_source():
    wanted = [threshold for row in catalogue() for threshold in row["thresholds"]]
    rows = table("The thresholds")
    assert [row[0].strip("`") for row in rows] == [threshold["name"] for threshold in wanted]
    for shown, threshold in zip(rows, wanted, strict=True):
        first, *others = shown[1].split(", ")
        assert first == f"{threshold['value']:g}"
        assert dict(other.rsplit(" ", 1) for other in others) == by_parser(threshold["by_parser"])
        assert shown[2] == threshold["source"]


def test_the_page_names_each_threshold_beside_its_check():
    for shown, row in zip(table("The checks"), catalogue(), strict=True):
        assert re.findall(r"`(\w+)`", shown[4]) == [threshold["name"] for threshold in row["thresholds"]]


def test_the_page_has_the_limits_of_the_alarms():
    limits = " ".join(row[2] for row in table("Collapse alarms"))
    for limit in (OPENINGS_LIMIT, ENTROPY_LIMIT, TOP_LIMIT, SKELETON_LIMIT, NOVELTY_LIMIT):
        assert f"{limit:g}" in limits
    assert f"below {LEAST} rows" in PAGE
