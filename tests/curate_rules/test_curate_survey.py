"""What a survey says of signals and thresholds, whole or put together from parts."""

import json
import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.rules.stage import build, survey
from tilth.curate.signals.histogram import BARS, QUANTILES, Histogram
from tilth.frames import make_frame
from tilth.recipe.stages.rules import Rules

VALUES = st.lists(st.none() | st.floats(0, 1e9).map(lambda value: value if value > 1e-6 else 0.0), max_size=60)


def histogram(values: list[float | None], unit: str = "count") -> Histogram:
    made = Histogram(unit=unit)  # type: ignore[arg-type]
    made.add(pl.Series(values, dtype=pl.Float64))
    return made


@settings(deadline=None, max_examples=50)
@given(VALUES.filter(lambda values: any(value is not None for value in values)))
def test_quantiles_are_within_a_bin_of_the_true_ones(values: list[float | None]) -> None:
    seen = [value for value in values if value is not None]
    made = histogram(values)
    for share in QUANTILES:
        true = float(np.quantile(seen, share, method="inverted_cdf"))
        assert made.quantile(share) == pytest.approx(true, rel=0.011), share
    assert (made.count, made.missing) == (len(seen), len(values) - len(seen))


@settings(deadline=None, max_examples=30)
@given(VALUES, VALUES)
def test_histograms_merge_to_that_of_all_values_in_any_order(
    left: list[float | None], right: list[float | None]
) -> None:
    one, other = histogram(left), histogram(right)
    one.merge(histogram(right))
    other.merge(histogram(left))
    whole = histogram([*left, *right])
    assert one.result()["bars"] == other.result()["bars"] == whole.result()["bars"]
    assert one.result()["quantiles"] == whole.result()["quantiles"]


def test_bars_hold_every_value_and_are_few() -> None:
    made = histogram([float(value) for value in range(10_000)])
    assert sum(bar["count"] for bar in made.bars()) == 10_000
    assert len(made.bars()) <= BARS


def test_shares_are_counted_in_thousandths() -> None:
    made = histogram([0.0, 0.5004, 1.0], "share")
    assert made.quantile(0.5) == pytest.approx(0.5005)
    assert made.result()["greatest"] == 1.0


def test_a_survey_tells_what_each_rule_would_drop_alone_and_all_together() -> None:
    frame = make_frame(["junk", "the junk to keep", "- a\n" * 60, "eins"], language=["en", "en", "en", "de"])
    settings_ = Rules(presets={"en": ["gopher-quality"]})
    made = survey(settings_)
    made.add(frame)
    found = made.result()
    rules = {rule["reason"]: rule for rule in found["rules"]}
    assert (rules["gopher_few_words"]["rows"], rules["gopher_few_words"]["dropped"]) == (3, 2)
    assert rules["gopher_few_words"]["only"] == 1  # the second text has two stop words and fails nothing else
    assert rules["gopher_bullet_lines"]["dropped"] == 1
    assert found["presets"]["en"] == {"rows": 3, "dropped": 3, "share": 1.0}
    assert found["without_preset"] == 1
    assert found["languages"] == {"en": 3, "de": 1}


def test_a_survey_agrees_with_the_stage(shared: Path) -> None:
    documents = pl.read_parquet(shared / "data" / "documents" / "web_noisy.parquet")
    frame = make_frame(documents["text"].to_list(), language=documents["lang"].to_list())
    made, stage = survey(Rules()), build(Rules(), seed=0)
    made.add(frame)
    judged = stage(frame)
    counts = stage.counts(judged)
    assert made.result()["presets"]["en"]["dropped"] == len(judged) - judged["reason"].null_count()
    for rule in made.result()["rules"]:
        if rule["language"] == "en":
            assert rule["dropped"] == counts[f"fails {rule['reason']}"], rule["reason"]


def test_a_survey_in_parts_from_other_processes_is_the_whole_one() -> None:
    texts = ["junk", "the junk to keep", "- a\n" * 60, "", "the to " * 200]
    whole = survey(Rules())
    whole.add(make_frame(texts, language=["en"] * 5))
    parts = [survey(Rules()) for _ in texts]
    for part, text in zip(parts, texts, strict=True):
        part.add(make_frame([text], language=["en"]))
    first = parts[0]
    for part in parts[1:]:
        first.merge(pickle.loads(pickle.dumps(part)))
    assert json.dumps(first.result()) == json.dumps(whole.result())


def test_a_survey_of_nothing_is_empty() -> None:
    assert survey(Rules()).result()["rows"] == 0
