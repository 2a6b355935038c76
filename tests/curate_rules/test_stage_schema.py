import polars as pl

from tilth.curate.rules.stage import build
from tilth.frames import make_frame
from tilth.recipe.stages.rules import Rules


def test_the_columns_do_not_hang_on_the_languages_of_the_rows() -> None:
    stage = build(Rules(), 0)
    schemas = [
        stage(make_frame(["some words here"] * len(languages), language=pl.Series(languages, dtype=pl.String))).schema
        for languages in (["en"], ["zh"], ["en", "zh"], [None], [])
    ]
    assert all(schema == schemas[0] for schema in schemas)
