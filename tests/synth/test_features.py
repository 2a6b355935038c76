"""Features count what stands in a document, in English and Chinese, in time linear in it."""

from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.prompts.known import KNOWN_FEATURES
from tilth.synth.features import FEATURES, features

RECIPE = """# Flat bread

Flat bread is a staple of many kitchens. It is called pita in Greece.

## Ingredients

- 500 g flour
- 2 spoons of oil

Oven: 250 °C
Time: 12 minutes

1. Mix the flour with 300 ml of water.
2. Knead for 10 minutes.
3. Bake the breads until they rise.

How long does it keep? About two days.
"""

TABLE = """Results by year.

| Year | Visitors | Income |
|------|----------|--------|
| 2019 | 1,204 | $5,300 |
| 2020 | 310 | $900 |
"""

TALK = """Teacher: What makes the tide rise?
Student: The moon pulls the water.
Teacher: And the sun?
“It helps,” said the other student.
"""

CHINESE = """长江是中国最长的河流，全长6300公里。它发源于青藏高原，称为“母亲河”。

首先打开阀门，然后检查压力。
第一步：关闭电源。

一共有三百二十人参加，共花了5万元。这是什么意思？
"""


def test_the_names_are_those_that_prompts_may_use():
    assert set(FEATURES) == KNOWN_FEATURES


def test_a_recipe_has_headings_list_items_key_values_steps_and_facts():
    seen = features(RECIPE)
    assert seen.headings == 2
    assert seen.list_items == 5
    assert seen.key_values == 2
    assert seen.steps == 3
    assert seen.numeric_facts == 5  # 500 g, 250 °C, 12 minutes, 300 ml, 10 minutes
    assert seen.numbers >= 8
    assert seen.definitions == 2
    assert seen.questions == 1
    assert seen.paragraphs == 7
    assert seen.table_rows == 0
    assert seen.cjk_share == 0.0
    assert seen.chars == len(RECIPE)


def test_table_rows_leave_out_the_rule():
    seen = features(TABLE)
    assert seen.table_rows == 3
    assert seen.numeric_facts == 2  # the two sums of money


def test_turns_are_counted_by_name_and_by_quotation_mark():
    assert features(TALK).dialogue_turns == 4


def test_chinese_is_counted_in_words_sentences_steps_and_facts():
    seen = features(CHINESE)
    assert seen.cjk_share > 0.7
    assert 40 <= seen.words <= 75
    assert seen.sentences == 6
    assert seen.questions == 1
    assert seen.definitions == 1
    assert seen.steps == 2
    assert seen.numbers == 3  # 6300, 三百二十, 5
    assert seen.numeric_facts == 3


def test_accents_and_typographic_quotes_do_not_split_or_make_words():
    assert features("Le café était fermé.").words == 4
    assert features("“Yes” — she’s here…").words == features('"Yes" -- shes here').words + 1  # the apostrophe divides


def test_latex_sections_and_rows_are_seen():
    seen = features("\\section{Flow}\nText.\n\\begin{tabular}{ll}\na & 1 \\\\\nb & 2 \\\\\n\\end{tabular}\n")
    assert seen.headings == 1
    assert seen.table_rows == 2


def test_prose_has_none_of_the_forms():
    text = "The wind rose in the evening and the boats came home one by one. Nobody spoke of the storm. " * 5
    seen = features(text)
    assert (seen.numbers, seen.list_items, seen.headings, seen.table_rows, seen.key_values, seen.steps) == (0,) * 6
    assert seen.sentences == 10
    assert seen.letters_share > 0.9


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=400))
def test_any_text_has_features_in_their_ranges(text):
    seen = features(text)
    assert all(value >= 0 for value in asdict(seen).values())
    assert seen.cjk_share <= 1.0
    assert seen.letters_share <= 1.0
    assert features(text) == seen


@pytest.mark.parametrize("unit", ["a", "#", "1", "1,", "- ", "|", " ", "\n", "a:", "**", "a\tb", "一", "x\n", "“"])
def test_a_long_run_of_one_thing_ends(unit):
    seen = features(unit * 100_000)
    assert seen.chars == 100_000 * len(unit)
