import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from contamination import CLEAN, ITEMS, write_items
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError, SourceError
from tilth.curate.decontaminate.cut import cut_spans
from tilth.curate.decontaminate.report import report
from tilth.curate.decontaminate.stage import SIGNALS, Stage, benchmark_items, build
from tilth.frames import make_frame
from tilth.recipe.stages.decontaminate import Decontaminate

HENS, SQUID, CEILING, CHINESE, TABLE, FORMULA = (str(item["question"]) for item in ITEMS)


def stage(folder: Path, **settings: Any) -> Stage:
    return build(Decontaminate(benchmarks=(write_items(folder),), **settings))


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dicts()


def test_clean_rows_pass_and_get_empty_signals(tmp_path: Path) -> None:
    frame = stage(tmp_path)(make_frame([CLEAN, "", "短文。"]))
    assert frame["reason"].null_count() == 3
    assert all(frame[name].null_count() == 3 for name in SIGNALS)
    assert frame["text"].to_list() == [CLEAN, "", "短文。"]


@pytest.mark.parametrize(
    ("text", "reason", "item"),
    [
        (f"{CLEAN}\n{HENS}\n{CLEAN}", "contaminated_question", "q0"),
        (f"{CLEAN}\n{HENS.upper()} 252!\n{CLEAN}", "contaminated_question_answer", "q0"),
        (HENS.replace(" ", "\n"), "contaminated_question", "q0"),
        (f"| Question | Answer |\n|---|---|\n| **{SQUID}** | branchial hearts |", "contaminated_question_answer", "q1"),
        (f"前面的话。{CHINESE[:9]}\n{CHINESE[9:]}后面的话。", "contaminated_question", "q3"),
        (f"Notes.\n{ITEMS[4]['context']}\nEnd.", "contaminated_passage", "q4"),
        ("Evaluate x^2+3 / (x-1) at the point where x=7 and simplify the result", "contaminated_question", "q5"),
    ],
)
def test_items_are_found_in_other_layouts(tmp_path: Path, text: str, reason: str, item: str) -> None:
    (row,) = rows(stage(tmp_path)(make_frame([text])))
    assert row["reason"] == reason
    assert row["contamination_item"] == item
    assert f"quiz {item} score" in row["detail"]
    assert row["contamination_found"] == [f"quiz/{item}"]


def test_a_short_question_counts_only_with_its_answer_near(tmp_path: Path) -> None:
    short = "Who painted this very ceiling?"
    items = [{"item_id": "s", "question": short, "answer": "Giambattista Tiepolo"}]
    built = build(Decontaminate(benchmarks=(write_items(tmp_path, "art", items),)))
    far = f"{short} {'Nobody knows. ' * 80} Giambattista Tiepolo"
    frame = built(make_frame([short, f"{short} It was Giambattista Tiepolo.", far]))
    assert frame["reason"].to_list() == [None, "contaminated_question_answer", None]


def test_the_words_of_a_question_scattered_over_a_document_are_no_question(tmp_path: Path) -> None:
    words = HENS.split()
    scattered = "".join(
        f" {' '.join(words[at : at + 5])}. {'Other things happened there too. ' * 40}" for at in range(16)
    )
    assert stage(tmp_path)(make_frame([scattered]))["reason"].to_list() == [None]


def test_a_template_that_many_items_share_weighs_nothing(tmp_path: Path) -> None:
    start = "The following paragraphs each describe a set of five objects arranged in a fixed order:"
    items = [{"item_id": str(n), "question": f"{start} a{n} b{n} c{n} d{n} e{n} f{n} g{n} h{n}."} for n in range(150)]
    built = build(Decontaminate(benchmarks=(write_items(tmp_path, "order", items),)))
    frame = built(make_frame([start, items[7]["question"]]))
    assert frame["reason"].to_list() == [None, "contaminated_question"]
    assert frame["contamination_item"].to_list() == [None, "7"]


def test_a_question_that_items_ask_of_different_passages_needs_more_than_its_words(tmp_path: Path) -> None:
    question = "Which of these statements about the text is right?"
    items = [
        {
            "item_id": str(n),
            "question": question,
            "context": f"passage number {n} " * 20,
            "answer": f"answer of number {n}",
        }
        for n in range(3)
    ]
    built = build(Decontaminate(benchmarks=(write_items(tmp_path, "reading", items),)))
    frame = built(make_frame([question, f"{question} The answer of number 2."]))
    assert frame["reason"].to_list() == [None, "contaminated_question_answer"]
    assert frame["contamination_item"].to_list() == [None, "2"]


def test_a_blank_is_found_filled_in(tmp_path: Path) -> None:
    items = [
        {
            "item_id": "w",
            "question": "The councilmen refused the marchers a permit because the _ feared violence.",
            "choices": ["councilmen", "marchers"],
            "answer": "councilmen",
        }
    ]
    built = build(Decontaminate(benchmarks=(write_items(tmp_path, "wino", items),)))
    filled = "The councilmen refused the marchers a permit because the councilmen feared violence."
    assert built(make_frame([filled]))["contamination_kind"].to_list() == ["question_answer"]


def test_flag_keeps_the_row_and_cut_takes_out_its_sentences(tmp_path: Path) -> None:
    text = f"First sentence here. {HENS} Last sentence here."
    (flagged,) = rows(stage(tmp_path, action="flag")(make_frame([text])))
    assert (flagged["reason"], flagged["text"]) == (None, text)
    assert flagged["flags"] == ["contaminated_question"]
    built = stage(tmp_path, action="cut")
    (cut,) = rows(built(make_frame([text])))
    assert built.changes_text
    assert cut["reason"] is None
    assert cut["text"].split() == ["First", "sentence", "here.", "Last", "sentence", "here."]
    assert cut["contamination_excerpt"].startswith("A farmer has 12 hens")


def test_a_row_of_which_a_cut_leaves_nothing_is_dropped(tmp_path: Path) -> None:
    assert stage(tmp_path, action="cut")(make_frame([HENS]))["reason"].to_list() == ["contaminated_question"]


def test_a_passage_may_be_flagged_where_a_question_is_dropped(tmp_path: Path) -> None:
    built = stage(tmp_path, passage_action="flag")
    frame = built(make_frame([f"Notes.\n{ITEMS[4]['context']}", HENS]))
    assert frame["reason"].to_list() == [None, "contaminated_question"]
    assert frame["flags"].to_list()[0] == ["contaminated_passage"]


def test_a_row_that_was_dropped_before_keeps_its_reason(tmp_path: Path) -> None:
    frame = make_frame([HENS]).with_columns(pl.lit("too_short").alias("reason"), pl.lit("9 words").alias("detail"))
    (row,) = rows(stage(tmp_path)(frame))
    assert (row["reason"], row["detail"]) == ("too_short", "9 words")
    assert row["contamination_item"] == "q0"


def test_the_answer_of_a_seed_question_is_matched_though_it_is_not_in_its_text(tmp_path: Path) -> None:
    metadata = [json.dumps({"answer": "branchial hearts"}), json.dumps({"solution": HENS}), None, "broken {"]
    frame = make_frame([SQUID, "A question of its own?", "plain", "plain"]).with_columns(
        pl.Series("metadata", metadata)
    )
    found = stage(tmp_path)(frame)
    assert found["reason"].to_list() == ["contaminated_question_answer", "contaminated_question", None, None]
    cut = stage(tmp_path, action="cut")(frame)
    assert cut["reason"].to_list()[1] == "contaminated_question"  # it lies in the solution, which cannot be cut


def test_excluded_benchmarks_are_not_looked_for_and_unknown_ones_are_named(tmp_path: Path) -> None:
    write_items(
        tmp_path, "other", [{"item_id": "x", "question": "What did the seventh lighthouse keeper carve in his door?"}]
    )
    built = build(Decontaminate(benchmarks=(str(tmp_path),), exclude=("other",)))
    write_items(tmp_path)
    built = build(Decontaminate(benchmarks=(str(tmp_path),), exclude="other"))
    texts = ["What did the seventh lighthouse keeper carve in his door?", HENS]
    assert built(make_frame(texts))["reason"].to_list() == [None, "contaminated_question"]
    with pytest.raises(ConfigError, match="others"):
        build(Decontaminate(benchmarks=(str(tmp_path),), exclude="others"))(make_frame(["x"]))
    with pytest.raises(SourceError, match="nowhere"):
        build(Decontaminate(benchmarks=(str(tmp_path / "nowhere"),)))


def test_a_probe_set_is_looked_for_too(tmp_path: Path) -> None:
    probe = write_items(
        tmp_path, "probe", [{"item_id": "p", "question": "What did the seventh lighthouse keeper carve?"}]
    )
    built = stage(tmp_path, probe=probe)
    assert built(make_frame(["what did the seventh lighthouse keeper carve"]))["contamination_benchmark"].to_list() == [
        "probe"
    ]


def test_the_identity_follows_the_files_content_and_the_settings(tmp_path: Path) -> None:
    first = dict(stage(tmp_path).identity)
    assert first == dict(stage(tmp_path).identity)
    assert first != dict(stage(tmp_path, matching={"threshold": 0.7}).identity)
    assert stage(tmp_path)(make_frame(["A new question that nobody asked so far?"]))["reason"].to_list() == [None]
    changed = write_items(tmp_path, "quiz", [{"item_id": "n", "question": "A new question that nobody asked so far?"}])
    again = build(Decontaminate(benchmarks=(changed,)))
    assert first != dict(again.identity)
    assert again(make_frame(["A new question that nobody asked so far?"]))["contamination_item"].to_list() == ["n"]


def test_words_that_are_common_in_the_background_weigh_less(tmp_path: Path) -> None:
    half = "one two three four five six seven eight nine ten"
    items = [{"item_id": "c", "question": f"{half} the crooked brass telescope never showed Saturn at midsummer"}]
    quiz = write_items(tmp_path, "quiz", items)
    background = write_items(tmp_path, "background", [{"text": half} for _ in range(500)])
    plain = build(Decontaminate(benchmarks=quiz, action="flag"))
    weighed = build(Decontaminate(benchmarks=quiz, action="flag", background=background))
    text = f"{half} the crooked brass telescope"
    before, after = (built(make_frame([text]))["contamination_score"].to_list()[0] for built in (plain, weighed))
    assert before is not None
    assert after is None or after < before


def test_counts_and_report_name_hits_of_each_benchmark(tmp_path: Path) -> None:
    write_items(
        tmp_path, "other", [{"item_id": "x", "question": "What did the seventh lighthouse keeper carve in his door?"}]
    )
    write_items(tmp_path)
    wanted = Decontaminate(benchmarks=(str(tmp_path),))
    built = build(wanted)
    both = f"{HENS}\n{CLEAN}\nWhat did the seventh lighthouse keeper carve in his door?"
    frames = [built(make_frame([CLEAN, HENS])), built(make_frame([both]))]
    counts = built.counts(frames[1])
    assert counts == {"hits: quiz": 1, "hits: other": 1, "rows with hits": 1}
    found = report(frames, benchmark_items(wanted))
    assert json.loads(json.dumps(found)) == found
    assert (found["rows"], found["contaminated"]) == (3, 2)
    assert found["benchmarks"][0] == {"benchmark": "quiz", "items": len(ITEMS), "found": 1, "rows": 2}
    assert {one["item_excerpt"] for one in found["top"]} <= {
        HENS,
        "What did the seventh lighthouse keeper carve in his door?",
    }
    assert all(one["row_excerpt"] for one in found["top"])


def test_the_same_rows_come_out_however_they_are_cut_into_frames(tmp_path: Path) -> None:
    built = stage(tmp_path)
    texts = [CLEAN, HENS, f"{CLEAN} {SQUID} branchial hearts", CHINESE, str(ITEMS[4]["context"]), CLEAN]
    whole = built(make_frame(texts)).select("reason", "detail", *SIGNALS)
    parts = pl.concat([built(make_frame([text])).select("reason", "detail", *SIGNALS) for text in texts])
    assert whole.equals(parts)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=5))
def test_a_cut_leaves_a_part_of_the_text_without_the_spans(text: str, pairs: list[tuple[int, int]]) -> None:
    spans = [(min(pair), max(pair)) for pair in pairs if max(pair) <= len(text)]
    left = iter(cut_spans(text, spans))
    source = iter(text)
    assert all(sign == "\n" or sign in source for sign in left)
    assert len(cut_spans(text, spans)) <= len(text) + len(spans)


@pytest.mark.parametrize(
    "text",
    [
        "the " * 300_000,
        "A farmer has 12 hens that " * 50_000,
        "<a " * 200_000,
        "](h" * 200_000,
        "x" * 2_000_000,
        "的" * 500_000,
        "\0" * 500_000,
        "\\" * 500_000,
        "&a;" * 200_000,
        "é😀ห中a1 " * 100_000,
    ],
    ids=[
        "one word",
        "one piece",
        "tags",
        "links",
        "one line",
        "one character",
        "nul",
        "backslashes",
        "entities",
        "mixed",
    ],
)
def test_hostile_texts_end_like_any_other(tmp_path: Path, text: str) -> None:
    frame = stage(tmp_path)(make_frame([text, HENS]))
    assert frame["reason"].to_list() == [None, "contaminated_question"]
