"""The annotator's votes: what it is shown, how votes add up, and that what cannot be read never counts."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError, EngineError
from tilth.base.fingerprint import text_hash
from tilth.difficulty.anchors import load_anchors
from tilth.generate.request import Completion
from tilth.label.annotate_stage import build
from tilth.label.rubric import Rated, read_rating
from tilth.label.taxonomy.load import load_taxonomy
from tilth.recipe.stages.annotate import Annotate
from tilth.stage import Document, Outcome

TAXONOMY = load_taxonomy()
_NAMES = st.sampled_from(["difficulty", "grade", "discipline", "field"])
_VALUES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20) | st.lists(st.integers())
_REPLIES = st.text(alphabet=st.characters(), max_size=200) | st.builds(json.dumps, st.dictionaries(_NAMES, _VALUES))


def vote(**changes: Any) -> str:
    value = {"analysis": "short", "difficulty": 4, "grade": "G3", "discipline": "science", "field": "physics"}
    return json.dumps({**value, **changes})


def annotated(script: Callable[[Any, int], Any], text: str = "How fast does it fall?", **options: Any) -> Outcome:
    extra = options.pop("row", {"answer": "9.8 m/s", "solution": "By gravity."})
    document = Document(
        doc_id="q1", text=text, language=None, licence=None, origin="m", content_hash=text_hash(text),
        metadata=json.dumps(extra),
    )  # fmt: skip
    stage = build(Annotate(**options), 1)

    async def generate(request: Any, call: int) -> Completion:
        said = script(request, call)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Completion) else Completion(text=said, finish_reason="stop")

    async def run() -> Outcome:
        return await stage(stage.expand(document)[0][0], generate)

    return asyncio.run(run())


def test_votes_are_averaged_with_their_error_and_labels_go_by_majority() -> None:
    said = [
        vote(difficulty=4),
        vote(difficulty=5, grade="g4"),
        vote(difficulty="4.5", field="Physics"),
        vote(difficulty=4, field="chemistry"),
        vote(difficulty=5),
        vote(difficulty=4.5, field="abstain", discipline="abstain"),
    ]
    outcome = annotated(lambda request, call: said[call])
    qa = json.loads(outcome.row["parsed"])
    assert qa["difficulty"] == 4.5
    assert 0.1 < qa["difficulty_error"] < 0.3
    assert (qa["grade"], qa["discipline"], qa["field"], qa["stem"]) == ("G3", "science", "physics", True)
    assert qa["label_probability"] == round(5 / 6, 4)
    assert qa["annotations"]["low"] < 4.5 < qa["annotations"]["high"]
    assert qa["answer"] == "9.8 m/s"


def test_labels_without_a_majority_are_left_out() -> None:
    said = [vote(grade="G1", field="physics"), vote(grade="G2", field="law"), vote(grade="GC", field="history")]
    qa = json.loads(annotated(lambda request, call: said[call], votes=3).row["parsed"])
    assert not {"grade", "discipline", "field", "stem", "label_probability"} & set(qa)
    assert qa["difficulty"] == 4.0


def test_the_annotator_sees_anchors_grades_fields_and_the_solution() -> None:
    seen = {}
    annotated(lambda request, call: seen.setdefault(call, request) and vote())
    request = seen[0]
    system = request.messages[0][1]
    assert all(problem in system for _, problem in load_anchors().problems["en"])
    assert all(field in system for field in TAXONOMY.fields)
    assert "GC: " in system
    assert "By gravity." in request.messages[1][1]
    assert request.task == "annotate"
    assert [one["level"] for one in json.loads(request.document)["anchors"]] == list(range(1, 11))
    assert len({one.messages[1][1] for one in seen.values()}) > 2
    assert len({one.seed for one in seen.values()}) == 6
    bare = {}
    annotated(lambda request, call: bare.setdefault(call, request) and vote(), show_solution=False)
    assert "By gravity." not in bare[0].messages[1][1]
    assert json.loads(bare[0].document)["answer"] is None


def test_a_chinese_question_is_judged_beside_chinese_anchors() -> None:
    seen = {}
    annotated(lambda request, call: seen.setdefault(call, request) and vote(), text="物体下落有多快？")
    assert load_anchors().problems["zh"][0][1] in seen[0].messages[0][1]
    assert seen[0].language == "zh"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (["no"] * 6, "parse_failed"),
        ([vote(difficulty=11)] * 6, "parse_failed"),
        ([vote()] * 3 + ["no"] * 3, "too_few_votes"),
        ([Completion(text="{", finish_reason="length")] * 6, "incomplete"),
        ([Completion(text="", finish_reason="refused", refusal="no_rule")] * 6, "refused:no_rule"),
        ([EngineError("bad_request", "no")] * 6, "engine:bad_request"),
    ],
)
def test_votes_that_cannot_be_read_end_in_a_reason(said: list[Any], reason: str) -> None:
    outcome = annotated(lambda request, call: said[call])
    assert outcome.reason == reason
    assert outcome.row["detail"]
    assert not outcome.passing


def test_four_of_six_votes_are_enough_and_the_setting_moves_that() -> None:
    said = [vote()] * 4 + ["no", EngineError("bad_request", "no")]
    assert annotated(lambda request, call: said[call]).reason is None
    assert annotated(lambda request, call: said[call], least_votes=5).reason == "too_few_votes"


def test_labels_that_the_row_has_are_kept_where_the_recipe_says_so() -> None:
    row = {"answer": "x", "discipline": "law", "field": "law"}
    kept = json.loads(annotated(lambda request, call: vote(), row=row, labels="keep").row["parsed"])
    assert (kept["discipline"], kept["difficulty"]) == ("law", 4.0)
    assert json.loads(annotated(lambda request, call: vote(), row=row).row["parsed"])["discipline"] == "science"


def test_a_users_anchors_are_read_and_wrong_ones_refused(tmp_path: Path) -> None:
    own = tmp_path / "anchors.yaml"
    own.write_text("version: 1\nlevels:\n" + "".join(f"  {n}: {{en: easy {n}, zh: 易 {n}}}\n" for n in (1, 5.5, 10)))
    assert [level for level, _ in load_anchors(own).problems["en"]] == [1, 5.5, 10]
    for text in ("version: 1\nlevels: {11: {en: a, zh: b}}", "levels: [", "version: 1\nlevels: {1: {en: a, zh: b}}"):
        wrong = tmp_path / f"{text_hash(text)}.yaml"
        wrong.write_text(text)
        with pytest.raises(ConfigError, match="anchor problems"):
            load_anchors(wrong)


def test_the_shipped_anchors_rise_from_1_to_10_in_both_languages() -> None:
    problems = load_anchors().problems
    assert [level for level, _ in problems["en"]] == [level for level, _ in problems["zh"]] == list(range(1, 11))
    assert all(any("一" <= sign <= "鿿" for sign in problem) for _, problem in problems["zh"])


@given(_REPLIES)
@settings(max_examples=100, deadline=None)
def test_any_reply_is_a_vote_or_none(said: str) -> None:
    rated = read_rating(said, TAXONOMY)
    assert isinstance(rated, Rated)
    if rated.error is None:
        assert rated.difficulty is not None
        assert 1 <= rated.difficulty <= 10
        assert rated.difficulty * 2 % 1 == 0
        assert rated.field is None or TAXONOMY.fields[rated.field].discipline == rated.discipline
    else:
        assert rated.difficulty is None
