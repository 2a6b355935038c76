"""Samples of lm-evaluation-harness become rows of results; whatever is wrong with a file is named."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import SourceError
from tilth.data.results import RESULTS, read_results
from tilth.evaluate.harness.item import Reading
from tilth.evaluate.harness.samples import import_samples, read_samples
from tilth.evaluate.metrics import score_choices
from tilth.evaluate.runs import RunName
from tilth.study.statistics.scores import Selection, load_scores

SAMPLES = Path(__file__).parent / "lm_eval"
NAME = "samples_arc_easy_2026-11-01T10-20-30.123456.jsonl"
RUN = RunName(arm="table", seed=3, size="smoke", step=500)


def sample(number: int, likelihoods: list[float], **change: Any) -> dict[str, Any]:
    """One logged sample as the harness writes it."""
    choices = ["an oak", "a stone", "a river", "a cloud"][: len(likelihoods)]
    return {
        "doc_id": number,
        "doc": {"id": f"q{number}", "passage": f"page {number // 2}"},
        "target": "0",
        "arguments": {
            f"gen_args_{index}": {"arg_0": f"Question {number}", "arg_1": f" {choice}"}
            for index, choice in enumerate(choices)
        },
        "resps": [[[str(value), "False"]] for value in likelihoods],
        "filtered_resps": [[str(value), "False"] for value in likelihoods],
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": f"{number:064x}"[::-1],
        "acc": float(max(likelihoods) == likelihoods[0]) if likelihoods else None,
    } | change


def write(folder: Path, rows: list[dict[str, Any]], name: str = NAME, end: str = "") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows) + end, encoding="utf-8")
    return path


def values(path: Path, metric: str) -> list[float]:
    return read_samples_rows(path, metric)


def read_samples_rows(path: Path, metric: str) -> list[float]:
    return [row["value"] for row in read_samples(path, RUN).rows if row["metric"] == metric]


def test_the_metrics_are_those_of_the_formulas_over_utf8_bytes() -> None:
    bits = read_samples_rows(SAMPLES / NAME, "gold_bpb")
    # "light and water" 15 bytes at -6, "iron" 4 at -3, "苹果" 6 bytes (2 characters) at -4.5, "rain" 4 at -2
    assert bits == pytest.approx(
        [6 / 15 / math.log(2), 3 / 4 / math.log(2), 4.5 / 6 / math.log(2), 2 / 4 / math.log(2)]
    )
    first = math.exp(-6 / 15), math.exp(-11 / 11), math.exp(-9 / 9)
    assert read_samples_rows(SAMPLES / NAME, "norm_prob_gold")[0] == pytest.approx(first[0] / sum(first))
    assert read_samples_rows(SAMPLES / NAME, "margin_bpb")[0] == pytest.approx((-6 / 15 + 1) / math.log(2))
    assert read_samples_rows(SAMPLES / NAME, "acc") == [1, 0, 1, 1]
    assert read_samples_rows(SAMPLES / NAME, "acc_bytes") == [1, 0, 1, 1]


def test_the_table_has_the_run_the_task_and_stable_items_and_statistics_read_it(tmp_path: Path) -> None:
    for seed in (1, 2):
        import_samples([SAMPLES], RunName(arm="a", seed=seed), tmp_path / f"{seed}.parquet")
    table = pq.read_table(tmp_path / "1.parquet")
    assert table.schema.names == RESULTS.names
    assert set(table["task"].to_pylist()) == {"arc_easy"}
    assert set(table["form"].to_pylist()) == {"cloze"}
    scores = load_scores(tmp_path, Selection(metric="gold_bpb"))
    assert scores.tasks[0].items == ("01" * 8, "02" * 8, "03" * 8, "04" * 8)
    assert [state.state for state in scores.states] == ["ok", "ok"]


def test_the_same_file_gives_the_same_bytes_and_its_version_and_count_are_read_beside_it(tmp_path: Path) -> None:
    found = import_samples([SAMPLES / NAME], RUN, tmp_path / "a.parquet")
    import_samples([SAMPLES / NAME], RUN, tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert (found[0].state, found[0].version, found[0].expected, dict(found[0].lines)) == (
        "whole",
        "1.0",
        4,
        {"scored": 4},
    )


def test_a_file_cut_in_a_line_is_truncated_and_keeps_the_items_before(tmp_path: Path) -> None:
    whole = (SAMPLES / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[:-40])
    found = read_samples(tmp_path / NAME, RUN)
    assert (found.state, found.items, dict(found.lines)) == ("truncated", 3, {"scored": 3, "truncated": 1})


def test_fewer_items_than_the_harness_counted_are_incomplete(tmp_path: Path) -> None:
    lines = (SAMPLES / NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / NAME).write_bytes(b"".join(lines[:2]))
    results = next(SAMPLES.glob("results_*.json"))
    (tmp_path / results.name).write_bytes(results.read_bytes())
    found = read_samples(tmp_path / NAME, RUN)
    assert (found.state, found.items, found.expected) == ("incomplete", 2, 4)


@pytest.mark.parametrize("field", ["doc_id", "doc", "target", "arguments", "filtered_resps"])
def test_a_missing_field_is_named_with_its_line(tmp_path: Path, field: str) -> None:
    broken = {name: value for name, value in sample(1, [-1, -2]).items() if name != field}
    with pytest.raises(SourceError, match=f"line 2 .* has no {field}"):
        read_samples(write(tmp_path, [sample(0, [-1, -2]), broken]), RUN)


def test_items_without_gold_are_counted_and_the_others_go_on(tmp_path: Path) -> None:
    rows = [sample(0, [-1, -2]), sample(1, [-1, -2], target="-100"), sample(2, [-1, -2], target="7")]
    found = read_samples(write(tmp_path, [*rows, sample(3, [-1, -2], target="nobody knows")]), RUN)
    assert dict(found.lines) == {"no gold": 3, "scored": 1}
    assert found.state == "whole"


def test_a_file_of_which_nothing_can_be_scored_says_what_its_lines_were(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=re.escape("of 2 lines none can: 1 no gold, 1 not JSON")):
        read_samples(write(tmp_path, [sample(0, [-1, -2], target="-1")], end="{nonsense}\n"), RUN)
    with pytest.raises(SourceError, match="it is empty"):
        read_samples(write(tmp_path, []), RUN)
    with pytest.raises(SourceError, match=r"expected a file samples_TASK_DATE\.jsonl"):
        read_samples(write(tmp_path, [], name="other.jsonl"), RUN)


def test_gold_is_an_index_a_list_of_them_or_the_answers_text(tmp_path: Path) -> None:
    rows = [sample(0, [-9, -2, -3], target="1", acc=1.0), sample(1, [-9, -2, -3], target="a stone", acc=1.0)]
    rows.append(sample(2, [-9, -2, -3], target="[0, 1]", acc=1.0))
    path = write(tmp_path, rows)
    stone, both = read_samples_rows(path, "norm_prob_gold")[0], read_samples_rows(path, "norm_prob_gold")[2]
    weights = [math.exp(-9 / 6), math.exp(-2 / 7), math.exp(-3 / 7)]
    assert stone == pytest.approx(weights[1] / sum(weights)) == read_samples_rows(path, "norm_prob_gold")[1]
    assert both == pytest.approx((weights[0] + weights[1]) / sum(weights))


def test_one_answer_after_two_contexts_takes_gold_from_the_logged_accuracy(tmp_path: Path) -> None:
    def arguments(number: int) -> dict[str, Any]:
        return {
            f"gen_args_{index}": {"arg_0": f"{number}: the {noun}", "arg_1": " fell over."}
            for index, noun in enumerate(("cup", "cat"))
        }

    change = {"target": "fell over.", "doc": {}}
    right = sample(0, [-3, -4], **change, arguments=arguments(0), acc=1.0)
    wrong = sample(1, [-3, -4], **change, arguments=arguments(1), acc=0.0)
    path = write(tmp_path, [right, wrong])
    assert read_samples_rows(path, "acc") == [1, 0]
    assert read_samples_rows(path, "gold_bpb") == pytest.approx([0.3 / math.log(2), 0.4 / math.log(2)])


def test_unconditioned_requests_of_mutual_information_are_left_out(tmp_path: Path) -> None:
    plain = sample(0, [-3, -4])
    doubled = sample(0, [-3, -4])
    for index in (0, 1):
        doubled["arguments"][f"gen_args_{index + 2}"] = {
            "arg_0": "",
            "arg_1": plain["arguments"][f"gen_args_{index}"]["arg_1"],
        }
        doubled["filtered_resps"].append(["-1.0", "False"])
    assert read_samples(write(tmp_path, [doubled]), RUN).rows == read_samples(write(tmp_path, [plain]), RUN).rows


def test_more_than_ten_choices_keep_their_order(tmp_path: Path) -> None:
    row = sample(0, [-1.0])
    row["arguments"] = {f"gen_args_{index}": {"arg_0": "q", "arg_1": " " + "x" * (index + 1)} for index in range(12)}
    row["filtered_resps"] = [[str(-2.0 * (index + 1)), "False"] for index in range(12)]
    row |= {"target": "11", "acc": 0.0}
    assert read_samples_rows(write(tmp_path, [row]), "gold_bpb") == pytest.approx([2 / math.log(2)])


def test_letters_are_form_choice_and_a_single_answer_is_bpb_without_accuracy(tmp_path: Path) -> None:
    row = sample(0, [-1, -2])
    for index, letter in enumerate("AB"):
        row["arguments"][f"gen_args_{index}"]["arg_1"] = f" {letter}"
    assert read_samples(write(tmp_path, [row]), RUN).form == "choice"
    single = read_samples(write(tmp_path, [sample(0, [-1.5], target="an oak")]), RUN)
    assert single.form == "bpb"
    assert [row["metric"] for row in single.rows] == ["gold_bpb"]


def test_rolling_text_gives_bits_per_byte_and_generated_answers_keep_the_harnesss_metric(tmp_path: Path) -> None:
    rolling = sample(0, []) | {"arguments": {"gen_args_0": {"arg_0": "水 is wet"}}, "filtered_resps": ["-18.0"]}
    found = read_samples(write(tmp_path, [rolling]), RUN)
    assert found.form == "bpb"
    assert found.rows[0]["value"] == pytest.approx(18 / 10 / math.log(2))
    text = {"arg_0": "2 + 2 =", "arg_1": {"until": ["\n"]}}
    rows = [
        sample(0, [])
        | {"arguments": {"gen_args_0": text}, "filtered_resps": ["4"], "filter": name, "exact_match": value}
        for name, value in (("strict-match", 0.0), ("flexible-extract", 1.0))
    ]
    path = write(tmp_path, rows)
    with pytest.raises(SourceError, match=r"flexible-extract, strict-match. Choose with --filter"):
        read_samples(path, RUN)
    chosen = read_samples(path, RUN, Reading(filter="flexible-extract"))
    assert [(row["form"], row["metric"], row["value"]) for row in chosen.rows] == [("generate", "exact_match", 1.0)]
    assert dict(chosen.lines) == {"another filter": 1, "scored": 1}


def test_a_diverged_model_gives_nan_and_never_a_score(tmp_path: Path) -> None:
    path = write(tmp_path, [sample(number, [float("nan"), float("nan")], acc=float("nan")) for number in range(3)])
    import_samples([path], RunName(arm="bad", seed=1), tmp_path / "bad.parquet")
    import_samples(
        [write(tmp_path, [sample(number, [-1, -2]) for number in range(3)])],
        RunName(arm="ok", seed=1),
        tmp_path / "ok.parquet",
    )
    table = read_results([tmp_path / "bad.parquet", tmp_path / "ok.parquet"])
    assert sum(math.isnan(value) for value in table["value"].to_pylist()) == 18
    states = load_scores([tmp_path / "bad.parquet", tmp_path / "ok.parquet"], Selection(metric="acc")).states
    assert {state.arm: state.state for state in states} == {"bad": "diverged", "ok": "ok"}


def test_items_and_passages_can_be_named_by_fields_of_the_question(tmp_path: Path) -> None:
    path = write(tmp_path, [sample(number, [-1, -2]) for number in range(4)])
    rows = read_samples(path, RUN, Reading(item="id", group="passage")).rows
    assert {(row["item"], row["group"]) for row in rows} == {
        ("q0", "page 0"),
        ("q1", "page 0"),
        ("q2", "page 1"),
        ("q3", "page 1"),
    }
    with pytest.raises(SourceError, match="expected the field 'story' in every question"):
        read_samples(path, RUN, Reading(group="story"))


def test_a_line_written_twice_counts_once_and_a_question_asked_twice_is_two_items(tmp_path: Path) -> None:
    twice = sample(1, [-1, -2])
    again = sample(2, [-1, -3], doc_hash=twice["doc_hash"])
    found = read_samples(write(tmp_path, [sample(0, [-1, -2]), twice, twice, again]), RUN)
    assert dict(found.lines) == {"repeated": 1, "scored": 3}
    assert len({row["item"] for row in found.rows}) == 3


def test_a_gold_answer_read_wrong_shows_in_the_harnesss_own_accuracy(tmp_path: Path) -> None:
    rows = [sample(number, [-1, -2], acc=0.0) for number in range(5)]
    with pytest.raises(SourceError, match="5 of 5 items differ"):
        read_samples(write(tmp_path, rows), RUN)


def test_two_files_of_one_task_are_refused(tmp_path: Path) -> None:
    write(tmp_path, [sample(0, [-1, -2])])
    write(tmp_path, [sample(0, [-1, -2])], name="samples_arc_easy_2026-11-02T10-20-30.123456.jsonl")
    with pytest.raises(SourceError, match="expected one file a task; arc_easy is in"):
        import_samples([tmp_path], RUN, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.floats(-2000, 0), st.integers(1, 200)), min_size=2, max_size=8), st.data())
def test_probabilities_lie_between_0_and_1_and_a_sure_margin_means_the_right_choice(
    pairs: list[tuple[float, int]], data: st.DataObject
) -> None:
    gold = data.draw(st.integers(0, len(pairs) - 1))
    found = score_choices([value for value, _ in pairs], [length for _, length in pairs], [gold])
    assert 0 <= found["norm_prob_gold"] <= 1
    assert found["gold_bpb"] >= 0
    if abs(found["margin_bpb"]) > 1e-9:
        assert (found["margin_bpb"] > 0) == (found["acc_bytes"] == 1)


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=8,
    ),
    st.sampled_from(["doc", "target", "arguments", "filtered_resps", "doc_id", "filter", "acc", "doc_hash"]),
)
def test_a_field_of_any_shape_ends_in_a_state_or_a_named_fault(
    tmp_path_factory: pytest.TempPathFactory, value: Any, field: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        path = folder / NAME
        rows = [sample(0, [-1, -2]), sample(1, [-1, -2]) | {field: value}]
        path.write_bytes("".join(json.dumps(row) + "\n" for row in rows).encode("utf-8", "surrogatepass"))
        found = read_samples(path, RUN)
    except SourceError:
        return
    assert sum(found.lines.values()) == 2
