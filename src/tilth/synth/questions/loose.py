"""Finds JSON objects in what a model wrote, also where they are fenced, surrounded by talk or broken in small ways.

What is mended: LaTeX commands with one backslash (`\\frac`, whose first letters JSON takes for a form feed), other
backslashes that JSON does not know, line breaks inside texts, commas before a closing bracket, quotation marks inside
a text, other quotation marks around names, a closing bracket that is missing. Guarantees: never raises; the time is
linear in the text (0.5 s a MB at worst), of which at most `MOST_CHARS` are read.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

#: Characters of an answer that are read; an answer has a few thousand.
MOST_CHARS = 200_000
#: Places where an object that never closes is looked for anew, so that "{{{{..." stays cheap.
_STARTS = 8
#: Deepest nesting that is parsed: an answer has two levels.
_DEPTH = 40

_MARK = re.compile(r'[{}\[\]"\\]')
_ESCAPE = re.compile(r'\\(\\|"|/|u[0-9a-fA-F]{4}|[a-zA-Z]{1,20}|.|$)', re.DOTALL)
# commands that begin like an escape of JSON: b, f, n, r, t; whole words, so that "\nequal" stays a line break
_LATEX = re.compile(
    r"(?:bar|begin|beta|big[lr]?|bigg[lr]?|Big|binom|bmod|bmatrix|boldsymbol|bot|boxed|breve|bullet|bigcup|bigcap|bigoplus"
    r"|fbox|flat|forall|frac|frown|nabla|natural|nearrow|neg|neq|nexists|nmid|nolimits|not|notin|nsubseteq|nparallel"
    r"|rangle|rbrace|rceil|rfloor|rho|right|rightarrow|rightharpoonup|rightleftharpoons|rm"
    r"|tan|tanh|tau|tbinom|text|textbf|textit|textrm|texttt|tfrac|therefore|theta|tilde|times|to|top|triangle|triangleq)"
)
_SHORT = frozenset({"ne", "ni", "nu"})  # taken for LaTeX only where mathematics stands in front
_MATHS = frozenset("${(=_^+-*/,0123456789 ")
_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s{0,100}[}\]])', re.DOTALL)
_QUOTES = "\"'“”‘’"


def objects(text: str, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The objects in `text` that have one of `keys`, the last first: models think aloud before they answer."""
    found = [one for piece in _pieces(text[:MOST_CHARS]) for one in _with_key(_load(piece), keys)]
    yield from reversed(found)


def broken(text: str, keys: Sequence[str]) -> tuple[dict[str, Any], bool]:
    """The fields that can be cut out of an object that is no JSON, and whether the last of them is whole.

    A value ends where the next of `keys` begins; so quotation marks inside it do no harm.
    """
    names = "|".join(re.escape(key) for key in keys)
    mark = re.compile(rf"[{_QUOTES}]({names})[{_QUOTES}]\s{{0,20}}[:：]\s{{0,20}}")
    text = text[:MOST_CHARS]
    marks = list(mark.finditer(text))
    fields: dict[str, Any] = {}
    whole = True
    for at, found in enumerate(marks):
        last = at + 1 == len(marks)
        end = len(text) if last else marks[at + 1].start()
        value, whole = _value(text[found.end() : end], last=last)
        fields[found[1]] = value
    return fields, whole


def _pieces(text: str) -> list[str]:
    """The slices of `text` from a brace to the one that closes it, outermost ones."""
    pieces: list[str] = []
    at, unclosed = text.find("{"), 0
    while at >= 0 and unclosed < _STARTS:
        end = _closing(text, at)
        if end is None:
            unclosed += 1
            at = text.find("{", at + 1)
            continue
        pieces.append(text[at:end])
        at = text.find("{", end)
    return pieces


def _closing(text: str, start: int) -> int | None:
    """One past the brace that closes the one at `start`; None where there is none."""
    depth, inside, skip = 0, False, -1
    for mark in _MARK.finditer(text, start):
        sign, place = mark[0], mark.start()
        if place == skip:
            continue
        if sign == "\\":
            skip = place + 1 if inside else -1
        elif sign == '"':
            inside = not inside
        elif not inside:
            depth += 1 if sign in "{[" else -1
            if depth > _DEPTH:
                return None
            if depth == 0:
                return place + 1
    return None


def _load(piece: str) -> Any:
    mended = _ESCAPE.sub(_escape, piece)
    for text in (mended, _COMMA.sub(lambda found: found[0] if found[0] != "," else "", mended)):
        try:
            return json.loads(text, strict=False)  # not strict: line breaks may stand in texts
        except (ValueError, RecursionError):  # a number of 5,000 digits is a ValueError too
            continue
    return None


def _escape(found: re.Match[str]) -> str:
    rest = found[1]
    if rest[:1] in ("\\", '"', "/") or (len(rest) == 5 and rest[0] == "u"):
        return found[0]
    if rest[:1] in ("b", "f", "n", "r", "t"):
        before = found.string[found.start() - 1 : found.start()]
        latex = _LATEX.fullmatch(rest) or (rest in _SHORT and before in _MATHS)
        return "\\" + found[0] if latex else found[0]
    return "\\" + found[0]


def _with_key(value: Any, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The object itself, or those one level below it, where they have one of the keys."""
    if not isinstance(value, dict):
        return []
    if any(key in value for key in keys):
        return [value]
    return [one for one in value.values() if isinstance(one, dict) and any(key in one for key in keys)]


def _value(raw: str, *, last: bool) -> tuple[Any, bool]:
    """A value as it stands between two names, and whether it is whole."""
    text = raw.rstrip()
    if last:
        text = text.removesuffix("```").rstrip()
        text = text[: text.rfind("}")].rstrip() if "}" in text[-3:] else text
    text = text.rstrip(",， \n\t")
    if text[:1] in ("[", "{"):
        value = _load(text)
        return (value, value is not None)
    if text[:1] in tuple(_QUOTES):
        whole = len(text) > 1 and text[-1] in _QUOTES
        inner = text[1:-1] if whole else text[1:]
        return (_unescaped(inner), whole)
    return (text, bool(text))


def _unescaped(text: str) -> str:
    """A text whose quotation marks may stand in it as they are."""
    mended = _ESCAPE.sub(_escape, text)
    quoted = re.sub(r'\\.|"', lambda found: '\\"' if found[0] == '"' else found[0], mended, flags=re.DOTALL)
    try:
        value = json.loads(f'"{quoted}"', strict=False)
    except ValueError:
        return text
    return value if isinstance(value, str) else text
