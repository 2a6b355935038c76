import json
import subprocess
import sys
from pathlib import Path

import pytest
from tokens_help import dataset, texts, tokenizer_file

from tilth.recipe.stages.tokens import Tokenise
from tilth.tokens.tokenise import tokenise


def explained(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tilth.cli", "explain", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)


def test_a_token_is_traced_to_its_row_prompt_model_and_call(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = dataset(tmp_path / "rows", texts(12))
    settings = Tokenise(tokenizer=str(tokenizer_file(tmp_path_factory)), eos_token=None, eos="none")
    made = tokenise(source, tmp_path / "tokens", settings)
    shard = made.shards[0]
    place = f"{shard.path}:{int(shard.ends()[4])}"  # the first token of the sixth row
    found = json.loads(explained(place, "--json").stdout)
    assert found["columns"]["sample_id"] == "rows-0-5"
    done = explained(place)
    assert done.returncode == 0, done.stderr
    assert "small-model" in done.stdout
    assert "call-0-5" in done.stdout
    for wrong in ("shard", f"{shard.path}:999999", f"{tmp_path}/none.ds:1"):
        refused = explained(wrong)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
