"""What a back end is asked: items of a task with their texts, ready to be scored."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from tilth.recipe.stages.evaluate import Form

#: What happened to an item that is not scored.
LeftOut = Literal[
    "no gold answer",
    "no choices",
    "several right options",
    "an empty choice",
    "nothing after the blank",
    "an example shown to the model",
    "beyond the limit",
    "no text",
    "answer without a token of its own",
    "answer longer than the context",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item. `requests` are pairs of context and continuation, of which `gold` are right; a whole text that is
    scored by itself (held-out text) is one request without a context and `rolling`. Items of one `family` begin with
    the same examples; `accepted` are all right answers, for generated ones."""

    item: str
    group: str | None
    requests: tuple[tuple[str, str], ...]
    gold: tuple[int, ...] = (0,)
    rolling: bool = False
    family: str = ""
    accepted: tuple[str, ...] = ()

    @property
    def lengths(self) -> tuple[int, ...]:
        """UTF-8 bytes of each answer without the white space before it."""
        return tuple(len(answer.lstrip().encode("utf-8", "surrogatepass")) for _, answer in self.requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A task in one form: its items, the ids of the examples shown, and how many items are left out for what."""

    task: str
    form: Form
    items: tuple[Item, ...]
    left_out: Counter[str]
    examples: tuple[str, ...] = ()


def unique(items: list[Item]) -> tuple[Item, ...]:
    """The items with a number behind an id that came before, so that every id is one item."""
    from dataclasses import replace

    seen: Counter[str] = Counter()
    found = []
    for one in items:
        seen[one.item] += 1
        found.append(one if seen[one.item] == 1 else replace(one, item=f"{one.item}#{seen[one.item]}"))
    return tuple(found)
