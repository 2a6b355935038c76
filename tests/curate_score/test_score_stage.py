"""The scoring stage: signals, reasons, every kind of scorer that can run without a network, and clear refusals."""

import json
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from tilth.base.errors import ConfigError, MissingExtra, SourceError, UserError
from tilth.classify.grams import Grams
from tilth.classify.train import Training
from tilth.curate.score.presets import PRESETS
from tilth.curate.score.stage import build
from tilth.curate.score.train import Labelled, train_scorer
from tilth.frames import make_frame
from tilth.recipe.stages.score import Score

FASTTEXT = Path(__file__).parent / "models" / "tiny_fasttext.bin"
GOOD = "the derivative of a function is its slope, says the theorem"
BAD = "click here to buy cheap pills now, free shipping order today"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scorer") / "prose"
    subjects = ("energy", "cells", "primes", "light", "sugar", "waves", "acids", "stars")
    good = [f"the theory of {name} explains law {at} with a proof" for at in range(5) for name in subjects]
    bad = [f"buy {name} now, free order {at}, click here" for at in range(5) for name in subjects]
    rows = Labelled(texts=(*good, *bad), labels=("good",) * 40 + ("bad",) * 40)
    train_scorer(rows, folder, good="good", training=Training(grams=Grams(bits=14), folds=3))
    return folder


def test_a_fasttext_file_scores_and_drops_below_the_minimum() -> None:
    stage = build(Score(scorer=str(FASTTEXT), label="hq", minimum=0.5), 0)
    out = stage(make_frame([GOOD, BAD, "", f"{GOOD}\n\n{GOOD}"]))
    assert out["tiny_fasttext_score"].dtype == pl.Float32
    good, bad, _, lines = out["tiny_fasttext_score"].to_list()
    assert good > 0.8 > 0.2 > bad
    assert lines > 0.8  # several lines are one text
    assert out["reason"].to_list()[:2] == [None, "low_score_tiny_fasttext"]
    assert out["detail"][1] == f"{round(bad, 4)} < 0.5"
    assert set(out["reason"].drop_nulls()) <= set(stage.reasons)
    assert stage.counts(out) == {"tiny_fasttext_scored": 4}


def test_the_label_of_a_fasttext_file_must_be_said_and_known() -> None:
    with pytest.raises(ConfigError, match="Classes: __label__cc, __label__hq"):
        build(Score(scorer=str(FASTTEXT)), 0)
    with pytest.raises(ConfigError, match="saw 'best'"):
        build(Score(scorer=str(FASTTEXT), label="best"), 0)
    full = build(Score(scorer=str(FASTTEXT), label="__label__cc"), 0)
    assert full(make_frame([BAD]))["tiny_fasttext_score"][0] > 0.8


def test_a_scorer_trained_here_scores_by_its_good_class(trained: Path) -> None:
    stage = build(Score(scorer=str(trained), minimum=0.5, name="edu"), 0)
    out = stage(make_frame(["a theory of waves with a proof", "click here, order now, free"]))
    first, second = out["edu_score"].to_list()
    assert first > 0.5 > second
    assert out["reason"].to_list() == [None, "low_score_edu"]
    turned = build(Score(scorer=str(trained), label="bad", name="spam"), 0)
    assert turned(out.drop("edu_score"))["spam_score"][0] == pytest.approx(1 - first, abs=1e-6)


def test_without_a_minimum_nothing_is_dropped(trained: Path) -> None:
    stage = build(Score(scorer=str(trained)), 0)
    out = stage(make_frame(["click here, order now, free"]))
    assert out["reason"].to_list() == [None]
    assert stage.reasons == {}
    assert stage.signal == "prose_score"


def test_rows_already_dropped_are_neither_scored_nor_given_another_reason(trained: Path) -> None:
    frame = make_frame(["buy now", "buy now"], reason=["too_short", None], detail=["7", None])
    out = build(Score(scorer=str(trained), minimum=1.0), 0)(frame)
    assert out["prose_score"].is_null().to_list() == [True, False]
    assert out["reason"].to_list() == ["too_short", "low_score_prose"]
    assert out["detail"][0] == "7"


def test_the_rows_and_other_columns_come_back_as_they_were(trained: Path) -> None:
    frame = make_frame([GOOD, BAD, "", "中文文本", "\x00\x01\x02"])
    stage = build(Score(scorer=str(trained)), 0)
    assert_frame_equal(stage(frame).drop("prose_score"), frame)
    empty = stage(frame.head(0))
    assert empty.height == 0
    assert empty["prose_score"].dtype == pl.Float32
    assert_frame_equal(stage(frame), pl.concat([stage(frame.head(2)), stage(frame.tail(3))]))


@pytest.mark.parametrize("which", ["fasttext", "linear"])
def test_hostile_documents_are_scored(which: str, trained: Path) -> None:
    hostile = [
        "a" * 3_000_000,
        "token " * 500_000,
        "\n" * 100_000,
        "\x00" * 1000,
        "中" * 500_000,
        "\u202e\ufffd\u0000",
        "",
    ]
    scorer, label = (str(FASTTEXT), "hq") if which == "fasttext" else (str(trained), None)
    scores = build(Score(scorer=scorer, label=label, name="x"), 0)(make_frame(hostile))["x_score"]
    assert scores.null_count() == 0
    assert scores.is_between(0, 1).all()


def test_the_identity_follows_the_model_and_the_settings_and_not_the_place(trained: Path, tmp_path: Path) -> None:
    settings = Score(scorer=str(trained), name="a", minimum=0.5)
    first = build(settings, 0).identity
    moved = shutil.copytree(trained, tmp_path / "elsewhere")
    assert build(settings.model_copy(update={"scorer": str(moved)}), 1).identity == first
    assert build(settings.model_copy(update={"minimum": 0.6}), 0).identity != first
    head = json.loads((moved / "model.json").read_text())
    (moved / "model.json").write_text(json.dumps({**head, "temperature": head["temperature"] * 2}))
    assert build(settings.model_copy(update={"scorer": str(moved)}), 0).identity != first
    assert all(isinstance(value, str) for value in first.values())
    copy = tmp_path / "other.bin"
    shutil.copy(FASTTEXT, copy)
    one, two = (build(Score(scorer=str(path), label="hq", name="f"), 0).identity for path in (FASTTEXT, copy))
    assert one == two


def test_what_is_no_scorer_is_refused_with_what_could_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a preset \(fineweb-edu, dclm\)"):
        build(Score(scorer="fineweb_edu"), 0)
    with pytest.raises(ConfigError, match=r"fastText file that is there"):
        build(Score(scorer="models/missing.bin"), 0)
    with pytest.raises(ConfigError, match=r"model\.json"):
        build(Score(scorer=str(tmp_path)), 0)
    (tmp_path / "broken.bin").write_bytes(b"not a model")
    with pytest.raises(SourceError, match="expected a supervised fastText model"):
        build(Score(scorer=str(tmp_path / "broken.bin"), label="hq"), 0)
    with pytest.raises(ConfigError, match="takes a published threshold"):
        build(Score(scorer=str(FASTTEXT), label="hq", minimum="preset"), 0)
    with pytest.raises(ValidationError, match="pattern"):
        Score(scorer="dclm", name="Not A Name")


def test_missing_packages_are_named_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fasttext", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"tilth\[scorers\]"):
        build(Score(scorer="dclm"), 0)
    with pytest.raises(MissingExtra, match=r"tilth\[transformers\]"):
        build(Score(scorer="fineweb-edu"), 0)
    with pytest.raises(UserError, match=r"tilth\[transformers\]"):
        build(Score(scorer="someone/some-classifier"), 0)


def test_without_a_hub_a_preset_says_how_to_bring_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SourceError, match="no hub and no cached copy") as caught:
        build(Score(scorer="dclm"), 0)
    assert "hf download mlfoundations/fasttext-oh-eli5" in str(caught.value)
    assert "tilth train-scorer" in str(caught.value)


def test_every_preset_says_its_licence_source_and_threshold() -> None:
    for preset in PRESETS.values():
        assert preset.licence in {"Apache-2.0", "MIT"}
        assert "20" in preset.source
        assert preset.threshold > 0
        assert (preset.kind == "fasttext") == (preset.file is not None and preset.label is not None)
