"""Text of others on a terminal: nothing in it may move the cursor, set a title, change colours or turn text around."""

import re

#: C0 (but tab and newline), delete, C1, soft hyphen, zero-width and bidirectional controls, line separators, byte order
#: marks, unpaired surrogates, annotation marks and tag characters.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_PICTURES = 0x2400  # U+2400 on: a drawn symbol for each C0 control


def printable(text: str) -> str:
    """`text` with each control shown as a symbol (ESC as ␛, U+202E as ‹U+202E›); line ends become one newline."""
    text = text.replace("\r\n", "\n")
    return _UNSAFE.sub(_shown, text) if _UNSAFE.search(text) else text


def one_line(text: str, most: int = 200) -> str:
    """`text` printable, on one line, at most `most` characters."""
    flat = " ".join(printable(text[: most * 4]).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def _shown(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(_PICTURES + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"
