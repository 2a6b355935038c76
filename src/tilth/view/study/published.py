"""The published results, reproduced: the figures as text for a terminal, and a page with every claim's interval.

Everything comes from `study.published.report.published_report`; nothing is typed in here but the published counterparts
that the tables themselves do not hold.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tilth.base.files import write_bytes, write_json
from tilth.view.study.forest import Row, forest
from tilth.view.study.page import Section, figure, headline, page, table
from tilth.view.study.svg import number, safe
from tilth.view.tables import table_text

#: What the study states of itself and its tables do not hold: shares of variance in %, best shares of synthetic text.
STATED_VARIANCE = {"macro": (60, 29, 11), "macro_without_smollm2": (73, 14, 13)}

Report = Mapping[str, Any]


def write_published(report: Report, out: Path) -> None:
    """Write `published.json` and `published.html` into `out`."""
    write_json(out / "published.json", report)
    write_bytes(out / "published.html", published_page(report))


def published_text(report: Report) -> str:
    """The reproduced figures and the counts of supported claims, for a terminal."""
    return "\n\n".join(
        [
            table_text(("figure", "published", "from the tables"), _reproduced(report)),
            table_text(("setting", "published", "mean and spread", "runs"), _seeds(report)),
            table_text(("prompt", "best share", "macro", "not told apart from it"), _mix(report)),
            table_text(("family of differences", "claims", "higher", "lower", "not supported"), _families(report)),
            f"source: {report['source']}",
        ]
    )


def published_page(report: Report) -> bytes:
    """The page's bytes."""
    claims = report["claims"]
    every = sum(family["claims"] for family in claims.values())
    held = sum(family["supported_higher"] + family["supported_lower"] for family in claims.values())
    lead = "The tables of the FinePhrase study put through tilth's own statistics. Scores are macro scores times 100."
    runs = len(report["scores"]["runs"])
    figures = [(f"{runs}", "runs"), (f"{every}", "differences asked"), (f"{held}", "supported")]
    sections = [
        Section(
            title="Reproduced", body=_html(("figure", "published", "from the tables"), _reproduced(report), (1, 2))
        ),
        Section(
            title="Which differences hold up",
            body=_html(("family", "claims", "higher", "lower", "not supported"), _families(report), (1, 2, 3, 4)),
            note="Adjusted within each family by Holm's procedure; noise from the study's own nine-seed grids.",
        ),
        *(_family(name, family) for name, family in claims.items()),
        Section(
            title="Seeds", body=_html(("setting", "published", "mean and spread", "runs"), _seeds(report), (1, 2, 3))
        ),
        Section(
            title="Share of synthetic text",
            body=_html(("prompt", "best share", "macro", "not told apart from it"), _mix(report), (1, 2)),
        ),
        Section(
            title="Source",
            body=f"<p>{safe(report['source'])}. <code>tilth study published</code> makes this again.</p>",
        ),
    ]
    return page("Published results, checked", headline("Study", "Published results, checked", lead, figures), sections)


def _family(name: str, family: Mapping[str, Any]) -> Section:
    same = len({one["second"] for one in family["differences"]}) == 1  # the section's title names it then
    rows = [
        Row(
            name=one["first"] if same else f"{one['first']} − {one['second']}",
            effect=one["difference"],
            low=one["low"],
            high=one["high"],
            kind="cannot tell" if not one["supported"] else "better" if one["difference"] > 0 else "worse",
            words="supported" if one["supported"] else "not supported",
        )
        for one in sorted(family["differences"], key=lambda one: (-one["difference"], one["first"]))
    ]
    return Section(title=name[0].upper() + name[1:], body=figure(forest(rows, f"Differences: {name}")))


def _html(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> str:
    return table([safe(name) for name in columns], [[safe(cell) for cell in row] for row in rows], numbers=numbers)


def _reproduced(report: Report) -> list[tuple[str, str, str]]:
    gaps = report["scores"]["largest_gap"]
    rows = [
        (f"{name} score of {len(report['scores']['runs'])} runs", "two decimals", f"at most {gap:.4f} apart")
        for name, gap in gaps.items()
    ]
    for name, stated in STATED_VARIANCE.items():
        found = report["variance"][name]
        shares = " / ".join(f"{100 * found[part]:.1f}" for part in ("rows", "columns", "residual"))
        where = "" if name == "macro" else ", without SmolLM2"
        rows.append(
            (f"% of variance by prompt / generator / neither{where}", " / ".join(f"{part}" for part in stated), shares)
        )
    return rows


def _seeds(report: Report) -> list[tuple[str, str, str, str]]:
    return [
        (
            name,
            f"{grid['published_mean']:.2f} ± {grid['published_sd']:.2f}",
            f"{grid['mean']:.2f} ± {grid['sd']:.2f}",
            str(grid["runs"]),
        )
        for name, grid in report["seeds"]["grids"].items()
    ]


def _mix(report: Report) -> list[tuple[str, str, str, str]]:
    return [
        (
            prompt,
            f"{one['best_share']:.0%}",
            number(one["best_macro"], 2),
            ", ".join(f"{share:.0%}" for share in one["not_told_from_best"]),
        )
        for prompt, one in report["mix_ratio"].items()
    ]


def _families(report: Report) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            name,
            str(family["claims"]),
            f"{family['supported_higher']} of {family['higher']} supported",
            f"{family['supported_lower']} of {family['claims'] - family['higher']} supported",
            str(family["not_supported"]),
        )
        for name, family in report["claims"].items()
    ]
