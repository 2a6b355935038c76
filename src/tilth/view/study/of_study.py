"""What a report is asked about a study that was run: the study file says which metric decides and how arms compare."""

from pathlib import Path

import pyarrow.compute as pc

from tilth.data.results import read_results
from tilth.study.about import About
from tilth.study.design import Study
from tilth.study.statistics.settings import StatisticsSettings
from tilth.view.study.report import PREFERRED, Asked

_BESIDE = 2  # metrics that stand beside the one that decides: more hide what was asked


def asked_of_study(study: Study, folder: Path, about: About | None = None, about_path: Path | None = None) -> Asked:
    """The question of a study's own report, over `folder/results`; the first size of the file decides.

    Raises `SourceError` where nothing was scored.
    """
    judged = study.evaluation
    results = folder / "results"
    there = set(pc.unique(read_results(results, form=judged.form)["metric"].cast("string")).to_pylist())
    beside = [name for name in PREFERRED if name in there and name != judged.metric][:_BESIDE]
    return Asked(
        results=(results,),
        baseline=study.baseline,
        metrics=(judged.metric, *beside),
        form=judged.form,
        size=next(iter(study.sizes)),
        categories=judged.tasks,
        settings=StatisticsSettings(margin=study.margin, pool_seeds=study.pool_seeds),
        study=study,
        study_path=str(folder / "study.yaml"),
        about=about,
        about_path=None if about_path is None else str(about_path),
        title=study.name,
    )
