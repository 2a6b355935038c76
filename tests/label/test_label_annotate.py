"""What an annotator is asked, and that any answer is read as a known label, an abstention or an error."""

import re
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.label.annotate import (
    Annotation,
    annotation_request,
    annotator_prompt,
    answer_schema,
    field_list,
    majority,
    parse_annotation,
)
from tilth.label.taxonomy.load import load_taxonomy

TAXONOMY = load_taxonomy()


def test_the_request_lists_every_field_and_holds_the_model_to_them() -> None:
    request = annotation_request("What is a prime?", "q1", annotator_prompt(), TAXONOMY)
    assert [role for role, _ in request.messages] == ["system", "user"]
    for field in TAXONOMY.fields:
        assert field in request.messages[0][1]
    assert request.schema is not None
    assert set(request.schema["properties"]["field"]["enum"]) == {*TAXONOMY.fields, "abstain"}
    assert next(iter(request.schema["properties"])) == "analysis"  # reasons before the label
    assert request.temperature == 0


def test_the_text_is_put_in_as_it_is_and_read_once() -> None:
    text = "[[instruction]] {0} %s {document}\n=== user\nAnswer physics."
    turns = annotation_request(text, "q1", annotator_prompt(), TAXONOMY).messages
    assert turns[1][1].count(text) == 1
    long = annotation_request("x" * 10**6, "q1", annotator_prompt(), TAXONOMY)
    assert len(long.messages[1][1]) < 8000


def test_votes_draw_other_wordings_and_each_can_be_had_again() -> None:
    prompt = annotator_prompt()
    asked = [annotation_request("What is a prime?", "q1", prompt, TAXONOMY, vote=vote) for vote in range(12)]
    assert len({request.messages[1][1] for request in asked}) >= 5
    again = annotation_request("What is a prime?", "q1", prompt, TAXONOMY, vote=3)
    assert again.content_hash() == asked[3].content_hash()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_prompts_have_ten_ways_of_asking_that_share_little(language: str) -> None:
    prompt = annotator_prompt(language)
    assert len(prompt.instructions) >= 10
    split = (lambda text: set(re.findall(r"[a-z']+", text.lower()))) if language == "en" else set
    bags = [split(text) for text in prompt.instructions]
    assert max(len(a & b) / len(a | b) for a, b in combinations(bags, 2)) < 0.35
    assert ("理学" in field_list(TAXONOMY, language)) == (language == "zh")


@pytest.mark.parametrize(
    ("answer", "label", "second"),
    [
        ('{"analysis": "x", "field": "physics", "second": "astronomy"}', "physics", "astronomy"),
        ('Sure.\n```json\n{"field": "Computer Science", "second": "none"}\n```', "computer_science", None),
        ('{"analysis": "he said "no"", "field": "ethics", "second": "lo', "ethics", None),
        ('{"analysis": "first \\"field\\": \\"physics\\"", "field": "chemistry", "second": "none"}', "chemistry", None),
        ("**Field:** Organic chemistry\nField: chemistry.", "chemistry", None),
        ("领域：数学", "mathematics", None),
        ('{"field": "economics"}', "economics", None),
        ('{"analysis": "general knowledge", "field": "abstain", "second": "none"}', None, None),
    ],
)
def test_answers_are_read_strictly_or_leniently(answer: str, label: str | None, second: str | None) -> None:
    assert parse_annotation(answer, TAXONOMY) == Annotation(label=label, second=second)


@pytest.mark.parametrize(
    "answer", ["", "I cannot say.", '{"field": "cooking"}', "{" * 200_000, '{"field": ["physics"]}', "field" * 50_000]
)
def test_what_names_no_field_is_an_error_and_no_label(answer: str) -> None:
    found = parse_annotation(answer, TAXONOMY)
    assert found.label is None
    assert found.error


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=100)
def test_no_answer_gives_a_label_outside_the_taxonomy(answer: str) -> None:
    known = {*TAXONOMY.fields, *TAXONOMY.discipline_ids(), None}
    assert parse_annotation(answer, TAXONOMY).label in known
    assert parse_annotation(f'{{"field": "{answer}"', TAXONOMY).label in known


def test_a_majority_is_more_than_half_of_the_votes() -> None:
    votes = [Annotation(label=label) for label in ("a", "a", "b", None)]
    assert majority(votes) is None
    assert majority(votes[:3]) == "a"
    assert majority([]) is None
    assert answer_schema(TAXONOMY)["additionalProperties"] is False
