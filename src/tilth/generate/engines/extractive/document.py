"""What the rules see of a document: sections of paragraphs, lists, tables, code and key-value lines."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from tilth.generate.engines.extractive.language import Tongue


@dataclass(frozen=True, slots=True)
class Item:
    """One list item: cleaned text, nesting depth from 0, and code that stands under it."""

    text: str
    depth: int = 0
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a section. `kind`: paragraph, list, table, code, pairs."""

    kind: str
    text: str = ""
    sentences: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    ordered: bool = False
    rows: tuple[tuple[str, ...], ...] = ()  # of a table, or (key, value) of pairs
    header: bool = False  # the first row names the columns


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it up to the next heading. The first section may have no heading."""

    heading: str
    level: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, eq=False)
class Document:
    """A document as the rules see it; compared by identity, so that what is found in it can be kept with it."""

    title: str
    tongue: Tongue
    sections: tuple[Section, ...]
    text: str  # what was read, without control characters; Markdown is left in, HTML and LaTeX are not

    @cached_property
    def words(self) -> Counter[str]:
        """How often each word stands in the text, as it is written; words with marks on them count apart."""
        return Counter(self.text.split())

    def paragraphs(self) -> list[tuple[Section, Block]]:
        """Every paragraph with its section, in order."""
        return [(section, block) for section in self.sections for block in section.blocks if block.kind == "paragraph"]
