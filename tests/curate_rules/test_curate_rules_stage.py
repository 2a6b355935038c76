"""The rules stage: presets by language, overrides, reasons with their numbers, and what stays on the rows."""

import pickle
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tilth.base.errors import ConfigError
from tilth.curate.rules.presets import load_preset, preset_names
from tilth.curate.rules.stage import LINES_REMOVED, NO_PRESET, RulesStage, build
from tilth.curate.signals.table import SIGNALS
from tilth.frames import CONTROL, make_frame
from tilth.recipe.stages.rules import Rule, Rules

PROSE = (
    "The committee met on Monday to talk about the new library and the roof that has to be repaired. "
    "Several members said that the cost of the work would be higher than was planned, and asked for a second offer. "
    "In the end they agreed to wait with the decision until the engineer had written a full report on it. "
    "The next meeting will be held in the old town hall, as the school is closed for the summer.\n"
)
CHINESE = (
    (
        "图书馆的屋顶需要修理，委员会在星期一开会讨论了这件事。有几位委员认为费用会比原来的计划高，要求再找一家公司报价。"
        "最后大家同意等工程师写完完整的报告以后再作决定。下一次会议将在旧市政厅举行，因为学校夏天不开放。"
    )
    + "".join(chr(0x4E00 + 37 * step) for step in range(120))
    + "。"
)


def stage(**given: Any) -> RulesStage:
    return build(Rules(**given), seed=0)


def judged(texts: list[str], languages: list[str | None] | None = None, **given: Any) -> pl.DataFrame:
    return stage(**given)(make_frame(texts, language=languages or ["en"] * len(texts)))


@pytest.mark.parametrize("name", preset_names())
def test_a_shipped_preset_names_a_source_and_a_sentence_for_every_threshold(name: str) -> None:
    preset = load_preset(name)
    assert preset.source
    assert preset.summary
    for rule in preset.rules:
        assert rule.signal in SIGNALS
        assert rule.source, rule.reason
        assert rule.meaning.endswith("."), rule.reason


def test_presets_ship_for_gopher_c4_fineweb_and_chinese() -> None:
    assert preset_names() == ["c4", "chinese", "fineweb", "gopher-quality", "gopher-repetition"]


def test_the_chinese_preset_counts_no_words() -> None:
    for rule in load_preset("chinese").rules:
        assert "word" not in rule.signal
        assert "ngrams" not in SIGNALS[rule.signal].builds_on


def test_running_text_passes_and_junk_is_dropped_with_its_number() -> None:
    found = judged([PROSE, "Buy now!", PROSE * 3])
    assert found["reason"].to_list() == [None, "gopher_few_words", "gopher_repeated_lines"]
    assert found["detail"].to_list() == [
        None,
        "word_count is 2, minimum 50",
        "duplicate_line_share is 0.5, maximum 0.3",
    ]


def test_rows_keep_their_order_and_signals_stay_on_kept_and_dropped_rows() -> None:
    frame = make_frame([PROSE, "junk", CHINESE, PROSE], language=["en", "en", "zh", "en"])
    found = stage()(frame)
    assert found["key"].to_list() == [0, 1, 2, 3]
    assert found["text"].to_list() == frame["text"].to_list()
    assert found["word_count"].to_list() == [79, 1, None, 79]
    assert found["han_share"].is_not_null().to_list() == [False, False, True, False]
    assert set(frame.columns) | set(stage().signals) == set(found.columns)


def test_chinese_passes_the_chinese_preset_and_fails_the_english_one() -> None:
    assert judged([CHINESE], ["zh"])["reason"].to_list() == [None]
    assert judged([CHINESE], ["zh-Hant"])["reason"].to_list() == [None]
    assert judged([CHINESE], ["en"])["reason"].to_list() == ["gopher_few_words"]


def test_a_language_without_a_preset_passes_with_a_flag_and_is_counted() -> None:
    rules = stage()
    found = rules(make_frame(["x", "x", "x"], language=["de", None, "en"]))
    assert found["reason"].to_list() == [None, None, "gopher_few_words"]
    assert found["flags"].to_list() == [[NO_PRESET], [NO_PRESET], []]
    assert rules.counts(found)[NO_PRESET] == 2


def test_a_plain_list_of_presets_is_for_every_language() -> None:
    found = judged(["x", "x"], ["de", None], presets=["gopher-quality"])
    assert found["reason"].to_list() == ["gopher_few_words"] * 2


def test_a_threshold_can_be_moved_and_a_rule_left_out() -> None:
    text, preset = ["the cat sat with that dog"], {"en": ["gopher-quality"]}
    assert judged(text, presets=preset)["reason"].to_list() == ["gopher_few_words"]
    moved = judged(text, presets=preset, thresholds={"gopher_few_words": {"minimum": 5}})
    assert moved["reason"].to_list() == [None]
    assert judged(text, presets=preset, without=["gopher_few_words"])["reason"].to_list() == [None]


def test_a_rule_can_be_added_over_any_signal() -> None:
    rule = {"signal": "digit_share", "maximum": 0.1, "reason": "too_many_digits"}
    found = judged([PROSE, PROSE + "1" * 200], extra=[rule], presets={"en": []})
    assert found["reason"].to_list() == [None, "too_many_digits"]
    assert "too_many_digits" in stage(extra=[rule]).reasons


def test_a_value_on_the_threshold_passes() -> None:
    rule = {"signal": "word_count", "minimum": 3, "maximum": 3, "reason": "not_three"}
    found = judged(["a b", "a b c", "a b c d"], extra=[rule], presets={"en": []})
    assert found["reason"].to_list() == ["not_three", None, "not_three"]


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.sampled_from([PROSE, PROSE * 2, CHINESE, "junk", "", "\n\n", "- a\n" * 60, "the to " * 40]), max_size=6
    ),
    st.randoms(use_true_random=False),
)
def test_stopping_early_changes_no_reason(texts: list[str], random: Any) -> None:
    frame = make_frame(texts, language=[random.choice(["en", "zh", "de", None]) for _ in texts])
    everything, needed = stage()(frame), stage(measure="needed")(frame)
    for column in ("key", "text", "reason", "detail", "flags"):
        assert everything[column].equals(needed[column], null_equal=True), column
    assert everything.columns == needed.columns
    assert everything.schema == needed.schema


def test_stopping_early_leaves_the_dear_signals_of_dropped_rows_empty() -> None:
    found = judged(["junk", PROSE], measure="needed")
    assert found["word_count"].to_list() == [1, 79]
    assert found["duplicate_5gram_character_share"].is_null().to_list() == [True, False]


def test_a_row_that_already_has_a_reason_keeps_it_and_is_not_measured() -> None:
    frame = make_frame(["junk", "junk"], language=["en", "en"], reason=["duplicate", None], detail=["of d0", None])
    found = stage()(frame)
    assert found["reason"].to_list() == ["duplicate", "gopher_few_words"]
    assert found["detail"].to_list()[0] == "of d0"
    assert found["word_count"].to_list() == [None, 1]


def test_counts_tell_what_each_rule_would_drop_whichever_came_first() -> None:
    rules = stage(presets=["gopher-quality"])
    counts = rules.counts(rules(make_frame(["junk", PROSE])))
    assert counts["fails gopher_few_words"] == counts["fails gopher_few_stop_words"] == 1


def test_asked_for_signals_are_measured_for_every_row() -> None:
    found = judged(["eins zwei", PROSE], ["de", "en"], signals=["digit_share"])
    assert found["digit_share"].to_list() == [0.0, 0.0]


def test_lines_are_removed_only_where_that_is_asked_for() -> None:
    text = "Menu\n" + PROSE + "Read the [edit] privacy policy here.\nThe end came soon after that.[3]\n"
    judge, remove = stage(presets=["c4"]), stage(presets=["c4"], c4_lines="remove")
    assert not judge.changes_text
    assert judge(make_frame([text]))["text"].to_list() == [text]
    assert remove.changes_text
    found = remove(make_frame([text, "Junk\n"]))
    assert found["text"].to_list() == [PROSE + "The end came soon after that.", "Junk\n"]
    assert found["flags"].to_list() == [[LINES_REMOVED], []]
    assert found["reason"].to_list() == [None, "c4_few_sentences"]


def test_a_list_of_bad_words_becomes_a_rule(tmp_path: Path) -> None:
    listed = tmp_path / "words.txt"
    listed.write_text("Roof\n\nnever said\n", encoding="utf-8")
    found = judged([PROSE], bad_words=str(listed))
    assert found["reason"].to_list() == ["bad_words"]
    assert found["detail"].to_list() == ["bad_word_count is 1, maximum 0"]
    other = tmp_path / "other.txt"
    other.write_text("cellar\n", encoding="utf-8")
    assert stage(bad_words=str(listed)).identity != stage(bad_words=str(other)).identity


def test_a_preset_of_the_users_own_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("rules:\n- {signal: word_count, minimum: 3, reason: mine_short}\n", encoding="utf-8")
    assert judged(["a b"], presets=[str(path)])["reason"].to_list() == ["mine_short"]


def test_the_identity_names_each_threshold() -> None:
    plain, moved = stage().identity, stage(thresholds={"gopher_few_words": {"minimum": 40}}).identity
    changed = {name for name in plain if plain[name] != moved[name]}
    assert changed == {"en.gopher_few_words"}
    assert moved["en.gopher_few_words"] == "word_count from 40.0 to None"


def test_the_stage_pickles() -> None:
    again = pickle.loads(pickle.dumps(stage()))
    assert again.identity == stage().identity
    assert again(make_frame(["junk"], language=["en"]))["reason"].to_list() == ["gopher_few_words"]


def test_an_empty_frame_gets_the_columns_of_a_full_one() -> None:
    empty = stage()(make_frame([]))
    assert set(empty.columns) == set(stage()(make_frame([PROSE], language=["en"])).columns)
    assert set(CONTROL) <= set(empty.columns)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"presets": ["gofer-quality"]}, "Did you mean gopher-quality"),
        ({"thresholds": {"gopher_few_word": {"minimum": 1}}}, "Did you mean gopher_few_words"),
        ({"thresholds": {"gopher_few_words": {"maximum": 1}}}, "cannot be"),
        ({"without": ["nonsense"]}, "Reasons in use"),
        ({"signals": ["word_counts"]}, "Did you mean word_count"),
        ({"extra": [Rule(signal="word_count", maximum=1, reason="gopher_few_words")]}, "two different rules"),
        ({"bad_words": "no such file"}, "expected a list of words"),
    ],
)
def test_a_mistake_in_the_settings_says_what_to_do(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        stage(**given)


def test_a_rule_needs_a_bound_that_something_can_pass() -> None:
    with pytest.raises(ValidationError, match="saw neither"):
        Rule(signal="word_count", reason="x")
    with pytest.raises(ValidationError, match="minimum <= maximum"):
        Rule(signal="word_count", minimum=2, maximum=1, reason="x")
