"""A checkpoint folder is probed on this machine's CPU: random weights, so scores are chance and the path is real."""

import importlib.util
from pathlib import Path

import pytest
from models import Shape, random_folder
from planted import questions

from tilth.evaluate.probe import ProbeSettings, checkpoint_model, probe
from tilth.evaluate.probe_set import ProbeSetSettings, make_probe_set
from tilth.generate.model import Sampling
from tilth.steer.scores import ProbeResults


@pytest.mark.skipif(importlib.util.find_spec("openvino_genai") is None, reason="the extra local is not installed")
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_item_of_a_checkpoint_gets_a_score_or_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, _ = random_folder(tmp_path / "checkpoint-40", Shape(context=4096))
    made = make_probe_set(questions(4, ("law",)), tmp_path / "set", ProbeSetSettings(least=4, items=4))
    settings = ProbeSettings(sampling=Sampling(temperature=0.0, max_tokens=16), step=40)
    results = probe(checkpoint_model(folder), made, tmp_path / "probe", settings)
    answered = results.items.filter(results.items["metric"] == "acc").height
    assert answered + sum(results.missing.values()) == 20
    assert answered > 0
    torch = importlib.util.find_spec("torch") is not None
    assert ("gold_bpb" in set(results.items["metric"])) == torch
    assert ("gold_bpb" in results.not_measured) != torch
    assert ProbeResults.load(tmp_path / "probe").step == 40
