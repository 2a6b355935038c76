"""The shipped taxonomy is whole, its STEM flag is MMLU's, and a broken file is refused with the place."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from tilth.base.errors import ConfigError
from tilth.label.subjects import question_key, subject_examples
from tilth.label.taxonomy.load import SHIPPED, load_taxonomy

TAXONOMY = load_taxonomy()
#: The subjects that lm-evaluation-harness counts as STEM, of the 57 of MMLU.
STEM = {
    *("abstract_algebra", "anatomy", "astronomy", "college_biology", "college_chemistry", "college_computer_science"),
    *("college_mathematics", "college_physics", "computer_security", "conceptual_physics", "electrical_engineering"),
    *("elementary_mathematics", "high_school_biology", "high_school_chemistry", "high_school_computer_science"),
    *("high_school_mathematics", "high_school_physics", "high_school_statistics", "machine_learning"),
}


def test_there_are_thirteen_disciplines_and_about_seventy_five_fields() -> None:
    assert len(TAXONOMY.disciplines) == 13
    assert 70 <= len(TAXONOMY.fields) <= 85
    assert min(len(one.fields) for one in TAXONOMY.disciplines) >= 2
    for field in TAXONOMY.fields.values():
        assert field.names["en"]
        assert any("\u4e00" <= sign <= "\u9fff" for sign in field.names["zh"])


def test_the_stem_flag_of_every_mmlu_subject_is_that_of_the_benchmark() -> None:
    assert len(STEM) == 19
    mapped = TAXONOMY.mappings["mmlu"]
    assert len(mapped) == 57
    for subject in mapped:
        field = TAXONOMY.field_of_subject("mmlu", subject)
        assert (field is not None and field.stem) == (subject in STEM), subject


def test_every_subject_of_cmmlu_is_mapped() -> None:
    mapped = TAXONOMY.mappings["cmmlu"]
    assert len(mapped) == 67
    assert [subject for subject, field in mapped.items() if field is None] == ["elementary_commonsense"]


@pytest.mark.parametrize(
    ("path", "column", "name"),
    [
        ("benchmarks/mmlu", "subset", "mmlu"),
        ("benchmarks/agieval", "subset", "agieval"),
        ("benchmarks/gaokao_bench_obj", "subset", "gaokao_bench_obj"),
        ("seeds/gaokao_subjective", "subject", "gaokao_subjective"),
        ("seeds/openstax_exercises", "subject", "openstax_exercises"),
        ("seeds/open_trivia_qa", "subject", "open_trivia_qa"),
    ],
)
def test_mappings_name_exactly_the_subjects_of_the_real_files(shared: Path, path: str, column: str, name: str) -> None:
    found = pl.read_parquet(shared / f"data/{path}.parquet", columns=[column])[column].unique()
    assert set(found) == set(TAXONOMY.mappings[name])


def test_names_and_aliases_in_any_case_and_language_lead_to_ids() -> None:
    names = {"mathematics": "mathematics", "Maths": "mathematics", "数学": "mathematics", "理学": "science"}
    names |= {
        "Computer-Science": "computer_science",
        "  economic   theory ": "economic_theory",
        "TCM": "chinese_medicine",
    }
    for text, meant in (*names.items(), ("Economics", "economics"), ("cooking", None), ("", None)):
        assert TAXONOMY.resolve(text) == meant
    for one in (*TAXONOMY.disciplines, *TAXONOMY.fields.values()):
        assert TAXONOMY.resolve(one.id) == one.id


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: physics,", "id: chemistry,", "'chemistry' twice"),
        ("id: engineering", "id: science", "'science' twice"),
        ("anatomy: anatomy_physiology", "anatomy: bodies", "'bodies'"),
        ("stem: true", "stem: perhaps", "stem"),
        ("version: 1", "edition: 1", "edition"),
    ],
)
def test_a_broken_file_is_refused_with_what_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        load_taxonomy(path)
    with pytest.raises(ConfigError, match="expected a taxonomy"):
        load_taxonomy(tmp_path / "none.yaml")


def test_examples_carry_choices_and_keep_pages_and_copies_together(shared: Path) -> None:
    openstax = pl.read_parquet(shared / "data/seeds/openstax_exercises.parquet")
    examples = list(subject_examples(openstax.head(500), TAXONOMY))
    pages = Counter(one.group for one in examples)
    assert len(examples) == 500
    assert len(pages) == openstax.head(500)["origin_path"].n_unique()
    mmlu = pl.read_parquet(shared / "data/benchmarks/mmlu.parquet")
    found = list(subject_examples(mmlu, TAXONOMY))
    assert len(found) == mmlu.filter(pl.col("subset") != "miscellaneous").height
    first = mmlu.row(0, named=True)
    assert found[0].text == "\n".join([first["question"], *first["choices"]])
    assert max(Counter(one.group for one in found).values()) < 40  # openings that many questions share make no group
    with pytest.raises(ConfigError, match="whose subjects the taxonomy maps"):
        list(subject_examples(mmlu.with_columns(benchmark=pl.lit("mystery")), TAXONOMY))


def test_copies_of_a_question_have_one_key() -> None:
    assert question_key("12. What  is\nENERGY?") == question_key("what is energy")
    assert question_key("3. 已知点 A，求轨迹") == question_key("已知点A求轨迹") != question_key("已知点 B")
