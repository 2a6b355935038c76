"""Cuts matches out of a text at the bounds of sentences.

Guarantees: what is left is a part of the text, in its order; linear in the text.
"""

from collections.abc import Sequence

#: Marks that end a sentence where white space or the end follows; the Chinese ones end it anywhere.
_ENDS = (". ", "! ", "? ", ".\n", "!\n", "?\n", "。", "！", "？", "\n")
#: A sentence longer than this is none (a table in one line); the cut is made at the next space.
_SENTENCE = 600


def cut_spans(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """`text` without the sentences that the spans touch; what is left on both sides is joined by a line end."""
    kept: list[str] = []
    at = 0
    for start, end in _merged([_widened(text, start, end) for start, end in spans]):
        kept.append(text[at:start].rstrip(" \t"))
        at = end
    kept.append(text[at:])
    return "\n".join(part for part in kept if part)


def _widened(text: str, start: int, end: int) -> tuple[int, int]:
    """The span from the beginning of its first sentence to the end of its last."""
    floor, ceiling = max(0, start - _SENTENCE), min(len(text), end + _SENTENCE)
    begin = max((place + len(mark) for mark in _ENDS if (place := text.rfind(mark, floor, start)) >= 0), default=None)
    stop = min((place + len(mark) for mark in _ENDS if (place := text.find(mark, end, ceiling)) >= 0), default=None)
    if begin is None:
        begin = 0 if floor == 0 else text.rfind(" ", floor, start) + 1 or start
    if stop is None:
        stop = len(text) if ceiling == len(text) else (found if (found := text.find(" ", end, ceiling)) >= 0 else end)
    return begin, stop


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
