"""Questions from linked seeds and by design logics."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from question_author import completion, make, parsed, question, row, stage_of

from tilth.base.errors import ConfigError
from tilth.generate.request import Request

LINKED = [
    {"id": "seed-2", "question": "What is the square root of 144?", "answer": "12", "solution": "12 squared."},
    {"id": "seed-3", "question": "How many prime factors has 144?", "answer": "2", "solution": None},
]


def test_one_question_is_made_from_all_linked_seeds() -> None:
    document = row(linked=LINKED, points=["squares", "factors "], field="mathematics")
    outcomes, author = make(stage_of("linked"), document, lambda *_: question())
    sent = orjson.loads(author.requests[0][1].document)
    assert [seed["question"] for seed in sent["seeds"]] == [
        "What is 12 times 12?",
        *(one["question"] for one in LINKED),
    ]
    assert sent["points"] == ["squares", "factors"]
    qa = parsed(outcomes[0])
    assert (qa["mechanism"], qa["seeds"]) == ("linked", ["seed-1", "seed-2", "seed-3"])
    assert qa["points"] == ["squares", "factors"]
    turn = author.requests[0][1].messages[0][1]
    assert "Question 3:\nHow many prime factors has 144?" in turn
    assert "Shared knowledge points: squares; factors" in turn


def test_a_linked_seed_repeated_word_for_word_is_refused() -> None:
    copied = question("What is the square root of 144?", "12")
    outcomes, author = make(stage_of("linked"), row(linked=LINKED), lambda *_: copied)
    assert outcomes[0].reason == "same_question"
    assert len(author.requests) == 2


@pytest.mark.parametrize("linked", [None, [], "seed-2", [3, None], [{"id": "x"}], [{"question": "  "}], {"a": 1}])
def test_a_row_without_a_linked_seed_is_passed_by(linked: Any) -> None:
    units, away = stage_of("linked").expand(row(linked=linked))
    assert not units
    assert [one.reason for one in away] == ["no_linked_seed"]


def logic_author(task: str, document: dict[str, Any], request: Request) -> Any:
    if task == "synthesize.extract_logic":
        assert set(document) == {"question", "answer", "solution"}
        return {"logic": ["1. Hide a factor.", "2. Ask for its square."], "points": ["squares", "squares", 7]}
    assert task == "synthesize.logic"
    return question()


def test_a_logic_is_extracted_first_and_then_used_on_the_material() -> None:
    document = row(context="A field is 40 m long and 30 m wide.")
    outcomes, author = make(stage_of("logic"), document, logic_author)
    assert author.tasks == ["synthesize.extract_logic", "synthesize.logic"]
    sent = orjson.loads(author.requests[1][1].document)
    assert sent["logic"] == "1. Hide a factor.\n2. Ask for its square."
    assert sent["material"] == "A field is 40 m long and 30 m wide."
    qa = parsed(outcomes[0])
    assert (qa["mechanism"], qa["points"], qa["logic"]) == ("logic", ["squares"], sent["logic"])
    assert outcomes[0].row["prompt"] == "question_logic"


def test_a_first_call_without_a_logic_ends_the_row() -> None:
    outcomes, author = make(stage_of("logic"), row(context="A field."), lambda *_: "no idea")
    assert (outcomes[0].reason, author.tasks) == ("no_logic_found", ["synthesize.extract_logic"] * 2)
    refused, _ = make(stage_of("logic"), row(context="A field."), lambda *_: completion("", "refused", "no_material"))
    assert refused[0].reason == "refused:no_material"


def test_rows_without_question_or_material_are_passed_by() -> None:
    stage = stage_of("logic")
    assert [one.reason for one in stage.expand(row())[1]] == ["no_material"]
    assert [one.reason for one in stage.expand(row(answer=None, solution=None))[1]] == ["no_question"]
    assert len(stage.expand(row(linked=LINKED))[0]) == 1, "linked questions are material"


@pytest.fixture
def logics(tmp_path: Path) -> Path:
    rows = [
        {
            "logic": "Compare two slopes of one hill, then remove the map.",
            "discipline": "geography",
            "points": ["slope"],
        },
        {"logic": "State a rule of contract and an exception to it.", "discipline": "law", "points": ["contract"]},
        {"logic": "Give a tort with two plausible defendants.", "discipline": "law", "points": ["tort"]},
        {"logic": "Reverse cause and effect.", "points": []},
    ]
    path = tmp_path / "logics.jsonl"
    path.write_bytes(b"\n".join(orjson.dumps(one) for one in rows))
    return path


def text_row(text: str, subject: str | None) -> Any:
    return row(text=text, answer=None, solution=None, subject=subject)


def test_a_file_of_logics_is_matched_by_discipline_and_by_words(logics: Path) -> None:
    stage = stage_of("logic", logic={"logics": str(logics), "among": 1})
    outcomes, author = make(stage, text_row("The contract was signed, and an exception agreed.", "law"), logic_author)
    assert author.tasks == ["synthesize.logic"]
    assert parsed(outcomes[0])["logic"] == "State a rule of contract and an exception to it."
    _, author = make(stage, text_row("A slope on the hill beside another.", "physics"), logic_author)
    assert orjson.loads(author.requests[0][1].document)["logic"] == "Reverse cause and effect."
    _, author = make(stage, text_row("A slope on the hill beside another.", None), logic_author)
    assert "hill" in orjson.loads(author.requests[0][1].document)["logic"]


def test_a_discipline_that_the_file_lacks_is_passed_by_and_wrong_files_are_told(logics: Path) -> None:
    lines = logics.read_text(encoding="utf-8").splitlines()
    logics.write_text("\n".join(lines[:3]), encoding="utf-8")
    stage = stage_of("logic", logic={"logics": str(logics)})
    assert [one.reason for one in stage.expand(text_row("Of atoms.", "physics"))[1]] == ["no_logic"]
    for text in ("", "{", '{"points": []}', "[1]"):
        logics.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"logics\.jsonl"):
            stage_of("logic", logic={"logics": str(logics)})


def test_an_empty_row_is_passed_by() -> None:
    for mechanism in ("grade", "harden", "linked", "logic"):
        assert [one.reason for one in stage_of(mechanism).expand(row(text=" \n"))[1]] == ["empty"]


def test_broken_metadata_counts_as_none() -> None:
    document = row()
    for metadata in (
        None,
        "",
        "{",
        "[1]",
        '{"linked": {"a": 1}, "signals": 3, "request": [], "difficulty": "x", "stem": 4}',
    ):
        from dataclasses import replace

        broken = replace(document, metadata=metadata)
        for mechanism in ("grade", "harden", "linked", "logic"):
            units, away = stage_of(mechanism).expand(broken)
            assert bool(units) != bool(away)
