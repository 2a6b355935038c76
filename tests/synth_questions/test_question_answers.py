"""Whatever a model writes is read as a question or refused with one word."""

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tilth.recipe.stages.synthesize import Limits
from tilth.synth.questions.answers import REASONS, Expected, Parsed, Unread, folded, is_chinese, parse_answer

EXPECTED = Expected(limits=Limits())
QUESTION = "Find the sum of the first ten odd numbers."
WHOLE = {"question": QUESTION, "answer": "100", "solution": "n^2 with n = 10."}
STRICT = orjson.dumps(WHOLE).decode()


def read(text: str, finish: str = "stop", expected: Expected = EXPECTED) -> Parsed | Unread:
    return parse_answer(text, finish, expected)


def reason(text: str, finish: str = "stop", expected: Expected = EXPECTED) -> str:
    found = read(text, finish, expected)
    assert isinstance(found, Unread), found
    return found.reason


@pytest.mark.parametrize(
    "text",
    [
        STRICT,
        f"```json\n{STRICT}\n```",
        f"Here is the problem you asked for:\n{STRICT}\nI hope it helps {{really}}!",
        f'<think>Let me see: {{"question": "draft"}}</think>\n{STRICT}',
        f"[{STRICT}]",
        orjson.dumps({"result": WHOLE}).decode(),
        STRICT[:-1] + ",}",
        STRICT[:-1],  # the last brace is missing
        STRICT.replace(", ", ",\n"),
        f'{{"question": "{QUESTION}", "answer": 100, "solution": "n^2 with n = 10."}}',
        f"{{'question': '{QUESTION}', 'answer': '100', 'solution': 'n^2 with n = 10.'}}",
        f"{{“question”: “{QUESTION}”， “answer”: “100”， “solution”: “n^2 with n = 10.”}}",
        f'{{"problem": "{QUESTION}", "final_answer": "100", "explanation": "n^2 with n = 10."}}',
        f'First {{"question": "An old idea of mine?", "answer": "1", "solution": "s"}}, no, better:\n{STRICT}',
    ],
)
def test_answers_that_are_whole_in_any_wrapping_read_the_same(text: str) -> None:
    assert read(text) == Parsed(question=QUESTION, answer="100", solution="n^2 with n = 10.", choices=None)


@pytest.mark.parametrize(
    "latex", [r"\frac{1}{2}", r"\theta", r"\neq", r"\times", r"\beta", r"\rho", r"\alpha", r"\(x\)"]
)
def test_latex_with_one_backslash_is_read_as_latex(latex: str) -> None:
    for text in (latex, latex.replace("\\", "\\\\")):
        found = read(f'{{"question": "How large is ${text}$ here?", "answer": "{text}", "solution": "so {text}"}}')
        assert isinstance(found, Parsed)
        assert found.answer == latex
        assert found.question == f"How large is ${latex}$ here?"


def test_escapes_of_json_stay_what_they_are() -> None:
    found = read(r'{"question": "Given:\n- a \"word\"\n\nequal to what?", "answer": "\u00e9", "solution": "\tbecause"}')
    assert isinstance(found, Parsed)
    assert (found.question, found.answer) == ('Given:\n- a "word"\n\nequal to what?', "é")


def test_quotation_marks_inside_a_text_do_no_harm() -> None:
    found = read(
        '{"question": "What does "carpe diem" mean in English?", "answer": "seize the day", "solution": "Latin."}'
    )
    assert isinstance(found, Parsed)
    assert found.question == 'What does "carpe diem" mean in English?'


@pytest.mark.parametrize(
    ("text", "finish", "expected"),
    [
        ("", "stop", "empty"),
        ("  \n", "length", "incomplete"),
        (STRICT[:60], "length", "incomplete"),
        (STRICT[:-12], "stop", "incomplete"),
        ("I would rather not.", "stop", "parse_failed"),
        ("{" * 100_000, "stop", "parse_failed"),
        ('{"a":' * 5000, "stop", "parse_failed"),
        ("x" * 300_000, "stop", "too_long"),
        ('{"declined": "the data contradict each other"}', "stop", "declined"),
        ('{"question": "", "answer": "", "solution": "", "declined": "no"}', "stop", "declined"),
        (STRICT, "content_filter", "filtered"),
        ('{"question": "Why is it so?!?", "answer": "", "solution": "s"}', "stop", "missing_field"),
        ('{"question": "Why is it so?!?", "solution": "s"}', "stop", "missing_field"),
        ('{"question": "Why is it so?!?", "answer": "1"}', "stop", "missing_field"),
        ('{"question": {"a": 1}, "answer": "1", "solution": "s"}', "stop", "wrong_type"),
        ('{"question": "Why?", "answer": "1", "solution": "s"}', "stop", "too_short"),
        (orjson.dumps({**WHOLE, "question": "x" * 9000}).decode(), "stop", "too_long"),
        (orjson.dumps({**WHOLE, "choices": "a or b"}).decode(), "stop", "wrong_type"),
        (orjson.dumps({**WHOLE, "choices": ["100"]}).decode(), "stop", "bad_choices"),
        (orjson.dumps({**WHOLE, "choices": ["100", "100", "3"]}).decode(), "stop", "bad_choices"),
        (orjson.dumps({**WHOLE, "choices": ["1", "2", "3"]}).decode(), "stop", "answer_not_among_choices"),
        (orjson.dumps({**WHOLE, "answer": "A, B", "choices": ["1", "2"]}).decode(), "stop", "answer_not_among_choices"),
    ],
)
def test_what_is_no_question_has_its_reason(text: str, finish: str, expected: str) -> None:
    assert reason(text, finish) == expected
    assert expected in REASONS


@pytest.mark.parametrize("answer", ["B", "(b)", "B. Oslo", "Oslo", "B) Oslo", "b"])
@pytest.mark.parametrize("choices", [["Bern", "Oslo", "Rome"], ["A. Bern", "B. Oslo", "C. Rome"]])
def test_an_answer_that_is_a_choice_becomes_its_letter(answer: str, choices: list[str]) -> None:
    text = orjson.dumps({**WHOLE, "answer": answer, "choices": choices}).decode()
    found = read(text, expected=Expected(limits=Limits(), choices=True))
    assert isinstance(found, Parsed)
    assert (found.answer, found.choices) == ("B", ("Bern", "Oslo", "Rome"))


def test_a_letter_beside_the_text_of_another_choice_is_refused() -> None:
    text = orjson.dumps({**WHOLE, "answer": "B. Rome", "choices": ["Bern", "Oslo", "Rome"]}).decode()
    assert reason(text) == "answer_not_among_choices"
    assert reason(STRICT, expected=Expected(limits=Limits(), choices=True)) == "no_choices"


def test_a_repeated_seed_and_another_language_are_refused() -> None:
    same = Expected(limits=Limits(), not_these=("other", "find the sum of the  first ten odd numbers"))
    assert reason(STRICT, expected=same) == "same_question"
    assert reason(STRICT, expected=Expected(limits=Limits(), language="zh")) == "wrong_language"
    chinese = '{"question": "已知 f(x) = sin x，求 f 在原点的导数。", "answer": "1", "solution": "cos 0 = 1"}'
    assert isinstance(read(chinese, expected=Expected(limits=Limits(), language="zh")), Parsed)
    assert is_chinese("求 x")
    assert not is_chinese("The word 道 (dao) means way in Chinese philosophy.")
    assert folded(" Find  x. ") == folded("find X")


@given(st.text(max_size=400), st.sampled_from(["stop", "length", "content_filter"]))
@example('{"question": "\\ud800 a lone surrogate in it", "answer": "\\ud800", "solution": "\\udfff"}', "stop")
@example('{"question": ' + "1" * 390 + "}", "stop")
@settings(deadline=None, max_examples=100)
def test_any_text_ends_in_a_question_or_a_known_reason(text: str, finish: str) -> None:
    for whole in (text, f'{{"question": "{text}", "answer": "{text}", "solution": "{text}"}}', STRICT[:30] + text):
        found = read(whole, finish)
        if isinstance(found, Unread):
            assert found.reason in REASONS
        else:
            assert found.question.encode()
            assert found.answer.encode()


KEYS = st.sampled_from(["question", "answer", "choices", "solution", "A", "x"])
LEAVES = st.none() | st.booleans() | st.floats() | st.text(max_size=20)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=12))
@settings(deadline=None, max_examples=100)
def test_any_json_ends_in_a_question_or_a_known_reason(value: object) -> None:
    found = read(orjson.dumps(value).decode())
    assert isinstance(found, Parsed) or found.reason in REASONS


@given(
    st.text(min_size=12, max_size=200).filter(lambda text: len(text.strip()) >= 12 and "\x00" not in text),
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=50).filter(
        lambda text: text.strip()
    ),
)
@settings(deadline=None, max_examples=100)
def test_sound_json_is_read_back_as_it_was_written(question: str, answer: str) -> None:
    if any(sign in question + answer for sign in "\\"):
        return  # a single backslash before a letter may be LaTeX
    found = read(orjson.dumps({"question": question, "answer": answer, "solution": "so"}).decode())
    assert isinstance(found, Parsed)
    assert (found.question, found.answer) == (question.strip(), answer.strip())


@pytest.mark.parametrize("piece", ["{", '"', '{"question": "', "\\", '{"question":', "[", "}", '\\"', "question:"])
def test_hostile_repetition_ends_in_a_reason(piece: str) -> None:
    """Quadratic reading would take hours here, and the suite's own limit is two minutes."""
    assert reason(piece * (190_000 // len(piece))) in REASONS
