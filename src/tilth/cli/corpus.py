"""Commands that curate files without a recipe file: curate, dedup, decontaminate, inspect, train-scorer."""

import shutil
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

    columns = columns_of(text, id_, language, licence, metadata)
    made = curate_recipe(source, recipe, columns=columns, benchmarks=benchmarks or (), workers=workers)
    if (
        not benchmarks
        and not quiet
        and not any(item.decontaminate for step in made.steps.values() for item in step.curate or ())
    ):
        print("no --benchmarks given: rows are not looked through for benchmark items", file=sys.stderr)
    base = Path(recipe).parent if Path(recipe).exists() else Path.cwd()
    run_and_print(made, run_dir, quiet, json_lines, base)


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
    columns = columns_of(text, id_, language, licence, metadata)
    run_and_print(
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
    columns = columns_of(text, id_, language, licence, metadata)
    made = decontaminate_recipe(source, benchmarks, columns=columns, action=action, workers=workers)  # type: ignore[arg-type]
    run_and_print(made, run_dir, quiet, json_lines)


def inspect(
    source: SourcesArgument,
    preset: Annotated[
        list[str] | None, typer.Option("--preset", help="A rule preset to hold against every row; again for more.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Look at the first so many; 0: all.")] = 20_000,
    as_json: Annotated[bool, typer.Option("--json", help="Every figure as JSON.")] = False,
    text: TextOption = "text",
    language: LanguageOption = None,
) -> None:
    """Show histograms of the quality signals and where each threshold cuts, before anything is dropped."""
    import orjson

    from tilth.corpus import inspect as inspect_source
    from tilth.data.source import Columns
    from tilth.recipe.stages.rules import Rules
    from tilth.view.inspect import survey_text

    rules = Rules.model_validate({"presets": preset}) if preset else Rules()
    columns = Columns(text=text, language=language)
    found = inspect_source(source, columns=columns, rules=rules, limit=limit or None)
    if as_json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        print(survey_text(found, shutil.get_terminal_size((120, 24)).columns))


def train_scorer(
    labelled: Annotated[Path, typer.Argument(help="Labelled rows: Parquet, JSON Lines or CSV.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write the scorer into.")],
    text: TextOption = "text",
    label: Annotated[
        str, typer.Option("--label", help="The column of labels: two or more classes, or a score.")
    ] = "label",
    good: Annotated[str | None, typer.Option("--good", help="The class whose probability is the score.")] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="A column of groups that are never split over folds.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the folds.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Train a quality scorer from a few hundred labelled rows, cross-validated; a recipe names its folder."""
    import orjson

    from tilth.curate.score.train import read_labelled
    from tilth.curate.score.train import train_scorer as train
    from tilth.view.scorer import scorer_text

    report = train(read_labelled(labelled, text, label, group), out, good=good, seed=seed)
    print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() if as_json else scorer_text(report))


def explain(
    place: Annotated[str, typer.Argument(help="A token shard and a token's place in it.", metavar="SHARD:TOKEN")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Name the row, prompt, model and call that a token of a token shard came from."""
    from dataclasses import asdict

    import orjson

    from tilth.base.errors import ConfigError
    from tilth.tokens.explain import explain as explain_token
    from tilth.view.terminal import one_line

    shard, _, token = place.rpartition(":")
    if not shard or not token.isdigit():
        raise ConfigError(f"expected SHARD:TOKEN, such as tokens/00000.ds:12345; saw {place!r}.")
    found = asdict(explain_token(Path(shard), int(token)))
    if as_json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2, default=str).decode())
        return
    for name, value in {**found.pop("columns"), **found}.items():
        if value not in (None, ""):
            print(f"{name:<16} {one_line(str(value), 300)}")


#: Name of each command -> its function; `cli.main` adds them.
COMMANDS: dict[str, Callable[..., None]] = {
    "inspect": inspect,
    "curate": curate,
    "dedup": dedup,
    "decontaminate": decontaminate,
    "train-scorer": train_scorer,
    "explain": explain,
}


def columns_of(
    text: str, id_: str | None, language: str | None, licence: str | None, metadata: list[str] | None
) -> Any:
    """The mapping of columns; None where every option has its default, so that a recipe's own mapping stays."""
    from tilth.data.source import Columns

    columns = Columns(text=text, id=id_, language=language, licence=licence, metadata=tuple(metadata or ()))
    return None if columns == Columns() else columns


def run_and_print(recipe: Any, run_dir: Path | None, quiet: bool, json_lines: bool, base: Path | None = None) -> None:
    """Run a recipe, and print its ledger and where things lie."""
    from tilth.api import run
    from tilth.view.ledger import hits_text, ledger_text
    from tilth.view.progress import Progress

    with Progress(mode(quiet, json_lines), title=recipe.name) as progress:
        result = run(recipe, run_dir, base=base or Path.cwd(), on_snapshot=progress.update)
    if not quiet:
        print(ledger_text(result.ledger, result.run_dir))
        for step in result.ledger["steps"]:
            print(hits_text(step), end="")
        print(f"run     {result.run_dir}")
        print(f"rows    {result.run_dir / result.ledger['steps'][-1]['name']}")
        if result.page is not None:
            print(f"report  {result.page}")
    if result.stopped is not None:
        print(f"stopped: {result.stopped}", file=sys.stderr)
        raise typer.Exit(3)
