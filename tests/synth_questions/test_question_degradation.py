"""Degradation is measured: planted losses are found, intervals hold them, unannotated rows are no success."""

import orjson
import pytest

from tilth.base.random import stream
from tilth.data.qa import QA
from tilth.synth.questions.degradation import degradation


def planted(count: int, loss: float, spread: float = 1.0, mechanism: str = "grade", seed: int = 0) -> list[QA]:
    random = stream(seed, "planted", mechanism)
    rows = []
    for _ in range(count):
        asked = random.choice([3.0, 5.0, 7.0, 9.0])
        found = min(10.0, max(1.0, round(2 * (asked - loss + random.gauss(0, spread))) / 2))
        rows.append(QA(question="q", mechanism=mechanism, difficulty_requested=asked, difficulty=found))
    return rows


def test_a_planted_loss_of_difficulty_is_measured_by_mechanism() -> None:
    rows = [*planted(800, 1.0), *planted(800, 0.0, mechanism="linked", seed=1)]
    found = {entry["mechanism"]: entry for entry in degradation(rows)["difficulty"]}
    lost, kept = found["grade"], found["linked"]
    assert lost["pairs"] == 800
    assert lost["difference"]["low"] < -0.9 < lost["difference"]["high"] or lost["difference"]["value"] < -0.8
    assert lost["difference"]["high"] < 0 < 0.05 + kept["difference"]["high"]
    assert lost["lower_bin"]["low"] > kept["lower_bin"]["high"]
    assert lost["requested"] - lost["achieved"] == pytest.approx(-lost["difference"]["value"])
    assert sum(map(sum, lost["bins"])) == 800


def test_intervals_cover_the_planted_mean_about_as_often_as_they_say() -> None:
    covered = 0
    for number in range(100):
        random = stream(number, "cover")
        rows = [
            QA(
                question="q",
                mechanism="harden",
                difficulty_requested=7.0,
                difficulty=random.choice([5.0, 6.0, 7.0, 8.0]),
            )
            for _ in range(60)
        ]
        interval = degradation(rows)["difficulty"][0]["difference"]
        covered += interval["low"] <= -0.5 <= interval["high"]
    assert 82 <= covered <= 97  # 90 are expected, with a standard deviation of 3


def test_grades_become_a_confusion_table_and_the_unannotated_are_counted_apart() -> None:
    pairs = [("G3", "G3"), ("G3", "G2"), ("G3", "G2"), ("G5", "G4"), ("GC", "G3"), ("G4", None), ("G1", "G9")]
    rows = [QA(question="q", mechanism="grade", grade_requested=asked, grade=found) for asked, found in pairs]
    grades = degradation(rows)["grades"]
    at = {label: number for number, label in enumerate(grades["labels"])}
    assert grades["counts"][at["G3"]][at["G2"]] == 2
    assert grades["counts"][at["GC"]][at["G3"]] == 1
    assert (grades["pairs"], grades["unannotated"]) == (5, 2)
    assert grades["exact"]["value"] == 0.2
    assert grades["below"]["value"] == 0.6, "a competition question is not ordered among the grades"
    assert grades["by_mechanism"]["grade"]["pairs"] == 5


def test_rounds_are_read_from_kept_and_from_dropped_rows() -> None:
    rounds = [
        {"round": 1, "strategy": "generalise", "requested": 7.0, "before": 3.0, "achieved": 5.0, "verdict": "accepted"},
        {
            "round": 2,
            "strategy": "add_constraint",
            "requested": 7.0,
            "before": 5.0,
            "achieved": 4.5,
            "verdict": "too_easy",
        },
    ]
    kept = {"text": "q", "parsed": orjson.dumps({"mechanism": "harden", "rounds": rounds}).decode()}
    dropped = {"text": None, "signals": orjson.dumps({"rounds": rounds[1:]}).decode(), "parsed": None}
    found = degradation([kept, dropped])
    assert [entry["round"] for entry in found["rounds"]] == [1, 2]
    first, second = found["rounds"]
    assert (first["pairs"], first["gain"]["value"], first["verdicts"]) == (1, 2.0, {"accepted": 1})
    assert (second["pairs"], second["gain"]["value"], second["verdicts"]) == (2, -0.5, {"too_easy": 2})
    assert {entry["strategy"] for entry in found["strategies"]} == {"generalise", "add_constraint"}
    assert found["rows"] == 2


def test_it_is_plain_json_and_nothing_is_no_error() -> None:
    odd = [
        {"text": "q"},
        {"text": "q", "parsed": "{"},
        {"text": "q", "metadata": '{"rounds": [1, {"requested": "x"}]}'},
    ]
    for rows in ([], odd, planted(1, 0)):
        found = degradation(rows)
        assert orjson.loads(orjson.dumps(found)) == found
        assert found["grades"]["exact"]["value"] is None
