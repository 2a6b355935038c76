"""Commands that curate files without a recipe file: curate, dedup, decontaminate, inspect, train-scorer."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tilth.cli.options import (
    IdOption,
    LanguageOption,
    LicenceOption,
    LinesOption,
    MetadataOption,
    QuietOption,
    RunDirOption,
    SourcesArgument,
    TextOption,
    WorkersOption,
    mode,
)

BenchmarksOption = Annotated[
    list[str] | None,
    typer.Option("--benchmarks", help="Files or folders of benchmark items to look for; again for more."),
]


def curate(
    source: SourcesArgument,
    recipe: Annotated[str, typer.Option("--recipe", help="A curation recipe: a file or a shipped one.")] = "curate",
    benchmarks: BenchmarksOption = None,
    text: TextOption = "text",
    id_: IdOption = None,
    language: LanguageOption = None,
    licence: LicenceOption = None,
    metadata: MetadataOption = None,
    workers: WorkersOption = 0,
    run_dir: RunDirOption = None,
    quiet: QuietOption = False,
    json_lines: LinesOption = False,
) -> None:
    """Clean documents: languages, quality rules, personal data, duplicates, benchmark items; nothing drops unnamed."""
    from tilth.corpus import curate_recipe

    columns = _columns(text, id_, language, licence, metadata)
    made = curate_recipe(source, recipe, columns=columns, benchmarks=benchmarks or (), workers=workers)
    if (
        not benchmarks
        and not quiet
        and not any(item.decontaminate for step in made.steps.values() for item in step.curate or ())
    ):
        print("no --benchmarks given: rows are not looked through for benchmark items", file=sys.stderr)
    base = Path(recipe).parent if Path(recipe).exists() else Path.cwd()
    _run(made, run_dir, quiet, json_lines, base)


def dedup(
    source: SourcesArgument,
    keep: Annotated[str, typer.Option("--keep", help="Which of a cluster stays: first or longest.")] = "longest",
    exact_only: Annotated[bool, typer.Option("--exact-only", help="Leave near duplicates alone.")] = False,
    against: Annotated[
        list[str] | None, typer.Option("--against", help="An index of an earlier run; again for more.")
    ] = None,
    write_index: Annotated[
        bool, typer.Option("--write-index", help="Write an index that later runs can be held against.")
    ] = False,
    text: TextOption = "text",
    id_: IdOption = None,
    language: LanguageOption = None,
    licence: LicenceOption = None,
    metadata: MetadataOption = None,
    workers: WorkersOption = 0,
    run_dir: RunDirOption = None,
    quiet: QuietOption = False,
    json_lines: LinesOption = False,
) -> None:
    """Take out exact and near duplicates; clusters are written out, not only their victims."""
    from tilth.base.errors import ConfigError
    from tilth.corpus import dedup_recipe
    from tilth.recipe.stages.duplicates import Keep, NearDuplicates

    if keep not in ("first", "longest"):
        raise ConfigError(
            f"expected --keep first or --keep longest; saw {keep!r}. Other rules are settings of a recipe."
        )
    near = NearDuplicates(
        keep=Keep(rule="first" if keep == "first" else "longest"), against=tuple(against or ()), write_index=write_index
    )
    columns = _columns(text, id_, language, licence, metadata)
    _run(
        dedup_recipe(source, columns=columns, near=near, exact_only=exact_only, workers=workers),
        run_dir,
        quiet,
        json_lines,
    )


def decontaminate(
    source: SourcesArgument,
    benchmarks: Annotated[
        list[str], typer.Option("--benchmarks", help="Files or folders of benchmark items; again for more.")
    ],
    action: Annotated[str, typer.Option("--action", help="drop, cut or flag.")] = "drop",
    text: TextOption = "text",
    id_: IdOption = None,
    language: LanguageOption = None,
    licence: LicenceOption = None,
    metadata: MetadataOption = None,
    workers: WorkersOption = 0,
    run_dir: RunDirOption = None,
    quiet: QuietOption = False,
    json_lines: LinesOption = False,
) -> None:
    """Find benchmark items in documents and drop the row, cut the span or flag it; reports hits per benchmark."""
    from tilth.base.errors import ConfigError
    from tilth.corpus import decontaminate_recipe

    if action not in ("drop", "cut", "flag"):
        raise ConfigError(f"expected --action drop, cut or flag; saw {action!r}.")
    columns = _columns(text, id_, language, licence, metadata)
    made = decontaminate_recipe(source, benchmarks, columns=columns, action=action, workers=workers)  # type: ignore[arg-type]
    _run(made, run_dir, quiet, json_lines)


#: Name of each command -> its function; `cli.main` adds them.
COMMANDS: dict[str, Callable[..., None]] = {"curate": curate, "dedup": dedup, "decontaminate": decontaminate}


def _columns(text: str, id_: str | None, language: str | None, licence: str | None, metadata: list[str] | None) -> Any:
    """The mapping of columns; None where every option has its default, so that a recipe's own mapping stays."""
    from tilth.data.source import Columns

    columns = Columns(text=text, id=id_, language=language, licence=licence, metadata=tuple(metadata or ()))
    return None if columns == Columns() else columns


def _run(recipe: Any, run_dir: Path | None, quiet: bool, json_lines: bool, base: Path | None = None) -> None:
    from tilth.api import run
    from tilth.view.ledger import ledger_text
    from tilth.view.progress import Progress

    with Progress(mode(quiet, json_lines), title=recipe.name) as progress:
        result = run(recipe, run_dir, base=base or Path.cwd(), on_snapshot=progress.update)
    if not quiet:
        print(ledger_text(result.ledger, result.run_dir))
        print(f"run     {result.run_dir}")
        print(f"rows    {result.run_dir / result.ledger['steps'][-1]['name']}")
        if result.page is not None:
            print(f"report  {result.page}")
    if result.stopped is not None:
        print(f"stopped: {result.stopped}", file=sys.stderr)
        raise typer.Exit(3)
