"""Mathematical expressions: a cheap exact path first, computer algebra only for what it leaves open.

The cheap path accepts what is the same text or the same exact numbers part by part, and refuses what has another number
of parts, other brackets, or another value at fixed test points. Everything else goes to `algebra`. On the gold answers
of MATH the cheap path settles all of them against themselves and most wrong pairs, in about 50 us.
"""

import re

from tilth.answers.algebra import MOST_CHARS, same_expression
from tilth.answers.clean import characters, squeezed, unwrapped
from tilth.answers.expression import differ, evaluate
from tilth.answers.numbers import quantity, same_number
from tilth.answers.texts import words
from tilth.answers.verdict import CheckSettings, How

#: What is left of a text that goes to computer algebra: anything else is no mathematics, and stays away from a parser.
_ALLOWED = re.compile(r"[A-Za-z0-9\s\\^_{}()\[\]|+\-*/=<>.,:;!&%'$]*")
_BLANKS = re.compile(r"\s+")
_CALL = re.compile(
    r"(?<![A-Za-z\\])(sqrt|sin|cos|tan|sec|csc|cot|ln|log|exp|arcsin|arccos|arctan|pi|infinity|oo|inf)(?![A-Za-z])"
)
_UNION = re.compile(r"([)\]}])\s?U\s?([(\[{])")
_NAMES = {"infinity": "infty", "oo": "infty", "inf": "infty"}
_ASSIGNED = re.compile(r"^\s?(?:[A-Za-z]|[A-Za-z]\([a-z]\)|\\[a-z]{2,8})\s?(?:=|\\in)\s?(?=\S)")
_ENVIRONMENT = re.compile(r"^\\begin\{([pbvV]?matrix|array)\}(?:\{[lcr|]{1,20}\})?(.*)\\end\{\1\}$", re.DOTALL)
_OPENING, _CLOSING = "([{", ")]}"


def plain_latex(text: str) -> str:
    """`text` as LaTeX in one writing: plain functions and powers become commands, fonts and spacing go."""
    text = unwrapped(characters(text)).rstrip(".;, ")
    text = _UNION.sub(r"\1 \\cup \2", text).replace("**", "^").replace("\\{", "\\lbrace ").replace("\\}", "\\rbrace ")
    text = _CALL.sub(lambda match: "\\" + _NAMES.get(match[1], match[1]) + " ", text)
    text = (
        text.replace("\\neq", "\\ne")
        .replace("\\leq", "\\le")
        .replace("\\geq", "\\ge")
        .replace("\\$", "")
        .replace("$", "")
    )
    return squeezed(_rooted(text))


def _values(a: str, g: str) -> tuple[str, str]:
    """The right-hand sides where x = 5 stands beside 5 or beside another x = ...; two equations stay as they are."""
    led_a, led_g = _ASSIGNED.match(a), _ASSIGNED.match(g)
    if led_a and led_g:
        same = _BLANKS.sub("", led_a.group()) == _BLANKS.sub("", led_g.group())
        return (a[led_a.end() :], g[led_g.end() :]) if same else (a, g)
    if led_a and "=" not in g:
        return (a[led_a.end() :], g)
    return (a, g[led_g.end() :]) if led_g and "=" not in a else (a, g)


def _rooted(text: str) -> str:
    """sqrt(x) and x^(y) with braces, where the bracket closes."""
    for mark in ("\\sqrt (", "\\sqrt(", "^(", "^ ("):
        at = text.find(mark)
        for _ in range(20):
            if at < 0:
                break
            opening = at + len(mark) - 1
            closing = _closing(text, opening)
            if closing < 0:
                break
            text = text[:at] + mark[:-1].strip() + "{" + text[opening + 1 : closing] + "}" + text[closing + 1 :]
            at = text.find(mark, at + 1)
    return text


def _closing(text: str, opening: int) -> int:
    depth = 0
    for at in range(opening, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if not depth:
            return at
    return -1


def same_symbolic(answer: str, gold: str, settings: CheckSettings) -> tuple[bool | None, How, str]:
    """Whether two expressions are equal; how that was decided, and in words."""
    a, g = plain_latex(answer), plain_latex(gold)
    tight_a, tight_g = _BLANKS.sub("", a), _BLANKS.sub("", g)
    if tight_a == tight_g and tight_g:
        return (True, "identical", "the same writing")
    if not tight_a:
        return (False, "unreadable", "nothing to compare")
    by_number = _as_numbers(answer, gold, settings)
    if by_number is not None:
        return by_number
    if len(a) > MOST_CHARS or len(g) > MOST_CHARS:
        return (False if len(g) <= MOST_CHARS else None, "too_long", f"over {MOST_CHARS} characters")
    if _prose(g):
        return (words(a) == words(g), "text", "compared as words")
    a, g = _values(a, g)
    cheap = _by_parts(a, g, settings)
    if cheap is not None:
        return cheap
    return _by_algebra(a, g, settings)


def _as_numbers(answer: str, gold: str, settings: CheckSettings) -> tuple[bool, How, str] | None:
    one, other = quantity(answer), quantity(gold)
    return same_number(one, other, settings) if one is not None and other is not None else None


def _prose(text: str) -> bool:
    """Whether a gold answer is a word in mathematics' clothes, such as \\text{Friday}."""
    letters = sum(len(word) for word in text.split() if word.isalpha() and len(word) > 2)
    return letters > len(text) / 2 and not any(sign in text for sign in "\\^=+*/<>")


def _by_parts(a: str, g: str, settings: CheckSettings) -> tuple[bool, How, str] | None:
    """The verdict of the cheap path; None where it cannot tell."""
    if any(sign in a + g for sign in ("=", "<", ">", "\\le", "\\ge", "\\in", "\\ne", "\\pm", ":")):
        bare = (a + g).replace("\\left", "").replace("\\infty", "")
        if any(sign in bare for sign in ("=", "<", ">", "\\le ", "\\ge ", "\\in ", "\\ne ", "\\pm", ":")):
            return None  # relations and double signs
    tag_a, parts_a = _parts(a)
    tag_g, parts_g = _parts(g)
    if tag_a != tag_g:
        brackets = {tag_a, tag_g} <= {"()", "[]", "(]", "[)"}
        return (False, "structure", f"{tag_a} against {tag_g}") if brackets else None
    if len(parts_a) != len(parts_g):
        return (False, "structure", f"{len(parts_a)} parts against {len(parts_g)}")
    if tag_g in ("list", "{}", "union"):
        parts_a, parts_g = _ordered(parts_a), _ordered(parts_g)
    verdicts = [
        _part(one, other, settings, nested=len(parts_g) > 1) for one, other in zip(parts_a, parts_g, strict=True)
    ]
    for verdict in verdicts:
        if verdict is not None and not verdict[0]:
            return verdict
    if all(verdict is not None for verdict in verdicts):
        return (True, "number", "every part is equal exactly")
    return None


def _part(a: str, g: str, settings: CheckSettings, nested: bool) -> tuple[bool, How, str] | None:
    if _BLANKS.sub("", a) == _BLANKS.sub("", g):
        return (True, "identical", "the same writing")
    by_number = _as_numbers(a, g, settings)
    if by_number is not None:
        return by_number
    one, other = evaluate(a), evaluate(g)
    if one is not None and other is not None:
        return (False, "numeric", "another value at a test point") if differ(one, other) else None
    if nested and _parts(a)[0] != "one":
        return _by_parts(a, g, settings)
    return None


def _ordered(parts: list[str]) -> list[str]:
    """Parts of a set in an order that equal sets share where every part can be evaluated; else by their text."""
    values = [evaluate(part) for part in parts]
    known = [value for value in values if value is not None]
    if len(known) < len(parts):
        return sorted(parts)
    keyed = zip(((round(value[0].real, 6), round(value[0].imag, 6)) for value in known), parts, strict=True)
    return [part for _, part in sorted(keyed)]


def _parts(text: str) -> tuple[str, list[str]]:
    """What an expression is made of: brackets and parts; "one" with itself where it has none."""
    text = text.strip().replace("\\lbrace", "{").replace("\\rbrace", "}") if "brace" in text else text.strip()
    matrix = _ENVIRONMENT.match(text)
    if matrix:
        rows = [row.split("&") for row in matrix[2].split("\\\\") if row.strip()]
        return (f"matrix {len(rows)}", [cell.strip() for row in rows for cell in row])
    union = _split(text, "\\cup")
    if len(union) > 1:
        return ("union", union)
    pieces = _split(text, ",")
    if len(pieces) > 1:
        return ("list", pieces)
    if len(text) > 1 and text[0] in _OPENING and text[-1] in _CLOSING:
        inner = _split(text[1:-1], ",")
        if len(inner) > 1 or text[0] == "{":
            return (text[0] + text[-1], inner)
    return ("one", [text])


def _split(text: str, mark: str) -> list[str]:
    """`text` at each `mark` outside all brackets."""
    pieces: list[str] = []
    depth = start = at = 0
    while at < len(text):
        sign = text[at]
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if not depth and text.startswith(mark, at):
            pieces.append(text[start:at].strip())
            at = start = at + len(mark)
            continue
        at += 1
    pieces.append(text[start:].strip())
    return pieces


def _by_algebra(a: str, g: str, settings: CheckSettings) -> tuple[bool | None, How, str]:
    for side, text in (("answer", a), ("gold", g)):
        if not _ALLOWED.fullmatch(text) or "__" in text:
            return (
                False if side == "answer" else None,
                "unreadable",
                f"the {side} holds signs that are no mathematics",
            )
    said = same_expression(_for_algebra(g), _for_algebra(a), settings)
    if said in ("equal", "different"):
        return (said == "equal", "symbolic", f"math-verify: {said}")
    if said in ("unparsed", "gold"):
        unread = "the gold answer" if said == "gold" else "the answer"
        return (None if said == "gold" else False, "unreadable", f"math-verify could not parse {unread}")
    how: dict[str, How] = {"time": "time", "memory": "memory"}
    return (
        None,
        how.get(said, "failed"),
        "a limit of computer algebra was reached" if said in how else "the worker ended",
    )


def _for_algebra(text: str) -> str:
    return text.replace("\\lbrace", "\\{").replace("\\rbrace", "\\}").replace("*", "\\cdot ").replace("^\\circ", "")
