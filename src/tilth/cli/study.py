"""Commands of studies: plan one, import evaluations, judge stored results, check the published ones."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

study_app = typer.Typer(
    help="Which recipe makes a better model: plan, import evaluations, report verdicts.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

JsonOption = Annotated[bool, typer.Option("--json", help="Everything as JSON.")]
MetricOption = Annotated[
    list[str] | None, typer.Option("--metric", help="A metric; the first decides; again for more.")
]
FormOption = Annotated[str | None, typer.Option("--form", help="How tasks are put: cloze, choice, bpb or generate.")]
SizeOption = Annotated[str | None, typer.Option("--size", help="The model size, where the results hold several.")]
StudyArgument = Annotated[Path, typer.Argument(help="A study file, or the name of a shipped study.", metavar="STUDY")]


@study_app.command()
def plan(
    study: StudyArgument,
    noise: Annotated[
        list[Path] | None,
        typer.Option("--noise", help="Results to measure the spread between seeds from; again for more."),
    ] = None,
    size: SizeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print runs, tokens, hours, money and the smallest difference a study can see, before anything is spent."""
    import orjson

    from tilth.study.design import load_study
    from tilth.study.plan import plan as make_plan
    from tilth.study.treatment import refused
    from tilth.view.study.words import plan_text

    loaded = load_study(study)
    made = make_plan(loaded, _measured(loaded, noise, size) if noise else None)
    print(orjson.dumps(made.as_json(), option=orjson.OPT_INDENT_2).decode() if as_json else plan_text(made))
    held = refused(made.differences)
    if held or made.over:
        what = [f"{len(held)} differences beside the treatment"] if held else []
        what += ["more than the budget"] if made.over else []
        print(f"tilth: this plan is refused: {' and '.join(what)} (see above)", file=sys.stderr)
        raise typer.Exit(4)


@study_app.command("import")
def import_(
    samples: Annotated[
        list[Path], typer.Argument(help="samples_*.jsonl of lm-evaluation-harness, or folders of them.")
    ],
    arm: Annotated[str, typer.Option("--arm", help="The arm that was evaluated.")],
    seed: Annotated[int, typer.Option("--seed", help="The seed of the run.")],
    out: Annotated[Path, typer.Option("--out", help="The Parquet file to write.")],
    size: Annotated[str, typer.Option("--size", help="Name of the model size.")] = "model",
    step: Annotated[int, typer.Option("--step", min=0, help="Optimiser steps done at this checkpoint.")] = 0,
    item: Annotated[
        str | None, typer.Option("--item", help="The question's field that names it. Default: a hash of the question.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="The question's field that several share: the passage.")
    ] = None,
    form: FormOption = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", help="The harness's filter, where there are several.")
    ] = None,
) -> None:
    """Turn logged samples of one run of lm-evaluation-harness into a table of results, a row an item and metric."""
    from tilth.evaluate.harness.item import Reading
    from tilth.evaluate.harness.samples import import_samples
    from tilth.evaluate.runs import RunName
    from tilth.view.study.words import imported_text

    run = RunName(arm=arm, seed=seed, size=size, step=step)
    found = import_samples(samples, run, out, Reading(item=item, group=group, form=form, filter=filter_))
    print(imported_text(found))
    print(f"results  {out}")
    broken = [one for one in found if one.state != "whole"]
    for one in broken:
        print(
            f"tilth: {one.path} is {one.state}: {one.items:,} items are in the table. Evaluate {one.task} again; until "
            "then its run counts only where nine tenths of the items are there.",
            file=sys.stderr,
        )
    if broken:
        raise typer.Exit(4)


@study_app.command()
def report(
    results: Annotated[list[Path], typer.Argument(help="Tables of results, or folders of them.", metavar="RESULTS...")],
    baseline: Annotated[str, typer.Option("--baseline", help="The arm that the others are held against.")],
    out: Annotated[Path, typer.Option("--out", help="The folder for report.html and report.json.")],
    metric: MetricOption = None,
    form: FormOption = None,
    size: SizeOption = None,
    checkpoints: Annotated[int, typer.Option("--checkpoints", min=1, help="Average the last so many.")] = 1,
    margin: Annotated[
        float | None, typer.Option("--margin", help="The difference that does not matter, in the metric's units.")
    ] = None,
    aggregate: Annotated[str, typer.Option("--aggregate", help="macro or standardised.")] = "macro",
    pool_seeds: Annotated[
        bool, typer.Option("--pool-seeds", help="Take the spread between seeds over all arms together.")
    ] = False,
    no_gate: Annotated[bool, typer.Option("--no-gate", help="Keep tasks that fail on the baseline.")] = False,
    study: Annotated[
        Path | None, typer.Option("--study", help="The study file: categories, margin, costs, published scores.")
    ] = None,
    about: Annotated[
        Path | None,
        typer.Option("--about", help="What the run knows of its arms (about.json): data, cost, samples, outcomes."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge stored results: a verdict an arm with its interval, and a page that opens offline."""
    import orjson

    from tilth.base.errors import ConfigError
    from tilth.study.about import read_about
    from tilth.study.design import load_study
    from tilth.study.statistics.settings import StatisticsSettings
    from tilth.view.study.report import Asked, write_report
    from tilth.view.study.words import report_text

    if aggregate not in ("macro", "standardised"):
        raise ConfigError(f"expected --aggregate macro or --aggregate standardised; saw {aggregate!r}.")
    loaded = load_study(study) if study is not None else None
    settings = StatisticsSettings(
        margin=margin if margin is not None or loaded is None else loaded.margin,
        aggregate="macro" if aggregate == "macro" else "standardised",
        pool_seeds=pool_seeds or (loaded is not None and loaded.pool_seeds),
        apply_gate=not no_gate,
    )
    asked = Asked(
        results=tuple(results),
        baseline=baseline,
        metrics=tuple(metric or ((loaded.evaluation.metric,) if loaded is not None else ())),
        form=form,
        size=size,
        checkpoints=checkpoints,
        categories=None if loaded is None else loaded.evaluation.tasks,
        settings=settings,
        study=loaded,
        study_path=None if study is None else str(study),
        about=None if about is None else read_about(about),
        about_path=None if about is None else str(about),
        title=results[0].stem if loaded is None else loaded.name,
    )
    found = write_report(asked, out)
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() if as_json else report_text(found))
    if not as_json:
        print(f"\nreport   {out / 'report.html'}\nnumbers  {out / 'report.json'}")


@study_app.command()
def published(
    out: Annotated[Path | None, typer.Option("--out", help="A folder for the page and the numbers.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Put the published FinePhrase tables through these statistics: what is reproduced, and which claims hold up."""
    import orjson

    from tilth.study.published.report import published_report
    from tilth.view.study.published import published_text, write_published

    found = published_report()
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() if as_json else published_text(found))
    if out is not None:
        write_published(found, out)
        if not as_json:
            print(f"page     {out / 'published.html'}")


def _measured(study: Any, paths: list[Path], size: str | None) -> Any:
    """The spread between seeds that stored results show."""
    from tilth.study.plan import measured_noise
    from tilth.study.statistics.scores import Selection, load_scores

    judged = study.evaluation
    selection = Selection(metric=judged.metric, form=judged.form, size=size, categories=judged.tasks)
    return measured_noise(load_scores(paths, selection), study.baseline)
