"""Facts that one sentence states about a subject: what it is, where, since when, what for, what it must do.

A fact is a sentence that reads whole, whose subject is a short noun phrase at its start, and whose verb names a kind.
The subject is found by searching the verb in the sentence's head, so the work is linear and small.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.document import Block, Document
from tilth.generate.engines.extractive.facts_en import state_en
from tilth.generate.engines.extractive.facts_zh import state_zh

MOST_SENTENCES = 600  # looked at in one document


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """`sentence` says something of `kind` about `subject`; `order` is its place in the document."""

    kind: str
    subject: str
    sentence: str
    order: int
    plural: bool = False
    verb: str = ""  # as it stands in the sentence
    follow: str = ""  # the next sentence of the paragraph where it reads whole, else empty


@lru_cache(maxsize=8)
def facts(document: Document) -> tuple[Fact, ...]:
    """The facts of a document in its order, one a subject and kind; at most `MOST_SENTENCES` sentences are read."""
    found: list[Fact] = []
    seen: set[tuple[str, str]] = set()
    chinese = document.tongue.chinese
    for order, (sentence, follow) in enumerate(_stated(document)):
        stated = state_zh(sentence, document.title) if chinese else state_en(sentence)
        if stated is None or not sentences.whole(sentence, chinese):
            continue
        key = (stated.kind, stated.subject.lower())
        if key in seen:
            continue
        seen.add(key)
        fact = Fact(
            kind=stated.kind,
            subject=stated.subject,
            sentence=sentence,
            order=order,
            plural=stated.plural,
            verb=stated.verb,
        )
        found.append(_followed(fact, follow, chinese))
    return tuple(found)


def _followed(fact: Fact, follow: str, chinese: bool) -> Fact:
    """The fact with the next sentence, where that can be quoted too and the two are short."""
    if not follow or len(fact.sentence) + len(follow) > sentences.LONGEST or not sentences.whole(follow, chinese):
        return fact
    return replace(fact, follow=follow)


def _stated(document: Document) -> Iterator[tuple[str, str]]:
    """Every sentence with the one after it, paragraphs and list items alike, up to the cap."""
    count = 0
    for section in document.sections:
        for block in section.blocks:
            for pair in _block_sentences(block, document.tongue.chinese):
                yield pair
                count += 1
                if count >= MOST_SENTENCES:
                    return


def _block_sentences(block: Block, chinese: bool) -> Iterator[tuple[str, str]]:
    if block.kind == "paragraph":
        yield from zip(block.sentences, (*block.sentences[1:], ""), strict=True)
    elif block.kind == "list":
        for item in block.items[:60]:
            text = item.text.rstrip(";； ")
            if len(text) > 30 and text[-1] in ".。":
                yield sentences.split(text[:1_000], chinese)[0], ""
            elif (
                len(text) > 40 and text[-1] not in ":：—" and text[:1] in '“"'
            ):  # a statute's list of terms ends its items with semicolons
                yield text.removesuffix(" and").removesuffix(" or").rstrip(";,: ") + ".", ""
