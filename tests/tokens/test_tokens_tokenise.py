"""Token sets on disk: files, ledger, resume, refusals."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokens_help import dataset, texts, tokenizer_file

from tilth.base.errors import ConfigError, DriftError, SourceError
from tilth.recipe.stages.tokens import Tokenise, TrainTokenizer
from tilth.tokens.encode import Ragged
from tilth.tokens.source import Batch
from tilth.tokens.tokenise import close_documents, tokenise
from tilth.tokens.tokenizer import check_fits, load_tokenizer
from tilth.tokens.train import train_tokenizer


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tokenizer_file(tmp_path_factory)


def everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_shard_is_read_by_numpy_and_decodes_to_the_rows(file: Path, tmp_path: Path) -> None:
    rows = [*texts(20), "", *texts(3, 50)]
    made = tokenise(dataset(tmp_path / "d", rows), tmp_path / "t", Tokenise(tokenizer=str(file)))
    ids = np.memmap(tmp_path / "t" / "part-00000.ds", dtype="<u2", mode="r")
    ends = np.fromfile(tmp_path / "t" / "part-00000.ds.index", dtype="<u8")
    built = load_tokenizer(Tokenise(tokenizer=str(file))).build()
    documents = np.split(np.asarray(ids), ends[:-1].astype(int))
    assert all(document[-1] == made.tokenizer["eos"] for document in documents)
    assert [built.decode(document[:-1].tolist()) for document in documents] == [row for row in rows if row]
    assert made.shards[0].rows().tolist() == [row for row, text in enumerate(rows) if text]
    assert made.manifest.ledger["rows"] == 24
    assert made.manifest.ledger["empty"] == 1
    assert made.tokens == len(ids) == made.manifest.ledger["tokens_out"]


def test_bytes_and_index_are_those_of_datatrove(file: Path, tmp_path: Path) -> None:
    """The fixture was written by datatrove 0.10.1's DocumentTokenizer; its README says how."""
    fixture = Path(__file__).parent / "datatrove"
    folder = tmp_path / "d"
    folder.mkdir()
    pl.read_ndjson(fixture / "documents.jsonl").write_parquet(folder / "a.parquet")
    asked = Tokenise(tokenizer=str(fixture / "tokenizer.json"), specials="parse")
    tokenise(folder, tmp_path / "t", asked)
    assert (tmp_path / "t" / "part-00000.ds").read_bytes() == (fixture / "00000_unshuffled.ds").read_bytes()
    assert (tmp_path / "t" / "part-00000.ds.index").read_bytes() == (fixture / "00000_unshuffled.ds.index").read_bytes()


def test_the_number_of_workers_changes_nothing(file: Path, tmp_path: Path) -> None:
    source = dataset(tmp_path / "d", texts(10), texts(12, 30), [], texts(5, 70))
    for workers in (1, 2):
        tokenise(source, tmp_path / f"t{workers}", Tokenise(tokenizer=str(file)), workers=workers)
    one, two = everything(tmp_path / "t1"), everything(tmp_path / "t2")
    for name in ("manifest.json",):
        found = [json.loads(some.pop(name)) for some in (one, two)]
        assert {**found[0], "name": ""} == {**found[1], "name": ""}
    assert one == two


def test_batches_change_nothing(file: Path, tmp_path: Path) -> None:
    source = dataset(tmp_path / "d", texts(30))
    for size in (1, 300, 10**6):
        tokenise(source, tmp_path / f"t{size}", Tokenise(tokenizer=str(file), batch_bytes=size))
    shards = [(tmp_path / f"t{size}" / "part-00000.ds").read_bytes() for size in (1, 300, 10**6)]
    assert shards[0] == shards[1] == shards[2]


_KILLED = """
import sys
from pathlib import Path
from tilth.recipe.stages.tokens import Tokenise
from tilth.tokens.tokenise import tokenise
if __name__ == "__main__":
    tokenise(Path(sys.argv[1]), Path(sys.argv[2]), Tokenise(tokenizer=sys.argv[3], batch_bytes=2000))
"""


@pytest.mark.slow
def test_a_killed_run_is_completed_to_the_same_bytes(file: Path, tmp_path: Path) -> None:
    source = dataset(tmp_path / "d", *[texts(400, 400 * place) for place in range(12)])
    asked = Tokenise(tokenizer=str(file), batch_bytes=2000)
    tokenise(source, tmp_path / "whole", asked)
    script = tmp_path / "run.py"
    script.write_text(_KILLED)
    out = tmp_path / "t"
    for finished in (1, 4, 8):
        process = subprocess.Popen([sys.executable, str(script), str(source), str(out), str(file)])
        while process.poll() is None and len(list(out.glob("part-*.json"))) < finished:
            time.sleep(0.001)
        process.kill()
        process.wait()
    assert not (out / "manifest.json").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*.json")}
    tokenise(source, out, asked)
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept  # finished shards were not made again
    for name, content in everything(tmp_path / "whole").items():
        if name != "manifest.json":
            assert (out / name).read_bytes() == content


def test_another_tokenizer_or_source_is_refused_with_the_field(
    file: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = dataset(tmp_path / "d", texts(5))
    tokenise(source, tmp_path / "t", Tokenise(tokenizer=str(file)))
    before = everything(tmp_path / "t")
    for other, field in (
        (Tokenise(tokenizer=str(tokenizer_file(tmp_path_factory, "llama3"))), "tokenizer"),
        (Tokenise(tokenizer=str(file), eos="none"), "eos"),
        (Tokenise(tokenizer=str(file), max_document_tokens=9), "max_document_tokens"),
    ):
        with pytest.raises(DriftError) as refused:
            tokenise(source, tmp_path / "t", other)
        assert field in {change.field for change in refused.value.changes}
    with pytest.raises(DriftError, match="source"):
        tokenise(dataset(tmp_path / "e", texts(6)), tmp_path / "t", Tokenise(tokenizer=str(file)))
    assert everything(tmp_path / "t") == before


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(10, 99), max_size=12), max_size=8), st.integers(2, 15), st.booleans(), st.booleans()
)
def test_tokens_in_are_tokens_out_and_cropped(documents: list[list[int]], most: int, eos: bool, bos: bool) -> None:
    tokenizer = _Named(1 if eos else None, 2 if bos else None)
    found = Ragged(
        np.array([token for document in documents for token in document], np.uint32),
        np.array([len(document) for document in documents], np.int64),
    )
    batch = Batch(first_row=5, texts=pl.Series(["x"] * len(documents), dtype=pl.String))
    asked = Tokenise(tokenizer="x", max_document_tokens=max(most, 1 + eos + bos))
    block, ledger = close_documents(found, batch, tokenizer, asked)  # type: ignore[arg-type]
    ledger.check()
    expected = [
        (row, [2] * bos + document[: max(most, 1 + eos + bos) - eos - bos] + [1] * eos)
        for row, document in enumerate(documents)
        if document
    ]
    assert block.ids.tolist() == [token for _, document in expected for token in document]
    assert block.counts.tolist() == [len(document) for _, document in expected]
    assert block.rows.tolist() == [row + 5 for row, _ in expected]
    extra = sum(eos + bos for document in documents if document)
    assert ledger.tokens_in == sum(map(len, documents)) + extra


class _Named:
    def __init__(self, eos: int | None, bos: int | None) -> None:
        self.eos, self.bos = eos, bos


def test_ids_above_65535_take_four_bytes(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    built = Tokenizer(models.WordLevel({f"w{number}": number for number in range(70_000)}, unk_token="w0"))  # type: ignore[call-arg]
    built.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    built.save(str(tmp_path / "tokenizer.json"))
    source = dataset(tmp_path / "d", ["w1 w69999 w65536"])
    made = tokenise(source, tmp_path / "t", Tokenise(tokenizer=str(tmp_path / "tokenizer.json"), eos="none"))
    assert np.fromfile(tmp_path / "t" / "part-00000.ds", "<u4").tolist() == [1, 69999, 65536]
    assert made.manifest.details["engines"]["part-00000"]["engine"] == "plain"
    assert "WordLevel" in made.manifest.details["engines"]["part-00000"]["reason"]


def test_a_tokenizer_that_does_not_fit_a_checkpoint_is_refused_with_the_numbers(file: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(Tokenise(tokenizer=str(file)))
    for rows in (420, 512):
        (tmp_path / "config.json").write_text(json.dumps({"vocab_size": rows}))
        check_fits(tokenizer, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"text_config": {"vocab_size": 400}}))
    with pytest.raises(ConfigError, match=r"go up to 419, the model has 400 rows .* 20 too few"):
        check_fits(tokenizer, tmp_path)


def test_a_checkpoint_with_other_ids_is_refused(
    file: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 420}))
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_file(tmp_path_factory, "llama3").read_bytes())
    with pytest.raises(ConfigError, match=r"\d+ of 420 tokens have another id"):
        check_fits(load_tokenizer(Tokenise(tokenizer=str(file))), tmp_path)


def test_what_cannot_be_read_is_refused_in_words(file: Path, tmp_path: Path) -> None:
    asked = Tokenise(tokenizer=str(file))
    with pytest.raises(SourceError, match="saw none"):
        tokenise(tmp_path, tmp_path / "t", asked)
    source = dataset(tmp_path / "d", texts(2))
    with pytest.raises(SourceError, match="column 'body'"):
        tokenise(source, tmp_path / "t", asked.model_copy(update={"column": "body"}))
    with pytest.raises(ConfigError, match="there is none"):
        tokenise(source, tmp_path / "t", Tokenise(tokenizer=str(tmp_path / "no.json")))
    with pytest.raises(ConfigError, match="<end>"):
        tokenise(source, tmp_path / "t", asked.model_copy(update={"eos_token": "<end>"}))
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(ConfigError, match="Copy the file again"):
        tokenise(source, tmp_path / "t", Tokenise(tokenizer=str(tmp_path / "broken.json")))


def test_training_is_repeatable_and_gives_the_size_asked_for(tmp_path: Path) -> None:
    source = dataset(tmp_path / "d", texts(40))
    asked = TrainTokenizer(vocabulary=350, split="llama3", specials=("<|end|>", "<|pad|>"))
    first, second = (train_tokenizer(source, tmp_path / name, asked) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    found = load_tokenizer(Tokenise(tokenizer=str(tmp_path / "a")))
    assert (found.size, found.eos_token, found.eos, found.token_bytes) == (350, "<|end|>", 0, 2)
    with pytest.raises(ConfigError, match="its texts give"):
        train_tokenizer(source, tmp_path / "c", asked.model_copy(update={"vocabulary": 40_000}))


@pytest.mark.slow
def test_datatrove_and_olmo_core_read_the_shards(file: Path, tmp_path: Path) -> None:
    """Needs a Python that has both packages and torch, named in TILTH_READERS_PYTHON; they are too large for dev."""
    python = os.environ.get("TILTH_READERS_PYTHON")
    if not python:
        pytest.skip("TILTH_READERS_PYTHON names no Python with datatrove and ai2-olmo-core")
    made = tokenise(dataset(tmp_path / "d", texts(60)), tmp_path / "t", Tokenise(tokenizer=str(file)))
    script = Path(__file__).parents[2] / "benchmarks" / "peers" / "datatrove" / "tokens_read.py"
    arguments = [str(made.shards[0].path), "2", str(made.tokenizer["eos"])]
    done = subprocess.run([python, str(script), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "60 documents read alike" in done.stdout
