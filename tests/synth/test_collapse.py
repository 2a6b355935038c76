"""Collapse alarms tell outputs that repeat themselves from outputs that vary, in bounded memory."""

import random
import sys

import orjson
import pytest

from tilth.synth.collapse import (
    ENTROPY_LIMIT,
    LEAST,
    OPENINGS_LIMIT,
    TOP_LIMIT,
    WINDOW,
    CollapseMonitor,
    openings_limit,
    skeleton,
)

NOUN_LIST = (
    "baker river tower garden engine letter market winter bridge doctor harbour teacher valley farmer island forest "
    "window captain village mountain road ship kitchen school painter meadow hunter castle sailor lantern"
)
NOUNS = NOUN_LIST.split()
VERB_LIST = "finds sells paints builds carries forgets repairs measures follows watches borrows draws"
VERBS = VERB_LIST.split()
OPENERS = ("A", "Every", "When the", "Some", "In spring the", "Nobody but a", "Once a", "Seven", "My", "That")


def varied(rng):
    """A text whose wording is drawn anew."""
    words = [rng.choice(OPENERS)]
    words += [
        rng.choice(NOUNS + VERBS) + rng.choice(["", "s", "ing", " of the", " and a", " under"]) for _ in range(40)
    ]
    return " ".join(words) + "."


def templated(rng):
    """A text from one sentence with slots."""
    return (
        f"**Problem:** A {rng.choice(NOUNS)} has {rng.randint(2, 99)} apples and buys {rng.randint(2, 99)} more. How "
        f"many apples does the {rng.choice(NOUNS)} have now?\n\n**Solution:**\nStep 1: add the two numbers of apples."
    )


def watched(make, rows, prefix="", seed=1):
    monitor = CollapseMonitor()
    rng = random.Random(seed)
    for row in range(rows):
        monitor.observe("math", "small-model", f"row-{row}", prefix + make(rng))
    return monitor


def kinds(monitor):
    return {(alarm.kind, alarm.level) for alarm in monitor.alarms()}


def test_varied_outputs_raise_no_alarm():
    monitor = watched(varied, 3000)
    assert monitor.alarms() == []
    pair = monitor.report()["pairs"][0]
    assert pair["rows"] == 3000
    assert pair["opening_words"]["distinct"] > 2000
    assert pair["novelty"] > 0.6


def test_one_sentence_with_slots_raises_skeleton_and_novelty_with_examples():
    monitor = watched(templated, 3000)
    assert {("skeletons", "alarm"), ("novelty", "alarm")} <= kinds(monitor)
    for alarm in monitor.alarms():
        assert (alarm.prompt, alarm.model) == ("math", "small-model")
        assert alarm.rows > 0
        assert alarm.message
        for sample_id, excerpt in alarm.examples:
            assert sample_id.startswith("row-")
            assert "apples" in excerpt


def test_a_fixed_label_before_varied_text_is_a_notice_only():
    monitor = watched(varied, 2000, prefix="**Problem:** ")
    assert kinds(monitor) == {("openings", "notice")}
    assert "form is fixed" in monitor.alarms()[0].message


def openings(distinct, alike, rows, seed=2):
    """Outputs of which a share `alike` opens one way, and the rest in the other ways, each by turns."""
    rng = random.Random(seed)
    monitor = CollapseMonitor()
    for row in range(rows):
        which = 0 if rng.random() < alike else 1 + row % (distinct - 1)
        monitor.observe("math", "m", f"r{row}", f"{which:03d}abcdefg {varied(rng)}")
    return monitor


def test_the_collapse_that_the_study_found_is_seen():
    """Qwen3-1.7B: 40 distinct first ten characters in 10,000, 76% of outputs alike."""
    alarms = [alarm for alarm in openings(40, 0.7619, WINDOW).alarms() if alarm.kind == "openings"]
    assert len(alarms) == 1
    assert alarms[0].value <= OPENINGS_LIMIT == alarms[0].limit


def test_the_variety_of_the_better_generator_passes():
    """SmolLM2-1.7B: 1,897 in 10,000."""
    assert openings(999, 0.1, WINDOW).alarms() == []


@pytest.mark.parametrize(("alike", "seen"), [(TOP_LIMIT - 0.05, False), (TOP_LIMIT + 0.05, True)])
def test_the_share_that_opens_alike_has_a_limit(alike, seen):
    assert bool(openings(900, alike, 4000).alarms()) is seen


def test_few_openings_that_are_evenly_spread_are_seen_by_their_number():
    assert openings(30, 0.0, WINDOW).alarms()
    assert not openings(60, 0.0, WINDOW).alarms()


def test_the_limit_on_openings_falls_with_fewer_rows():
    assert openings_limit(WINDOW) == OPENINGS_LIMIT
    assert openings_limit(10 * WINDOW) == OPENINGS_LIMIT
    assert openings_limit(WINDOW // 4) == OPENINGS_LIMIT / 2
    assert ENTROPY_LIMIT > 0


def test_nothing_is_said_of_a_few_rows():
    assert watched(templated, LEAST - 1).alarms() == []
    assert watched(templated, LEAST + 200).alarms() != []


def test_pairs_of_prompt_and_model_are_told_apart():
    monitor = CollapseMonitor()
    rng = random.Random(3)
    for row in range(1500):
        monitor.observe("math", "collapsed", f"a{row}", templated(rng))
        monitor.observe("math", "varied", f"b{row}", varied(rng))
        monitor.observe("faq", "varied", f"c{row}", varied(rng))
    assert {(alarm.prompt, alarm.model) for alarm in monitor.alarms()} == {("math", "collapsed")}
    assert [(pair["prompt"], pair["model"]) for pair in monitor.report()["pairs"]] == [
        ("math", "collapsed"),
        ("math", "varied"),
        ("faq", "varied"),
    ]


def test_recovery_is_seen_once_the_window_has_passed():
    monitor = openings(5, 0.9, 3000)
    assert monitor.alarms()
    rng = random.Random(4)
    for row in range(WINDOW):
        monitor.observe("math", "m", f"later{row}", varied(rng))
    assert monitor.alarms() == []
    assert monitor.report()["pairs"][0]["openings"]["rows"] == WINDOW


def test_the_same_rows_give_the_same_report():
    assert watched(templated, 1200).report() == watched(templated, 1200).report()


def test_the_report_is_json():
    value = orjson.loads(orjson.dumps(watched(templated, 1200).report()))
    assert value["alarms"]
    assert set(value["alarms"][0]) == {
        "kind", "level", "prompt", "model", "rows", "measure", "value", "limit", "message", "examples",
    }  # fmt: skip


def test_memory_does_not_grow_with_the_rows():
    monitor = CollapseMonitor()
    rng = random.Random(5)
    for row in range(WINDOW + 3000):
        monitor.observe("p", "m", f"{row}", varied(rng) + "x" * 5000)
    pair = monitor._pairs[("p", "m")]
    assert pair.openings.rows == pair.words.rows == WINDOW
    assert len(pair.openings.seen) == len(pair.openings.counts) <= WINDOW
    assert len(pair.recent) == 250
    assert len(pair.grams) <= 250 * 64
    assert max(sys.getsizeof(excerpt) for _, excerpt in pair.words.seen.values()) < 500


def test_many_pairs_share_one_in_the_end():
    monitor = CollapseMonitor()
    for number in range(300):
        monitor.observe(f"p{number}", "m", "x", "Some text of this kind.")
    assert len(monitor.report()["pairs"]) == 65


@pytest.mark.parametrize("text", ["", " ", "\n\n", "?", "**", "Q:", "\ud800", "一", "a" * 1_000_000, "一" * 300_000])
def test_any_text_can_be_observed(text):
    monitor = CollapseMonitor()
    for row in range(40):
        monitor.observe("p", "m", f"{row}", text)
    assert monitor.report()["pairs"][0]["rows"] == 40


def test_skeletons_mask_content_and_numbers_and_keep_the_frame():
    assert skeleton("Tom has 12 apples and buys 7 more. Then what?") == "~ has 0 ~ and ~ 0 more"
    assert skeleton("Ann has 30 blue pens and buys 5 more! Why?") == "~ has 0 ~ and ~ 0 more"
    assert skeleton("农场有12头牛，买了7头。一共？") != skeleton("长江是河流。")
