# ruff: noqa: E501
"""What counts as the same answer, kind by kind, and what does not."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.answers.check import check, infer_kind
from tilth.answers.final import final_answer, final_code
from tilth.answers.numbers import quantity
from tilth.answers.verdict import CheckSettings, Kind

RIGHT = [
    # numbers
    ("1,234", "1234"), ("1 234", "1234"), ("1.234.567", "1234567"), ("1'234.50", "1234.5"), ("3,5", "3.5"),
    ("1.5e3", "1500"), (r"1.5 \times 10^{3}", "1500"), ("3 1/2", "7/2"), (r"3\frac{1}{2}", "3.5"), ("½", "0.5"),
    ("2½", "2.5"), (r"\frac12", "0.5"), ("$1,350.50", "1350.5"), ("50%", "0.5"), ("50", "50%"), (r"50\%", "1/2"),
    ("3 million", "3000000"), ("24 meatballs", "24"), ("twenty-four", "24"), ("0.333", "1/3"), ("2.857", "2.86"),
    (r"0.1\overline{6}", "1/6"), ("−5", "-5"), ("５０", "50"), ("x = 5", "5"), ("1,23,456", "123456"),
    ("2^3+1", "9"), (r"\sqrt{16}", "4"), ("So she has 3 + 4 = 7 apples left.", "7"),
    ("三十五", "35"), ("两千零四", "2004"), ("一百二", "120"), ("3万", "30000"), ("三分之二", "2/3"), ("百分之五十", "50%"),
    # units
    ("1.5 km", "1500 m"), ("90 minutes", "1.5 hours"), ("20 °C", "293.15 K"), ("150 cents", "$1.50"), ("35厘米", "0.35米"),
    ("10000 cm^2", "1 square meter"), ("36 km/h", "10 m/s"), ("5", "5 cm"), ("5 cm", "5"),
    # mathematics
    ("x^2+2x+1", "(x+1)^2"), ("sqrt(3)/2", r"\frac{\sqrt{3}}{2}"), ("2√3", r"2\sqrt{3}"), ("y=2x+3", "2x+3"),
    ("2x+3=y", "y=2x+3"), (r"\{2,1\}", r"\{1,2\}"), ("(-oo,0)U(0,oo)", r"(-\infty,0)\cup (0,\infty)"),
    (r"\begin{bmatrix}1&2\\3&4\end{bmatrix}", r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}"), ("Friday", r"\text{Friday}"),
    ("1/(\\sqrt{2}+1)", "\\sqrt{2}-1"), ("15", r"15^\circ"), (r"(1, \pi/2)", r"\left(1,\frac{\pi}{2}\right)"),
    # texts
    ("The Eiffel Tower!", "eiffel tower"), ("café", "Cafe"), ("It was Paris, France.", "Paris"), ("Beatles", "The Beatles"),
    ("December 14, 1972", "14 December 1972"), ("14th of Dec 1972", "14 December 1972"), ("four", "4 || quatre"),
    ("北京。", "北京"), ("答案：北京市", "北京市 || 北京"), ("rock 'n' roll", "rock n roll"),
]  # fmt: skip
WRONG = [
    ("1234", "12345"), ("24 or 25", "24"), ("1,2", "12"), ("0.3", "1/3"), ("5 kg", "5 m"), ("5 km", "5 m"), ("-5", "5"),
    ("50", "0.5"), ("$5", "€5"), ("2.8", "2.86"), ("2.9", "2.86"), ("1e999999999", "7"), ("not 24", "24"),
    ("[1,2)", "(1,2)"), ("2,1", "(1,2)"), (r"2\sqrt{3}", r"3\sqrt{2}"), ("x^2+2x+2", "(x+1)^2"), ("1201_7", "1200_7"),
    ("It was not Paris", "Paris"), ("Paris or London", "Paris"), ("London", "Paris"), ("", "Paris"),
    ("Paris is where many people of many lands have said they would go", "Paris"), ("1972", "14 December 1972"),
    ("上海", "北京"), ("不是北京", "北京"), ("三十五", "36"), ("", "5"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "gold"), RIGHT)
def test_the_same_answer_in_another_form_is_accepted(answer: str, gold: str) -> None:
    verdict = check(answer, gold)
    assert verdict.correct, verdict


@pytest.mark.parametrize(("answer", "gold"), WRONG)
def test_another_answer_is_refused(answer: str, gold: str) -> None:
    verdict = check(answer, gold)
    assert verdict.correct is False, verdict


OPTIONS = ["Paris", "London", "New York", "None of these"]


@pytest.mark.parametrize(
    "answer",
    ["B", "b", "(B)", "B.", "B) London", "B. London", "(B) London", "London", "the answer is (B)", "The correct answer is B.",
     "I think A is too far north. So the answer is B: London", "选B", "答案是B", "故选：B。", r"\boxed{B}", "**B**", "Option B",
     "It must be London.", "B、London"],
)  # fmt: skip
def test_a_choice_is_read_in_every_common_form(answer: str) -> None:
    assert check(answer, "B", options=OPTIONS).correct
    assert check(answer, "C", options=OPTIONS).correct is False


@pytest.mark.parametrize("answer", ["B. Paris", "The answer is A or B", "A, B", "E", "Berlin", "I do not know", ""])
def test_an_unclear_choice_is_refused(answer: str) -> None:
    assert check(answer, "B", options=OPTIONS).correct is False


def test_an_article_is_no_option() -> None:
    assert check("The answer is a fine city.", "A", "choice").correct is False
    assert check("The answer is a.", "A", "choice").correct
    assert check("The answer is (a).", "A", "choice").correct


def test_several_options_are_compared_as_sets_and_several_questions_in_order() -> None:
    for answer in ("AC", "A, C", "A and C", "C、A", "(A), (C)", "The answers are A and C."):
        assert check(answer, "AC", "choice").correct, answer
    for answer in ("ABD", "答案：ABD", '["ABD"]', "A, B and D", "The answer is ABD."):
        assert check(answer, '["ABD"]').correct, answer
        assert check(answer, "AB", "choice").correct is False, answer
    assert check("A", "AC", "choice").correct is False
    assert check("1. C 2. D 3. C", '["C", "D", "C"]').correct
    assert check("C, C, D", '["C", "D", "C"]').correct is False
    assert check("New York", "C", options=OPTIONS).how == "choice"
    assert check("$81", "C", options=["$72", "$80", "$81.00"]).correct


@pytest.mark.parametrize(
    ("gold", "kind"),
    [("24", "number"), ("-5/8", "number"), ("3 km", "number"), ("三十五", "number"), (r"\frac{3}{4}", "number"), ("A", "choice"),
     (r"\text{(B)}", "choice"), ('["C"]', "choice"), (r"2\sqrt{3}", "symbolic"), ("x^2+1", "symbolic"), ("(1,2)", "symbolic"),
     ("Paris", "text"), ("George V || Edward VII", "text"), ("twenty thousand leagues under the sea", "text"),
     ("assert f(1) == 2", "code")],
)  # fmt: skip
def test_the_kind_is_inferred_from_the_gold_answer(gold: str, kind: Kind) -> None:
    assert infer_kind(gold) == kind


@pytest.mark.parametrize(
    ("text", "answer", "taken"),
    [
        ("We get \\boxed{1} and then \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}", "boxed"),
        ("Cost is 5.\n#### 42", "42", "hashes"),
        ("First 3.\nThe final answer is: 7.\nThanks!", "7", "phrase"),
        ("Answer: 3.5. Because it is.", "3.5", "phrase"),
        ("解：先算。\n答案：12个。", "12个", "phrase"),
        ("Think.\nThink more.\n\nIt is 9", "It is 9", "last_line"),
        ("42", "42", "whole"),
        ("\\boxed{a{b}", "a{b}", "boxed"),
        ("  ", "", "nothing"),
    ],
)
def test_the_final_answer_is_taken_and_named(text: str, answer: str, taken: str) -> None:
    final = final_answer(text)
    assert (final.text, final.taken) == (answer, taken)


def test_the_longest_fenced_block_is_the_program() -> None:
    assert final_code("Sure:\n```python\nx = 1\ny = 2\n```\nand\n```\nz\n```").text == "x = 1\ny = 2\n"
    assert final_code("x = 1").taken == "whole"
    assert final_code("```python\nx = 1").text == "x = 1"


def test_settings_decide_what_is_equal() -> None:
    assert check("5.2", "5.1", settings=CheckSettings(absolute_tolerance=0.11)).correct
    assert check("5.2", "5.1", settings=CheckSettings(relative_tolerance=0.05)).correct
    assert not check("0.333", "1/3", settings=CheckSettings(rounding_digits=4)).correct
    assert not check("50", "50%", settings=CheckSettings(percent_optional=False)).correct
    assert not check("5", "5 cm", settings=CheckSettings(unit_required=True)).correct
    assert not check("It was Paris", "Paris", settings=CheckSettings(extra_words=0)).correct
    assert check("The answer is 5 then", "5", extract=False).correct


def test_no_gold_answer_gives_no_verdict() -> None:
    assert check("5", "").correct is None
    assert check("5", []).how == "no_gold"
    assert check("B", "maybe", "choice", OPTIONS).correct is None


numbers = st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=400)


def forms(value: Fraction) -> list[str]:
    """Exact writings of a number."""
    sign, size = ("-" if value < 0 else ""), abs(value)
    written = [f"{value.numerator}/{value.denominator}", f"{sign}\\frac{{{size.numerator}}}{{{size.denominator}}}"]
    if size.denominator == 1:
        whole = size.numerator
        written += [str(value), f"{sign}{whole:,}", f"{sign}{whole:,}".replace(",", " "), f"{sign}{whole}.0", f"{sign}${whole:,}",
                    f"${sign}{whole}$", f"{100 * value}%", f"{sign}{whole} apples", f"{sign}{whole}e0", f"{sign}{10 * whole}e-1"]  # fmt: skip
    elif size > 1:
        rest = size - int(size)
        written += [f"{sign}{int(size)} {rest.numerator}/{rest.denominator}"]
    return written


@given(
    numbers,
    st.sampled_from(["{}", "The answer is {}.", "Thus:\n#### {}", "So \\boxed{{{}}}", "答案：{}", "x = {}"]),
    st.data(),
)
@settings(deadline=None, max_examples=100)
def test_every_exact_writing_of_a_number_is_accepted_and_its_neighbour_is_not(
    value: Fraction, frame: str, data: st.DataObject
) -> None:
    written = data.draw(st.sampled_from(forms(value)))
    gold = data.draw(st.sampled_from(forms(value)))
    assert check(frame.format(written), gold, "number").correct
    other = data.draw(st.sampled_from(forms(value + 1 + abs(value) / 1000)))
    verdict = check(frame.format(other), gold, "number", settings=CheckSettings(rounding_digits=0))
    assert not verdict.correct or "percent" in verdict.detail


@given(numbers)
def test_reading_a_number_gives_its_value(value: Fraction) -> None:
    for written in forms(value):
        read = quantity(written)
        assert read is not None, written
        assert read.value == value, written


@given(st.text(max_size=200), st.sampled_from(["24", "x^2", "B", "Paris || Rome", "北京"]))
@settings(deadline=None, max_examples=100)
def test_any_text_gets_the_same_verdict_twice(answer: str, gold: str) -> None:
    assert check(answer, gold) == check(answer, gold)


@given(st.text(min_size=1, max_size=80).filter(lambda text: text.strip().strip(" |").isalnum()))
@settings(deadline=None, max_examples=100)
def test_every_text_is_accepted_against_itself(text: str) -> None:
    assert check(text, text, "text").correct
