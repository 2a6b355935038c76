"""The stage drops, flags and fills as its settings say."""

import pickle

import pytest

from tilth.base.errors import ConfigError
from tilth.curate.language.stage import build
from tilth.curate.language.tags import disagree, is_kept, normalise
from tilth.frames import make_frame
from tilth.recipe.stages.language import Language

TEXTS = [
    "Hello there, how are you doing on this fine day, my friend?",
    "Bonjour tout le monde, comment allez-vous aujourd'hui ?",
    "這是一個簡單的中文句子，用來測試語言識別。",
    "12345",
    "Guten Morgen, wie geht es Ihnen heute?",
]
SAID = ["en", "de", "zh-CN", None, None]


def test_by_default_nothing_is_dropped_and_disagreements_are_flagged() -> None:
    out = build(Language(), 0)(make_frame(TEXTS, language=SAID))
    assert out["language_id"].to_list() == ["en", "fr", "zh-Hant", "zxx", "de"]
    assert out["reason"].null_count() == len(TEXTS)
    assert out["flags"].to_list() == [[], ["language_disagreement"], ["language_disagreement"], [], []]


def test_the_language_found_is_written_only_where_the_source_gave_none() -> None:
    assert build(Language(), 0)(make_frame(TEXTS, language=SAID))["language"].to_list() == [
        "en",
        "de",
        "zh-CN",
        None,
        "de",
    ]
    assert build(Language(fill=False), 0)(make_frame(TEXTS, language=SAID))["language"].to_list() == SAID


def test_other_languages_and_unsure_texts_are_dropped_with_their_reasons() -> None:
    stage = build(Language(keep=("en", "zh"), minimum_score=0.5), 0)
    out = stage(make_frame([*TEXTS, ""], language=[*SAID, None]))
    assert out["reason"].to_list() == [
        None,
        "wrong_language",
        None,
        "wrong_language",
        "wrong_language",
        "uncertain_language",
    ]
    assert out["detail"][1].startswith("fr at ")
    assert set(stage.reasons) == {"wrong_language", "uncertain_language"}


def test_one_form_of_chinese_can_be_asked_for() -> None:
    texts = [
        "这是一个简单的中文句子，用来测试语言识别。",
        TEXTS[2],
        "子曰：學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？",
    ]
    for form, kept in (("zh-Hans", 0), ("zh-Hant", 1), ("lzh", 2)):
        out = build(Language(keep=(form,)), 0)(make_frame(texts))
        assert [index for index, reason in enumerate(out["reason"]) if reason is None] == [kept]


def test_disagreement_can_drop() -> None:
    stage = build(Language(on_disagreement="drop"), 0)
    out = stage(make_frame(TEXTS, language=SAID))
    assert out["reason"].to_list() == [None, "language_disagreement", "language_disagreement", None, None]
    assert stage.counts(out)["language_disagreement"] == 2
    assert stage.counts(out)["language_id:en"] == 1


def test_a_language_that_is_never_found_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"keep: expected.*'klingon'.*The tags are: .*zh-hant"):
        build(Language(keep=("klingon",)), 0)


def test_the_identity_names_the_model_and_the_stage_pickles() -> None:
    stage = build(Language(keep=("en",)), 0)
    assert stage.identity["language_model"].startswith("py3langid ")
    assert stage.identity != build(Language(), 0).identity
    assert pickle.loads(pickle.dumps(stage)) == stage
    assert not stage.changes_text


@pytest.mark.parametrize(
    ("said", "found", "expected"),
    [
        ("EN-us", "en", False),
        ("eng", "en", False),
        ("English", "en", False),
        ("zh", "lzh", False),
        ("zh_TW", "zh-Hant", False),
        ("zh-Hans", "zh-Hant", True),
        ("zh-Hans", "lzh", False),
        ("nb", "no", False),
        ("de", "en", True),
        ("some of this", "en", False),
        ("en", "zxx", False),
        ("", "en", False),
    ],
)
def test_tags_as_sources_write_them(said: str, found: str, expected: bool) -> None:
    assert disagree(said, found) is expected


def test_keeping_a_language_keeps_its_forms() -> None:
    assert is_kept("lzh", ("zh",))
    assert is_kept("zh-Hant", ("zh",))
    assert not is_kept("zh-Hant", ("zh-Hans",))
    assert is_kept("de", ())
    assert normalise("zh_Hant_TW") == "zh-hant-tw"
