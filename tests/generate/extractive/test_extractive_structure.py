"""How the extractive engine reads a document's structure and language."""

import pytest

from tilth.generate.engines.extractive.inline import HOLE, clean
from tilth.generate.engines.extractive.language import tongue_of
from tilth.generate.engines.extractive.sentences import leans, split, whole
from tilth.generate.engines.extractive.structure import read

MARKDOWN = """---
title: "A page"
---

# One

First line
second line. Another sentence.

- a thing
  goes on
- b thing

```python
x = 1
```

## Two

1. do it

   `run it`

2. stop it
"""


def test_sections_paragraphs_lists_and_code_of_markdown() -> None:
    document = read(MARKDOWN, "en")
    assert document is not None
    assert document.title == "A page"
    assert [(section.heading, section.level) for section in document.sections] == [("One", 1), ("Two", 2)]
    paragraph, items, code = document.sections[0].blocks
    assert paragraph.sentences == ("First line second line.", "Another sentence.")
    assert [item.text for item in items.items] == ["a thing goes on", "b thing"]
    assert code.text == "x = 1"
    steps = [(item.text, item.code) for item in document.sections[1].blocks[0].items]
    assert steps == [("do it", "run it"), ("stop it", None)]


RST = """Title
=====

See :pep:`8` and ``code`` here.  Example::

    x = 1

Part
----

.. image:: a.png
   :width: 3

The end is near.
"""


def test_restructured_text_headings_literals_and_roles() -> None:
    document = read(RST, "en")
    assert document is not None
    assert [section.heading for section in document.sections] == ["Title", "Part"]
    assert document.sections[0].blocks[0].text == "See PEP 8 and `code` here. Example:"
    assert [block.text for block in document.sections[1].blocks] == ["The end is near."]


LATEX = r"""\section{Sets}\label{s}
A set is \emph{finite} if it ends, cf.\ \cref{x}. % hidden
\begin{equation}a=b\end{equation}
\begin{itemize}
\item one thing
\item other thing
\end{itemize}
"""


def test_latex_is_stripped_of_commands_and_marks_what_it_cannot_say() -> None:
    document = read(LATEX, "en")
    assert document is not None
    (section,) = document.sections
    assert section.heading == "Sets"
    assert "finite if it ends" in section.blocks[0].text
    assert HOLE in section.blocks[0].text
    assert "hidden" not in document.text
    assert [item.text for item in section.blocks[-1].items] == ["one thing", "other thing"]


HTML = """<html><head><style>p{}</style></head><body><nav>menu</nav><h2>Fish</h2>
<p>A fish &amp; a <b>net</b>.<sup class='reference'>[1]</sup></p>
<ul><li>cod</li><li>eel</li></ul><script>alert('x')</script></body></html>"""


def test_html_keeps_what_is_read_and_drops_what_is_not() -> None:
    document = read(HTML, "en")
    assert document is not None
    (section,) = document.sections
    assert section.heading == "Fish"
    assert section.blocks[0].text == "A fish & a net."
    assert [item.text for item in section.blocks[1].items] == ["cod", "eel"]
    assert "alert" not in document.text


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("see [the book](http://x.y/z_(a)) and ![pic](a.png)now", "see the book and now"),
        ("**bold** and *soft* and __both__ and a_b_c", "bold and soft and both and a_b_c"),
        ("text[4] more[note 2] end[citation needed].", "text more end."),
        ("[t]imeout of `a[0] * b` stays", "timeout of `a[0] * b` stays"),
        ("{{ shortcode }}left {% tag %}over", "left over"),
        ("a &lt; b &nbsp; c", "a < b c"),
        ("in :numref:`fig_a` we see", f"in {HOLE} we see"),
        ("formula $a_{1}*b_{2}$ stays, *this* goes", "formula $a_{1}*b_{2}$ stays, this goes"),
        ("a\x00b\x1b\u200bc\ud800d\u202e", "abcd"),
    ],
)
def test_inline_markup_becomes_plain_words(markup: str, words: str) -> None:
    from tilth.generate.engines.extractive.inline import printable

    assert clean(printable(markup)) == words


def test_sentences_end_where_a_reader_ends_them() -> None:
    assert split("Dr. Smith met J. R. Doe, e.g. at 3.5 km. He left! Why? Nobody knew.", False) == [
        "Dr. Smith met J. R. Doe, e.g. at 3.5 km.", "He left!", "Why?", "Nobody knew.",
    ]  # fmt: skip
    assert split("他说：“走。”然后走了。天黑了！", True) == ["他说：“走。”", "然后走了。", "天黑了！"]


@pytest.mark.parametrize(
    "sentence",
    [
        "The dog barked at the (open door.",
        "see the picture of the dog.",
        "The value is \\foo{x} in all cases here.",
        "The dog of the neighbour barks at",
    ],
)
def test_sentences_that_do_not_read_whole_are_passed_over(sentence: str) -> None:
    assert not whole(sentence, False)


def test_sentences_that_lean_on_others_are_known() -> None:
    assert leans("However, the dog barked.", False)
    assert leans("In this section the dog barks.", False)
    assert not leans("Dogs bark at strangers.", False)
    assert leans("因此狗叫了。", True)
    assert not leans("狗会对陌生人叫。", True)


@pytest.mark.parametrize(
    ("text", "declared", "name"),
    [
        ("The cat sat on the mat and was happy.", None, "en"),
        ("Der Hund " * 3, "de", None),
        ("Der Hund ist nicht in dem Haus und die Katze schläft mit dem Kind. " * 12, None, None),
        ("今天天气很好，我们去公园。", None, "zh"),
        ("今天天气很好，我们去公园。", "en", "zh"),
        ("A text without any Chinese in it.", "zh", "en"),
        ("これはペンです。あれは本です。", None, None),
        ("Это русский текст о погоде.", None, None),
    ],
)
def test_the_language_is_that_of_the_script(text: str, declared: str | None, name: str | None) -> None:
    tongue = tongue_of(text, declared)
    assert (tongue.name if tongue else None) == name


def test_traditional_script_is_told_from_simplified() -> None:
    traditional, simplified = tongue_of("這個國家的歷史與經濟發展", None), tongue_of("这个国家的历史与经济发展", None)
    assert traditional is not None
    assert simplified is not None
    assert (traditional.traditional, simplified.traditional) == (True, False)
    assert traditional.say("问题：这个数是什么？") == "問題：這個數是什麼？"
