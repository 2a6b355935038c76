"""A text cut down to what a page has room for, with its copied spans kept in sight.

An excerpt is a list of parts. A part is a list of strings, plain and copied in turn (plain first, either may be empty),
or a number: how many characters were left out there. Joined again with nothing left out, it is the text.
"""

from tilth.view.spans import Span

Part = list[str] | int

_HEAD = 0.4  # share of the room for the beginning of the text: a reader needs to know what it is about
_AROUND = 120  # characters of context on each side of a copied span
_SNAP = 24  # how far a cut may move to fall between words


def excerpt(text: str, spans: list[Span], room: int) -> list[Part]:
    """At most `room` characters of `text` (a few more where a cut moves to a word's end), `spans` marked."""
    parts: list[Part] = []
    at = 0
    for start, end in _windows(text, spans, room):
        if start > at:
            parts.append(start - at)
        parts.append(_marked(text, start, end, spans))
        at = end
    if at < len(text):
        parts.append(len(text) - at)
    return parts


def shrink(parts: list[Part], room: int) -> list[Part]:
    """The first `room` characters of an excerpt; what follows is counted as left out."""
    kept: list[Part] = []
    gone = 0
    for part in parts:
        if isinstance(part, int):
            gone += part
            if room > 0:
                kept.append(part)
                gone = 0
            continue
        strings = []
        for string in part:
            strings.append(string[: max(room, 0)])
            gone += len(string) - len(strings[-1])
            room -= len(strings[-1])
        if any(strings):
            kept.append(strings)
    return [*kept, gone] if gone else kept


def _windows(text: str, spans: list[Span], room: int) -> list[Span]:
    """The stretches to show: the head, then the surroundings of each span while there is room, apart and in order."""
    if len(text) <= room:
        return [(0, len(text))] if text else []
    head = room if not spans else int(room * _HEAD)
    windows = [(0, _snap(text, head))]
    left = room - windows[0][1]
    for start, end in spans:
        last = windows[-1][1]
        start, end = max(start - _AROUND, last), min(end + _AROUND, len(text))
        if start >= end:
            continue
        if left <= 0:
            break
        end = _snap(text, min(end, start + left))
        left -= end - start
        if start == last:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    if left > 0:  # the spans took less than their share: the last stretch grows
        start, end = windows[-1]
        windows[-1] = (start, _snap(text, min(end + left, len(text))))
    return windows


def _snap(text: str, at: int) -> int:
    """`at`, or a little later where that is the end of a word."""
    if at >= len(text):
        return len(text)
    for step in range(_SNAP):
        if at + step >= len(text) or text[at + step].isspace():
            return min(at + step, len(text))
    return at


def _marked(text: str, start: int, end: int, spans: list[Span]) -> list[str]:
    strings = []
    at = start
    for first, last in spans:
        first, last = max(first, start), min(last, end)
        if first >= last:
            continue
        strings += [text[at:first], text[first:last]]
        at = last
    return [*strings, text[at:end]]
