"""Semantic near-duplicates from end to end: what is dropped, for what, and what may not change it."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from embedding_server import Served, serve
from pydantic import ValidationError

from tilth.base.errors import CorruptData, UserError
from tilth.curate.semantic.stage import build
from tilth.frames import make_frame
from tilth.recipe.stages.semantic import SemanticDuplicates

TOPICS = ["tea", "rain", "bees", "iron", "light"]
QUESTIONS = [f"{start} about {topic}?" for topic in TOPICS for start in ("What do you know", "Tell me", "Any facts")]


def _frame(texts: list[str], **metadata: list[object]) -> pl.DataFrame:
    rows = [json.dumps({name: values[place] for name, values in metadata.items()}) for place in range(len(texts))]
    return make_frame(texts, metadata=rows)


def _run(frame: pl.DataFrame, folder: Path, cuts: int = 1, **options: object) -> pl.DataFrame:
    stage = build(SemanticDuplicates.model_validate(options), 0)
    size = -(-max(frame.height, 1) // cuts)
    parts = {f"part-{number:05}": frame.slice(number * size, size) for number in range(cuts)}
    for part, whole in parts.items():
        half = whole.height // 2
        stage.gather([whole.head(half), whole.slice(half)], part, folder)
    stage.decide(list(parts), folder, 2)
    result = pl.concat([stage.apply(whole, part, folder) for part, whole in parts.items()])
    assert result["key"].to_list() == frame["key"].to_list()
    return result


def _endpoint(served: Served, **more: object) -> dict[str, object]:
    return {"embed": "endpoint", "endpoint": {"url": served.url, "model": "m", "batch": 4, **more}}


def test_questions_about_one_thing_are_found_through_a_server(tmp_path: Path) -> None:
    with serve() as served:
        result = _run(_frame(QUESTIONS), tmp_path, **_endpoint(served))
    assert result["reason"].is_null().to_list() == [True, False, False] * 5
    assert result["semantic_copies"].to_list() == [3] * 15
    assert result["semantic_cluster"].to_list() == [place // 3 * 3 for place in range(15)]
    assert str(result["detail"][1]).endswith("to d0")


def test_a_second_run_pays_nothing(tmp_path: Path) -> None:
    with serve() as served:
        cache = str(tmp_path / "paid")
        _run(_frame(QUESTIONS), tmp_path / "a", cache=cache, **_endpoint(served))
        paid, texts = served.requests, len(served.texts)
        _run(_frame(QUESTIONS[::-1]), tmp_path / "b", 3, cache=cache, threshold=0.5, **_endpoint(served, batch=9))
        assert (served.requests, texts) == (paid, len(set(QUESTIONS)))
    cost = json.loads((tmp_path / "b/part-00000.cost.json").read_text())
    assert (cost["requests"], cost["cached"], cost["texts"]) == (0, 5, 5)
    first = json.loads((tmp_path / "a/part-00000.cost.json").read_text())
    assert (first["requests"], first["tokens"]) == (paid, 3 * len(QUESTIONS))


def test_passing_faults_are_tried_again(tmp_path: Path) -> None:
    with serve() as served:
        served.faults = [429, 500, 503]
        result = _run(_frame(QUESTIONS), tmp_path, **_endpoint(served))
    assert result["reason"].null_count() == 5


def test_a_text_that_the_server_refuses_costs_no_other(tmp_path: Path) -> None:
    with serve() as served:
        served.refuse = "poison"
        result = _run(_frame([*QUESTIONS, "poison one", "poison two"]), tmp_path, **_endpoint(served))
    assert result["reason"].null_count() == 7
    assert result["semantic_copies"].to_list()[-2:] == [1, 1]
    assert json.loads((tmp_path / "part-00000.cost.json").read_text())["refused"] == 2


def test_the_key_comes_from_the_environment_and_stands_in_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBED_KEY", "sk-secret-words")
    with serve() as served:
        served.faults = [401] * 9
        with pytest.raises(UserError, match="401") as told:
            _run(_frame(QUESTIONS), tmp_path, **_endpoint(served, key_env="EMBED_KEY"))
        assert served.keys == {"Bearer sk-secret-words"}
    assert "secret" not in str(told.value)
    monkeypatch.delenv("EMBED_KEY")
    with pytest.raises(UserError, match="EMBED_KEY"):
        _run(_frame(QUESTIONS), tmp_path / "b", **_endpoint(served, key_env="EMBED_KEY"))


@pytest.mark.parametrize("body", [b"{}", b"no", b'{"data": [{"index": 0, "embedding": [1]}]}', b'{"data": 3}'])
def test_an_answer_without_embeddings_is_said_so(tmp_path: Path, body: bytes) -> None:
    with serve() as served:
        served.body = body
        with pytest.raises(UserError, match=r"embeddings|vectors"):
            _run(_frame(QUESTIONS), tmp_path, **_endpoint(served, retries=0))


def test_hashed_finds_nearly_the_same_words_and_minds_the_answers(tmp_path: Path) -> None:
    texts = [
        "What is the name of the largest planet in our solar system?",
        "What is the name of the largest planet in our own solar system?",
        "What is the name of the largest planet in the solar system?",
        "Who wrote the novel about a white whale?",
        "数列的前几项之和等于多少，请写出通项公式？",
        "数列的前几项之和等于多少，请写出它的通项公式？",
    ]
    answers: list[object] = ["Jupiter", "Jupiter", "Saturn", "Melville", "n", "n"]
    guarded = _run(_frame(texts, answer=answers), tmp_path / "a", threshold=0.7)
    assert guarded["reason"].is_null().to_list() == [True, False, True, True, True, False]
    loose = _run(_frame(texts, answer=answers), tmp_path / "b", threshold=0.7, same_answer=False)
    assert loose["reason"].is_null().to_list() == [True, False, False, True, True, False]


def test_the_solved_question_is_kept(tmp_path: Path) -> None:
    texts = ["What is the name of the largest planet of all?", "What is the name of the largest planet of all??"]
    result = _run(_frame(texts, solution=[None, "Jupiter, by mass and by volume."]), tmp_path)
    assert result["reason"].to_list() == ["semantic_duplicate", None]


@pytest.mark.parametrize("index", ["exact", "approximate"])
def test_parts_do_not_change_the_outcome(tmp_path: Path, index: str) -> None:
    pytest.importorskip("usearch")
    frame = _frame([f"{text} {number % 7}" for number, text in enumerate(QUESTIONS * 8)])
    whole = _run(frame, tmp_path / "one", index=index, threshold=0.6)
    assert whole["reason"].null_count() < frame.height
    for cuts in (2, 5):
        assert _run(frame, tmp_path / f"cut{cuts}", cuts, index=index, threshold=0.6).equals(whole)


def test_empty_parts_and_dropped_rows_pass(tmp_path: Path) -> None:
    frame = _frame(["", "Why is the sky blue at noon?", "Why is the sky blue at noon?"])
    frame = frame.with_columns(pl.Series("reason", [None, "earlier", None]))
    result = _run(frame, tmp_path, cuts=5)
    assert result["reason"].to_list() == [None, "earlier", None]
    assert _run(_frame([]), tmp_path / "none").height == 0


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="endpoint needs"):
        SemanticDuplicates(embed="endpoint")


def test_identity_leaves_out_where_and_how_fast() -> None:
    def identity(**more: object) -> object:
        endpoint = {"url": "http://a/v1", "model": "m", **more}
        return build(SemanticDuplicates.model_validate({"embed": "endpoint", "endpoint": endpoint}), 0).identity

    assert identity() == identity(url="http://b/v1", batch=3, key_env="KEY")
    assert identity() != identity(model="n")


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptData, match="part-00003"):
        build(SemanticDuplicates(), 0).decide(["part-00003"], tmp_path, 1)


@pytest.mark.parametrize("text", ["\x00", "\n" * 5, "a" * 3_000_000, "如" * 500_000, "a b " * 500_000, "\ufffd\u2028"])
def test_hostile_texts_pass(tmp_path: Path, text: str) -> None:
    result = _run(_frame([text, "Why is the sky blue at noon?", text]), tmp_path)
    assert result["reason"][1] is None
    assert np.isfinite(result["semantic_cosine"].fill_null(0).to_numpy()).all()
