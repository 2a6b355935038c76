"""Parsers read the forms that prompts ask for, in English and Chinese, and refuse other texts with a reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.prompts.known import KNOWN_PARSERS
from tilth.synth.parsers import PARSERS, PARSERS_VERSION, Parsed, Refused, clean, parse

TABLE = """| River | Length (km) | Mouth |
|:------|------------:|-------|
| Nile | 6,650 | Mediterranean |
| Amazon | 6,400 | Atlantic |

Question: Which of the two is longer?
Answer: The Nile, with 6,650 km.
"""

PROBLEM = """**Problem:** A ferry carries 48 cars on each trip and makes 6 trips a day. How many cars cross in a week?

**Solution:**
48 × 6 = 288 cars a day.
288 × 7 = 2016 cars a week.

Answer: 2,016 cars
"""


def content(name, text, **options):
    read = parse(name, text, options)
    assert isinstance(read, Parsed), read
    return read.parsed


def reason(name, text, **options):
    read = parse(name, text, options)
    assert isinstance(read, Refused), read
    return read.reason


def test_the_names_are_those_that_prompts_may_use():
    assert set(PARSERS) == set(KNOWN_PARSERS)
    assert all(parser.VERSION >= 1 for parser in PARSERS.values())
    assert PARSERS_VERSION


# ---- cleaning


@pytest.mark.parametrize(
    ("raw", "product", "notes"),
    [
        ("  The text.  ", "The text.", ()),
        ("<think>Let me see.</think>\nThe text.", "The text.", ("thinking",)),
        ("I should be brief.</think>The text.", "The text.", ("thinking",)),
        ("<think>I never stop", "", ("thinking",)),
        ("The text.<|im_end|>", "The text.", ()),
        ("The text.</s></s>", "The text.", ()),
        ("```markdown\n# Title\nText\n```", "# Title\nText", ()),
        ("Sure, here is the rewritten text:\n\nThe text.", "The text.", ("assistant_talk",)),
        ("Here's a table based on the passage:\n\n| a | b |", "| a | b |", ("assistant_talk",)),
        ("Certainly!\nThe text.", "The text.", ("assistant_talk",)),
        ("Sure, I can help with that.\nThe text.", "The text.", ("assistant_talk",)),
        ("好的，以下是改写后的文本：\n\n长江很长。", "长江很长。", ("assistant_talk",)),
        ("The text.\n\nLet me know if you need anything else!", "The text.", ("assistant_talk",)),
        ("正文。\n\n希望以上内容对您有帮助！", "正文。", ("assistant_talk",)),
    ],
)
def test_what_is_not_the_product_is_taken_off_and_noted(raw, product, notes):
    assert clean(raw) == (product, notes)


@pytest.mark.parametrize(
    "text",
    [
        "Here are the three causes of the war:\n\nHunger, debt and pride.",
        "Great rivers shape great cities.\nLondon lies on one.",
        "Of course the king refused, and the town was burnt; the survivors fled to the coast.\nThe end.",
        "If you have ever seen a glacier, you know its blue.\n\nIf you go, go early.",
        "Use `<think>` in a template to mark thinking.",
        "```python\nprint(1)\n```\nThat prints one.\n```\n1\n```",
        "当然的权利不是自然的。\n第二行。",
    ],
)
def test_content_that_only_looks_like_chat_stays(text):
    cleaned, _ = clean(text)
    assert cleaned.startswith(text[:20])
    assert len(cleaned) >= len(text) * 0.55  # at most a closing remark goes


def test_the_text_is_the_models_own_apart_from_that():
    text = "# Heading  \n\n  - item   \n\n\n1 < 2 & “x”\t."
    assert parse("plain", text, {}) == Parsed(text=text.strip(), parsed=None)


# ---- questions and answers


@pytest.mark.parametrize(
    "text",
    [
        "Q: What is it?\nA: A bird.\n\nQ: Where does it live?\nA: In reeds.",
        "**Q: What is it?**\nA: A bird.\n\n**Q: Where does it live?**\n**A:** In reeds.",
        "### What is it?\nA bird.\n\n### Where does it live?\nIn reeds.",
        "1. **What is it?**\n   A bird.\n2. **Where does it live?**\n   In reeds.",
        "Question 1: What is it?\nAnswer 1: A bird.\nQuestion 2: Where does it live?\nAnswer 2: In reeds.",
        "Q1. What is it? A: A bird.\nQ2. Where does it live? A: In reeds.",
        "**What is it?** A bird.\n**Where does it live?** In reeds.",
    ],
)
def test_pairs_are_read_in_each_common_form(text):
    pairs = content("faq", text)["pairs"]
    assert pairs == [
        {"question": "What is it?", "answer": "A bird."},
        {"question": "Where does it live?", "answer": "In reeds."},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "问：它是什么？\n答：一种鸟。\n\n问：它住在哪里？\n答：芦苇丛中。",
        "### 它是什么？\n一种鸟。\n### 它住在哪里？\n芦苇丛中。",
    ],
)
def test_chinese_pairs_are_read(text):
    pairs = content("faq", text)["pairs"]
    assert [pair["question"] for pair in pairs] == ["它是什么？", "它住在哪里？"]
    assert [pair["answer"] for pair in pairs] == ["一种鸟。", "芦苇丛中。"]


def test_choices_belong_to_the_question_and_letters_are_no_labels():
    text = "Question: Which city is it?\nA) Paris\nB) Rome\nAnswer: B) Rome"
    assert content("qa", text)["pairs"] == [{"question": "Which city is it?\nA) Paris\nB) Rome", "answer": "B) Rome"}]


def test_answers_run_on_over_lines_until_the_next_question():
    text = "Q: Why?\nA: Because of rain.\nAnd of wind.\n- and of frost\nQ: When?\nA: In May."
    assert content("faq", text)["pairs"][0]["answer"] == "Because of rain.\nAnd of wind.\nand of frost"


def test_unanswered_questions_do_not_count():
    text = "Q: What?\nA: This.\nQ: And then?\nQ: Where?\nA: Here."
    assert content("faq", text, min_questions=2)["unanswered"] == 1
    assert reason("faq", text, min_questions=3) == "too_few_answered"
    assert reason("faq", "Only prose here. No question in it.") == "too_few_answered"


# ---- tables


def test_a_table_with_its_question_is_read():
    table = content("table", TABLE)
    assert table["columns"] == ["River", "Length (km)", "Mouth"]
    assert table["rows"] == [["Nile", "6,650", "Mediterranean"], ["Amazon", "6,400", "Atlantic"]]
    assert table["question"] == "Which of the two is longer?"
    assert table["answer"] == "The Nile, with 6,650 km."


def test_cells_keep_escaped_bars_and_may_be_empty():
    table = content("table", "a | b\n--|--\n1 \\| 2 | x\n| | y |")
    assert table["rows"] == [["1 | 2", "x"], ["", "y"]]


def test_a_chinese_table_is_read():
    text = "| 河流 | 长度 |\n|---|---|\n| 长江 | 6300公里 |\n| 黄河 | 5464公里 |\n\n问题：哪条更长？\n答案：长江。"
    table = content("table", text)
    assert (table["question"], table["answer"]) == ("哪条更长？", "长江。")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Nile and Amazon are rivers.", "no_table"),
        ("| a | b |\n| 1 | 2 |\n| 3 | 4 |", "no_table"),  # no rule: it does not render as a table
        ("| a | b |\n|---|---|\n| 1 | 2 |", "small_table"),
        ("| a |\n|---|\n| 1 |\n| 2 |", "small_table"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 | 5 |", "ragged_table"),
        ("| a | b |\n|---|---|---|\n| 1 | 2 |\n| 3 | 4 |", "ragged_table"),
    ],
)
def test_tables_that_do_not_parse_are_refused(text, why):
    assert reason("table", text) == why


# ---- problems


def test_a_problem_and_its_solution_are_read():
    problem = content("math", PROBLEM)
    assert problem["problem"].startswith("A ferry carries 48 cars")
    assert problem["problem"].endswith("in a week?")
    assert problem["solution"].startswith("48 × 6 = 288")


@pytest.mark.parametrize(
    "text",
    [
        "A farmer has 12 cows and buys 7. How many are there?\n\nSolution: 12 + 7 = 19.",
        "A farmer has 12 cows and buys 7. How many are there?\n12 + 7 = 19.",
        "### Word Problem\nA farmer has 12 cows and buys 7. How many?\n\n### Step-by-step solution\n12 + 7 = 19.",
        "题目：农场有12头牛，又买了7头。一共有多少头？\n解答：12 + 7 = 19。\n答案：19头",
        "A farmer has twelve cows and buys seven. How many are there?\n\nAnswer: nineteen cows",
    ],
)
def test_problems_are_read_in_other_forms(text):
    assert set(content("math", text)) == {"problem", "solution"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Problem: How many cows of 12 are left?", "no_solution"),
        ("Problem: What is sadness?\nSolution: 3 tears.", "no_number_in_problem"),
        ("Problem: What are 3 and 4?\nSolution: A city by the sea.", "no_number_in_solution"),
    ],
)
def test_problems_without_numbers_or_solution_are_refused(text, why):
    assert reason("math", text) == why


# ---- tutorials


@pytest.mark.parametrize(
    "text",
    [
        "# Tea\n\n1. Boil water.\n2. Add leaves.\n3. Wait.",
        "# Tea\n\n## Step 1: Boil\nUse a kettle.\n\n## Step 2: Steep\n- two minutes\n\n## Step 3: Pour",
        "# Tea\n## Set up\n1. Boil water.\n2. Add leaves.\n3. Wait.\n## Serve\n1. Pour.\n2. Drink.",
        "# Tea\n1. Boil water.\n1. Add leaves.\n1. Wait.",
        "# 泡茶\n\n第一步：烧水。\n第二步：放茶叶。\n第三步：等待。",
        "# 泡茶\n## 步骤1 烧水\n## 步骤2 放茶叶\n## 步骤3 等待",
        "# Tea\n**Step One:** Boil.\n**Step Two:** Steep.\n**Step Three:** Pour.",
    ],
)
def test_ordered_steps_are_read(text):
    tutorial = content("tutorial", text, min_steps=3)
    assert len(tutorial["steps"]) == (5 if "Serve" in text else 3)
    assert tutorial["title"] in ("Tea", "泡茶")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1. Pour.\n3. Steep.\n2. Boil.", "steps_out_of_order"),
        ("Step 2: Pour.\nStep 2: Steep.", "steps_out_of_order"),
        ("# Tea\nBoil water and pour it on leaves.", "too_few_steps"),
        ("# Tea\n- Boil\n- Steep\n- Pour", "too_few_steps"),
    ],
)
def test_steps_that_are_missing_or_fall_are_refused(text, why):
    assert reason("tutorial", text) == why


def test_decimals_at_the_start_of_a_line_are_no_steps():
    assert reason("tutorial", "1.5 litres of water\n3.2 grams of tea\n0.5 hours") == "too_few_steps"


# ---- dialogues and lists


@pytest.mark.parametrize(
    "text",
    [
        "Teacher: Why?\nStudent: Rain.\nTeacher: And?\nStudent: Wind.",
        "**Teacher:** Why?\n\n**Student:** Rain.\n\n**Teacher:** And?\n\n**Student:** Wind.",
        "老师：为什么？\n学生：因为下雨。\n老师：还有呢？\n学生：刮风。",
    ],
)
def test_turns_of_two_speakers_are_read(text):
    dialogue = content("dialogue", text)
    assert len(dialogue["speakers"]) == 2
    assert len(dialogue["turns"]) == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Teacher: Why?\nTeacher: Because.\nTeacher: Indeed.\nTeacher: Yes.", "one_speaker"),
        ("Teacher: Why?\nStudent: Rain.", "too_few_turns"),
        ("Nobody says anything here.", "one_speaker"),
    ],
)
def test_talk_without_two_speakers_is_refused(text, why):
    assert reason("dialogue", text) == why


def test_lists_are_read_and_short_ones_refused():
    assert content("list", "- one\n- two\n* three\n1. four\n一、五")["items"] == ["one", "two", "three", "four", "五"]
    assert reason("list", "- one\n- two", min_items=3) == "too_few_items"


# ---- tags and openings


def test_only_the_tagged_text_is_kept():
    read = parse("tagged", "I think it needs order.\n<rewrite>\nThe text.\n</rewrite> Done.", {"tag": "rewrite"})
    assert isinstance(read, Parsed)
    assert read.text == "The text."


@pytest.mark.parametrize(
    ("text", "why"),
    [("The text.", "no_tag"), ("<rewrite>The text.", "no_tag"), ("<rewrite> </rewrite>", "empty_tag")],
)
def test_missing_tags_are_refused(text, why):
    assert reason("tagged", text, tag="rewrite") == why


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("ENTRY:\nThe Nile is a river.", "The Nile is a river."),
        ("**ENTRY:** The Nile is a river.", "The Nile is a river."),
        ("I will write it now.\n\nENTRY:\nThe Nile is a river.", "The Nile is a river."),
        ("The Nile is a river.", "The Nile is a river."),
        ("Entry-level jobs are rare.", "Entry-level jobs are rare."),
    ],
)
def test_the_opening_line_is_taken_off(raw, kept):
    read = parse("openline", raw, {"opening": "ENTRY:"})
    assert isinstance(read, Parsed)
    assert read.text == kept


def test_an_opening_without_text_is_refused():
    assert reason("openline", "ENTRY:", opening="ENTRY:") == "only_opening"


# ---- every input


PIECES = (
    "Q: Why?,A: So.,| a | b |,|---|---|,1. x,2. y,Step 2,**b?** c,- i,Teacher: t,Problem:,```,Solution: 3,<think>,"
    "</think>,<rewrite>,</rewrite>,ENTRY:,,？,第一步,\\|,Sure!,¶\u2028"
)
LINES = st.sampled_from(PIECES.split(","))


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.text(max_size=300), st.lists(LINES, max_size=25).map("\n".join)))
def test_every_parser_reads_or_refuses_any_text(text):
    for name, parser in PARSERS.items():
        options = {"tag": "rewrite", "opening": "ENTRY:"}
        read = parse(name, text, options)
        assert isinstance(read, Parsed | Refused)
        assert parse(name, text, options) == read
        assert parser.name == name
        if isinstance(read, Refused):
            assert read.reason
            assert read.detail.startswith("expected")


@pytest.mark.parametrize(
    "unit", ["|", "- ", "1. ", "Q: a?\n", "**", "a: b\n", "#", "<think>", "| a |\n|---|\n", "?", "*a?*", "x"]
)
@pytest.mark.parametrize("name", sorted(PARSERS))
def test_a_long_run_of_one_thing_ends(name, unit):
    assert parse(name, unit * (200_000 // len(unit)), {"tag": "t", "opening": "E:"}) is not None
