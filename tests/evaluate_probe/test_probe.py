"""A probe through the runner against a server whose skill by cell is planted."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from planted import questions, serving, skill

from tilth.base.errors import BudgetReached, ConfigError, DriftError
from tilth.base.files import read_json
from tilth.data.results import read_results
from tilth.evaluate.probe import ProbeSettings, checkpoint_model, checkpoint_step, compare, probe, weakest
from tilth.evaluate.probe_set import ProbeSet, ProbeSetSettings, make_probe_set
from tilth.frames import make_frame
from tilth.generate.model import ModelSpec, Sampling
from tilth.recipe import Budget
from tilth.steer.cells import Cell
from tilth.steer.scores import ProbeResults, cell_scores
from tilth.steer.weights import weights_from
from tilth.view.probe import heat_map, heat_maps, moves_text, probe_text


def _model(url: str, **more: Any) -> ModelSpec:
    return ModelSpec(engine="endpoint", model="planted", urls=(url,), max_in_flight=16, retries=1, outage=2.0, **more)


def _ranks(values: list[float]) -> np.ndarray[Any, Any]:
    return np.argsort(np.argsort(values)).astype(float)


def _bin(cell: Cell) -> float:
    return skill(cell.disciplines[0], cell.low)


def test_a_probe_recovers_the_planted_weak_cells_and_weights_go_there(tmp_path: Path) -> None:
    made = make_probe_set(questions(50), tmp_path / "set")
    settings = ProbeSettings(answers=2, sampling=Sampling(temperature=1.0, max_tokens=64))
    with serving() as server:
        results = probe(_model(server.url), made, tmp_path / "probe", settings)
        asked = server.requests
        again = probe(_model(server.url), made, tmp_path / "probe", settings)
        assert server.requests == asked == 20 * 50 * 2  # what was answered is not asked again
    assert again.items.equals(results.items)
    scores = cell_scores(results)
    planted = [_bin(cell) for cell in made.cells]
    measured = [scores[cell.name].value or 0.0 for cell in made.cells]
    assert len(planted) == 20
    assert np.corrcoef(_ranks(planted), _ranks(measured))[0, 1] >= 0.9
    covered = [(scores[cell.name].low or 0) <= _bin(cell) <= (scores[cell.name].high or 1) for cell in made.cells]
    assert np.mean(covered) >= 0.9
    weights = weights_from(results, 0.9)
    raised = {cell.cell for cell in weights.cells if cell.why.startswith("deficit")}
    weak = {cell.name for cell in made.cells if _bin(cell) < 0.75}
    strong = {cell.name for cell in made.cells if _bin(cell) >= 0.9}
    assert weak <= raised
    assert not strong & raised
    assert sum(weights.shares()[name] for name in weak) > 0.7
    assert results.not_measured == dict.fromkeys(
        ("choice_acc", "gold_bpb"),
        "the chat API gives no log-probabilities of a prompt; set api: completions, or completions: true",
    )


def test_results_come_back_from_the_disk_as_they_were_and_fit_the_table_of_results(tmp_path: Path) -> None:
    made = make_probe_set(questions(50, ("law",)), tmp_path / "set")
    with serving() as server:
        results = probe(_model(server.url), made, tmp_path / "probe", ProbeSettings(name="mine", step=300))
    back = ProbeResults.load(tmp_path / "probe")
    assert back.items.sort("item").equals(results.items.sort("item"))
    assert dataclasses.replace(back, items=results.items) == dataclasses.replace(results, items=results.items)
    table = read_results(tmp_path / "probe" / "results.parquet", metric="acc")
    assert table.num_rows == 250
    assert set(table["arm"].to_pylist()) == {"mine"}
    assert set(table["task"].to_pylist()) == {f"law/D{bin_}" for bin_ in range(1, 6)}


def test_checkpoints_show_which_weak_spot_moved(tmp_path: Path) -> None:
    made = make_probe_set(questions(50, ("science",)), tmp_path / "set")
    found = []
    for step, gain in ((100, {}), (200, {"science/D5": 0.0}), (300, {"science/D5": 0.6})):
        with serving(gain) as server:
            settings = ProbeSettings(step=step, likelihood=False)
            found.append(probe(_model(server.url), made, tmp_path / f"at-{step}", settings))
    moves = compare(found)
    moved = {cell.cell for cell in moves.cells if (cell.overall.low or 0) > 0 or (cell.overall.high or 0) < 0}
    assert moved == {"science/D5"}
    five = next(cell for cell in moves.cells if cell.cell == "science/D5")
    assert five.changes[0].value == 0.0  # the same answers
    assert five.overall.value == pytest.approx(0.6, abs=0.15)
    assert weakest(found[0])["cell"][0] == "science/D5"
    said = moves_text(dataclasses.asdict(moves), 200)
    assert said.count("cannot tell") == 4
    other = make_probe_set(questions(51, ("science",)), tmp_path / "other")
    with pytest.raises(ConfigError, match="one probe set"):
        compare([found[0], dataclasses.replace(found[1], probe=other.fingerprint)])
    with pytest.raises(ConfigError, match="at least two"):
        compare(found[:1])


def _choice_set(folder: Path) -> ProbeSet:
    frame = questions(50, ("science",))
    answers = [int(text.split('"answer":"')[1].split('"')[0]) for text in frame["metadata"]]
    metadata = [
        text.replace('"answer":', f'"choices":["{total + 1}","{total}","{total - 1}"],"answer":')
        for text, total in zip(frame["metadata"], answers, strict=True)
    ]
    few = ProbeSetSettings(least=20, items=20)
    return make_probe_set(frame.with_columns(metadata=pl.Series(metadata)), folder, few)


def test_likelihoods_are_measured_where_the_server_gives_them_and_never_asked_twice(tmp_path: Path) -> None:
    made = _choice_set(tmp_path / "set")
    with serving() as server:
        model = _model(server.url, api="completions")
        # generation over the completions API of this server is an echo: every answer is wrong or unreadable
        results = probe(model, made, tmp_path / "probe")
        asked = server.requests
        assert asked == 100 * (1 + 2 + 1 + 3)
        probe(model, made, tmp_path / "probe")
        assert server.requests == asked
    scores = cell_scores(results, "choice_acc")
    assert {one.value for one in scores.values()} == {1.0}
    assert results.not_measured == {}
    first = made.items["item_id"][0]
    bpb = results.items.filter(pl.col("metric") == "gold_bpb", pl.col("item") == first)["value"][0]
    assert bpb == pytest.approx(0.5 / 3, abs=0.1)  # half a bit over the bytes of a sum of three or four digits
    assert [one["metric"] for one in heat_maps(read_json(tmp_path / "probe" / "probe.json"))] == [
        "acc",
        "choice_acc",
        "gold_bpb",
    ]


def test_a_cap_on_tokens_holds_over_answers_and_likelihoods_and_the_same_call_goes_on(tmp_path: Path) -> None:
    made = _choice_set(tmp_path / "set")
    with serving() as server:
        model = _model(server.url)
        whole = probe(model, made, tmp_path / "free", ProbeSettings(completions=True))
        ledger = read_json(tmp_path / "free" / "ledger.json")["cost"]
        spent, asked = ledger["prompt_tokens"] + ledger["completion_tokens"], server.requests
        capped = ProbeSettings(completions=True, budget=Budget(tokens=spent + 4200))
        sent: list[int] = []
        for _ in range(2):
            with pytest.raises(BudgetReached):
                probe(model, made, tmp_path / "capped", capped)
            sent.append(server.requests - asked)
        assert 100 < sent[0] < asked
        assert sent[1] == sent[0]  # the second call knows what the first one spent on likelihoods
        again = probe(model, made, tmp_path / "capped", ProbeSettings(completions=True))
        assert server.requests == 2 * asked
    assert again.items.sort("item", "metric").equals(whole.items.sort("item", "metric"))


def test_a_server_without_echo_measures_no_likelihood_and_says_so(tmp_path: Path) -> None:
    made = _choice_set(tmp_path / "set")
    with serving(echo=False) as server:
        results = probe(_model(server.url), made, tmp_path / "probe", ProbeSettings(completions=True))
    assert set(results.items["metric"]) == {"acc"}
    assert all("no log-probabilities of a prompt" in why for why in results.not_measured.values())
    assert "not measured" in probe_text(results.summary())
    assert heat_map(results.summary(), "gold_bpb")["why_none"]
    assert all(tile["value"] is None for tile in heat_map(results.summary(), "gold_bpb")["tiles"])
    with pytest.raises(ConfigError, match="was not measured"):
        cell_scores(results, "gold_bpb")


def test_the_embedded_engine_is_probed_without_a_model(tmp_path: Path) -> None:
    made = make_probe_set(questions(50, ("law",)), tmp_path / "set")
    results = probe(ModelSpec(), made, tmp_path / "probe")
    # whatever it answers, every item has a score or is counted as missing
    assert results.items.height + sum(results.missing.values()) == 250
    assert probe_text(results.summary()).startswith("extractive")


def test_another_model_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    made = make_probe_set(questions(50, ("law",)), tmp_path / "set")
    with serving() as server:
        probe(_model(server.url), made, tmp_path / "probe", ProbeSettings(likelihood=False))
        with pytest.raises(DriftError):
            probe(_model(server.url, revision="v2"), made, tmp_path / "probe", ProbeSettings(likelihood=False))


def test_several_answers_at_temperature_zero_are_refused(tmp_path: Path) -> None:
    made = make_probe_set(questions(50, ("law",)), tmp_path / "set")
    with pytest.raises(ConfigError, match="temperature above 0"):
        probe(ModelSpec(), made, tmp_path / "probe", ProbeSettings(answers=4))


def test_a_checkpoint_folder_becomes_a_local_model(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-1200"
    folder.mkdir()
    with pytest.raises(ConfigError, match=r"config\.json"):
        checkpoint_model(folder)
    (folder / "config.json").write_text("{}")
    assert checkpoint_model(folder).model == str(folder)
    assert checkpoint_step(folder) == 1200
    assert checkpoint_step(tmp_path / "final") == 0


def test_hostile_metadata_of_answers_is_no_score() -> None:
    from tilth.evaluate.probe import accuracy_of

    for parsed in ([], {"answers": 3}, {"answers": ["x", {"correct": "yes"}]}, {}):
        assert accuracy_of(parsed)[0] is None
    assert accuracy_of({"answers": [{"correct": True}, {"correct": None, "how": "not_answered"}]}) == (1.0, "")
    assert make_frame(["x"]).height == 1
