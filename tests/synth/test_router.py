"""The router sends a document only where its features reach the prompt's minimums, and names the reason otherwise."""

import pytest

from tilth.base.errors import ConfigError
from tilth.prompts.known import KNOWN_FEATURES
from tilth.prompts.prompt import load_library
from tilth.synth.features import features
from tilth.synth.router import ROUTED_AWAY, route

STORY = "The wind rose in the evening and the boats came home one by one. Nobody spoke of the storm. " * 8
FIGURES = "In 2019 the mill sold 1,204 tons of flour at 310 dollars a ton, and in 2020 it sold 900 tons. " * 5


def test_a_story_without_numbers_makes_no_word_problem():
    needs = load_library()["math"].needs
    assert route(features(STORY), needs) == "too_few_numbers"
    assert route(features(FIGURES), needs) is None


def test_every_shipped_prompt_names_features_that_exist():
    seen = features(FIGURES)
    for prompt in load_library().values():
        assert route(seen, prompt.needs) in {None, *ROUTED_AWAY}


def test_a_minimum_that_is_met_exactly_is_met():
    seen = features(FIGURES)
    assert route(seen, {"sentences": seen.sentences}) is None
    assert route(seen, {"sentences": seen.sentences + 1}) == "too_few_sentences"


def test_the_first_need_that_fails_is_the_reason():
    seen = features("Short.")
    assert route(seen, {"numbers": 1, "chars": 100}) == "too_few_numbers"
    assert route(seen, {"chars": 100, "numbers": 1}) == "too_short"


def test_nothing_needed_routes_everything():
    assert route(features(""), {}) is None


def test_each_feature_has_one_reason():
    assert len(ROUTED_AWAY) == len(KNOWN_FEATURES)
    empty = features("")
    assert {route(empty, {name: 1.0}) for name in KNOWN_FEATURES} == ROUTED_AWAY


def test_an_unknown_feature_is_a_clear_error():
    with pytest.raises(ConfigError, match="The nearest is numbers"):
        route(features(STORY), {"number": 2})
