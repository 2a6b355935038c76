"""How many benchmark items are found: items are put into clean documents in several forms, and looked for.

Forms that have to be found: as it is, with other line breaks, inside a sentence, as a FAQ entry, as a table row, with
markup. Forms that are reported only: other numbers, a paraphrase by rule, the question without its answer.

Guarantees: the same seed gives the same texts. Costs about 0.1 ms an item and form, beside the matching.
"""

import random
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tilth.base.random import stream
from tilth.curate.decontaminate.index import Index
from tilth.curate.decontaminate.match import find_matches
from tilth.data.benchmarks import BenchmarkItem
from tilth.recipe.stages.decontaminate import Matching

Form = Callable[[BenchmarkItem, random.Random], str]

#: Rule of the paraphrase: words that mean about the same, both ways round where that is so.
SYNONYMS: Mapping[str, str] = {
    "how many": "what number of", "what is": "what would be", "which of the following": "which one of these",
    "big": "large", "small": "little", "buy": "purchase", "buys": "purchases", "bought": "purchased",
    "start": "begin", "started": "began", "begins": "starts", "get": "receive", "gets": "receives", "give": "hand",
    "gives": "hands", "gave": "handed", "makes": "produces", "make": "produce", "made": "produced", "has": "owns",
    "total": "overall", "often": "frequently", "because": "since", "about": "roughly", "also": "as well",
    "most": "the largest share", "first": "earliest", "last": "final", "find": "determine", "use": "employ",
    "used": "employed", "people": "persons", "each": "every", "after": "following", "before": "prior to",
    "多少": "几", "什么": "何", "哪些": "哪几个", "如果": "若", "因为": "由于",
}  # fmt: skip
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Items put into documents in one form, and found there.

    `clear`: questions long enough to count alone; `short`: those that need their answer and have one that tells
    something; `hidden`: the rest, which n-grams cannot find.
    """

    form: str
    clear: int
    clear_found: int
    short: int
    short_found: int
    hidden: int
    hidden_found: int

    @property
    def findable(self) -> float:
        """Share found of the items that are not hidden."""
        return (self.clear_found + self.short_found) / max(self.clear + self.short, 1)

    @property
    def overall(self) -> float:
        """Share found of all items."""
        found = self.clear_found + self.short_found + self.hidden_found
        return found / max(self.clear + self.short + self.hidden, 1)


def plain(item: BenchmarkItem, _rng: random.Random) -> str:
    """Question, lettered choices and answer, as in a test with its key."""
    choices = [f"{letter}. {choice}" for letter, choice in zip(_LETTERS, item.choices, strict=False)]
    return "\n".join([item.question, *choices, *([f"Answer: {item.answer}"] if item.answer else [])])


def question_only(item: BenchmarkItem, _rng: random.Random) -> str:
    """The question and nothing else."""
    return item.question


def rewrapped(item: BenchmarkItem, rng: random.Random) -> str:
    """The same with line ends elsewhere, as in e-mail or PDF text."""
    return "\n".join(textwrap.wrap(plain(item, rng), rng.randint(20, 60))) or plain(item, rng)


def embedded(item: BenchmarkItem, rng: random.Random) -> str:
    """In the middle of a sentence, in one line."""
    before = rng.choice(["An old notebook asks: ", "Some time ago a friend wanted to know, ", "他曾经问过："])
    question = " ".join(item.question.split())
    return f"{before}{question} and in reply one read {item.answer}, though nobody was sure of it."


def faq(item: BenchmarkItem, _rng: random.Random) -> str:
    """A heading with the question, the answer in bold below it."""
    return f"### Q: {' '.join(item.question.split())}\n\n- **A:** {item.answer}"


def table(item: BenchmarkItem, _rng: random.Random) -> str:
    """A row of a markdown table."""
    cells = [item.question, *item.choices, item.answer]
    row = " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells)
    return f"| Question |{' Option |' * len(item.choices)} Answer |\n|---|{'---|' * len(cells[1:])}\n| {row} |"


def marked_up(item: BenchmarkItem, rng: random.Random) -> str:
    """Emphasis on every third word or so, upper case, full-width signs, numbers as formulas, HTML breaks."""
    words = [_marked(word, rng) for word in item.question.split()]
    text = " ".join(words).replace("?", "？").replace(",", "，")
    return f"<p>{text}</p><br/>\n<b>Answer</b>: <i>{item.answer}</i>"


def other_numbers(item: BenchmarkItem, rng: random.Random) -> str:
    """Every number of the question another one of as many digits."""
    return re.sub(r"\d", lambda match: str((int(match[0]) + rng.randint(1, 8)) % 10), plain(item, rng))


def paraphrased(item: BenchmarkItem, rng: random.Random) -> str:
    """Words replaced by `SYNONYMS`, and one word in twelve left out."""
    text = item.question
    for word, other in SYNONYMS.items():
        text = re.sub(rf"\b{word}\b" if word.isascii() else word, other, text, flags=re.IGNORECASE)
    words = [word for word in text.split(" ") if rng.random() > 1 / 12]
    return f"{' '.join(words)}\nAnswer: {item.answer}"


#: Form -> (function, share of the findable items that the project asks of itself; None: reported only).
FORMS: Mapping[str, tuple[Form, float | None]] = {
    "verbatim": (plain, 0.99),
    "rewrapped": (rewrapped, 0.95),
    "embedded": (embedded, 0.95),
    "faq": (faq, 0.90),
    "table": (table, 0.90),
    "marked_up": (marked_up, 0.90),
    "question_only": (question_only, None),
    "other_numbers": (other_numbers, None),
    "paraphrased": (paraphrased, None),
}


def put_in(host: str, text: str, rng: random.Random) -> str:
    """`host` with `text` between two of its lines, or behind it where it has one line."""
    lines = host.split("\n")
    at = rng.randrange(1, len(lines) + 1)
    return "\n".join([*lines[:at], text, *lines[at:]])


def measure_recall(
    items: Mapping[int, BenchmarkItem],
    index: Index,
    matching: Matching,
    hosts: Sequence[str],
    forms: Sequence[str] = tuple(FORMS),
    seed: int = 0,
) -> tuple[Recall, ...]:
    """Each item in each form, one a document. `items`: their row in the index's table -> the item.

    Found means: with a match on the very item, or on another with the same question or passage.
    """
    results = []
    for form in forms:
        texts = []
        for row, item in items.items():
            rng = stream(seed, "inject", form, row)
            texts.append(put_in(rng.choice(hosts), FORMS[form][0](item, rng), rng))
        results.append(_tally(form, list(items), texts, index, matching))
    return tuple(results)


def not_found(
    items: Mapping[int, BenchmarkItem],
    texts: Sequence[str],
    index: Index,
    matching: Matching,
) -> list[int]:
    """Rows of the items that are not found in the text of their place in `texts`."""
    found = _found(texts, index, matching)
    return [row for place, row in enumerate(items) if row not in found[place]]


def visibility(row: int, index: Index, matching: Matching) -> str:
    """Whether an item is "clear", "short" or "hidden", see `Recall`."""
    answers = range(int(index.answers_from[row]), int(index.answers_from[row + 1]))
    telling = any(bool(index.telling[number]) for number in answers)
    if index.question_length[row] == 0:
        return "hidden"
    if index.question_length[row] >= matching.min_question and not index.vague_item[row]:
        return "clear"
    return "short" if telling else "hidden"


def _found(texts: Sequence[str], index: Index, matching: Matching) -> list[set[int]]:
    """Of each text, the rows of all items that share a unit with a match."""
    found: list[set[int]] = [set() for _ in texts]
    for match in find_matches(texts, index, matching):
        found[match.document].update(index.members_of(match.unit).tolist())
    return found


def _tally(form: str, rows: Sequence[int], texts: Sequence[str], index: Index, matching: Matching) -> Recall:
    found = _found(texts, index, matching)
    counts = {name: [0, 0] for name in ("clear", "short", "hidden")}
    for place, row in enumerate(rows):
        kind = counts[visibility(row, index, matching)]
        kind[0] += 1
        kind[1] += row in found[place]
    clear, short, hidden = counts["clear"], counts["short"], counts["hidden"]
    return Recall(
        form=form,
        clear=clear[0],
        clear_found=clear[1],
        short=short[0],
        short_found=short[1],
        hidden=hidden[0],
        hidden_found=hidden[1],
    )


def _marked(word: str, rng: random.Random) -> str:
    if word.isdigit():
        return f"${word}$"
    kind = rng.randrange(6)
    return f"**{word}**" if kind == 0 else f"_{word}_" if kind == 1 else word.upper() if kind == 2 else word
