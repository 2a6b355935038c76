"""The numbers of a document with kind and unit, so that only like is reckoned with like.

Kinds: money, percent, measure (a physical or time unit), count (a plural noun), year. Numbers in codes, versions,
section numbers, dates, formulas and references carry no known unit after them, or are blanked first, and are not taken.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.document import Document
from tilth.generate.engines.extractive.quantities_en import quantities_en
from tilth.generate.engines.extractive.quantities_zh import quantities_zh
from tilth.generate.engines.extractive.quantity import Quantity

MOST_SENTENCES = 500  # looked at in one document
MOST_IN_SENTENCE = 6
_FORMULA = re.compile(r"\$[^$]{1,200}\$(?!\d)")
_DIGIT = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty|sixty|hundred)\b"
)
_DIGIT_ZH = re.compile(r"\d|[二三四五六七八九十百]")
_NO_FACT = re.compile(
    r"§|\bD\.C\. (?:Law|Act|Code)|\bStat\.|\bPub\. L\.|^\[|^For temporary|\bet al\b|\bpp?\. \d|\bvol\.|\bdoi\b|"
    r"[-+×÷*/] ?[\w.]{1,12} ?="
)


@lru_cache(maxsize=8)
def quantities(document: Document) -> tuple[Quantity, ...]:
    """Quantities of the sentences that read whole, in order."""
    chinese = document.tongue.chinese
    find = quantities_zh if chinese else quantities_en
    found: list[Quantity] = []
    for order, sentence in enumerate(_numeric(document)):
        if not sentences.whole(sentence, chinese) or _NO_FACT.search(sentence):
            continue
        bare = _FORMULA.sub(lambda match: " " * len(match[0]), sentence) if "$" in sentence else sentence
        found += [
            replace(quantity, sentence=sentence, order=order) for quantity in islice(find(bare), MOST_IN_SENTENCE)
        ]
    return tuple(found)


def _numeric(document: Document) -> Iterator[str]:
    """Sentences with figures, up to the cap; reading lists are left out."""
    pattern = _DIGIT_ZH if document.tongue.chinese else _DIGIT
    count = 0
    for section in document.sections:
        if section.heading.lower() in _READING:
            continue
        for block in section.blocks:
            parts = block.sentences or tuple(item.text for item in block.items if len(item.text) > 30)
            for sentence in parts:
                if len(sentence) <= sentences.LONGEST and pattern.search(sentence):
                    count += 1
                    if count > MOST_SENTENCES:
                        return
                    yield sentence


_READING = frozenset(
    ("references", "bibliography", "further reading", "external links", "notes", "参考资料", "参考文献", "注释")
)
