"""The commands from texts to training shards, run as a user runs them."""

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
import yaml
from tokens_help import dataset, texts
from typer.main import get_command
from typer.testing import CliRunner

from tilth.base.errors import UserError
from tilth.cli import corpus, tokens
from tilth.mix.load import load_mix
from tilth.mix.plan import plan_lines, plan_mix
from tilth.recipe.stages.mix import Mix, MixFile, MixPart

DOCS = Path(__file__).resolve().parents[2] / "docs"
FORMS = ("megatron", "chat", "jsonl", "parquet")


def program() -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    for name, command in (tokens.COMMANDS | {"explain": corpus.COMMANDS["explain"]}).items():
        app.command(name)(command)
    return app


def tilth(*arguments: str | Path) -> str:
    """Standard output of a command that ends well."""
    done = CliRunner().invoke(program(), [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: str | Path) -> str:
    """The message of a command that a user can mend."""
    with pytest.raises(UserError) as error:
        CliRunner().invoke(program(), [str(argument) for argument in arguments], catch_exceptions=False)
    return str(error.value)


def rows_in(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole chain but for the exports, made by the commands; the mix file lies in a folder of its own."""
    folder = tmp_path_factory.mktemp("chain")
    dataset(folder / "web", texts(30), texts(20, 30))
    dataset(folder / "faq", texts(25, 100))
    said = tilth("train-tokenizer", folder / "web", "--out", folder / "tok", "--vocabulary", "400", "--split", "llama3")
    assert "400 tokens" in said
    for name, data in (("web", "web"), ("faq", "faq/*.parquet")):
        said = tilth(
            *("tokenise", folder / data, "--tokenizer", folder / "tok", "--out", folder / "tokens" / name),
            *("--workers", "1", "--max-document-tokens", "40"),
        )
        sums = re.search(r"tokens +([\d,]+) in = ([\d,]+) out \+ ([\d,]+) cropped", said)
        assert sums is not None
        inside, out, cropped = (int(number.replace(",", "")) for number in sums.groups())
        assert inside == out + cropped
        assert cropped > 0
    write_mix(folder, 2000)
    return folder


def write_mix(base: Path, budget: int, *, weights: tuple[float | None, float | None] = (3, 7), **more: object) -> Path:
    (base / "mixes").mkdir(exist_ok=True)
    names = ((("web", "original"), weights[0]), (("faq", "synthetic"), weights[1]))
    parts = [
        {"name": name, "tokens": f"../tokens/{name}", "kind": kind} | ({"weight": weight} if weight else {})
        for (name, kind), weight in names
    ]
    path = base / "mixes" / f"{budget}-{weights[0]}.yaml"
    path.write_text(yaml.safe_dump({"tokens": budget, "seed": 1, "shard_tokens": 700, "parts": parts, **more}))
    return path


def test_the_whole_chain_from_texts_to_every_form(base: Path) -> None:
    file = base / "mixes" / "2000-3.yaml"
    plan = tilth("mix", file, "--plan")
    assert "2,000 tokens, 30.0% original, 70.0% synthetic" in plan
    assert re.search(r"faq +synthetic +70.0% .* seen \d\.\d\d times \(cap 4\)", plan)
    assert not (base / "mixture").exists()
    made = tilth("mix", file, "--out", base / "mixture")
    assert made.startswith(plan)
    said = tilth("pack", base / "mixture", "--out", base / "shards", "--sequence", "32")
    shards = sorted((base / "shards").glob("*.ds"))
    whole = np.concatenate([np.memmap(path, "<u2", "r") for path in shards])
    assert f"tokens  2,000 in = {len(whole):,} out + {2000 - len(whole):,} cropped" in said
    assert all(path.stat().st_size % 64 == 0 for path in shards)
    rows = rows_in(base / "mixture")
    for form in FORMS:
        said = tilth("export", base / "mixture", "--to", form, "--out", base / form)
        files = sorted(path for path in (base / form).iterdir() if path.suffix != ".idx")
        assert len(files) == 3, form
        if form != "chat":
            assert said.startswith(f"{rows:,} documents in 3 shards")
    assert sum(path.stat().st_size for path in (base / "megatron").glob("*.bin")) == 2 * 2000
    lines = [json.loads(line) for path in sorted((base / "chat").iterdir()) for line in path.read_text().splitlines()]
    assert {turn["content"] for line in lines for turn in line["messages"]} == {"how many?", "12"}
    assert len(lines) < rows == rows_in(base / "parquet")
    exported = tilth("export", base / "shards", "--to", "megatron", "--out", base / "from-shards")
    assert "3 shards" in exported


def test_a_token_of_a_packed_mixture_is_explained(base: Path) -> None:
    tilth("mix", base / "mixes" / "2000-3.yaml", "--out", base / "mixture")
    tilth("pack", base / "mixture", "--out", base / "whole", "--quiet")
    for token in (0, 17, 333):
        found = json.loads(tilth("explain", f"{base / 'whole' / 'part-00001.ds'}:{token}", "--json"))
        place = int(found["shard"].removeprefix("part-").removesuffix(".parquet"))
        assert found["part"] in ("web", "faq")
        assert Path(found["dataset"]) == base / found["part"]
        columns = found["columns"]
        assert columns["sample_id"] == f"{found['part']}-{place}-{found['row']}"
        assert columns["prompt"] == f"{found['part']}-prompt"
        assert (columns["model"], columns["request_id"]) == ("small-model", f"call-{place}-{found['row']}")


def test_a_budget_that_cannot_be_met_is_refused_with_the_numbers_and_one_that_can_be(base: Path) -> None:
    said = refused("mix", write_mix(base, 50_000), "--plan")
    have = json.loads((base / "tokens" / "faq" / "manifest.json").read_text())["ledger"]["tokens_out"]
    assert f"faq: asked 35,000 tokens, available {have:,}, {35_000 / have:.2f} passes are needed, the cap is 4" in said
    most = re.search(r"at most ([\d,]+) tokens can be", said)
    assert most is not None
    tilth("mix", write_mix(base, int(most[1].replace(",", ""))), "--plan")
    assert not (base / "none").exists()
    refused("mix", write_mix(base, 50_000), "--out", base / "none")
    assert not (base / "none").exists()


def test_start_values_are_a_mix_file_that_can_be_made(base: Path) -> None:
    bare = write_mix(base, 1500, weights=(None, None))
    assert "--suggest prints start values" in refused("mix", bare, "--plan")
    value = yaml.safe_load(bare.read_text())
    value["parts"][1]["format"] = "table"
    bare.write_text(yaml.safe_dump(value))
    said = tilth("mix", bare, "--suggest")
    assert "best published share of table" in said
    (base / "mixes" / "suggested.yaml").write_text(said)
    assert load_mix(base / "mixes" / "suggested.yaml").mix.shares == pytest.approx({"web": 0.3, "faq": 0.7})
    assert "30.0% original, 70.0% synthetic" in tilth("mix", base / "mixes" / "suggested.yaml", "--plan")
    value["parts"] = value["parts"][1:]
    bare.write_text(yaml.safe_dump(value))
    assert "original text" in refused("mix", bare, "--suggest")


def test_a_killed_run_keeps_its_finished_shards(base: Path, tmp_path: Path) -> None:
    source = dataset(tmp_path / "d", *[texts(60, 60 * place) for place in range(40)])
    arguments = [
        *("tokenise", str(source), "--tokenizer", str(base / "tok"), "--out", str(tmp_path / "t"), "--workers", "1")
    ]
    code = "import sys; from test_tokens_commands import program; program()(sys.argv[1:])"
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=Path(__file__).parent)
    while process.poll() is None and not list((tmp_path / "t").glob("part-*.json")):
        time.sleep(0.002)
    process.kill()
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "t").glob("part-*.json")}
    assert 0 < len(kept) < 40
    done = CliRunner().invoke(program(), arguments, catch_exceptions=False)
    assert f"{len(kept)} of 40 shards" in done.stderr.splitlines()[0]
    assert "40 of 40 shards" in done.stderr.splitlines()[-1]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list((tmp_path / "t").glob("*.ds"))) == 40


def test_no_command_writes_over_other_data(base: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "d", texts(9))
    before = (data / "part-00000.parquet").read_bytes()
    file = base / "mixes" / "2000-3.yaml"
    assert "holds other data" in refused("mix", file, "--out", data)
    assert "holds other data" in refused("tokenise", data, "--tokenizer", base / "tok", "--out", data)
    tilth("mix", file, "--out", base / "mixture", "--quiet")
    assert "holds other data" in refused("pack", base / "mixture", "--out", data)
    assert "holds a dataset" in refused("export", base / "mixture", "--to", "parquet", "--out", base / "mixture")
    assert (data / "part-00000.parquet").read_bytes() == before


def test_steps_of_runs_are_read_and_unfinished_ones_are_not(base: Path, tmp_path: Path) -> None:
    step = dataset(tmp_path / "run" / "kept", texts(4))
    (tmp_path / "run" / "recipe.yaml").write_text("name: run\n")
    command = ("tokenise", "--tokenizer", base / "tok", "--out", tmp_path / "t", "--quiet")
    assert "its run is not done" in refused(*command, step)
    (step / "manifest.json").write_text('{"name": "kept", "shards": [], "ledger": {}, "fingerprint": "f", "format": 1}')
    assert "give one of its finished steps (kept)" in refused(*command, tmp_path / "run")
    assert tilth(*command, step) == ""
    tilth("tokenise", step / "part-00000.parquet", *command[1:4], tmp_path / "file")
    assert (tmp_path / "file" / "part-00000.ds").read_bytes() == (tmp_path / "t" / "part-00000.ds").read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tokens": "many"}, "tokens: Input should be a valid integer"),
        ({"seeds": 1}, "seeds: unknown key; known keys: parts, tokens, seed"),
        ({"parts": []}, "parts: "),
        ({"parts": [{"name": "web", "tokens": "t", "kind": "web"}]}, "parts.0.kind: "),
        ({"parts": [{"name": "web", "tokens": "t", "kind": "original", "share": 1}]}, "parts.0.share: unknown key"),
    ],
)
def test_a_fault_in_a_mix_file_is_named_with_its_place(base: Path, change: dict[str, object], words: str) -> None:
    assert words in refused("mix", write_mix(base, 10, **change), "--plan")


def test_other_mistakes_are_refused_in_words(base: Path, tmp_path: Path) -> None:
    file = base / "mixes" / "2000-3.yaml"
    assert "Choose one" in refused("mix", file)
    assert "Choose one" in refused("mix", file, "--plan", "--out", tmp_path / "m")
    assert "expected a mix file" in refused("mix", tmp_path / "no.yaml", "--plan")
    assert "Make it with tilth mix" in refused("export", base / "tokens" / "web", "--to", "jsonl", "--out", tmp_path)
    assert "expected a finished mixture" in refused("pack", base / "tokens" / "web", "--out", tmp_path / "p")
    part = {"name": "a", "tokens": "t", "kind": "original"}
    assert MixFile.model_validate({"tokens": "2.5k", "parts": [part]}).tokens == 2500


def test_a_source_that_is_gone_or_changed_is_named(base: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", texts(6))
    tilth("tokenise", data, "--tokenizer", base / "tok", "--out", tmp_path / "t", "--quiet")
    part = {"name": "a", "tokens": "t", "kind": "original", "weight": 1}
    (tmp_path / "mix.yaml").write_text(yaml.safe_dump({"tokens": 300, "parts": [part]}))
    tilth("mix", tmp_path / "mix.yaml", "--out", tmp_path / "m", "--quiet")
    file = data / "part-00000.parquet"
    whole = file.rename(tmp_path / "away.parquet")
    export = ("export", tmp_path / "m", "--to", "jsonl", "--out", tmp_path / "x")
    explain = ("explain", f"{tmp_path / 't' / 'part-00000.ds'}:300")
    assert "it is gone" in refused(*export)
    assert "it is gone" in refused(*explain)
    pq.write_table(pq.read_table(whole).slice(0, 1), file)
    assert "expected 6 rows" in refused(*export)
    assert "It changed since it was tokenised" in refused(*explain)


def test_a_tokenizer_of_another_kind_is_taken_by_its_file(base: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = [
        ("<unk>", 0.0),
        ("</s>", 0.0),
        *((letter, -3.0) for letter in "▁abcdefghijklmnopqrstuvwxyz"),
        ("▁ro", -2.0),
    ]
    built = Tokenizer(models.Unigram(pieces, unk_id=0))
    built.pre_tokenizer = pre_tokenizers.Metaspace()
    built.save(str(tmp_path / "unigram.json"))
    data = dataset(tmp_path / "d", ["row the boat", "a row"])
    tilth("tokenise", data, "--tokenizer", tmp_path / "unigram.json", "--out", tmp_path / "t", "--quiet")
    ids = np.fromfile(tmp_path / "t" / "part-00000.ds", "<u2").tolist()
    assert ids == [*built.encode("row the boat").ids, 1, *built.encode("a row").ids, 1]


def test_the_plan_in_the_page_is_what_is_printed() -> None:
    text = (DOCS / "mix.md").read_text(encoding="utf-8")
    shown = re.findall(r"```\n(web .*?)```", text, flags=re.DOTALL)[0]
    parts = (MixPart(name="web", weight=3, kind="original"), MixPart(name="table", weight=7, kind="synthetic", cap=4))
    plan = plan_mix(Mix(parts=parts, tokens=1_000_000, seed=1), {"web": 850_000, "table": 446_500})
    assert "\n".join(plan_lines(plan)) == shown.strip()


@pytest.mark.parametrize("page", ["tokens.md", "mix.md"])
def test_the_commands_and_mix_files_in_the_pages_are_valid(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    commands = get_command(program()).commands  # type: ignore[attr-defined]
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()]
    assert len(lines) >= 3
    for line in lines:
        name, *arguments = shlex.split(line, comments=True)[1:]
        commands[name].make_context(name, arguments)
    for block in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL):
        assert MixFile.model_validate(yaml.safe_load(block)).tokens > 0
