"""What is wrong with a prompt file is said with file, line, what was expected, what was seen and what to do."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets import FRAME, HEADER, POOL, text, write

from tilth.base.errors import ConfigError
from tilth.prompts.prompt import load_prompt

WHOLE = text()


def line_of(content: str, needle: str) -> int:
    """The line, from 1, on which `needle` first stands."""
    return content[: content.index(needle)].count("\n") + 1


def changed(old: str, new: str) -> str:
    assert WHOLE.count(old) >= 1, old
    return WHOLE.replace(old, new, 1)


# name -> (file, text on the line that the error must name, words it must hold)
FAULTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "no header": (FRAME + POOL, "=== user", ("header", "+++")),
    "header not closed": ("+++\n" + HEADER + "# end", "# end", ("second +++",)),
    "not TOML": (changed('parser = "faq"', "parser = faq"), "parser = faq", ("TOML",)),
    "unknown key": (changed("suits =", "suit ="), "suit =", ("'suit'", "suits")),
    "key missing": (changed('title = "Sketch"\n', ""), "+++", ("title", "Add a line")),
    "version as text": (changed("version = 2", 'version = "2"'), 'version = "2"', ("version", "integer", "'2'")),
    "version zero": (changed("version = 2", "version = 0"), "version = 0", ("version", "1")),
    "unknown language": (changed('language = "en"', 'language = "xx"'), 'language = "xx"', ("language", "'xx'")),
    "name differs from file": (changed('"sketch"', '"other"'), '"other"', ("sketch", "other")),
    "unknown parser": (changed('parser = "faq"', 'parser = "fq"'), 'parser = "fq"', ("'fq'", "faq")),
    "unknown option": (changed("min_questions", "min_question"), "min_question =", ("'min_question'", "min_questions")),
    "option of a wrong type": (
        changed("min_questions = 2", "min_questions = true"),
        "min_questions",
        ("whole number",),
    ),
    "option needed": (
        changed('parser = "faq"', 'parser = "tagged"').replace("[parser_options]\nmin_questions = 2\n", ""),
        'parser = "tagged"',
        ("option tag",),
    ),
    "unknown check": (changed("format_faq", "fromat_faq"), "fromat_faq", ("'fromat_faq'", "format_faq")),
    "unknown feature": (changed("numbers = 3", "number = 3"), "number = 3", ("'number'", "numbers")),
    "negative need": (changed("numbers = 3", "numbers = -1"), "numbers = -1", ("needs.numbers", "-1")),
    "endless need": (changed("numbers = 3", "numbers = inf"), "numbers = inf", ("needs.numbers", "finite")),
    "slot with one value": (changed('["plain", "lively"]', '["plain"]'), 'tone = ["plain"]', ("slots.tone", "2")),
    "slot value twice": (changed('"lively"]', '"plain"]'), 'tone = ["plain", "plain"]', ("distinct", "'plain' twice")),
    "slot with a fixed name": (changed("tone =", "document ="), "document =", ("fixed meaning",)),
    "slot name in capitals": (changed("tone =", "Tone ="), "Tone =", ("slots.Tone",)),
    "slot unused": (WHOLE.replace(", [[tone]]", ""), "tone =", ("tone", "no mention")),
    "unknown section": (changed("=== instruction", "=== instructions"), "=== instructions", ("'instructions'",)),
    "text before sections": (changed("=== user", "Hello\n=== user"), "Hello", ("section line", "'Hello'")),
    "empty section": (changed("=== user", "=== system\n\n=== user"), "=== system", ("text in the section system",)),
    "nameless section": (changed("=== user", "=== \n=== user"), "=== \n", ("known section",)),
    "no user turn": (
        text(header=HEADER + "# last\n", frame="").replace("# last\n+++", "# last\n+++ "),
        "+++ ",
        ("=== user",),
    ),
    "assistant first": (changed("=== user", "=== assistant\nHi.\n=== user"), "Hi.", ("turn of user",)),
    "assistant last": (text(frame=FRAME + "=== assistant\nSure.\n"), "Sure.", ("last turn",)),
    "system second": (text(frame=FRAME + "=== system\nBe brief.\n"), "Be brief.", ("assistant", "system")),
    "document missing": (changed("[[document]]", "it"), "Material:", ("[[document]] once", "saw none")),
    "document twice": (
        changed("[[document]]", "[[document]] [[document]]"),
        "Material:",
        ("[[document]] once", "2 times"),
    ),
    "instruction missing": (changed("\n[[instruction]]\n", ""), "Material:", ("[[instruction]] once",)),
    "document in an instruction": (changed("Way 3", "[[document]] 3"), "[[document]] 3", ("an instruction may use",)),
    "misspelt variable": (
        changed("Way 4 for [[audience]]", "Way 4 for [[audiense]]"),
        "Way 4",
        ("[[audiense]]", "audience"),
    ),
    "variable not closed": (changed("Way 5 for [[audience]]", "Way 5\nfor the [[audience]"), "for the [[", ("[[",)),
    "variable not opened": (changed("Way 6 for [[audience]]", "Way 6\nfor\npeople]]"), "people]]", ("]]",)),
    "nine instructions": (text(pool=POOL[POOL.index("=== instruction\nWay 1") :]), "Way 9", ("at least 10", "saw 9")),
    "one instruction twice": (changed("Way 9", "wAY  8"), "wAY", ("new wording", f"line {line_of(WHOLE, 'Way 8')}")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_file_and_line(tmp_path: Path, fault: str) -> None:
    content, place, words = FAULTS[fault]
    path = write(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        load_prompt(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line {line_of(content, place)}: expected "), message
    assert "; saw " in message
    for word in words:
        assert word in message


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "sketch.md"
    path.write_bytes(WHOLE.replace("Material:", "Mat\xe9riel:").encode("latin-1"))
    with pytest.raises(ConfigError, match=rf"line {line_of(WHOLE, 'Material:')}: expected UTF-8"):
        load_prompt(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sketch\.md; the system said: No such file"):
        load_prompt(tmp_path / "sketch.md")


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_foreign_newlines_and_a_byte_order_mark_change_nothing(tmp_path: Path, newline: str) -> None:
    plain = load_prompt(write(tmp_path / "a", WHOLE))
    foreign = load_prompt(write(tmp_path / "b", "\ufeff" + WHOLE.replace("\n", newline)))
    assert foreign.text_hash == plain.text_hash
    assert foreign.messages == plain.messages


def test_each_character_of_a_file_counts_in_its_hash(tmp_path: Path) -> None:
    plain = load_prompt(write(tmp_path / "a", WHOLE))
    other = load_prompt(write(tmp_path / "b", changed("Way 7", "Way seven")))
    assert other.text_hash != plain.text_hash


def test_a_line_of_equals_signs_is_text(tmp_path: Path) -> None:
    prompt = load_prompt(write(tmp_path, changed("Material:", "Material\n========")))
    assert "Material\n========" in prompt.messages[0][1][0]


@settings(max_examples=200, deadline=None)
@given(
    at=st.integers(0, len(WHOLE)),
    length=st.integers(0, 40),
    put=st.text(alphabet=st.sampled_from("[]=+\"'\n#.,x1 \x00\u2028\ud800题"), max_size=12),
)
def test_a_damaged_file_loads_or_is_refused_in_our_words(
    tmp_path_factory: pytest.TempPathFactory, at: int, length: int, put: str
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "damaged", WHOLE[:at] + put + WHOLE[at + length :])
    said = str(path)
    try:
        load_prompt(path)
    except ConfigError as error:
        said = str(error)
    assert str(path) in said  # any other error ends the test
