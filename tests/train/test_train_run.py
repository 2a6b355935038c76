"""A run: what it leaves behind, the same seed and the same weights, and how it ends when the loss is no number."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from train_help import BATCH, SEQUENCE, TINY, mixed_and_packed, packed_set, same_weights, tiny, weights

from tilth.base.errors import ConfigError, DriftError, RunLocked
from tilth.data.tokenized import PACKED, open_tokens
from tilth.data.training import METRICS
from tilth.runner.lock import lease
from tilth.train.progress import Progress
from tilth.train.run import read_trained, train


def test_a_run_leaves_evenly_spaced_checkpoints_metrics_and_a_record(packed: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    trained = train(packed, tmp_path / "run", tiny(checkpoints=4), on_progress=seen.append)
    assert trained.state == "finished"
    assert [checkpoint.step for checkpoint in trained.checkpoints] == [2, 5, 8, 10]
    assert [checkpoint.tokens for checkpoint in trained.checkpoints] == [2 * BATCH, 5 * BATCH, 8 * BATCH, 10 * BATCH]
    assert trained.tokens == 10 * BATCH
    assert trained.left == open_tokens(packed, PACKED).tokens - trained.tokens > 0
    rows = pq.read_table(tmp_path / "run" / "metrics.parquet")
    assert rows.schema.equals(METRICS)
    assert rows["step"].to_pylist() == list(range(1, 11))
    assert rows["tokens"].to_pylist() == [step * BATCH for step in range(1, 11)]
    assert rows["loss"][9].as_py() < rows["loss"][0].as_py()
    assert rows["learning_rate"].to_pylist() == pytest.approx([0.005] + [0.01] * 7 + [0.0055, 0.001])
    assert [each.step for each in seen] == list(range(1, 11))
    assert seen[-1].eta_seconds == 0
    assert not (tmp_path / "run" / "state").is_dir() or not list((tmp_path / "run" / "state").iterdir())
    assert read_trained(tmp_path / "run") == trained


def test_a_checkpoint_is_read_by_transformers_offline_and_has_its_tokenizer(packed: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    trained = train(packed, tmp_path / "run", tiny())
    path = trained.checkpoints[-1].path
    model = AutoModelForCausalLM.from_pretrained(path)
    tokenizer = AutoTokenizer.from_pretrained(path)
    assert model.num_parameters() == trained.parameters
    assert model.config.tie_word_embeddings
    assert model.config.use_cache
    assert tokenizer.eos_token == "<|endoftext|>"
    assert model.config.eos_token_id == tokenizer.eos_token_id
    text = "Rice is sown in spring."
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    written = model.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=4, do_sample=False)
    assert written.shape[1] > len(tokenizer(text)["input_ids"])
    assert {file.name for file in path.iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"
    }  # fmt: skip


def test_a_finished_run_is_not_trained_again(packed: Path, tmp_path: Path) -> None:
    first = train(packed, tmp_path / "run", tiny())
    seen: list[Progress] = []
    assert train(packed, tmp_path / "run", tiny(), on_progress=seen.append) == first
    assert not seen


def test_the_same_seed_gives_the_same_weights_and_another_other_ones(packed: Path, tmp_path: Path) -> None:
    first, again, other = (
        train(packed, tmp_path / name, tiny(seed=seed)).checkpoints[-1].path
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_initialisation_depends_on_the_seed_and_not_on_the_data(packed: Path, other: Path, tmp_path: Path) -> None:
    ours, theirs = (
        train(tokens, tmp_path / tokens.parent.name, tiny(learning_rate=1e-30, weight_decay=0.0)).checkpoints[-1].path
        for tokens in (packed, other)
    )
    assert same_weights(ours, theirs)


@pytest.mark.parametrize("changes", [{"micro_batch": 1}, {"gradient_checkpointing": True}, {"attention": "eager"}])
def test_how_a_run_is_carried_out_changes_no_weight_beyond_rounding(
    packed: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    runs = [train(packed, tmp_path / str(len(each)), tiny(**{"micro_batch": 4, **each})) for each in ({}, changes)]
    plain, other = (weights(run.checkpoints[-1].path) for run in runs)
    assert all(np.allclose(plain[name], other[name], atol=2e-4) for name in plain)


@pytest.mark.parametrize("documents", ["joined", "masked"])
def test_the_first_loss_is_that_of_each_sequence_or_each_document_alone(
    packed: Path, tmp_path: Path, documents: str
) -> None:
    """Computed by hand, a piece at a time, from the first batch and the first weights."""
    from tilth.train.model import build, tokenizer_of
    from tilth.train.sequences import Sequences

    settings = tiny(documents=documents, micro_batch=2, batch_tokens=8 * SEQUENCE)
    tokens = open_tokens(packed, PACKED)
    model = build(TINY, tokenizer_of(tokens, settings), SEQUENCE, 0, None)
    pieces = []
    for number in range(8):
        row = Sequences(tokens, SEQUENCE, 8, documents=documents)[number]  # type: ignore[arg-type]
        begins = np.flatnonzero(row.get("position_ids", np.arange(SEQUENCE)) == 0)[1:]
        pieces += np.split(row["input_ids"], begins)
    assert (len(pieces) > 8) == (documents == "masked")
    losses, counts = [], [len(piece) - 1 for piece in pieces]
    for piece in pieces:
        ids = torch.from_numpy(piece)[None]
        losses.append(float(model(input_ids=ids, labels=ids).loss.detach()) if len(piece) > 1 else 0.0)
    train(packed, tmp_path / "run", settings)
    first = pq.read_table(tmp_path / "run" / "metrics.parquet")["loss"][0].as_py()
    assert first == pytest.approx(np.average(losses, weights=counts), abs=1e-5)


def test_a_run_of_another_identity_is_refused_with_the_fields(packed: Path, other: Path, tmp_path: Path) -> None:
    train(packed, tmp_path / "run", tiny())
    with pytest.raises(DriftError, match=r"seed was 0, is 3.*Give another folder") as drift:
        train(packed, tmp_path / "run", tiny(seed=3))
    assert [change.field for change in drift.value.changes] == ["seed"]
    with pytest.raises(DriftError, match="token set was"):
        train(other, tmp_path / "run", tiny())
    with pytest.raises(DriftError, match=r"architecture was .*'layers': 2.* is .*'layers': 3"):
        train(packed, tmp_path / "run", tiny(architecture=TINY.model_copy(update={"layers": 3}).model_dump()))
    assert train(packed, tmp_path / "run", tiny(micro_batch=1, save_minutes=0)).state == "finished"


def test_a_diverging_run_ends_in_a_named_state_with_no_checkpoint_after_it(packed: Path, tmp_path: Path) -> None:
    settings = tiny(learning_rate=1e19, clip=0, checkpoints=10, save_minutes=0, warmup=0.0)
    trained = train(packed, tmp_path / "run", settings)
    assert trained.state == "diverged"
    assert trained.diverged_at is not None
    assert 1 < trained.diverged_at < 10
    kept = [checkpoint.step for checkpoint in trained.checkpoints]
    assert kept == list(range(1, trained.diverged_at))
    assert all(np.isfinite(each).all() for path in trained.checkpoints for each in weights(path.path).values())
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir()) == [
        path.path.name for path in trained.checkpoints
    ]
    assert json.loads((tmp_path / "run" / "train.json").read_text())["state"] == "diverged"
    assert train(packed, tmp_path / "run", settings) == trained


def test_a_run_leaves_no_trace_in_the_process(packed: Path, tmp_path: Path) -> None:
    from transformers.utils import logging as transformers_logging

    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    threads, level = torch.get_num_threads(), transformers_logging.get_verbosity()
    torch.set_num_threads(2)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    train(packed, tmp_path / "run", tiny(threads=1, seed=9))
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    kept = torch.get_num_threads()
    torch.set_num_threads(threads)
    assert after == before
    assert (kept, transformers_logging.get_verbosity()) == (2, level)
    assert transformers_logging.is_progress_bar_enabled()


def test_two_processes_do_not_train_in_one_folder(packed: Path, tmp_path: Path) -> None:
    with lease(tmp_path / "run"), pytest.raises(RunLocked, match="writes this run"):
        train(packed, tmp_path / "run", tiny())


def test_more_tokens_than_there_are_is_refused(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected 4,000 sequences .* Lower the budget, or make a larger mixture"):
        train(packed, tmp_path / "run", tiny(tokens=1000 * BATCH))


def test_special_tokens_in_the_data_are_reported(tmp_path: Path) -> None:
    from tilth.train.model import tokenizer_of
    from tilth.train.run import special_tokens

    packed = packed_set(tmp_path, 3000)
    file = tmp_path / "tokenizer" / "tokenizer.json"
    spec = json.loads(file.read_text())
    assert special_tokens(open_tokens(packed, PACKED), tokenizer_of(open_tokens(packed, PACKED), tiny())) == {}
    spec["added_tokens"].append({**spec["added_tokens"][0], "id": 290, "content": "<|im_start|>", "special": True})
    file.write_text(json.dumps(spec))
    with pytest.raises(ConfigError, match=r"expected the tokenizer that .* was made with"):
        tokenizer_of(open_tokens(packed, PACKED), tiny())


def test_reading_and_planning_needs_no_torch_and_training_without_it_says_what_to_install(
    packed: Path, tmp_path: Path
) -> None:
    script = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from train_help import tiny
from tilth.base.errors import MissingExtra
from tilth.train.run import prepare, read_trained, train
assert prepare(Path(sys.argv[1]), tiny()).made.steps == 10
assert "torch" not in sys.modules and "transformers" not in sys.modules
sys.modules["torch"] = None
try:
    train(Path(sys.argv[1]), Path(sys.argv[2]), tiny())
except MissingExtra as error:
    assert "tilth[train]" in str(error) and "package torch" in str(error)
    print("said so")
"""
    command = [sys.executable, "-c", script, str(packed), str(tmp_path / "run"), str(Path(__file__).parent)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "said so\n"


@pytest.mark.slow
def test_the_smoke_preset_learns_more_than_how_often_each_token_comes(tmp_path: Path) -> None:
    """On text that is at hand, with the whole preset: the loss at the end is far below the entropy of single tokens."""
    import pyarrow as pa

    from tilth.recipe.stages.tokens import Tokenise, TrainTokenizer
    from tilth.recipe.stages.train import Train
    from tilth.tokens.tokenise import tokenise
    from tilth.tokens.train import train_tokenizer

    source = Path(__file__).resolve().parents[2] / "src"
    texts = [path.read_text(encoding="utf-8") for path in sorted(source.rglob("*.py"))]
    (tmp_path / "texts").mkdir()
    pq.write_table(pa.table({"text": texts}), tmp_path / "texts" / "part-00000.parquet")
    train_tokenizer(tmp_path / "texts", tmp_path / "tokenizer", TrainTokenizer(vocabulary=4096))
    tokenise(tmp_path / "texts", tmp_path / "tokens", Tokenise(tokenizer=str(tmp_path / "tokenizer")))
    packed = mixed_and_packed(tmp_path / "tokens", tmp_path, 202_000, 256)  # the ends of three shards are cropped
    trained = train(packed, tmp_path / "run", Train(preset="smoke", device="cpu", threads=1))
    ids = np.concatenate([np.asarray(shard.ids(np.dtype("<u2"))) for shard in open_tokens(packed, PACKED).shards])
    shares = np.bincount(ids) / len(ids)
    entropy = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
    losses = pq.read_table(tmp_path / "run" / "metrics.parquet")["loss"].to_pylist()
    assert trained.state == "finished"
    assert np.mean(losses[-20:]) < entropy - 1
