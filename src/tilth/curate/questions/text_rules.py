"""Rules on a question's own text, as Polars expressions over `TEXT`, the stripped beginning of the text.

Guarantees: null never comes out where text is not null; time is linear in the text (Rust's regex engine, no
backtracking). Costs about 25 us for a question of 150 characters, all rules together.
"""

from collections.abc import Mapping

import polars as pl

from tilth.curate.questions.catalogue import ascii_boundaries, pattern

#: The column the expressions read: text without space at its ends, cut after `max_characters`.
TEXT = "_question"

_HAN = r"\p{Han}"
_WORD = r"[^\s\p{Han}\p{P}\p{S}]+"
#: Names of elements that text with angle brackets ("if x < b > 3") does not hit by chance, whole tags only.
_TAG = (
    r"(?i)</?(?:p|br|div|span|a|img|table|tbody|thead|tr|td|th|ul|ol|li|b|i|u|em|strong|sup|sub|font|h[1-6]|code|pre|"
    r"blockquote|script|style|center|hr|input|math|mi|mo|mn|mrow|msup|msub|mfrac|figure|link|iframe)"
    r"(?:\s[^<>]*)?/?>|<!--|<!\[CDATA\["
)
_ENTITY = (
    r"&(?:nbsp|amp|lt|gt|quot|apos|[mn]dash|[lr][sd]quo|hellip|times|divide|deg|plusmn|middot|bull|copy|reg|frac\d\d|"
    r"[aeiouAEIOU](?:acute|grave|uml|circ|tilde)|[cC]cedil|ntilde|szlig|#\d{2,6}|#[xX][0-9a-fA-F]{2,6});"
)
#: UTF-8 read as Latin-1 or Windows-1252, and what a decoder leaves for bytes it cannot read.
_BROKEN = r"\x{FFFD}|â€|Ã[\x{80}-\x{BF}¡-¿]|Â[\x{A0}-\x{BF}]|ï»¿|[\x{00}-\x{08}\x{0B}\x{0E}-\x{1F}\x{80}-\x{9F}]"
_COMMAND = r"\\[a-zA-Z]{2,}"
#: Markup of documents and not of formulas.
_DOCUMENT = ascii_boundaries(
    r"\\(?:documentclass|usepackage|newcommand|section|subsection|chapter|label|ref|eqref|cite[pt]?|footnote|caption|"
    r"centering|noindent|[vh]space|bibliography|maketitle|textwidth|item)\b|"
    r"\\(?:begin|end)\{(?:document|figure|enumerate|itemize|center|minipage|theorem|proof|problem|solution|question)\*?\}"
)
#: Commands that only a formula holds; without any delimiter of a formula they are what a converter left behind.
_BARE = ascii_boundaries(
    r"\\(?:d?frac|tfrac|sqrt|cdot|times|leq?|geq?|neq|sum|int|lim|infty|left|right|mathrm|mathbf|mathbb|overline|vec|"
    r"angle|circ|quad|pm|alpha|beta|gamma|theta|lambda|omega|Delta|Omega)\b"
)
_MATH = r"\$|\\\(|\\\[|\\begin\{"
#: A sum of money, before or after its sign.
_MONEY = r"(?:US|C|A|HK|NZ)?\$ ?\d[\d,.]*(?:[kKmM](?-u:\b)| (?:million|billion|trillion))?|\d ?\$"
_OF_THE_ABOVE = ascii_boundaries(r"(?i)\b(?:all|none|any|both|each|neither|either|one|two) of the above\b")


def length_units(thresholds: Mapping[str, float]) -> pl.Expr:
    """True where a text has neither `min_words` words of other scripts nor `min_han` Chinese characters."""
    text = pl.col(TEXT).str.slice(0, 2000)  # enough to tell short from long, whatever the text
    words, han = text.str.count_matches(_WORD), text.str.count_matches(_HAN)
    return (words < thresholds["min_words"]) & (han < thresholds["min_han"])


def needs_picture() -> pl.Expr:
    """Speaks of a picture. What is "shown below" counts only where the text holds no table or list itself."""
    text = pl.col(TEXT).str.replace_all(pattern("no_picture"), "")
    return text.str.contains(pattern("needs_picture")) | (text.str.contains(pattern("shown_nearby")) & ~_tabular())


def needs_table(thresholds: Mapping[str, float]) -> pl.Expr:
    """Speaks of a table, and neither a table nor a context is there. A table's name (periodic table) is none."""
    text = pl.col(TEXT)
    named = text.str.contains(pattern("not_a_table"))
    asked = text.str.contains(pattern("needs_table")) & ~named & ~_tabular()
    return asked & _short(thresholds) & pl.col("question_context").is_null()


def needs_passage(thresholds: Mapping[str, float]) -> pl.Expr:
    """Speaks of a passage; neither a context nor a text long enough to hold it is there."""
    text = pl.col(TEXT)
    asked = text.str.contains(pattern("needs_passage")) & ~text.str.contains(pattern("passage_follows"))
    return asked & _short(thresholds) & pl.col("question_context").is_null()


def _tabular() -> pl.Expr:
    """The text holds a table or a list: Markdown, LaTeX, tabs, or several lines with numbers."""
    return pl.col(TEXT).str.contains(
        r"\\begin\{(?:tabular|array)|(?:^|\n)[^\n|]*\|[^\n|]+\||\t[^\t\n]+\t|\n[^\n]*\d[^\n]*\n[^\n]*\d|&[^&\n]*&"
    )


def _short(thresholds: Mapping[str, float]) -> pl.Expr:
    """Too short to hold the material it speaks of."""
    text = pl.col(TEXT)
    few = text.str.slice(0, int(thresholds["passage_characters"])).str.count_matches(_HAN) < thresholds["passage_han"]
    return (text.str.len_chars() < thresholds["passage_characters"]) & few


def html_residue() -> pl.Expr:
    """Tags and entities, but in questions about markup."""
    text = pl.col(TEXT)
    return text.str.contains(f"{_TAG}|{_ENTITY}") & ~text.str.contains(pattern("about_html"))


def latex_residue() -> pl.Expr:
    """Dollars, braces or paired commands that do not balance, markup of documents, formulas without delimiters.

    Dollars count as unbalanced only if they are odd both with and without sums of money, since "$5 x$" is a formula
    and "$5" is none.
    """
    text = pl.col(TEXT)

    def count(what: str) -> pl.Expr:
        return text.str.count_matches(what)

    dollars = count(r"\$") - count(r"\\\$")
    odd = (dollars % 2 == 1) & ((dollars - count(_MONEY)) % 2 == 1) & text.str.contains(rf"{_COMMAND}|[\^_{{}}]")
    braces = (count(r"\{") - count(r"\\\{") != count(r"\}") - count(r"\\\}")) & text.str.contains(_COMMAND)
    pairs = (count(r"\\left(?-u:\b)") != count(r"\\right(?-u:\b)")) | (count(r"\\begin\{") != count(r"\\end\{"))
    bare = text.str.contains(_BARE) & ~text.str.contains(_MATH)
    return odd | braces | pairs | bare | text.str.contains(_DOCUMENT)


def not_self_contained(thresholds: Mapping[str, float]) -> pl.Expr:
    """Refers back at its very beginning, or to another question or part of its book anywhere."""
    text = pl.col(TEXT).str.replace_all(_OF_THE_ABOVE, "")
    lead = text.str.slice(0, int(thresholds["lead_characters"]))
    # a whole text that is short may end inside the lead, which the patterns for whole questions need
    back = lead.str.contains(pattern("not_self_contained")) | text.str.contains(pattern("referring_back"))
    own = text.str.contains(r"(?is)(?-u:\b)a\).*(?-u:\b)b\)|\(i\).*\(ii\)|\(1\).*\(2\)|(?-u:\b)1[.)] .*(?-u:\b)2[.)] ")
    parts = text.str.contains(pattern("part_of_question")) & ~own
    return (back | parts) & pl.col("question_context").is_null()


def no_question() -> pl.Expr:
    """No mark, word, instruction, blank or choice that makes it a question."""
    asked = pl.col(TEXT).str.contains(pattern("asks")) | choices_in_text()
    return ~asked & pl.col("question_choices").is_null()


def choices_in_text() -> pl.Expr:
    """Choices A to C in order, or lines numbered 1 and 2 that are no questions. Parts (a), (b) are not choices."""
    letters = "|".join(
        ".*?".join(rf"{lead}{letter}{close}\s?\S" for letter in "ABC")
        for lead, close in ((r"(?:^|\s)", r"[.．:：]"), (r"[(（]", r"[)）]"), (r"(?:^|\n)", r"[)）]"))
    )
    numbers = r"\n1[.)] [^?\n]+\n2[.)] [^?\n]+(?:\n3[.)] [^?\n]+|$)"
    return pl.col(TEXT).str.contains(f"(?s){letters}|{numbers}")


def speaks_of(name: str) -> pl.Expr:
    """The words of `name` occur."""
    return pl.col(TEXT).str.contains(pattern(name))


def excerpt(name: str) -> pl.Expr:
    """What a rule on words saw, at most 80 characters; the beginning of the text for the other rules."""
    patterns = {
        "html_residue": f"{_TAG}|{_ENTITY}",
        "broken_characters": _BROKEN,
        "latex_residue": f"{_DOCUMENT}|{_COMMAND}",
    }
    text = pl.col(TEXT)
    if name == "needs_picture":
        text = text.str.replace_all(pattern("no_picture"), "")
    if name in ("no_question", "reads_as_query", "question_too_short"):
        return text.str.slice(0, 80)
    words = patterns.get(name) or pattern(name)
    return pl.coalesce(text.str.extract(words, 0), text).str.slice(0, 80)


def broken_characters() -> pl.Expr:
    """Characters that only a wrong decoding makes."""
    return pl.col(TEXT).str.contains(_BROKEN)
