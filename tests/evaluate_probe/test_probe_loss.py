"""Losses of gold answers: of a checkpoint folder against transformers itself, and what two models' losses say."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from models import Shape, random_folder
from planted import questions, serving

from tilth.base.errors import ConfigError
from tilth.evaluate.likelihood import Loss
from tilth.evaluate.probe import ProbeSettings, checkpoint_model, probe
from tilth.evaluate.probe_loss import FILE, loss_moves, memorisation, perplexity_difference, save_losses
from tilth.evaluate.probe_set import ProbeSet, ProbeSetSettings, make_probe_set
from tilth.generate.model import ModelSpec
from tilth.steer.cells import Cell
from tilth.steer.scores import ProbeResults, items_frame
from tilth.view.probe import losses_text

CELL = Cell(name="law/D1-D5", disciplines=("law",), low=1, high=5, items=4, thin=False)


def results(name: str, values: dict[str, float]) -> ProbeResults:
    rows = [
        {"item": item, "group": None, "cell": CELL.name, "metric": "gold_bpb", "value": value}
        for item, value in values.items()
    ]
    return ProbeResults(model=name, step=0, probe="p", cells=(CELL,), items=items_frame(rows))


def losses(folder: Path, nats: dict[str, list[float]]) -> pl.DataFrame:
    folder.mkdir(parents=True, exist_ok=True)
    save_losses(folder, [Loss(item, CELL.name, None, 10, values) for item, values in nats.items()])
    return pl.read_parquet(folder / FILE)


def probe_set(folder: Path, **labels: Any) -> ProbeSet:
    made = ProbeSetSettings(least=4, items=4)
    return make_probe_set(questions(4, ("law",), **labels), folder, made)


def test_the_difference_is_relative_to_the_weak_models_perplexity() -> None:
    weak, strong = results("weak", {"a": 2.0, "b": 1.0, "c": 3.0}), results("strong", {"a": 1.0, "b": 1.0, "d": 0.0})
    found = perplexity_difference(weak, strong)[CELL.name]
    assert found.items == 2
    assert found.value == pytest.approx((1 - 2**-1 + 0) / 2)


def test_memorisation_is_the_part_of_the_fall_on_tokens_known_by_heart(tmp_path: Path) -> None:
    before = losses(tmp_path / "before", {"a": [2.0, 1.0], "b": [1.0, 1.0], "other": [1.0]})
    after = losses(tmp_path / "after", {"a": [0.005, 0.5], "b": [1.2, 0.009], "other": [0.5, 0.5]})
    shares, uncompared = memorisation(before, after, results("m", {}))
    by_heart = 1.995 + 0.991
    assert shares[CELL.name].value == pytest.approx(by_heart / (by_heart + 0.5 - 0.2))
    assert uncompared == 1
    assert shares[CELL.name].low is not None
    assert shares[CELL.name].low <= (shares[CELL.name].value or 0) <= (shares[CELL.name].high or 0)


def test_a_loss_that_did_not_fall_has_no_share(tmp_path: Path) -> None:
    same = losses(tmp_path / "same", {"a": [0.005, 1.0], "b": [1.0, 1.0]})
    shares, _ = memorisation(same, same, results("m", {}))
    assert shares[CELL.name].value is None


def test_intervals_of_the_share_cover_what_was_planted(tmp_path: Path) -> None:
    """300 sets of 60 items in which half of the fall, on average, is on tokens known by heart: 95% cover it."""
    draw = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        before = {str(at): [3.0, 3.0] for at in range(60)}
        after = {
            str(at): [0.001, float(draw.uniform(0.0, 0.02))] if draw.random() < 0.5 else [1.0, 2.0] for at in range(60)
        }
        frames = [
            pl.DataFrame(
                {"item": list(one), "cell": CELL.name, "group": None, "nats": list(one.values())},
                schema_overrides={"group": pl.String},
            )
            for one in (before, after)
        ]
        score = memorisation(*frames, results("m", {}), draws=300)[0][CELL.name]
        # half of the items fall by 2.999, and half of these by 2.995 more on a token known by heart, half just not
        planted = 0.5 * (2.999 + 0.5 * 2.995) / (0.5 * (2.999 + 2.99) + 0.5 * 3.0)
        covered += (score.low or 0) <= planted <= (score.high or 0)
    assert covered >= 0.9 * 300


def test_a_server_gives_the_losses_that_two_probes_are_compared_by(tmp_path: Path) -> None:
    made = probe_set(tmp_path / "set")
    for name in ("one", "two"):
        with serving() as server:
            model = ModelSpec(engine="endpoint", model="planted", urls=(server.url,), outage=2.0)
            probe(model, made, tmp_path / name, ProbeSettings(completions=True))
    moves = loss_moves(tmp_path / "one", tmp_path / "two")
    assert {score.value for score in moves.perplexity_difference.values()} == {0.0}
    assert {score.value for score in moves.memorisation.values()} == {None}
    assert "perplexity difference" in losses_text(moves)
    (tmp_path / "two" / FILE).unlink()
    with pytest.raises(ConfigError, match="gives likelihoods"):
        loss_moves(tmp_path / "one", tmp_path / "two")


def test_a_checkpoint_folder_is_scored_as_transformers_scores_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder, _ = random_folder(tmp_path / "checkpoint-40", Shape(context=512))
    choices = ["one", "two", "three", "103"]
    made = probe_set(tmp_path / "set", choices=choices, answer="two")
    found = probe(checkpoint_model(folder), made, tmp_path / "probe", ProbeSettings(step=40, generate=False))
    assert set(found.items["metric"]) == {"gold_bpb", "choice_acc"}
    assert found.not_measured == {"acc": "switched off"}
    rows = found.items.filter(pl.col("metric") == "gold_bpb")
    assert rows.height == 20
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    model = transformers.AutoModelForCausalLM.from_pretrained(str(folder)).eval()
    items = pl.read_parquet(made.path)
    for item, question in items.select("item_id", "question").head(3).iter_rows():
        ids = [tokenizer.encode(f"Question: {question}\nAnswer:{end}") for end in ("", " two")]
        with torch.inference_mode():
            scores = model(torch.tensor([ids[1]])).logits[0].log_softmax(-1)
        nats = -sum(float(scores[at - 1, ids[1][at]]) for at in range(len(ids[0]), len(ids[1])))
        (value,) = rows.filter(pl.col("item") == item)["value"]
        assert value == pytest.approx(nats / math.log(2) / 3, abs=1e-4)


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with pytest.raises(Exception, match="broken"):
        probe(checkpoint_model(folder), probe_set(tmp_path / "set"), tmp_path / "probe", ProbeSettings(generate=False))
