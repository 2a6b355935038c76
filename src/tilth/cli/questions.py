"""Commands about questions: label."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tilth.cli.corpus import columns_of, run_and_print
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
)


def label(
    source: SourcesArgument,
    model: Annotated[str | None, typer.Option("--model", help="The folder of a labeller: label with it.")] = None,
    train: Annotated[Path | None, typer.Option("--train", help="Train a labeller, into this folder.")] = None,
    labels: Annotated[
        str | None,
        typer.Option("--label", help="With --train: the column of taxonomy ids. Default: known subjects."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --train: the report as JSON.")] = False,
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
    """Label rows with discipline and field on the CPU, or train the labeller from rows that have labels."""
    import orjson

    from tilth.base.errors import ConfigError
    from tilth.corpus import label_recipe, train_labeller
    from tilth.view.scorer import labeller_text

    if (model is None) == (train is None):
        raise ConfigError(
            "expected one of --model (label the rows) and --train (make a labeller); saw both or neither."
        )
    if train is not None:
        report = train_labeller(source, train, text=text, label=labels)
        print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() if as_json else labeller_text(report))
        return
    columns = columns_of(text, id_, language, licence, metadata)
    run_and_print(label_recipe(source, str(model), columns=columns, workers=workers), run_dir, quiet, json_lines)


#: Name of each command -> its function; `cli.main` adds them.
COMMANDS: dict[str, Callable[..., None]] = {"label": label}
