"""The loop that makes a question harder: rounds, ratings, solvers, and every way a round can end."""

from typing import Any

import orjson
import pytest
import yaml
from question_author import completion, make, parsed, question, row, stage_of

from tilth.generate.request import Request
from tilth.recipe.stages.synthesize import Synthesize
from tilth.synth.questions.rating import read_rating
from tilth.synth.questions.stage import REASONS, ROUTED

SEED = {"difficulty": 3.0}


class Model:
    """An author whose questions rise by `rise` a round, and solvers of whom the first `right` agree."""

    def __init__(self, rise: float = 2.0, right: int = 2, wrong: str = "17", start: float = 3.0) -> None:
        self.rise, self.right, self.wrong, self.start = rise, right, wrong, start
        self.written = 0
        self.solved = 0

    def __call__(self, task: str, document: dict[str, Any], request: Request) -> Any:
        if task == "synthesize.harden":
            self.written += 1
            self.solved = 0
            return question(f"Version {self.written} of a question about squares?", str(100 + self.written))
        if task == "annotate":
            return {"reasons": "steps", "difficulty": min(10, self.start + self.rise * self.written), "grade": "G4"}
        assert task == "solve"
        assert "solution" not in document
        assert "answer" not in document, "a solver must not see the answer"
        self.solved += 1
        gold = str(100 + self.written)
        given = gold if self.solved <= self.right else f"{self.wrong}{self.solved if self.wrong == 'x' else ''}"
        return f"Some reasoning.\nAnswer: {given}"


def harden(model: Model, document_more: dict[str, Any] | None = None, **settings: Any) -> tuple[Any, Any]:
    stage = stage_of("harden", harden=settings)
    outcomes, author = make(stage, row(**{**SEED, **(document_more or {})}), model)
    return outcomes[0], author


def test_rounds_go_on_until_the_difficulty_asked_for_is_reached() -> None:
    outcome, author = harden(Model(), k=4, target=7.0, rounds=5)
    qa = parsed(outcome)
    assert outcome.reason is None
    assert outcome.row["text"] == "Version 2 of a question about squares?"
    assert (qa["round"], qa["difficulty"], qa["difficulty_requested"], qa["verdict"]) == (2, 7.0, 7.0, "verified")
    assert (qa["votes"], qa["solvers"], qa["grade"]) == (2, 4, "G4")
    assert [entry["achieved"] for entry in qa["rounds"]] == [5.0, 7.0]
    assert [entry["before"] for entry in qa["rounds"]] == [3.0, 5.0]
    assert [entry["verdict"] for entry in qa["rounds"]] == ["accepted", "accepted"]
    assert len({entry["strategy"] for entry in qa["rounds"]}) == 2
    each = ["synthesize.harden", "annotate", "annotate", "solve", "solve", "solve", "solve"]
    assert author.tasks == each * 2
    assert sorted(call for call, _ in author.requests) == list(range(14))
    second = orjson.loads(author.requests[7][1].document)
    assert second["question"] == "Version 1 of a question about squares?"
    assert (second["round"], second["difficulty"]) == (2, 7.0)


def test_a_seed_without_a_rating_is_rated_first() -> None:
    outcome, author = harden(Model(), {"difficulty": None}, k=0)
    assert author.tasks[:3] == ["annotate", "annotate", "synthesize.harden"]
    qa = parsed(outcome)
    assert qa["rounds"][0]["before"] == 3.0
    assert qa["verdict"] == "unverified"
    assert "votes" not in qa


def test_a_better_question_that_stays_below_the_request_is_flagged_or_dropped() -> None:
    outcome, _ = harden(Model(rise=1.0), k=2, most=2, rounds=2, target=9.0)
    assert (outcome.reason, outcome.flags) == (None, ("below_requested",))
    assert parsed(outcome)["difficulty"] == 5.0
    dropped, _ = harden(Model(rise=1.0), k=2, most=2, rounds=2, target=9.0, must_reach=True)
    assert dropped.reason == "below_requested"
    assert len(orjson.loads(dropped.row["signals"])["rounds"]) == 2


@pytest.mark.parametrize(
    ("model", "settings", "reason"),
    [
        (Model(rise=0.0), {}, "too_easy"),  # not rated harder: nobody is asked to solve it
        (Model(right=4), {"k": 4}, "too_easy"),  # every solver answers it
        (Model(right=0, wrong="x"), {"k": 4}, "unsolvable"),  # solvers disagree with it and with one another
        (Model(right=1), {"k": 4}, "contradicted"),  # three say 17
        (Model(right=0), {"k": 4}, "contradicted"),
        (Model(right=1, wrong="x"), {"k": 4, "least": 2}, "unsolvable"),
    ],
)
def test_a_question_that_is_not_accepted_has_a_reason(model: Model, settings: dict[str, Any], reason: str) -> None:
    outcome, author = harden(model, rounds=2, **settings)
    assert outcome.reason == reason
    assert reason in REASONS
    rounds = orjson.loads(outcome.row["signals"])["rounds"]
    assert [entry["verdict"] for entry in rounds] == [reason, reason]
    assert rounds[1]["before"] == 3.0, "the next round starts from the last accepted question"
    if model.rise == 0:
        assert "solve" not in author.tasks
    starts = [orjson.loads(one.document)["question"] for _, one in author.requests if one.task == "synthesize.harden"]
    assert starts == ["What is 12 times 12?"] * 2


def test_a_round_that_fails_does_not_cost_what_was_accepted_before() -> None:
    model = Model()

    def fails_later(task: str, document: dict[str, Any], request: Request) -> Any:
        return "nothing" if task == "synthesize.harden" and model.written == 1 else model(task, document, request)

    stage = stage_of("harden", harden={"rounds": 3, "target": 10.0})
    outcomes, _ = make(stage, row(**SEED), fails_later)
    qa = parsed(outcomes[0])
    assert qa["round"] == 1
    assert [entry["verdict"] for entry in qa["rounds"]] == ["accepted", "parse_failed", "parse_failed"]


def test_ratings_that_cannot_be_read_are_no_ratings() -> None:
    model = Model()

    def mute(task: str, document: dict[str, Any], request: Request) -> Any:
        return "hard, I guess" if task == "annotate" else model(task, document, request)

    outcomes, author = make(stage_of("harden", harden={"rounds": 1}), row(**SEED), mute)
    assert outcomes[0].reason == "unrated"
    assert "solve" not in author.tasks
    for text, expected in [
        ('{"difficulty": 6.5, "grade": "g4"}', (6.5, "G4")),
        ('```json\n{"difficulty": "7/10", "grade": "GC (contest)"}```', (7.0, "GC")),
        ('{"difficulty": 6.3}', (6.5, None)),
        ('{"grade": "G2", "difficulty": 4', (4.0, "G2")),
    ]:
        rating = read_rating(completion(text))
        assert rating is not None
        assert (rating.difficulty, rating.grade) == expected
    for text in ("", '{"difficulty": 0}', '{"difficulty": 11}', '{"difficulty": true}', '{"difficulty": NaN}', "[7]"):
        assert read_rating(completion(text)) is None


def test_the_same_answers_in_any_order_of_arrival_give_the_same_row() -> None:
    first, one = harden(Model(), k=4)
    second, other = harden(Model(), k=4)
    assert first.row == second.row
    assert [call for call, _ in one.requests] == [call for call, _ in other.requests]


def test_what_the_row_asks_for_is_the_target() -> None:
    outcome, _ = harden(Model(), {"request": {"difficulty": 5.0}}, k=0)
    assert (parsed(outcome)["round"], parsed(outcome)["difficulty_requested"]) == (1, 5.0)


def test_more_rounds_than_strategies_use_each_once_before_any_again() -> None:
    stage = stage_of("harden", harden={"rounds": 5, "strategies": ["add_constraint", "generalise"], "target": 10})
    plan = [one.name for one in stage.expand(row(**SEED))[0][0].payload.plan]
    assert len(plan) == 5
    assert set(plan[:2]) == set(plan[2:4]) == {"add_constraint", "generalise"}


def test_a_text_is_no_question_to_harden_and_bounds_are_checked() -> None:
    units, away = stage_of("harden").expand(row(answer=None, solution=None))
    assert not units
    assert [one.reason for one in away] == ["no_question"]
    assert "no_question" in ROUTED
    assert Synthesize(mechanism="harden").harden.agree_most == 3
    with pytest.raises(ValueError, match="least <= most <= k"):
        Synthesize.model_validate({"harden": {"k": 4, "most": 5}})


def test_own_anchors_are_shown_to_the_annotator(tmp_path: Any) -> None:
    path = tmp_path / "anchors.yaml"
    levels = {2: "Is seven odd?", 5: "Is 91 prime?", 9: "Are there infinitely many twin primes?"}
    path.write_text(
        yaml.safe_dump({"version": 1, "levels": {at: {"en": text, "zh": "略"} for at, text in levels.items()}})
    )
    _, author = harden(Model(), k=0, anchors=str(path))
    asked = next(request for _, request in author.requests if request.task == "annotate")
    assert orjson.loads(asked.document)["anchors"] == [{"level": at, "question": text} for at, text in levels.items()]
    assert "2: Is seven odd?" in asked.messages[0][1]
    assert asked.temperature == 0.0
