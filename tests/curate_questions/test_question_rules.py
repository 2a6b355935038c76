"""Rules for seed questions: what each finds, what it leaves alone, and what the stage promises about rows."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError
from tilth.curate.questions.catalogue import pattern, rules
from tilth.curate.questions.stage import build
from tilth.frames import make_frame
from tilth.recipe.stages.questions import Questions

STAGE = build(Questions(), 0)


def _look(text: str, stage: object = STAGE, **metadata: object) -> dict[str, object]:
    metadata.setdefault("answer", "blue")
    return build_frame([text], [metadata], stage).row(0, named=True)


def build_frame(texts: list[str], metadata: list[dict[str, object]], stage: object = STAGE) -> pl.DataFrame:
    frame = make_frame(texts, metadata=[json.dumps(one) for one in metadata])
    result: pl.DataFrame = stage(frame)  # type: ignore[operator]
    assert result.select("key", "text", "metadata").equals(frame.select("key", "text", "metadata"))
    return result


FOUND = [
    ("question_too_short", "Willie Mays"),
    ("question_too_long", "What is it? " * 400),
    ("needs_picture", "Find the current in the circuit shown in the following figure."),
    ("needs_picture", "Two blocks are joined by a rope, as shown below. What is the tension?"),
    ("needs_picture", "Watch this video to learn about bones. Where is the femur?"),
    ("needs_picture", "如图所示，电路中的电流是多少？"),
    ("needs_table", "According to the data in the table, which metal is the densest?"),
    ("needs_table", "根据下表，哪一年的产量最高？"),
    ("needs_passage", "According to the passage, why did the boy leave?"),
    ("needs_passage", "阅读下面的短文，回答问题：作者为什么离开？"),
    ("needs_link", "Visit this site to see a heart. What does the left valve do?"),
    ("html_residue", "What is <b>water</b> made of?"),
    ("html_residue", "Who wrote &quot;Emma&quot;?"),
    ("latex_residue", r"What is $\frac{1}{2 of 8?"),
    ("latex_residue", r"What is \frac{1}{2} of eight?"),
    ("latex_residue", r"\begin{enumerate} What is the sum of 1 and 2?"),
    ("latex_residue", r"Given $x^2=4, what is x?"),
    ("broken_characters", "What colour does â\x80\x98verdeâ\x80\x99 denote?"),
    ("not_self_contained", "Repeat the previous problem for a hollow sphere."),
    ("not_self_contained", "Why are they important?"),
    ("not_self_contained", "上述结论说明了什么？"),
    ("cites_exercise", "How far does the car of Example 19.1 go?"),
    ("missing_reference", "What total force do the muscles exert as shown in ."),
    ("reads_as_query", "The “lead” in pencils is a graphite composition."),
    ("several_questions", "What is a bank? What does it lend?"),
    ("choices_in_text", "Which is red?\nA. sky\nB. blood\nC. grass"),
    ("choices_in_text", "Which is red?\n1. sky\n2. blood\n3. grass"),
    ("holds_link", "Is what http://example.org says about tea true?"),
]
LEFT = [
    ("question_too_short", "什么是光？"),
    ("needs_picture", "Who was the first figure skater to land a quadruple jump?"),
    ("needs_picture", "In the video game Resident Evil 4, who is the villain?"),
    ("needs_picture", "Draw the graph of y = 2x."),
    ("needs_picture", "Prices are shown below.\n| a | b |\n| 1 | 2 |\nWhat is the mean of b?"),
    ("needs_picture", "譬如图书馆里有多少本书？"),
    ("needs_table", "There are 5 apples on the table. How many are left after eating 2?"),
    ("needs_table", "Which element stands first in the periodic table?"),
    ("needs_passage", "Which of the following statements is true about scorpions?"),
    ("html_residue", "Is it true that a < b > c?"),
    ("html_residue", "Which HTML tag makes a line break, <br> or <hr>?"),
    ("latex_residue", r"What is $\frac{1}{2}$ of \$8?"),
    ("latex_residue", r"A book costs $5 and $x=\frac{1}{2}$ of it is paid. How much is $x$?"),
    ("latex_residue", "You have 32$. A loaf costs 3$ and a candy $2. How much is left?"),
    ("latex_residue", r"求 $\left\{a_{n}\right\}$ 的通项公式。"),
    ("broken_characters", "Où est le café Ångström?"),
    ("not_self_contained", "What is it called when the moon covers the sun?"),
    ("not_self_contained", "(a) Find the mass. (b) Use the result of part (a) to find the weight."),
    ("not_self_contained", "Which of these is red, or is it none of the above?"),
    ("cites_exercise", "How many hours did Jane exercise 5 days a week?"),
    ("missing_reference", "What is heavy water made of ?"),
    ("needs_picture", "Find the location and size of the final image."),
    ("needs_picture", "Who killed Jesse James, one of the legendary figures of the Wild West?"),
    ("needs_picture", "Which of the following figures did not live in America? Paine or Burke?"),
    ("needs_passage", f"The following excerpt is from a law. {'No person shall be held in service. ' * 4}Which one?"),
    ("needs_link", "A website lets people sell emeralds. How does a rule change what this website earns?"),
    ("reads_as_query", "kuchipudi is a dance form of which state"),
    ("no_question", "members of the black order"),
    ("reads_as_query", "Calculate the mass of the sun."),
    ("no_question", "若函数 $f(x)$ 为偶函数, 则 $a=$"),
    ("several_questions", "Who said “What is truth?”"),
    ("choices_in_text", "Name each compound:\n(a) NaCl\n(b) KCl\n(c) HCl"),
]


@pytest.mark.parametrize(("rule", "text"), FOUND)
def test_a_rule_finds(rule: str, text: str) -> None:
    assert rule in _look(text)["question_faults"]  # type: ignore[operator]


@pytest.mark.parametrize(("rule", "text"), LEFT)
def test_a_rule_leaves_alone(rule: str, text: str) -> None:
    assert rule not in _look(text)["question_faults"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("rule", "metadata"),
    [
        ("answer_missing", {"answer": ""}),
        ("question_equals_answer", {"answer": "which sea is the saltiest"}),
        ("choices_malformed", {"choices": ["blue"]}),
        ("choices_malformed", {"choices": ["blue", "red", "red "]}),
        ("choices_malformed", {"choices": ["blue", ""]}),
        ("choices_malformed", {"choices": ["blue", "red\nC) green"]}),
        ("choices_malformed", {"choices": ["blue", "red", "x " * 200]}),
        ("answer_not_among_choices", {"answer": "green", "choices": ["blue", "red"]}),
        ("answer_not_among_choices", {"answer": "D", "choices": ["blue", "red"]}),
        ("answer_in_question", {"answer": "saltiest"}),
    ],
)
def test_rules_on_answers_find(rule: str, metadata: dict[str, object]) -> None:
    assert rule in _look("Which sea is the saltiest?", **metadata)["question_faults"]  # type: ignore[operator]


@pytest.mark.parametrize(
    "metadata",
    [
        {"answer": "", "solution": "Because it is."},
        {"answer": "B", "choices": ["blue", "red"]},
        {"answer": "(a) blue", "choices": ["blue", "red"]},
        {"answer": "1", "choices": ["blue", "red"]},
        {"answer": "Red.", "choices": ["blue", "red"]},
        {"answer": '["A", "B"]', "choices": ["blue", "red"]},
        {"answer": "the sea", "choices": ["the sea", "the river"]},
        {"answer": "yes"},
    ],
)
def test_sound_answers_pass(metadata: dict[str, object]) -> None:
    row = _look("Which sea is the saltiest?", **metadata)
    assert (row["question_faults"], row["reason"]) == ([], None)


def test_what_asks_nothing_is_dropped_only_where_nothing_is_answered() -> None:
    answered = _look("members of the black order")
    assert (answered["reason"], answered["flags"]) == (None, ["reads_as_query"])
    stage = build(Questions(actions={"answer_missing": "keep"}), 0)
    assert _look("members of the black order", stage, answer="")["reason"] == "no_question"


def test_a_context_is_where_passage_and_table_are() -> None:
    assert _look("According to the passage, why did he leave?", context="He left.")["reason"] is None
    assert _look("According to the passage, why did he leave?")["reason"] == "needs_passage"


def test_the_recipe_decides_what_a_hit_does() -> None:
    text = "Is what http://example.org says in the following figure true?"
    usual = _look(text)
    assert (usual["reason"], usual["flags"]) == ("needs_picture", ["holds_link"])
    assert "following figure" in str(usual["detail"])
    stage = build(Questions(actions={"needs_picture": "keep", "holds_link": "drop"}), 0)
    other = _look(text, stage)
    assert (other["reason"], other["flags"], other["detail"]) == ("holds_link", [], "http://")
    assert usual["question_faults"] == other["question_faults"]
    assert "needs_picture" not in stage.reasons


def test_thresholds_are_set_by_name_and_unknown_names_are_refused() -> None:
    assert _look("Why?", build(Questions(thresholds={"min_words": 1}), 0))["reason"] is None
    with pytest.raises(ConfigError, match="min_wrods"):
        build(Questions(thresholds={"min_wrods": 1}), 0)
    with pytest.raises(ConfigError, match="needs_pictures"):
        build(Questions(actions={"needs_pictures": "keep"}), 0)


def test_identity_follows_settings() -> None:
    assert STAGE.identity == build(Questions(), 7).identity
    assert STAGE.identity != build(Questions(answer="answer"), 0).identity


def test_rows_that_have_a_reason_keep_it() -> None:
    frame = make_frame(["Why?"], metadata=[None], reason=["earlier"], detail=["seen"])
    row = STAGE(frame).row(0, named=True)
    assert (row["reason"], row["detail"]) == ("earlier", "seen")


def test_an_empty_frame_passes() -> None:
    assert STAGE(make_frame([])).height == 0


def test_counts_name_every_rule() -> None:
    counts = STAGE.counts(build_frame(["Why?", "Which sea is blue?"], [{}, {"answer": "x"}]))
    assert counts["questions"] == 2
    assert (counts["found_question_too_short"], counts["found_answer_missing"]) == (1, 1)
    assert len(counts) == len(rules()) + 1


def test_every_pattern_compiles() -> None:
    for name in ("needs_picture", "needs_table", "needs_passage", "needs_link", "asks", "missing_reference"):
        pl.Series(["x"]).str.contains(pattern(name))


@settings(deadline=None, max_examples=10)
@given(
    st.lists(
        st.tuples(st.text(max_size=60), st.text(max_size=8), st.lists(st.text(max_size=4), max_size=4)), max_size=6
    )
)
def test_each_row_is_decided_alone(rows: list[tuple[str, str, list[str]]]) -> None:
    texts = [text for text, _, _ in rows]
    metadata = [{"answer": answer, "choices": choices} for _, answer, choices in rows]
    together = build_frame(texts, metadata).drop("key", "doc_id", "position").rows()
    alone = [
        build_frame([text], [one]).drop("key", "doc_id", "position").row(0)
        for text, one in zip(texts, metadata, strict=True)
    ]
    assert together == alone


@pytest.mark.parametrize(
    "text",
    [
        "a" * 3_000_000,
        "a " * 1_000_000,
        "\x00" * 1_000_000,
        "(a) " * 500_000,
        "$\\frac{" * 300_000,
        "如" * 1_000_000,
        "|\n" * 900_000,
    ],
)
def test_huge_texts_do_not_stop_the_stage(text: str) -> None:
    assert _look(text, answer=text[:50_000], choices=[text, text])["reason"] == "question_too_long"


def test_real_seed_sets_end_in_named_reasons(shared: Path) -> None:
    seeds = pl.read_parquet(shared / "data/seeds/openstax_exercises.parquet").head(2000)
    metadata = [
        {name: row[name] for name in ("answer", "choices", "context", "solution")}
        for row in seeds.iter_rows(named=True)
    ]
    frame = build_frame(seeds["question"].to_list(), metadata)
    assert set(frame["reason"].drop_nulls()) <= set(STAGE.reasons)
    assert frame.filter(pl.col("reason").is_not_null())["detail"].null_count() == 0
    assert 0.3 < frame["reason"].is_null().mean() < 0.9  # half of them have no answer
