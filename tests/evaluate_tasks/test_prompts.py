"""Every kind of item in every form, to the letter."""

import pytest

from tilth.data.benchmarks import BenchmarkItem
from tilth.evaluate.blocks import Block, all_blocks
from tilth.evaluate.prompts import Wording, markdown_table, word

SHIPPED = all_blocks()


def item(**given: object) -> BenchmarkItem:
    return BenchmarkItem(**({"benchmark": "b", "item_id": "b-1", "question": "Why?"} | given))  # type: ignore[arg-type]


def worded(name: str, form: str, **given: object) -> Wording:
    found = word(SHIPPED[name], item(**given), form)  # type: ignore[arg-type]
    assert isinstance(found, Wording), found
    return found


def test_a_choice_as_cloze_as_letters_and_as_its_gold_answer() -> None:
    given = {"choices": ("a dog ", "a cat"), "answers": ("a cat",), "answer_index": 1}
    assert worded("arc_easy", "cloze", **given) == Wording(("Question: Why?\nAnswer:",), (" a dog", " a cat"), (1,))
    letters = worded("arc_easy", "choice", **given)
    assert letters == Wording(("Question: Why?\nA. a dog\nB. a cat\nAnswer:",), (" A", " B"), (1,))
    assert worded("arc_easy", "bpb", **given) == Wording(("Question: Why?\nAnswer:",), (" a cat",), (0,))
    assert letters.example == "Question: Why?\nA. a dog\nB. a cat\nAnswer: B"


def test_a_blank_scores_what_stands_behind_it() -> None:
    given = {"question": "The _ was wet.", "choices": ("cup", "dog"), "answers": ("dog",), "answer_index": 1}
    found = worded("winogrande", "cloze", **given)
    assert found.requests("E. ") == (("E. The cup", " was wet."), ("E. The dog", " was wet."))
    assert found.example == "The dog was wet."
    assert worded("winogrande", "bpb", **given).requests("") == (("The dog", " was wet."),)
    assert word(SHIPPED["winogrande"], item(**(given | {"question": "It is _"})), "cloze") == "nothing after the blank"


def test_passages_tables_and_chinese_have_their_layout() -> None:
    span = worded("xquad_en", "bpb", context="A river.", answers=("river", "a river"))
    assert span == Wording(("Passage: A river.\nQuestion: Why?\nAnswer:",), (" river",), (0,))
    table = worded("wikitablequestions", "bpb", context='"a","b"\n"1","x|y"', answers=("1|2",))
    assert table.prompts[0] == "Table:\n| a | b |\n| --- | --- |\n| 1 | x\\|y |\nQuestion: Why?\nAnswer:"
    assert table.answers == (" 1, 2",)
    chinese = worded("cmath", "bpb", question="几个？", answers=("3",))
    assert chinese == Wording(("问题：几个？\n答案：",), ("3",), (0,))


def test_several_accepted_answers_are_all_gold_where_the_block_says_so() -> None:
    found = worded("nq_open", "bpb", answers=("1966", "In 1966"))
    assert found.answers == (" 1966", " In 1966")
    assert found.gold == (0, 1)


def test_options_inside_a_question_are_not_shown_again() -> None:
    question = "Which?\nOptions:\n(A) a stone\n(B) a river"
    given = {"question": question, "choices": ("(A) a stone", "(B) a river"), "answers": ("(B) a river",)}
    found = worded("bbh", "choice", **given, answer_index=1)
    assert found == Wording((f"Q: {question}\nA:",), (" (A)", " (B)"), (1,))
    assert worded("bbh", "cloze", **given, answer_index=1).answers == (" a stone", " a river")
    plain = worded("bbh", "choice", question="So?\n- Yes\n- No", choices=("Yes", "No"), answers=("No",), answer_index=1)
    assert plain.answers == (" Yes", " No")


def test_the_right_answer_among_incorrect_ones_stands_anywhere() -> None:
    places = set()
    for number in range(30):
        given = {"item_id": f"t-{number}", "choices": ("no", "maybe"), "answers": ("yes",)}
        found = worded("truthfulqa", "cloze", **given)
        assert found.answers[found.gold[0]] == " yes"
        places.add(found.gold[0])
    assert places == {0, 1, 2}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"choices": ("a", "b")}, "no gold answer"),
        ({"answers": ("a",)}, "no choices"),
        ({"choices": ("a", ""), "answers": ("a",), "answer_index": 0}, "an empty choice"),
        ({"choices": ("a", "b", "c"), "answers": ("A", "C")}, "several right options"),
    ],
)
def test_an_item_that_cannot_be_asked_has_a_reason(given: dict[str, object], reason: str) -> None:
    assert word(SHIPPED["arc_easy"], item(**given), "cloze") == reason


def test_texts_of_items_are_never_read_as_templates() -> None:
    hostile = "{question} {{7*7}} {% raw %} {0} %s"
    found = worded("arc_easy", "cloze", question=hostile, choices=(hostile, "b"), answers=("b",), answer_index=1)
    assert found.prompts == (f"Question: {hostile}\nAnswer:",)
    assert found.answers[0] == f" {hostile}"


def test_a_text_that_is_no_table_stays_and_short_rows_are_filled() -> None:
    assert markdown_table("no table") == "no table"
    assert markdown_table("a,b\n1").endswith("| 1 |  |")


def test_code_keeps_its_indentation() -> None:
    one: Block = SHIPPED["humaneval"]
    found = word(one, item(question="def f():\n", answers=("    return 1\n",)), "bpb")
    assert found == Wording(("def f():\n",), ("    return 1\n",), (0,))
