"""Training a scorer: from files and real documents, with figures that mean what they say, and hints."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tilth.base.errors import ConfigError, SourceError
from tilth.classify.grams import Grams
from tilth.classify.train import Training
from tilth.curate.score.stage import build
from tilth.curate.score.train import Labelled, from_frame, read_labelled, train_scorer
from tilth.frames import make_frame
from tilth.recipe.stages.score import Score

FAST = Training(grams=Grams(bits=14, characters=(4,), max_chars=2000), folds=3)


@pytest.fixture(scope="module")
def documents(shared: Path) -> pl.DataFrame:
    """300 English documents: textbook and science articles are good, forum, legal and noisy web text other."""
    parts = []
    labels = {
        "textbook": "good",
        "science_article": "good",
        "web_noisy": "other",
        "legal": "other",
        "forum_qa": "other",
    }
    for name, label in labels.items():
        frame = pl.read_parquet(shared / f"data/documents/{name}.parquet").filter(pl.col("lang") == "en")
        parts.append(frame.sample(60, seed=1).select("text", "source", label=pl.lit(label)))
    return pl.concat(parts)


def test_textbooks_are_told_from_noisy_text_and_the_scorer_works_as_a_stage(
    documents: pl.DataFrame, tmp_path: Path
) -> None:
    held = documents.sample(fraction=0.2, seed=4)
    rest = documents.join(held, on="text", how="anti")
    report = train_scorer(from_frame(rest, "text", "label"), tmp_path / "edu", good="good", training=FAST)
    assert report["task"] == "classes"
    assert report["rows"] == rest.height
    low, high = report["accuracy_interval"]
    assert report["majority"] < 0.7 < low < report["accuracy"] < high <= 1
    assert any("few" in hint for hint in report["hints"])

    scored = build(Score(scorer=str(tmp_path / "edu"), minimum=0.5), 0)(make_frame(held["text"].to_list()))
    right = (scored["edu_score"] >= 0.5).to_numpy() == (held["label"] == "good").to_numpy()
    assert right.mean() > 0.85


def test_sources_kept_whole_give_a_lower_and_honest_figure(documents: pl.DataFrame, tmp_path: Path) -> None:
    plain = train_scorer(from_frame(documents, "text", "label"), tmp_path / "a", good="good", training=FAST)
    whole = train_scorer(from_frame(documents, "text", "label", "source"), tmp_path / "b", good="good", training=FAST)
    assert whole["groups"] == documents["source"].n_unique()
    assert whole["accuracy"] < plain["accuracy"]
    assert any("group column" in hint for hint in plain["hints"])
    assert not any("group column" in hint for hint in whole["hints"])


def test_scores_are_learnt_from_numbers_and_stay_on_their_scale(documents: pl.DataFrame, tmp_path: Path) -> None:
    """A score that can be computed: share of long words, spread over 0 to 5."""
    texts = documents["text"].str.slice(0, 2000).to_list()
    share = np.array([np.mean([len(word) > 8 for word in text.split()] or [0]) for text in texts])
    scores = np.clip(share / np.quantile(share, 0.95) * 5, 0, 5).round(1)
    rows = Labelled(texts=tuple(texts), labels=tuple(scores.tolist()))
    report = train_scorer(rows, tmp_path / "score", training=FAST)
    assert report["task"] == "score"
    assert report["spearman_interval"][0] > 0.5
    assert report["mean_error"] < report["baseline_error"]
    out = build(Score(scorer=str(tmp_path / "score"), minimum=2.0), 0)(make_frame(texts[:50]))
    assert out["score_score"].is_between(0, 5).all()
    assert set(out["reason"].unique()) == {None, "low_score_score"}


def test_labels_without_meaning_are_called_so(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    texts = tuple("".join(map(chr, random.integers(97, 123, 60))) for _ in range(80))
    names = tuple(str(name) for name in random.permutation(["a", "b"] * 40))
    report = train_scorer(Labelled(texts=texts, labels=names), tmp_path, good="a", training=FAST)
    assert any("largest class" in hint for hint in report["hints"])
    numbers = tuple(float(value) for value in random.integers(0, 6, 80))
    report = train_scorer(Labelled(texts=texts, labels=numbers), tmp_path, training=FAST)
    assert any("no better than chance" in hint for hint in report["hints"])


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv"])
def test_labelled_rows_are_read_from_the_usual_files(suffix: str, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"body": ["one", None, "three, four", ""], "mark": ["a", "b", "a", "b"], "site": ["x", "x", None, "y"]}
    )
    path = tmp_path / f"rows{suffix}"
    {".parquet": frame.write_parquet, ".jsonl": frame.write_ndjson, ".csv": frame.write_csv}[suffix](path)
    rows = read_labelled(path, "body", "mark", "site")
    assert rows.texts == ("one", "three, four")
    assert rows.labels == ("a", "a")
    assert rows.groups == ("x", "")


def test_zero_and_one_are_classes_and_more_numbers_are_scores() -> None:
    frame = pl.DataFrame({"text": list("abcd"), "two": [0, 1, 1, 0], "many": [0, 1, 2, 5]})
    assert from_frame(frame, "text", "two").labels == ("0", "1", "1", "0")
    assert from_frame(frame, "text", "many").labels == (0.0, 1.0, 2.0, 5.0)


def test_what_cannot_be_trained_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least 40 labelled rows; saw 2"):
        train_scorer(Labelled(texts=("a", "b"), labels=("x", "y")), tmp_path)
    texts = tuple(f"text {at}" for at in range(60))
    with pytest.raises(ConfigError, match="Classes: a, b, c"):
        train_scorer(Labelled(texts=texts, labels=("a", "b", "c") * 20), tmp_path, training=FAST)
    (tmp_path / "rows.csv").write_text("text,label\none,a\n")
    with pytest.raises(ConfigError, match="expected a column 'grade'"):
        read_labelled(tmp_path / "rows.csv", label="grade")
    with pytest.raises(SourceError, match="labelled rows"):
        read_labelled(tmp_path / "rows.xlsx")
    with pytest.raises(SourceError, match="labelled rows"):
        read_labelled(tmp_path / "missing.parquet")
    assert not (tmp_path / "model.json").exists()
