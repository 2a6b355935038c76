"""The local labeller on real questions: accuracy, abstention, fields inside their discipline, transfer, the stage."""

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tilth.base.errors import ConfigError
from tilth.classify.grams import Grams
from tilth.classify.train import Training
from tilth.frames import make_frame
from tilth.label.model import COLUMNS, label_frame, label_texts, load_labels, question_text, save_labels
from tilth.label.stage import build
from tilth.label.subjects import subject_examples
from tilth.label.taxonomy.load import SHIPPED, load_taxonomy
from tilth.label.train import Example, TrainedLabels, train_labels, transfer
from tilth.recipe.stages.label import Label

TAXONOMY = load_taxonomy()
FAST = Training(grams=Grams(bits=16, characters=(4,), max_chars=2000), folds=3)


@pytest.fixture(scope="module")
def mmlu(shared: Path) -> list[Example]:
    return list(subject_examples(pl.read_parquet(shared / "data/benchmarks/mmlu.parquet"), TAXONOMY))


@pytest.fixture(scope="module")
def trained(mmlu: list[Example]) -> TrainedLabels:
    return train_labels(mmlu[::4], TAXONOMY, training=FAST)


def test_a_quarter_of_mmlu_already_teaches_the_disciplines(trained: TrainedLabels) -> None:
    report = trained.discipline
    assert report.accuracy_interval[0] > 0.65 > 2 * report.majority
    assert report.calibration.error < 0.1 < report.calibration.error_before
    assert abs(report.calibration.precision - 0.9) < 0.05
    assert 0.4 < report.calibration.coverage < 1
    assert {one.name for one in report.classes} <= set(TAXONOMY.discipline_ids())
    assert trained.field is not None
    assert trained.field.accuracy > 0.5


@pytest.mark.slow
def test_cross_validated_on_mmlu_alone_at_least_four_of_five_are_right(mmlu: list[Example]) -> None:
    alone = train_labels(mmlu, TAXONOMY, fields=False).discipline
    assert alone.accuracy_interval[0] >= 0.80
    assert len(alone.classes) == 12  # agronomy has no questions in MMLU


@pytest.mark.slow
def test_cross_validated_on_three_sources_at_least_four_of_five_are_right(shared: Path, mmlu: list[Example]) -> None:
    names = ["seeds/openstax_exercises", "seeds/gaokao_subjective", "benchmarks/agieval", "benchmarks/gaokao_bench_obj"]
    pool = [*mmlu]
    for name in names:
        pool += subject_examples(pl.read_parquet(shared / f"data/{name}.parquet"), TAXONOMY)
    seen: Counter[str] = Counter()
    capped = []
    for at in np.random.default_rng(0).permutation(len(pool)):
        seen[pool[at].label] += 1
        if seen[pool[at].label] <= 150:
            capped.append(pool[at])
    report = train_labels(capped, TAXONOMY, fields=False, training=Training(folds=3)).discipline
    assert report.accuracy_interval[0] >= 0.80


def test_frames_get_labels_whose_field_lies_in_the_discipline(trained: TrainedLabels, mmlu: list[Example]) -> None:
    texts = [one.text for one in mmlu[1::30]]
    frame = label_frame(pl.DataFrame({"text": texts}), trained.model)
    assert frame.columns == [
        "text",
        "discipline_guess",
        "field",
        "stem",
        "label_probability",
        "abstained",
        "discipline",
    ]
    assert set(COLUMNS) < set(frame.columns)
    for row in frame.iter_rows(named=True):
        if row["abstained"]:
            assert (row["discipline"], row["field"], row["stem"]) == (None, None, None)
        else:
            field = TAXONOMY.fields[row["field"]]
            assert (field.discipline, field.stem) == (row["discipline"], row["stem"])
        assert row["discipline_guess"] in TAXONOMY.discipline_ids()
    assert 0 < frame["abstained"].sum() < frame.height
    sure = label_frame(pl.DataFrame({"text": texts}), trained.model, abstain_below=0.0)
    assert sure["abstained"].sum() == 0
    truth = [TAXONOMY.fields[one.label].discipline for one in mmlu[1::30]]
    right = np.array(sure["discipline"].to_list()) == np.array(truth)
    answered = ~frame["abstained"].to_numpy()
    assert right[answered].mean() > right.mean() > 0.65


def test_a_row_is_labelled_alike_in_any_company_and_any_text_is_labelled(trained: TrainedLabels) -> None:
    texts = ["What is photosynthesis?", "", "a" * 300_000, "\x00\u202e", "化学平衡常数", "What is photosynthesis?"]
    whole = label_texts(trained.model, texts)
    alone = [label_texts(trained.model, [text]) for text in texts]
    assert whole.discipline.tolist() == [int(one.discipline[0]) for one in alone]
    assert whole.probability.tolist() == [float(one.probability[0]) for one in alone]
    assert whole.probability[0] == whole.probability[5]
    frame = label_frame(pl.DataFrame({"text": [None, "x"]}, schema={"text": pl.String}), trained.model)
    assert frame.height == 2
    assert label_frame(frame.select("text").head(0), trained.model)["discipline"].dtype == pl.String


def test_a_saved_labeller_labels_the_same_as_a_stage(trained: TrainedLabels, tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    save_labels(trained.model, folder)
    stage = build(Label(model=str(folder)), 0)
    frame = make_frame(["The mitral valve lies between the left atrium and ventricle.", "Demand rises as price falls."])
    out = stage(frame)
    direct = label_frame(frame, trained.model)
    assert out.equals(direct)
    assert out.select(frame.columns).equals(frame)
    assert stage.reasons == {}
    counts = stage.counts(out)
    assert sum(counts.values()) == 2
    assert stage.identity == build(Label(model=str(folder)), 5).identity
    assert stage.identity != build(Label(model=str(folder), abstain_below=0.5), 0).identity
    with pytest.raises(ConfigError, match="expected a column 'question'"):
        build(Label(model=str(folder), column="question"), 0)(frame)


def test_a_labeller_of_another_taxonomy_is_refused(trained: TrainedLabels, tmp_path: Path) -> None:
    save_labels(trained.model, tmp_path / "labels")
    other = tmp_path / "mine.yaml"
    other.write_text(SHIPPED.read_text(encoding="utf-8").replace("version: 1", "version: 2", 1), encoding="utf-8")
    with pytest.raises(ConfigError, match="trained under"):
        load_labels(tmp_path / "labels", load_taxonomy(other))
    with pytest.raises(ConfigError, match="expected a labeller"):
        build(Label(model=str(tmp_path)), 0)


def test_thin_classes_are_left_out_by_name_and_disciplines_alone_will_do() -> None:
    good = [Example(text=f"{word} number {at}", label=label) for at in range(12) for word, label in WORDS.items()]
    found = train_labels([*good, Example(text="one field of wheat", label="crop_science")], TAXONOMY, training=FAST)
    assert found.left_out == {"agronomy": 1, "crop_science": 1}
    assert found.field is not None
    tops = [Example(text=one.text, label=TAXONOMY.fields[one.label].discipline) for one in good]
    without = train_labels(tops, TAXONOMY, training=FAST)
    assert without.field is None
    frame = label_frame(pl.DataFrame({"text": ["atom", "verdict"]}), without.model, abstain_below=0.0)
    assert frame["discipline"].to_list() == ["science", "law"]
    assert frame["field"].to_list() == [None, None]
    with pytest.raises(ConfigError, match="saw 'cooking'"):
        train_labels([Example(text="soup", label="cooking")], TAXONOMY)


def test_transfer_counts_rows_of_classes_that_the_source_never_had() -> None:
    train = [Example(text=f"{word} {at}", label=label) for at in range(6) for word, label in WORDS.items()]
    test = [
        Example(text="an atom", label="physics"),
        Example(text="a verdict", label="law_practice"),
        Example(text="a cow", label="animal_science"),
    ]
    found = transfer(train, test, TAXONOMY, FAST)
    assert (found.rows, found.known, found.accuracy_known) == (3, 2, 1.0)
    assert found.accuracy == pytest.approx(2 / 3)


def test_a_question_is_its_context_text_and_choices() -> None:
    assert question_text("Which?", ["a", "b"], "Once.") == "Once.\nWhich?\na\nb"
    assert question_text("Which?") == "Which?"


WORDS = {"atom": "physics", "molecule": "chemistry", "verdict": "law_practice", "treaty": "international_law"}
