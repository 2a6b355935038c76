"""The command that runs a study: everything from its sources to its verdicts."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from tilth.cli.options import LinesOption, QuietOption, RunDirOption, mode


def run(
    study: Annotated[
        Path, typer.Argument(help="A study file, or the name of a shipped study, such as smoke.", metavar="STUDY")
    ],
    run_dir: RunDirOption = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Models trained at once. 0: one a GPU, or one a core.")
    ] = 0,
    arm: Annotated[
        list[str] | None, typer.Option("--arm", help="Run this arm and the baseline alone; again for more.")
    ] = None,
    no_contamination: Annotated[
        bool, typer.Option("--no-contamination", help="Do not look for benchmark items in the data of the arms.")
    ] = False,
    quiet: QuietOption = False,
    json_lines: LinesOption = False,
) -> None:
    """Write, mix, train, evaluate and judge all arms of a study. The same command starts, resumes and completes it."""
    from tilth.api import run_study
    from tilth.view.progress import Progress
    from tilth.view.study.words import report_text

    with Progress(mode(quiet, json_lines), title=str(study)) as progress:
        result = run_study(
            study,
            run_dir,
            workers=workers,
            arms=arm or (),
            contamination=not no_contamination,
            on_snapshot=progress.update,
        )
    session = result.session
    if not quiet:
        if result.report is not None:
            print(report_text(result.report))
            print(f"\nreport   {result.page}")
        print(f"study    {session.folder}")
    for line in _troubles(session.runs):
        print(line, file=sys.stderr)
    if session.stopped is not None:
        print(f"stopped: {session.stopped}", file=sys.stderr)
        raise typer.Exit(3)
    if result.report is None:
        print(f"tilth: no verdict: {result.why}", file=sys.stderr)
    if result.report is None or session.failed:
        raise typer.Exit(4)


def _troubles(runs: Iterable[Any]) -> list[str]:
    """A line for each run that did not finish, the seeds of one arm with the same reason together."""
    found: dict[tuple[str, str, str, str], list[int]] = {}
    for run in runs:
        if run.state not in ("finished", "not run"):
            found.setdefault((run.arm, run.size, run.state, run.detail), []).append(run.seed)
    return [
        f"{arm} at size {size}, seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}: {state}. {detail}"
        for (arm, size, state, detail), seeds in found.items()
    ]
