"""Word problems of the extractive engine."""

import re
from decimal import Decimal

import pytest
from extractive_samples import BRIDGE, BRIDGE_ZH, PLANETS, PROSE, check_arithmetic
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.generate.engines.extractive.engine import answer
from tilth.generate.engines.extractive.math import quotient
from tilth.generate.engines.extractive.quantities_en import quantities_en
from tilth.generate.engines.extractive.quantities_zh import numeral_zh, quantities_zh


def problem(document: str, seed: int = 0, language: str | None = "en") -> str:
    made = answer("math", document, language, seed)
    assert made.refusal is None
    return made.text


@pytest.mark.parametrize("seed", range(20))
def test_a_problem_quotes_the_source_and_its_calculations_hold(seed: int) -> None:
    text = problem(BRIDGE, seed)
    assert check_arithmetic(text) >= 2
    assert any(" ".join(sentence.split()) in text for sentence in BRIDGE.split("\n\n")[1].split(". "))
    assert re.search(r"Problem", text)
    assert re.search(r"Solution", text)
    assert re.search(r"Answer", text)


def test_only_like_is_reckoned_with_like() -> None:
    for seed in range(30):
        text = problem(BRIDGE, seed)
        for line in text.split("\n"):
            used = set(re.findall(r"\b(?:1871|1931|120|45|250000)\b", line.split(":")[-1]))
            assert not ({"1871", "1931"} & used and {"120", "45", "250000"} & used)
            assert not ("250000" in used and {"120", "45"} & used)


def test_a_percentage_is_taken_of_what_the_source_says() -> None:
    document = "# Survey\n\nAbout 35% of students said that they walk to school every day of the week in winter.\n"
    text = problem(document, 4)
    assert check_arithmetic(text) == 3
    assert "students" in text


def test_a_rate_is_scaled_by_its_own_unit() -> None:
    document = "# Moon\n\nThe Moon is receding from the Earth at a rate of about 3.8 centimetres per year at present.\n"
    text = problem(document, 1)
    assert check_arithmetic(text) == 3
    assert "3.8 centimetres per year" in text


def test_a_table_column_is_summed_but_years_and_ranks_are_not() -> None:
    text = problem(PLANETS, 2)
    assert check_arithmetic(text) == 3
    ranks = "# Chart\n\n| Song | Rank | Year |\n|---|---|---|\n" + "".join(
        f"| s{n} | {n} | {1990 + n} |\n" for n in range(1, 6)
    )
    assert (
        answer("math", ranks + "\n" + "Words about the chart and nothing that counts in it.\n", "en", 1).refusal
        == "too_few_numbers"
    )


def test_chinese_problems_are_worded_in_chinese_and_hold() -> None:
    for seed in range(10):
        text = problem(BRIDGE_ZH, seed, "zh")
        assert check_arithmetic(text) >= 2
        assert "题目" in text
        assert "答案" in text


def test_legal_periods_and_sums_in_chinese_numerals_are_read() -> None:
    found = list(quantities_zh("行政机关应当在十五日内作出决定，并处一千元以上三千元以下罚款。"))
    assert [(quantity.value, quantity.unit) for quantity in found] == [(15, "日"), (1000, "元"), (3000, "元")]


def test_ordinals_dates_and_regnal_years_are_no_quantities() -> None:
    assert list(quantities_zh("第3个月完成，第四十四条另有规定，元和三年三月十五日。")) == []


def test_section_numbers_versions_dates_and_formulas_are_no_quantities() -> None:
    for sentence in (
        "See section 3.2 of chapter 4 in version 1.2.3 of the manual.",
        "On March 14 the board met at 10:30 in room 12.",
        "The 27-year-old player scored from the left.",
    ):
        assert list(quantities_en(sentence)) == [], sentence
    document = (
        "# Optics\n\nThe wave moves $20 °C$ to $21 °C$ in the lab. A second wave moves from $30 °C$ to $41 °C$ there.\n"
    )
    assert answer("math", document, "en", 0).refusal == "too_few_numbers"


def test_kinds_and_units_are_told_apart() -> None:
    found = list(
        quantities_en("In 1906 some 1,200 people paid $3.2 million for 15 km and two hours, or 12% of visitors.")
    )
    seen = {(quantity.kind, quantity.unit, quantity.value) for quantity in found}
    assert ("year", "year", Decimal(1906)) in seen
    assert ("count", "people", Decimal(1200)) in seen
    assert ("money", "dollars", Decimal(3_200_000)) in seen
    assert ("measure", "kilometres", Decimal(15)) in seen
    assert ("measure", "hours", Decimal(2)) in seen
    assert ("percent", "%", Decimal(12)) in seen


def test_fewer_than_two_numbers_are_refused() -> None:
    assert answer("math", PROSE, "en", 1).refusal == "too_few_numbers"
    assert (
        answer(
            "math",
            "# A\n\nThe tower of the church is 90 metres tall and stands on the hill over the old town by the river.\n",
            "en",
            1,
        ).refusal
        == "too_few_numbers"
    )


@given(st.decimals("0.01", "1000000", places=2), st.decimals("0.01", "1000000", places=2))
@settings(deadline=None, max_examples=200)
def test_quotients_are_exact_or_marked(numerator: Decimal, denominator: Decimal) -> None:
    value, sign = quotient(numerator, denominator)
    assert (value * denominator == numerator) == (sign == "=")
    assert abs(value - numerator / denominator) <= Decimal("0.005")


@given(st.integers(1, 9_999_999))
@settings(deadline=None, max_examples=200)
def test_chinese_numerals_read_back(value: int) -> None:
    assert numeral_zh(_spell(value)) == value


def _spell(value: int) -> str:
    """A Chinese numeral written by the plain rule, zeros left out where the reader does not need them."""
    if value >= 10_000:
        return _spell(value // 10_000) + "万" + (_pad(value % 10_000) if value % 10_000 else "")
    digits = "零一二三四五六七八九"
    out, zero = "", False
    for power, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // power % 10
        if digit:
            out += ("零" if zero and out else "") + digits[digit] + name
            zero = False
        else:
            zero = True
    return out


def _pad(value: int) -> str:
    return ("零" if value < 1000 else "") + _spell(value)


@given(
    st.lists(
        st.tuples(st.integers(1, 10**7), st.sampled_from(["metres", "people", "hours", "dollars", "tons"])),
        min_size=2,
        max_size=8,
    ),
    st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=80)
def test_every_problem_recomputes(facts: list[tuple[int, str]], seed: int) -> None:
    document = "# Figures\n\n" + " ".join(
        f"The record of the town names {number:,} {unit} for that part." for number, unit in facts
    )
    made = answer("math", document, "en", seed)
    if made.refusal is None:
        assert check_arithmetic(made.text) >= 1
