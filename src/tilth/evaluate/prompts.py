"""An item of a benchmark to the texts that are scored, by the block's kind and the form asked for.

Texts are joined, never formatted: what stands in an item is not read as a template. The layouts are those that
evaluations of base models use (OLMES, lm-evaluation-harness): `Question: ...`, options as `A. ...` lines, `Answer:`,
examples between blank lines; tables as Markdown, as FinePhrase shows them.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tilth.base.random import seed_of
from tilth.data.benchmarks import BenchmarkItem, inline_options
from tilth.evaluate.blocks import Block
from tilth.evaluate.item import LeftOut
from tilth.recipe.stages.evaluate import Form

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LEADS = {
    "en": ("Passage: ", "Question: ", "Answer:"),
    "zh": ("文章：", "问题：", "答案："),
    "de": ("Text: ", "Frage: ", "Antwort:"),
    "ja": ("文章：", "問題：", "答え："),
}
_JOINTS = {"zh": "", "ja": ""}  # after a full-width colon no space stands
_LETTER = re.compile("[A-H]")
_BETWEEN = "\n\n"
_BLANK = "_"
#: Accepted answers that are scored at most; more are spellings of one another.
_MOST_ACCEPTED = 8


@dataclass(frozen=True, slots=True)
class Wording:
    """One item in one form: a prompt and answer for each option, and which of them are right."""

    prompts: tuple[str, ...]  # one an answer, or one for all
    answers: tuple[str, ...]
    gold: tuple[int, ...]

    @property
    def example(self) -> str:
        """The item with its answer, as it is shown before another one."""
        right = self.gold[0]
        return self.prompts[right if len(self.prompts) > 1 else 0] + self.answers[right]

    def answered(self, text: str) -> "Wording":
        """The same prompt with another answer, as examples of generated answers have it."""
        return Wording(self.prompts[:1], (" " + text,), (0,))

    def requests(self, before: str) -> tuple[tuple[str, str], ...]:
        """Pairs of context and continuation behind the examples `before`."""
        prompts = self.prompts * len(self.answers) if len(self.prompts) == 1 else self.prompts
        return tuple((before + prompt, answer) for prompt, answer in zip(prompts, self.answers, strict=True))


def examples_text(wordings: Sequence[Wording]) -> str:
    """Examples as the text that stands before a prompt."""
    return "".join(wording.example + _BETWEEN for wording in wordings)


def word(block: Block, item: BenchmarkItem, form: Form) -> Wording | LeftOut:
    """The item in the form, or why it cannot be asked."""
    if block.kind == "blank" and form != "choice":
        return _blank(block, item, form)
    if form in ("cloze", "choice"):
        return _options(block, item, form)
    return _free(block, item)


def options_of(block: Block, item: BenchmarkItem) -> tuple[tuple[str, ...], int] | LeftOut:
    """The options of an item and the index of the right one."""
    texts, right = _raw_options(block, item)
    texts = tuple(text.strip() for text in texts)
    if len(item.answers) > 1 and right < 0:
        return "several right options"
    if len(texts) < 2:
        return "no choices"
    if right < 0:
        return "no gold answer"
    return (texts, right) if all(texts) else "an empty choice"


def _raw_options(block: Block, item: BenchmarkItem) -> tuple[tuple[str, ...], int]:
    if isinstance(block.options, dict):
        keys = list(block.options)
        return tuple(block.options.values()), keys.index(item.answer) if item.answer in keys else -1
    if block.options == "incorrect":
        mixed = [item.answer, *(choice for choice in item.choices if choice.strip())]
        mixed.sort(key=lambda text: seed_of(0, item.item_id, text))  # or the right one always stood first
        return tuple(mixed), mixed.index(item.answer) if item.answer else -1
    if block.options == "inside":
        texts = item.choices or inline_options(item.question)
        right = item.answer_index if item.choices else texts.index(item.answer) if item.answer in texts else -1
        return tuple(_bare(text) for text in texts), right
    return item.choices, item.answer_index


def _bare(text: str) -> str:
    """An option without its letter: "(A) a stone" is "a stone"."""
    marked = len(text) > 4 and text[0] == "(" and text[1] in _LETTERS and text[2] == ")"
    return text[3:] if marked else text


def _options(block: Block, item: BenchmarkItem, form: Form) -> Wording | LeftOut:
    found = options_of(block, item)
    if isinstance(found, str):
        return found
    texts, right = found
    joint = _joint(block)
    if form == "cloze":
        return Wording((_prompt(block, item),), tuple(joint + text for text in texts), (right,))
    if len(texts) > len(_LETTERS):
        return "no choices"
    if block.options == "inside":
        marks = _marks(item, len(texts))
        return Wording((_prompt(block, item),), tuple(joint + mark for mark in marks), (right,))
    lines = "".join(f"{letter}. {text}\n" for letter, text in zip(_LETTERS, texts, strict=False))
    answers = tuple(joint + letter for letter in _LETTERS[: len(texts)])
    return Wording((_prompt(block, item, lines),), answers, (right,))


def _marks(item: BenchmarkItem, count: int) -> list[str]:
    """How a question that holds its options writes them as answers: "(A)", "A", or the text where it has no letters."""
    marked = [text[:3] if _bare(text) != text else "" for text in item.choices]
    if marked and all(marked):
        return marked
    if len(inline_options(item.question)) == count:
        return list(_LETTERS[:count])
    return [text.strip() for text in item.choices]


def _free(block: Block, item: BenchmarkItem) -> Wording | LeftOut:
    """The gold answer alone."""
    answers: Sequence[str]
    if block.kind in ("choice", "blank"):
        found = options_of(block, item)
        if isinstance(found, str):
            # items that have no options at all are asked for their answer all the same, but not for a letter
            if found != "no choices" or len(item.answers) != 1 or _LETTER.fullmatch(item.answer):
                return found
            answers = item.answers
        else:
            answers = (found[0][found[1]],)
    else:
        answers = gold_answers(block, item)
    kept = [answer for answer in answers if answer.strip()][:_MOST_ACCEPTED]
    if not kept:
        return "no gold answer"
    texts = tuple(_joint(block) + (answer if block.joint == "" else answer.strip()) for answer in kept)
    return Wording((_prompt(block, item),), texts, tuple(range(len(texts))))


def gold_answers(block: Block, item: BenchmarkItem) -> Sequence[str]:
    """The answers without options that are scored as gold."""
    if block.accepted == "joined":
        return [", ".join(answer.split("|")) for answer in item.answers[:1]]
    return item.answers if block.accepted == "likeliest" else item.answers[:1]


def _blank(block: Block, item: BenchmarkItem, form: Form) -> Wording | LeftOut:
    """The text behind the blank, after each option in the blank's place: partial scoring (Trinh and Le 2018)."""
    found = options_of(block, item)
    if isinstance(found, str):
        return found
    texts, right = found
    before, mark, after = item.question.partition(_BLANK)
    if not mark or not after.strip():
        return "nothing after the blank"
    if form != "cloze":
        texts, right = (texts[right],), 0
    return Wording(tuple(before + text for text in texts), (after,) * len(texts), (right,))


def _prompt(block: Block, item: BenchmarkItem, options: str = "") -> str:
    """Everything up to where the answer stands."""
    if block.kind == "continuation":
        return item.question
    passage, question, answer = block.leads or _LEADS.get(block.language, _LEADS["en"])
    context = markdown_table(item.context) if block.kind == "table" else item.context.strip()
    above = f"{passage}{context}\n" if context else ""
    asked = item.question.strip()
    return f"{above}{question}{asked}\n{options}{answer}" if answer or options else f"{above}{question}{asked}"


def _joint(block: Block) -> str:
    return _JOINTS.get(block.language, " ") if block.joint is None else block.joint


def markdown_table(text: str) -> str:
    """A CSV table as Markdown; a text that is no table of at least two columns stays as it is."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text), escapechar="\\") if row]
    except csv.Error:
        return text
    width = max((len(row) for row in rows), default=0)
    if len(rows) < 2 or width < 2:
        return text
    lines = ["| " + " | ".join(_cell(cell) for cell in [*row, *[""] * (width - len(row))]) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
