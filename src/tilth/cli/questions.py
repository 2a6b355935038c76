"""Commands about questions and what a model makes of them: label, probe, weights."""

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
    mode,
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


probe_app = typer.Typer(
    help="Probe a model by discipline and difficulty: make a set, run, compare.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@probe_app.command("make")
def probe_make(
    dataset: Annotated[Path, typer.Argument(help="A dataset of questions with answer, discipline and difficulty.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of the probe set.")],
    items: Annotated[int, typer.Option("--items", min=1, help="At most so many items a cell.")] = 100,
    least: Annotated[int, typer.Option("--least", min=1, help="Cells with fewer items are merged.")] = 50,
    measure: Annotated[str, typer.Option("--difficulty", help="rubric, pass_rate or ability.")] = "rubric",
    seed: Annotated[int, typer.Option("--seed", help="Seed of the draw.")] = 0,
) -> None:
    """Draw a fixed probe set from labelled questions; its items are never seeds."""
    from tilth.evaluate.probe_set import ProbeSetSettings, make_probe_set, read_questions
    from tilth.recipe.stages.select import LabelColumns

    labels = LabelColumns.model_validate({"measure": measure})
    made = make_probe_set(
        read_questions(dataset), out, ProbeSetSettings(items=items, least=least, labels=labels, seed=seed)
    )
    for cell in made.cells:
        print(f"{cell.name:<40} {cell.items:>6,}")
    for why, count in made.left_out.items():
        print(f"left out: {count:,} {why}")
    print(f"probe set {out}   (in a recipe: - probe_items: {{probe: {out}}})")


@probe_app.command("run")
def probe_run(
    model: Annotated[str, typer.Argument(help="A checkpoint's folder, a YAML file with a model block, or a name.")],
    probe_set: Annotated[Path, typer.Option("--set", help="The folder of the probe set.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of this probe.")],
    url: Annotated[list[str] | None, typer.Option("--url", help="Servers that answer under the model's name.")] = None,
    answers: Annotated[int, typer.Option("--answers", min=1, help="Answers an item.")] = 1,
    temperature: Annotated[float, typer.Option("--temperature", min=0, help="Of the answers.")] = 0.0,
    step: Annotated[int | None, typer.Option("--step", min=0, help="Optimiser steps of the checkpoint.")] = None,
    completions: Annotated[
        bool, typer.Option("--completions", help="Likelihoods by the completions API of a chat server.")
    ] = False,
    quiet: QuietOption = False,
    json_lines: LinesOption = False,
) -> None:
    """Ask a model every item of a probe set; the same command resumes. Writes a heat map, probe.html."""
    from tilth.corpus import model_of, probe_model
    from tilth.view.probe import probe_text
    from tilth.view.probe_page import write_probe_page
    from tilth.view.progress import Progress

    spec, found = model_of(model, url or [])
    with Progress(mode(quiet, json_lines), title=f"probe of {model}") as progress:
        summary = probe_model(
            spec,
            probe_set,
            out,
            answers=answers,
            temperature=temperature,
            step=found if step is None else step,
            completions=completions,
            on_snapshot=progress.update,
        )
    page = write_probe_page(out, summary)
    if not quiet:
        print(probe_text(summary))
        print(f"page    {page}")


@probe_app.command("compare")
def probe_compare(
    probes: Annotated[list[Path], typer.Argument(help="Folders of probes on one set, in order.")],
    metric: Annotated[str, typer.Option("--metric", help="acc, choice_acc or gold_bpb.")] = "acc",
) -> None:
    """Show how the weak spots move over checkpoints, with paired intervals."""
    from dataclasses import asdict

    from tilth.evaluate.probe import compare
    from tilth.evaluate.probe_loss import FILE, loss_moves
    from tilth.steer.scores import ProbeResults
    from tilth.view.probe import losses_text, moves_text

    print(moves_text(asdict(compare([ProbeResults.load(folder) for folder in probes], metric))))
    if all((folder / FILE).exists() for folder in (probes[0], probes[-1])):
        print(losses_text(loss_moves(probes[0], probes[-1])))


def agreement(
    first: Annotated[Path, typer.Argument(help="A finished dataset with disciplines, such as an annotate step's.")],
    second: Annotated[Path, typer.Argument(help="Another annotator's dataset of the same questions.")],
    out: Annotated[Path | None, typer.Option("--out", help="The file that select can ask for.")] = None,
    threshold: Annotated[float, typer.Option("--kappa", help="What Cohen's kappa has to reach.")] = 0.7,
) -> None:
    """Compare two annotators: Cohen's kappa with its interval, by class, and whether the labels may steer."""
    from tilth.corpus import agreement_of
    from tilth.view.scorer import agreement_text

    report = agreement_of(first, second, out, threshold=threshold)
    print(agreement_text(report))
    if not report["usable"]:
        raise typer.Exit(4)


def weights(
    probe: Annotated[Path, typer.Argument(help="The folder of a probe.")],
    target: Annotated[
        str, typer.Option("--target", help="A score to reach, or the folder of a stronger model's probe.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The file of weights, to read and to edit.")],
    metric: Annotated[str, typer.Option("--metric", help="acc, choice_acc or gold_bpb.")] = "acc",
) -> None:
    """Turn what a model lacks into synthesis weights by cell; only deficits that are sure raise a weight."""
    from tilth.corpus import weights_of
    from tilth.view.probe import weights_text

    made = weights_of(probe, target, metric=metric)
    made.save(out)
    print(weights_text(made.model_dump(mode="json")))
    print(f"weights {out}   (in a recipe: - select: {{weights: {out}, rows: 1000}})")


#: Name of each command -> its function; `cli.main` adds them.
COMMANDS: dict[str, Callable[..., None]] = {"label": label, "agreement": agreement, "weights": weights}
