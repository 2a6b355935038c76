"""The command line: parse, call one function, print. Each command imports what it needs when it runs.

Exit codes: 0 done; 1 a fault of tilth (with a traceback); 2 the user can mend it; 3 stopped cleanly, resumable; 4 a
check found something wrong.
"""

import shutil
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from tilth.cli import corpus, evaluate, questions, study_run, tokens, train
from tilth.cli.options import (
    LinesOption,
    PromptFolders,
    QuietOption,
    RecipeArgument,
    RunArgument,
    RunDirOption,
    SourceOption,
    WithOption,
    base_of,
    mode,
    with_source,
)
from tilth.cli.study import study_app

app = typer.Typer(
    name="tilth",
    help="Make language-model training data from documents, and measure which recipe works.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help costs a third of the start-up
    pretty_exceptions_enable=False,
)
prompts_app = typer.Typer(help="The prompts: list, show, render.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(prompts_app, name="prompts")
app.add_typer(questions.probe_app, name="probe")
study_app.command("run")(study_run.run)
app.add_typer(study_app, name="study")


@app.command()
def run(
    recipe: RecipeArgument,
    run_dir: RunDirOption = None,
    source: SourceOption = None,
    with_: WithOption = None,
    keep: Annotated[bool, typer.Option("--keep", help="After a change: keep finished rows as they are.")] = False,
    regenerate: Annotated[
        bool, typer.Option("--regenerate", help="After a change: ask again for the rows it touches.")
    ] = False,
    new_run: Annotated[bool, typer.Option("--new-run", help="Leave the old run and start beside it.")] = False,
    quiet: QuietOption = False,
    json_lines: LinesOption = False,
) -> None:
    """Make the datasets of a recipe. The same command starts, resumes and completes a run."""
    from tilth.api import load_recipe
    from tilth.api import run as run_recipe
    from tilth.base.errors import ConfigError
    from tilth.view.ledger import ledger_text
    from tilth.view.progress import Progress

    if keep + regenerate + new_run > 1:
        raise ConfigError("expected one of --keep, --regenerate and --new-run; saw several. Choose one.")
    loaded = with_source(load_recipe(recipe), source, with_)
    folder = run_dir or Path("runs") / loaded.name
    if new_run:
        folder = _fresh(folder)
    on_drift: Literal["refuse", "keep", "regenerate"] = "keep" if keep else "regenerate" if regenerate else "refuse"
    with Progress(mode(quiet, json_lines), title=loaded.name) as progress:
        result = run_recipe(loaded, folder, base=base_of(recipe), on_drift=on_drift, on_snapshot=progress.update)
    if not quiet:
        print(ledger_text(result.ledger, result.run_dir))
        print(f"run     {result.run_dir}")
        if result.page is not None:
            print(f"samples {result.page}")
    if result.stopped is not None:
        print(f"stopped: {result.stopped}", file=sys.stderr)
        raise typer.Exit(3)


@app.command()
def preview(
    recipe: RecipeArgument,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="Documents to look at.")] = 5,
    source: SourceOption = None,
    with_: WithOption = None,
) -> None:
    """Show what a recipe makes of a few documents, source beside output. Nothing is kept."""
    from tilth.api import load_recipe
    from tilth.api import preview as preview_recipe
    from tilth.view.sidebyside import Pair, side_by_side_text

    loaded = with_source(load_recipe(recipe), source, with_)
    pairs = [
        Pair(
            source=row.source,
            output=row.text or None,
            verdict="flagged" if row.verdict == "kept" and row.flags else row.verdict,
            prompt=row.prompt,
            doc_id=row.doc_id,
            reason=row.reason,
            detail=row.detail,
            flags=row.flags,
        )
        for row in preview_recipe(loaded, rows, base=base_of(recipe))
    ]
    width = shutil.get_terminal_size((120, 24)).columns
    print(side_by_side_text(pairs, width, colour=sys.stdout.isatty()))


@app.command()
def estimate(
    recipe: RecipeArgument,
    run_dir: RunDirOption = None,
    rows: Annotated[int, typer.Option("--rows", "-n", min=5, help="Documents in the pilot.")] = 200,
    source: SourceOption = None,
    with_: WithOption = None,
    quiet: QuietOption = False,
) -> None:
    """Forecast tokens, hours and money with an interval, from a pilot whose answers the run will use."""
    from tilth.api import estimate as estimate_recipe
    from tilth.api import load_recipe
    from tilth.view.forecast import estimate_text
    from tilth.view.progress import Progress

    loaded = with_source(load_recipe(recipe), source, with_)
    with Progress(mode(quiet, False), title=loaded.name) as progress:
        found = estimate_recipe(loaded, run_dir, rows=rows, base=base_of(recipe), on_snapshot=progress.update)
    print(estimate_text(found.documents, found.looked_at, found.found, found.currency))
    print(f"run     {found.run_dir}   (tilth run goes on from the pilot)")


@app.command()
def status(
    run_dir: RunArgument, as_json: Annotated[bool, typer.Option("--json", help="The ledger as JSON.")] = False
) -> None:
    """Say how far a run is and what it cost, from its ledger and journal."""
    import orjson

    from tilth.runner.status import current_ledger
    from tilth.view.ledger import ledger_text

    ledger = current_ledger(run_dir)
    print(orjson.dumps(ledger, option=orjson.OPT_INDENT_2).decode() if as_json else ledger_text(ledger, run_dir))


@app.command()
def verify(run_dir: RunArgument) -> None:
    """Check a run: files against the manifest, ledgers that close, rows against the journal."""
    from tilth.runner.verify import verify_run

    report = verify_run(run_dir)
    for line in report.lines:
        print(line)
    if not report.sound:
        raise typer.Exit(4)


@app.command()
def reparse(run_dir: RunArgument) -> None:
    """Read the journalled answers again with the present parsers and checks. No call is made."""
    from tilth.api import reparse as reparse_run
    from tilth.view.forecast import reparse_text

    result, before = reparse_run(run_dir)
    print(reparse_text(before, result.ledger))


@app.command()
def doctor(
    recipe: Annotated[Path | None, typer.Argument(help="A recipe whose model and folders to try too.")] = None,
    folder: Annotated[Path, typer.Option("--folder", help="Where runs will lie.")] = Path("runs"),
) -> None:
    """Look at this machine, the installed extras, the disk and the endpoints, and say what is wrong."""
    from tilth.runner.doctor import examine

    findings = examine(recipe, folder)
    for finding in findings:
        print(f"{finding.level:<5} {finding.subject}: {finding.text}")
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(4)


@app.command("crash-test")
def crash_test(
    recipe: RecipeArgument,
    kills: Annotated[int, typer.Option("--kills", min=1, help="Trials, each with one kill -9.")] = 10,
    rows: Annotated[int, typer.Option("--rows", min=10, help="Documents in each trial.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the kill times.")] = 0,
    source: SourceOption = None,
    with_: WithOption = None,
) -> None:
    """Kill the recipe at random points, with a fake engine, and prove that nothing is lost, doubled or mixed."""
    from tilth.api import load_recipe
    from tilth.runner.crash import crash_test as test_crashes

    loaded = with_source(load_recipe(recipe), source, with_)
    report = test_crashes(loaded, base_of(recipe), kills=kills, rows=rows, seed=seed, say=print)
    print(report.text())
    if not report.passed:
        raise typer.Exit(4)


@app.command()
def checks() -> None:
    """List the output checks with their policies and thresholds."""
    from tilth.synth.checks.catalogue import catalogue
    from tilth.view.tables import table_text

    rows = [
        (
            row["name"],
            row["policy"],
            ", ".join(f"{item['name']} {item['value']:g}" for item in row["thresholds"]) or "-",
            row["measures"],
        )
        for row in catalogue()
    ]
    print(table_text(("check", "policy", "thresholds", "measures"), rows))


for _name, _command in (corpus.COMMANDS | questions.COMMANDS | tokens.COMMANDS | train.COMMANDS).items():
    app.command(_name)(_command)
app.command("evaluate")(evaluate.evaluate)


@prompts_app.command("list")
def prompts_list(prompts: PromptFolders = None) -> None:
    """List the prompts: the shipped ones and those of your folders."""
    from tilth.prompts.prompt import load_library
    from tilth.prompts.show import COLUMNS, rows
    from tilth.view.tables import table_text

    print(table_text(COLUMNS, rows(load_library(prompts or []))))


@prompts_app.command("show")
def prompts_show(name: str, prompts: PromptFolders = None) -> None:
    """Show one prompt: header, instructions, slots."""
    from tilth.prompts.prompt import find, load_library
    from tilth.prompts.show import describe
    from tilth.view.terminal import printable

    print(printable(describe(find(load_library(prompts or []), name))))


@prompts_app.command("render")
def prompts_render(
    name: str,
    document: Annotated[Path, typer.Argument(help="A text file; - for standard input.")],
    prompts: PromptFolders = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the draw.")] = 0,
    row: Annotated[str, typer.Option("--row", help="Name of the row that draws.")] = "row-0",
) -> None:
    """Render a prompt on a document, as a model would get it."""
    from tilth.prompts.prompt import find, load_library
    from tilth.prompts.show import rendered
    from tilth.view.terminal import printable

    text = sys.stdin.read() if str(document) == "-" else document.read_text(encoding="utf-8")
    print(printable(rendered(find(load_library(prompts or []), name), text, seed, row)))


def main() -> None:
    """Entry point: errors that the user can mend are printed without a traceback."""
    from tilth.base.errors import StopRun, TilthError, UserError

    try:
        app()
    except UserError as error:
        print(f"tilth: {error}", file=sys.stderr)
        sys.exit(2)
    except StopRun as error:
        print(f"tilth stopped: {error}", file=sys.stderr)
        sys.exit(3)
    except KeyboardInterrupt:
        print(
            "tilth: stopped at once; answers that had arrived are journalled. The same command goes on.",
            file=sys.stderr,
        )
        sys.exit(130)
    except TilthError as error:
        print(f"tilth: {error}", file=sys.stderr)
        sys.exit(1)


def _fresh(folder: Path) -> Path:
    """The first of folder-2, folder-3, ... that is not there, or the folder itself when it is free."""
    number, path = 2, folder
    while path.exists():
        path = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return path
