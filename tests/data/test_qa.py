import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.data.qa import QA, qa_of

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(deadline=None, max_examples=100)
@given(
    _TEXT,
    _TEXT.filter(str.strip),
    st.none() | st.lists(_TEXT.filter(str.strip), min_size=2, max_size=4, unique=True),
    st.lists(_TEXT, max_size=3),
    st.dictionaries(st.sampled_from(["origin_repo", "unit"]), _TEXT),
)
def test_a_question_reads_back_as_it_was_written(
    question: str, answer: str, choices: list[str] | None, seeds: list[str], more: dict[str, str]
) -> None:
    made = QA(
        question=question,
        answer=answer,
        choices=None if choices is None else tuple(choices),
        seeds=tuple(seeds),
        changed=("answer",),
        pass_rate=0.25,
        more=dict(more),
    )
    assert qa_of(question, made.dump()) == made


def test_what_a_stage_does_not_know_is_carried_along() -> None:
    item = qa_of("Why?", '{"answer": "Because", "page": 7, "choices": ["a", "b"]}')
    assert item.but(verdict="verified").more == {"page": 7}
    assert orjson.loads(item.but(verdict="verified").dump()) == {
        "answer": "Because",
        "page": 7,
        "choices": ["a", "b"],
        "verdict": "verified",
    }


def test_broken_json_is_a_question_of_which_nothing_is_known() -> None:
    for broken in (None, "", "{", "[1]", "3"):
        assert qa_of("Why?", broken) == QA(question="Why?")


def test_labels_that_curation_measured_are_the_question_s_own() -> None:
    item = qa_of("Why?", '{"answer": "a", "signals": {"discipline": "science", "stem": true, "words": 3}}')
    assert (item.discipline, item.stem) == ("science", True)
    assert qa_of("Why?", '{"discipline": "law", "signals": {"discipline": "science"}}').discipline == "law"
