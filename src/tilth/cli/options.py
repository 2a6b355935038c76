"""Arguments that several commands share, and what they mean."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

RecipeArgument = Annotated[
    Path, typer.Argument(help="A recipe file, or the name of a shipped recipe.", metavar="RECIPE")
]
RunArgument = Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")]
RunDirOption = Annotated[Path | None, typer.Option("--run-dir", help="Where the run lies. Default: runs/<name>.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]
LinesOption = Annotated[bool, typer.Option("--json-lines", help="Progress as one JSON object a line.")]
PromptFolders = Annotated[
    list[Path] | None, typer.Option("--prompts", help="A folder with prompt files of your own; again for more.")
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option("--source", help="Read these files instead of the recipe's source; again for more."),
]
SourcesArgument = Annotated[
    list[str], typer.Argument(help="Files, folders, globs, URLs or Hub datasets to read.", metavar="SOURCE...")
]
TextOption = Annotated[str, typer.Option("--text", help="The column that holds the text.")]
IdOption = Annotated[str | None, typer.Option("--id", help="The column that holds an id. Default: a hash.")]
LanguageOption = Annotated[str | None, typer.Option("--language", help="The column that holds the language.")]
LicenceOption = Annotated[str | None, typer.Option("--licence", help="The column that holds the licence.")]
MetadataOption = Annotated[
    list[str] | None, typer.Option("--metadata", help="A column to carry along; again for more.")
]
WorkersOption = Annotated[int, typer.Option("--workers", min=0, help="Processes. 0: one a core.")]


WithOption = Annotated[
    Path | None,
    typer.Option("--with", help="A YAML file of seeds, models, weights and benchmarks to put into a question recipe."),
]


def mode(quiet: bool, json_lines: bool) -> Literal["auto", "live", "lines", "quiet"]:
    """How progress is shown."""
    return "quiet" if quiet else "lines" if json_lines else "auto"


def base_of(recipe: Path) -> Path:
    """The folder that a recipe's relative paths are taken from; a shipped recipe's are the current folder's."""
    return recipe.parent if recipe.exists() else Path.cwd()


def with_source(recipe: Any, source: list[str] | None, given: Path | None = None) -> Any:
    """The recipe with the options of a file, and with the sources that were asked for."""
    from tilth.recipe import replace_source
    from tilth.recipe.questions import load_options, with_questions

    if given is not None:
        recipe = with_questions(recipe, load_options(given))
    return replace_source(recipe, source, Path.cwd()) if source else recipe
