"""Source beside output on a terminal."""

from rich.cells import cell_len

from tilth.view.sidebyside import Pair, side_by_side_text

FOX = "The quick brown fox jumps over the lazy dog."
CHINESE = "中华人民共和国的一切权力属于人民，人民行使国家权力的机关是全国人民代表大会和地方各级人民代表大会。"


def pair(**more) -> Pair:
    return Pair(**{"source": FOX, "output": FOX, "verdict": "kept", "prompt": "faq", "doc_id": "d1"} | more)


def test_source_and_output_stand_side_by_side_with_the_verdict():
    text = side_by_side_text([pair(output="No copy.", verdict="dropped", reason="format_faq", detail="saw prose")], 120)
    assert "1 of 1  faq  d1" in text
    assert "DROPPED  format faq; saw prose" in text
    line = next(line for line in text.splitlines() if "quick" in line)
    assert line.index("The quick") < line.index("No copy.")


def test_on_a_narrow_terminal_output_stands_under_source():
    lines = side_by_side_text([pair(output="No copy.")], 60).splitlines()
    assert next(i for i, line in enumerate(lines) if "quick" in line) < lines.index("No copy.")


def test_chinese_fits_the_width_and_nothing_is_lost():
    for width in (40, 80, 131):
        text = side_by_side_text([pair(source=CHINESE, output=CHINESE[::-1])], width)
        assert all(cell_len(line) <= width for line in text.splitlines())
        seen = [character for character in text if "\u4e00" <= character <= "\u9fff"]
        assert sorted(seen) == sorted(c for c in CHINESE * 2 if "\u4e00" <= c <= "\u9fff")


def test_escape_sequences_of_a_text_never_reach_the_terminal():
    nasty = "\x1b]0;title\x07 \x1b[2J \x9b31m \x1b]8;;http://x\x1b\\link \u202e" + FOX
    row = pair(source=nasty, output=nasty, doc_id=nasty, reason=nasty, detail=nasty, flags=(nasty,), prompt=nasty)
    plain = side_by_side_text([row], 100)
    assert not set("\x1b\x07\x9b\u202e") & set(plain)
    coloured = side_by_side_text([row], 100, colour=True)
    codes = [piece.split("m")[0] for piece in coloured.split("\x1b")[1:]]
    assert codes
    assert all(code.startswith("[") and set(code[1:]) <= set("0123456789;") for code in codes)  # styles, nothing else
    assert not set("\x07\x9b\u202e") & set(coloured)


def test_markup_of_a_text_is_text():
    assert "[bold red]x[/bold red] :smile:" in side_by_side_text([pair(source="[bold red]x[/bold red] :smile:")], 120)


def test_copied_spans_are_marked():
    assert "\x1b[30;43mThe quick brown fox" in side_by_side_text([pair()], 120, colour=True)


def test_a_refusal_says_that_no_text_came_back():
    assert "no text came back" in side_by_side_text(
        [pair(output=None, verdict="dropped", reason="refused:no_steps")], 100
    )


def test_long_texts_are_cut_and_say_so():
    text = side_by_side_text([pair(source="word " * 5000)], 100, room=200)
    assert "characters left out" in text
    assert len(text.splitlines()) < 20
