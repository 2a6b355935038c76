"""The scorer: windows, packing, and that sharing changes no number."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import Shape, random_folder

from tilth.evaluate.item import Item
from tilth.evaluate.scoring.encode import Tokens, moved, rolling_windows
from tilth.evaluate.scoring.pack import batches, pack, shared_beginning
from tilth.evaluate.scoring.score import Scorer

SHOTS = "Question: How long is the river?\nAnswer: forty miles\n\n" * 3


def choice(number: int, answers: tuple[str, ...], before: str = SHOTS) -> Item:
    context = f"{before}Question: What stands at place {number}?\nAnswer:"
    return Item(item=str(number), group=None, requests=tuple((context, answer) for answer in answers))


ITEMS = [
    *(choice(number, (" a lighthouse", " a lighthouse of stone", " wheat", " the sea")) for number in range(9)),
    choice(100, (" A", " B", " C")),
    choice(101, (" 春天来了", " x"), before=""),
    Item(item="blank", group=None, requests=(("The lamp", " was lit."), ("The river", " was lit."))),
    Item(item="cut", group=None, requests=((SHOTS * 40 + "Q", " wheat"), (SHOTS * 40 + "Q", " beans and wheat"))),
    Item(item="alone", group=None, requests=(("", "The lamp is lit."),)),
    Item(item="spaces", group=None, requests=(("The lamp is  ", "lit."),)),
    Item(item="text", group=None, requests=(("", "The river rises in the hills. " * 90),), rolling=True),
]


def test_the_shared_way_gives_what_the_plain_one_gives(model: Path) -> None:
    scorer = Scorer(model, device="cpu")
    shared, left_out = scorer.score(ITEMS)
    assert scorer.model.shares
    assert not left_out
    scorer.model.shares = False
    plain, _ = scorer.score(ITEMS)
    for one, other in zip(shared, plain, strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-4), one.item.item
        assert (one.tokens, one.cut) == (other.tokens, other.cut)
    assert [one.item.item for one in shared if one.cut] == ["cut", "text"]


def test_small_batches_change_no_number(model: Path) -> None:
    large = Scorer(model, device="cpu").score(ITEMS)[0]
    small = Scorer(model, device="cpu", batch_tokens=64).score(ITEMS)[0]
    for one, other in zip(large, small, strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-4)


def test_a_model_that_sees_only_a_window_is_scored_the_plain_way(tmp_path: Path) -> None:
    folder, _ = random_folder(tmp_path, Shape(hidden=32, heads=2, kv_heads=1))
    config = (folder / "config.json").read_text()
    mistral = config.replace('"LlamaForCausalLM"', '"MistralForCausalLM"').replace('"llama"', '"mistral"')
    (folder / "config.json").write_text(mistral.rstrip("}") + ', "sliding_window": 16}')
    scorer = Scorer(folder, device="cpu")
    assert not scorer.model.shares
    assert all(math.isfinite(value) for one in scorer.score(ITEMS)[0] for value in one.values)


def test_what_cannot_be_scored_has_a_reason_and_the_rest_goes_on(model: Path) -> None:
    long = Item(item="long", group=None, requests=(("Q:", " wheat" * 600),))
    empty = Item(item="empty", group=None, requests=(("Q:", ""),))
    found, left_out = Scorer(model, device="cpu").score([long, ITEMS[0], empty])
    assert [one.item.item for one in found] == ["0"]
    assert dict(left_out) == {"answer longer than the context": 1, "answer without a token of its own": 1}


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(1, 20))
def test_every_token_of_a_text_is_predicted_once(count: int, length: int) -> None:
    tokens = list(range(1, count + 1))
    windows = rolling_windows(tokens, 0, length)
    predicted = [token for one in windows for token in one.ids[-one.answer :]]
    assert predicted == tokens
    for one in windows:
        assert len(one.ids) <= length + 1
        assert one.ids == list(range(one.ids[0], one.ids[-1] + 1))
    assert windows[-1].ids[0] == max(0, count - length)


SEQUENCE = st.lists(st.integers(0, 2), min_size=2, max_size=12)


@settings(deadline=None, max_examples=150)
@given(st.lists(SEQUENCE, min_size=1, max_size=4), st.data())
def test_a_packed_row_shows_a_sequence_to_itself_and_to_no_other(lists: list[list[int]], data: st.DataObject) -> None:
    sequences = [Tokens(ids, data.draw(st.integers(1, len(ids) - 1))) for ids in lists]
    row = pack(sequences, 0)
    place = 0
    for number, one in enumerate(sequences):
        seen = (row.branch == 0) | (row.branch == number + 1)
        assert row.ids[seen].tolist() == one.ids[:-1]
        assert row.positions[seen].tolist() == list(range(len(one.ids) - 1))
        at = row.read[place : place + one.answer]
        assert row.positions[at].tolist() == list(range(len(one.ids) - 1 - one.answer, len(one.ids) - 1))
        assert all(row.branch[at][row.branch[at] > 0] == number + 1)
        assert row.targets[place : place + one.answer].tolist() == one.ids[len(one.ids) - one.answer :]
        place += one.answer
    assert place == len(row.targets)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=40), st.integers(0, 500), st.integers(64, 1000))
def test_batches_hold_every_row_once_and_fit_the_budget(lengths: list[int], kept: int, budget: int) -> None:
    found = list(batches(lengths, kept, budget))
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= budget for batch in found)


def test_a_beginning_is_shared_only_before_every_prediction() -> None:
    same = list(range(40))
    groups = [[Tokens([*same, 50, 51], 1)], [Tokens([*same, 60], 5)]]
    assert shared_beginning(groups) == 35
    assert shared_beginning(groups[:1]) == 0
    assert shared_beginning([[Tokens([1, 2, 3], 1)], [Tokens([1, 2, 4], 1)]]) == 0


def test_white_space_at_the_end_of_a_context_belongs_to_the_answer() -> None:
    assert moved("a  \n", "b") == ("a", "  \nb")
