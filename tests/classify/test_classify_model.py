"""A model predicts without scikit-learn what scikit-learn predicts, and reads back as it was written."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC

from tilth.base.errors import ConfigError, CorruptData, MissingExtra
from tilth.base.random import seed_of
from tilth.classify.features import fit_idf, take, weigh
from tilth.classify.grams import Grams, count_grams
from tilth.classify.model import LinearModel
from tilth.classify.store import load_model, model_hash, save_model
from tilth.classify.train import Training, assign_folds, sparse, train_classifier, train_regressor

GRAMS = Grams(bits=14, characters=(4,))
TRAINING = Training(grams=GRAMS, folds=3)


@pytest.fixture(scope="module")
def questions(shared: Path) -> tuple[list[str], list[str]]:
    frame = pl.read_parquet(shared / "data/benchmarks/mmlu.parquet")
    wanted = ["anatomy", "high_school_us_history", "high_school_macroeconomics", "astronomy"]
    frame = frame.filter(pl.col("subset").is_in(wanted))
    return frame["question"].to_list(), frame["subset"].to_list()


def test_features_and_predictions_equal_those_of_scikit_learn(questions: tuple[list[str], list[str]]) -> None:
    texts, labels = questions
    trained = train_classifier(texts, labels, training=TRAINING, seed=3)
    counts = count_grams(texts, GRAMS)
    raw = sparse(weigh(counts, np.ones(1 << GRAMS.bits, np.float32)), 1 << GRAMS.bits).astype(np.float64)
    raw.data = counts.counts.astype(np.float64)
    features = TfidfTransformer(sublinear_tf=True).fit_transform(raw)
    ours = sparse(weigh(counts, fit_idf(counts, 1 << GRAMS.bits)), 1 << GRAMS.bits)
    np.testing.assert_allclose(ours.toarray(), features.toarray(), atol=1e-6)

    seed = seed_of(3, "svm") % (1 << 32)
    machine = LinearSVC(C=1.0, class_weight="balanced", dual=True, random_state=seed, max_iter=5000).fit(ours, labels)
    np.testing.assert_allclose(trained.model.decide(texts), machine.decision_function(ours), atol=1e-5)
    names = np.array(trained.model.classes)
    assert (names[trained.model.predict(texts).best] == machine.predict(ours)).all()


def test_two_classes_and_scores_equal_those_of_scikit_learn(questions: tuple[list[str], list[str]]) -> None:
    texts, labels = questions[0][:150], [label == "anatomy" for label in questions[1][:150]]
    names = ["yes" if label else "no" for label in labels]
    assert 20 < sum(labels) < 130
    counts = count_grams(texts, GRAMS)
    features = sparse(weigh(counts, fit_idf(counts, 1 << GRAMS.bits)), 1 << GRAMS.bits)
    seed = seed_of(0, "svm") % (1 << 32)
    machine = LinearSVC(C=1.0, class_weight="balanced", dual=True, random_state=seed, max_iter=5000).fit(
        features, names
    )
    model = train_classifier(texts, names, training=TRAINING).model
    decisions = model.decide(texts)
    np.testing.assert_allclose(decisions[:, 1] - decisions[:, 0], machine.decision_function(features), atol=1e-5)

    scores = [len(text) % 7 for text in texts]
    ridge = Ridge(alpha=1.0, solver="sparse_cg", tol=1e-5).fit(features.astype(np.float64), np.array(scores, float))
    scorer = train_regressor(texts, scores, training=TRAINING).model
    np.testing.assert_allclose(scorer.score(texts), ridge.predict(features).clip(0, 6), atol=1e-3)


def test_prediction_imports_neither_scikit_learn_nor_scipy(
    tmp_path: Path, questions: tuple[list[str], list[str]]
) -> None:
    import subprocess

    save_model(train_classifier(*questions, training=TRAINING).model, tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\nfrom tilth.classify.store import load_model\n"
        f"print(load_model(Path({str(tmp_path)!r})).predict(['The heart pumps blood.']).best)\n"
        "assert not {'sklearn', 'scipy', 'polars', 'pickle5'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_saved_model_answers_the_same_to_the_bit(tmp_path: Path, questions: tuple[list[str], list[str]]) -> None:
    texts, labels = questions
    model = train_classifier(texts, labels, training=TRAINING).model
    unseen = ["Zygomatic tariffs of 1890", "星系的红移", "", "lorem ipsum dolor"]
    first = save_model(model, tmp_path / "one")
    again = load_model(tmp_path / "one")
    assert np.array_equal(again.probabilities(texts + unseen), model.probabilities(texts + unseen))
    assert (again.classes, again.temperature, again.abstain_below) == (
        model.classes, model.temperature, model.abstain_below,
    )  # fmt: skip
    assert again.facts["rows"] == len(texts)
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"model.json", "weights.npz"}
    # trained again from the same rows it is the same model
    assert save_model(train_classifier(texts, labels, training=TRAINING).model, tmp_path / "two") == first
    assert model_hash(tmp_path / "one") == model_hash(tmp_path / "two")


def test_an_answer_does_not_depend_on_the_batch(questions: tuple[list[str], list[str]]) -> None:
    texts, labels = questions
    model = train_classifier(texts, labels, training=TRAINING).model
    whole = model.probabilities(texts[:40])
    one_by_one = np.vstack([model.probabilities([text]) for text in texts[:40]])
    assert np.array_equal(whole, one_by_one)
    assert model.probabilities([]).shape == (0, 4)


def test_damaged_and_foreign_folders_are_refused(tmp_path: Path) -> None:
    texts = [f"{word} number {at}" for at in range(9) for word in ("red", "blue")]
    model = train_classifier(texts, ["r", "b"] * 9, training=TRAINING).model
    save_model(model, tmp_path)
    with pytest.raises(ConfigError, match="expected a trained model"):
        load_model(tmp_path / "nothing")
    head = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(head.replace('"grams_version": 1', '"grams_version": 99'))
    with pytest.raises(ConfigError, match="n-grams 99"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text(head)
    data = (tmp_path / "weights.npz").read_bytes()
    (tmp_path / "weights.npz").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CorruptData, match="saw others"):
        load_model(tmp_path)
    with pytest.raises(ConfigError, match="trained on numbers"):
        model.score(["red"])


def test_too_few_rows_of_a_class_are_named() -> None:
    with pytest.raises(ConfigError, match="saw 1 of 'rare'"):
        train_classifier(["a b c"] * 10, ["rare", *["often"] * 9], training=TRAINING)
    with pytest.raises(ConfigError, match="at least two classes"):
        train_classifier(["a b c"] * 10, ["one"] * 10, training=TRAINING)


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra, match=r"tilth\[learn\]"):
        train_classifier(["a", "b"], ["a", "b"])


def test_folds_keep_groups_whole_and_classes_even() -> None:
    random = np.random.default_rng(1)
    groups = random.integers(0, 60, 600)
    classes = (groups % 3 == 0).astype(np.int64)
    fold = assign_folds(classes, groups, 5, seed=0)
    assert all(len(set(fold[groups == group])) == 1 for group in range(60))
    shares = [classes[fold == at].mean() for at in range(5)]
    assert max(shares) - min(shares) < 0.1
    assert np.array_equal(fold, assign_folds(classes, groups, 5, seed=0))
    assert not np.array_equal(fold, assign_folds(classes, groups, 5, seed=1))


def test_duplicates_across_groups_make_the_plain_figure_too_good() -> None:
    """What groups are for: labels that only copies share look learnable where copies stand on both sides of a fold."""
    random = np.random.default_rng(2)
    sources = ["".join(map(chr, random.integers(97, 123, 40))) for _ in range(40)]
    labels = [str(random.integers(2)) for _ in sources]
    texts = [f"{source} {copy}" for source in sources for copy in ("a", "b", "c")]
    truth = [label for label in labels for _ in range(3)]
    groups = [source for source in sources for _ in range(3)]
    plain = train_classifier(texts, truth, training=TRAINING).report.accuracy
    grouped = train_classifier(texts, truth, groups, training=TRAINING).report
    assert plain > 0.9 > 0.75 > grouped.accuracy
    assert grouped.groups == 40


def test_take_is_the_rows_asked_for() -> None:
    counts = count_grams(["one two", "", "three", "four five six"], GRAMS)
    part = take(counts, np.array([3, 1, 0]))
    alone = count_grams(["four five six", "", "one two"], GRAMS)
    assert all(np.array_equal(getattr(part, name), getattr(alone, name)) for name in ("indptr", "columns", "counts"))


def test_a_model_without_rows_is_a_value() -> None:
    none = np.zeros((2, 1 << 4), np.float32)
    model = LinearModel(
        task="classes",
        grams=Grams(bits=4),
        idf=none[0],
        weights=none,
        intercepts=np.zeros(2, np.float32),
        classes=("a", "b"),
    )
    assert model.probabilities(["x"]).tolist() == [[0.5, 0.5]]
