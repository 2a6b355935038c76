r"""The JSON object in a model's reply, whatever stands around it.

Models put a fence or a sentence around the object, write their reasons before it, and leave the backslashes of LaTeX
single, so that `\frac` reads as a form feed and `\(` is no JSON at all. Guarantees: never raises; linear in the reply,
of which the last `MOST_CHARS` characters are read; backslashes that JSON asks for stay as they are. Costs about 10 us.
"""

import re
from typing import Any

import orjson

#: Raise it when the same reply would be read as another object.
VERSION = 1
#: Characters that are read: an object with a long solution has a tenth of it.
MOST_CHARS = 200_000
#: Places where an object may begin that are tried, from each end.
_TRIES = 8

_START = re.compile(r'\{\s{0,40}["}]')
#: Commands whose first letter JSON takes for a control character. Those that could end inside a word are bounded.
_COMMANDS = (
    "begin|beta|bar|big|binom|boldsymbol|bmod|bot|bullet|boxed|frac|forall|flat|fbox|neq|nabla|notin|nmid|neg|"
    "(?:ne|nu|not|ni)(?![a-z])|right|rho|rangle|rfloor|rceil|times|text|theta|tan|tau|tfrac|triangle|therefore|tilde|"
    "(?:to|top|rm)(?![a-z])"
)
_ESCAPE = re.compile(rf'\\(?:["\\/]|u[0-9a-fA-F]{{4}}|(?P<command>{_COMMANDS})|[bfnrt]|(?P<other>))')


def object_in(reply: str) -> dict[str, Any] | None:
    """The object that `reply` states: the first that parses from its beginning, else the last one; None without."""
    text = _mended(reply[-MOST_CHARS:])
    stop = text.rfind("}") + 1
    starts = [match.start() for match in _START.finditer(text, 0, stop)]
    tries = starts if len(starts) <= 2 * _TRIES else starts[:_TRIES] + starts[-_TRIES:]
    for start in tries:
        found = _parsed(text[start:stop])
        if found:
            return found
    return None


def text_in(value: Any) -> str | None:
    """A value of an object as text without space at its ends: texts and numbers; None for anything else or nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def texts_in(value: Any) -> tuple[str, ...] | None:
    """A list of an object as texts; None where it is no list, or an item is neither text nor number."""
    if not isinstance(value, list):
        return None
    items = [text_in(item) for item in value]
    return None if any(item is None for item in items) else tuple(item for item in items if item is not None)


def _mended(text: str) -> str:
    return _ESCAPE.sub(_escape, text) if "\\" in text else text


def _escape(match: re.Match[str]) -> str:
    return match[0] if match["command"] is None and match["other"] is None else "\\" + match[0]


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
