"""Curation from Python and from the command line without a recipe file: files in, clean files out.

Each function builds a recipe, which is stored with the run like any other, and runs it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from tilth.base.errors import ConfigError, MissingExtra
from tilth.base.fingerprint import text_hash
from tilth.base.progress import Snapshot
from tilth.data.rows import read_rows
from tilth.data.source import Columns, SourceSpec
from tilth.generate.model import ModelSpec
from tilth.recipe import CurateStage, Execution, Recipe, Step, load_recipe, replace_source
from tilth.recipe.paths import resolve_model
from tilth.recipe.stages.decontaminate import Action, Decontaminate
from tilth.recipe.stages.duplicates import ExactDuplicates, Keep, NearDuplicates
from tilth.recipe.stages.label import Label
from tilth.recipe.stages.rules import Rules

#: The step that such a recipe reads into, and the one it makes.
READ, MADE = "documents", "curated"


def curate_recipe(
    source: Sequence[str],
    recipe: str | Path = "curate",
    *,
    columns: Columns | None = None,
    benchmarks: Sequence[str] = (),
    workers: int = 0,
) -> Recipe:
    """A curation recipe over other files: a shipped one (`curate`, `curate-questions`) or a file of yours.

    `source` replaces what its first read step reads, `columns` how. `benchmarks` are what its decontaminate stages look
    for; where it has none, one is put at the end of its last curate step.
    """
    loaded = replace_source(load_recipe(Path(recipe)), list(source), Path.cwd())
    steps = dict(loaded.steps)
    if columns is not None:
        first = next(name for name, step in steps.items() if step.read is not None)
        read = steps[first].read
        assert read is not None
        steps[first] = steps[first].model_copy(update={"read": read.model_copy(update={"columns": columns})})
    if benchmarks:
        steps = _with_benchmarks(steps, tuple(map(_from_here, benchmarks)))
    return loaded.model_copy(update={"steps": steps, "execution": _execution(loaded.execution, workers)})


def dedup_recipe(
    source: Sequence[str],
    *,
    columns: Columns | None = None,
    near: NearDuplicates | None = None,
    exact_only: bool = False,
    workers: int = 0,
) -> Recipe:
    """Exact duplicates, then near ones."""
    near = near or NearDuplicates()
    # the rule decides both, so that the same member of a cluster stays
    stages = [CurateStage(exact_duplicates=ExactDuplicates(keep=near.keep))]
    if not exact_only:
        stages.append(CurateStage(near_duplicates=near))
    return _recipe("dedup", source, columns, stages, workers)


def decontaminate_recipe(
    source: Sequence[str],
    benchmarks: Sequence[str],
    *,
    columns: Columns | None = None,
    action: Action = "drop",
    workers: int = 0,
) -> Recipe:
    """Rows that hold benchmark items are dropped, cut or flagged."""
    stage = CurateStage(decontaminate=Decontaminate(benchmarks=tuple(benchmarks), action=action))
    return _recipe("decontaminate", source, columns, [stage], workers)


def inspect(
    source: str | Sequence[str],
    *,
    columns: Columns | None = None,
    rules: Rules | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Measure every quality signal and see where the rules would cut; nothing is dropped or written.

    `limit`: the first documents, None for all. Returns rows, bytes, languages, `signals` (histograms, quantiles),
    `rules` (what each would drop, alone and only) and `presets` (all rules of a language together), as plain values.
    Where the source names no language, it is found out if the extra `curate` is installed.
    """
    from tilth.curate.rules.stage import survey

    spec = SourceSpec(source=tuple(_listed(source)), columns=columns or Columns(), limit=limit)
    found = survey(rules or Rules())
    for frame in _frames(spec):
        found.add(frame)
    return found.result()


def _frames(spec: SourceSpec) -> Iterator[Any]:
    """The documents of a source as frames of text and language, a few megabytes each."""
    import polars as pl

    from tilth.data.files import list_files
    from tilth.data.reading import check_source, first_documents, read_files
    from tilth.data.remote import pin_sources

    spec = pin_sources(spec)
    files = list_files(spec, Path.cwd())
    check_source(spec, files)
    for batch in first_documents(read_files(files, spec), spec.limit):
        frame = pl.from_arrow(batch.documents.select(["text", "language"]))
        assert isinstance(frame, pl.DataFrame)
        yield _with_language(frame)


def _with_language(frame: Any) -> Any:
    import polars as pl

    from tilth.curate.language.identify import identify

    unknown = frame["language"].is_null()
    if not unknown.any():
        return frame
    try:
        found = identify(frame["text"])["language_id"]
    except MissingExtra:  # signals need no language, and the report says how many rows no rule judged
        return frame
    return frame.with_columns(language=pl.coalesce("language", found))


def label_recipe(
    source: Sequence[str], model: str | Path, *, columns: Columns | None = None, workers: int = 0
) -> Recipe:
    """Discipline and field of each row, from a labeller that `train_labeller` made."""
    stage = CurateStage(label=Label(model=str(model)))
    return _recipe("label", source, columns, [stage], workers)


def train_labeller(
    files: Sequence[str], out: str | Path, *, text: str = "question", label: str | None = None, seed: int = 0
) -> dict[str, Any]:
    """Train a labeller on files whose rows have a label, cross-validated, and write it into the folder `out`.

    `label` names the column with ids of the taxonomy; None: each file is one of the data sets whose subjects the
    taxonomy maps. Returns the figures of both levels, each with its interval. Needs the extra `learn`.
    """
    from tilth.label.model import save_labels
    from tilth.label.taxonomy.load import load_taxonomy
    from tilth.label.train import train_labels

    taxonomy = load_taxonomy()
    examples = [one for path in files for one in _examples(path, text, label, taxonomy)]
    trained = train_labels(examples, taxonomy, seed=seed)
    model = save_labels(trained.model, Path(out))
    levels = {"discipline": trained.discipline, "field": trained.field}
    figures = {name: asdict(report) for name, report in levels.items() if report is not None}
    return {"rows": len(examples), **figures, "left_out": trained.left_out, "model": model, "folder": str(out)}


def _examples(path: str, text: str, label: str | None, taxonomy: Any) -> Iterator[Any]:
    from tilth.label.subjects import subject_examples
    from tilth.label.train import Example

    frame = read_rows(Path(path))
    if label is None:
        yield from subject_examples(frame, taxonomy)
        return
    for name in (text, label):
        if name not in frame.columns:
            raise ConfigError(f"expected the column {name!r} in {path}; it has {', '.join(frame.columns)}.")
    for said, named in frame.select(text, label).drop_nulls().iter_rows():
        yield Example(text=str(said), label=str(named))


def curate(
    source: str | Sequence[str],
    recipe: str | Path = "curate",
    run_dir: str | Path | None = None,
    *,
    columns: Columns | None = None,
    benchmarks: Sequence[str] = (),
    workers: int = 0,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> Any:
    """Run a curation recipe over files; returns the `RunResult`."""
    made = curate_recipe(_listed(source), recipe, columns=columns, benchmarks=_listed(benchmarks), workers=workers)
    base = Path(recipe).parent if Path(recipe).exists() else Path.cwd()
    return _run(made, run_dir, on_snapshot, base)


def dedup(
    source: str | Sequence[str],
    run_dir: str | Path | None = None,
    *,
    columns: Columns | None = None,
    keep: Literal["first", "longest"] = "longest",
    against: Sequence[str] = (),
    write_index: bool = False,
    workers: int = 0,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> Any:
    """Take out exact and near duplicates, with FineWeb's MinHash settings; returns the `RunResult`.

    `against` names index folders of earlier runs: documents that are near duplicates of theirs are dropped too.
    """
    near = NearDuplicates(keep=Keep(rule=keep), against=tuple(against), write_index=write_index)
    return _run(dedup_recipe(_listed(source), columns=columns, near=near, workers=workers), run_dir, on_snapshot)


def decontaminate(
    source: str | Sequence[str],
    benchmarks: str | Sequence[str],
    run_dir: str | Path | None = None,
    *,
    columns: Columns | None = None,
    action: Action = "drop",
    workers: int = 0,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> Any:
    """Drop, cut or flag rows that hold items of the benchmark files; returns the `RunResult`."""
    made = decontaminate_recipe(_listed(source), _listed(benchmarks), columns=columns, action=action, workers=workers)
    return _run(made, run_dir, on_snapshot)


def agreement_of(
    first: str | Path, second: str | Path, out: str | Path | None = None, *, threshold: float = 0.7
) -> dict[str, Any]:
    """How far two annotators agree on the disciplines of the same questions; written to `out` where it is given.

    `first` and `second` are finished datasets, such as those of an annotate step and of a label step; rows are the same
    where their text is. The file is what `select` asks for before labels steer it (`agreement:`).
    """
    from tilth.base.files import write_json
    from tilth.label.agreement import Gate, agree, judge

    one, other = _disciplines(Path(first)), _disciplines(Path(second))
    texts = sorted(one.keys() & other.keys())
    if not texts:
        raise ConfigError(f"expected questions that both {first} and {second} hold; saw none with the same text.")
    found = agree([one[text] for text in texts], [other[text] for text in texts])
    verdict = judge(found, Gate(kappa=threshold, source=f"{first} against {second}"))
    report = {
        "format": 1,
        **asdict(found),
        "threshold": threshold,
        "usable": verdict.usable,
        "classes": dict(verdict.classes),
        "by_class": [asdict(item) for item in found.classes],
        "reasons": dict(verdict.reasons),
        "source": verdict.gate.source,
    }
    if out is not None:
        write_json(Path(out), report)
    return report


def _disciplines(folder: Path) -> dict[str, str | None]:
    """Discipline by text hash; of copies the first counts."""
    import polars as pl

    from tilth.data.dataset import read_manifest
    from tilth.recipe.stages.select import LabelColumns
    from tilth.steer.labels import with_labels

    manifest = read_manifest(folder)
    if manifest is None:
        raise ConfigError(f"expected a finished dataset in {folder}; it has no manifest. Run the step that makes it.")
    found: dict[str, str | None] = {}
    for shard in manifest.shards:
        frame = pl.read_parquet(folder / f"{shard.name}.parquet")
        frame = frame.unnest("signals") if frame.schema.get("signals", pl.String).is_nested() else frame
        labels = with_labels(frame, LabelColumns())["discipline"]
        for text, label in zip(frame["text"], labels, strict=True):
            found.setdefault(text_hash(text), label)
    return found


def model_of(model: str, urls: Sequence[str] = ()) -> tuple[ModelSpec, int]:
    """A model by its checkpoint's folder, a YAML file with a model block, or a name on servers; and its step."""
    from tilth.evaluate.probe import checkpoint_model, checkpoint_step

    path = Path(model)
    if path.is_dir():
        return checkpoint_model(path), checkpoint_step(path)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        try:
            block = yaml.safe_load(path.read_text(encoding="utf-8"))
            return ModelSpec.model_validate(resolve_model(block, path.parent.absolute())), 0
        except (ValidationError, yaml.YAMLError, TypeError, ValueError) as error:
            raise ConfigError(
                f"expected the block of a model in {path}, as under model: in a recipe; saw: {error}"
            ) from error
    if not urls:
        raise ConfigError(
            f"expected the folder of a checkpoint, a YAML file with a model block, or a name with --url; saw {model!r}."
        )
    return ModelSpec(engine="endpoint", model=model, urls=tuple(urls)), 0


def probe_model(
    model: ModelSpec,
    probe_set: str | Path,
    out: str | Path,
    *,
    answers: int = 1,
    temperature: float = 0.0,
    step: int = 0,
    completions: bool = False,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> dict[str, Any]:
    """Ask a model every item of a probe set; returns the summary that `probe.json` holds. The same call resumes."""
    from tilth.base.files import read_json
    from tilth.evaluate.probe import ProbeSettings, probe
    from tilth.evaluate.probe_set import ProbeSet
    from tilth.generate.model import Sampling

    sampling = Sampling(temperature=temperature, max_tokens=2048)
    settings = ProbeSettings(answers=answers, sampling=sampling, step=step, completions=completions)
    probe(model, ProbeSet.load(Path(probe_set)), Path(out), settings, on_snapshot=on_snapshot)
    summary: dict[str, Any] = read_json(Path(out) / "probe.json")
    return summary


def weights_of(probe: str | Path, target: str | float, *, metric: str = "acc") -> Any:
    """Weights by cell from a probe; `target` is a score to reach or the folder of a stronger model's probe."""
    from tilth.steer.scores import ProbeResults
    from tilth.steer.weights import WeightSettings, weights_from

    results = ProbeResults.load(Path(probe))
    try:
        aim: Any = float(target)
    except ValueError:
        aim = ProbeResults.load(Path(str(target)))
    return weights_from(results, aim, WeightSettings(metric=metric))


def _run(
    recipe: Recipe, run_dir: str | Path | None, on_snapshot: Callable[[Snapshot], None], base: Path | None = None
) -> Any:
    from tilth.api import run

    return run(recipe, run_dir, base=base or Path.cwd(), on_snapshot=on_snapshot)


def _recipe(
    name: str, source: Sequence[str], columns: Columns | None, stages: Sequence[CurateStage], workers: int
) -> Recipe:
    read = SourceSpec(source=tuple(source), columns=columns or Columns())
    steps = {READ: Step(read=read), MADE: Step(curate=tuple(stages), sources=(READ,))}
    return Recipe(name=name, steps=steps, execution=Execution(workers=workers))


def _with_benchmarks(steps: Mapping[str, Step], benchmarks: tuple[str, ...]) -> dict[str, Step]:
    """The steps with decontaminate stages that look for these benchmarks, and with one where there is none."""
    found = dict(steps)
    looks = False
    for name, step in steps.items():
        stages = []
        for stage in step.curate or ():
            if stage.decontaminate is not None:
                looks = True
                stage = CurateStage(decontaminate=stage.decontaminate.model_copy(update={"benchmarks": benchmarks}))
            stages.append(stage)
        if stages:
            found[name] = step.model_copy(update={"curate": tuple(stages)})
    curating = [name for name, step in found.items() if step.curate]
    if not looks and curating:
        last = found[curating[-1]]
        more = CurateStage(decontaminate=Decontaminate(benchmarks=benchmarks))
        found[curating[-1]] = last.model_copy(update={"curate": (*(last.curate or ()), more)})
    return found


def _execution(execution: Execution, workers: int) -> Execution:
    return execution.model_copy(update={"workers": workers}) if workers else execution


def _from_here(path: str) -> str:
    """Paths given beside a recipe are those of the current folder, the recipe's own are those of its folder."""
    return path if "://" in path else str(Path(path).absolute())


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
