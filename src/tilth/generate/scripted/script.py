"""What the scripted engine says to one task: known questions, what is planted, and a draw named by the request.

Every draw is from a stream named by the task, the question, the request's seed and the solver's name, so that a panel's
members err independently of each other, and so that a server that sees no more than the messages and the seed says the
same. A request without a seed is told apart by its row.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from tilth.base.random import stream
from tilth.generate.scripted.author import extract_logic, order_of, write
from tilth.generate.scripted.known import Shelf, load_shelf
from tilth.generate.scripted.settings import Scripted
from tilth.generate.scripted.solver import annotate, judge, judge_answer, refine, solve

#: Raise it when the same request would be answered otherwise.
VERSION = "2"
#: Name of the refusal and what it means.
REFUSALS = {
    "unsupported_task": "the script knows the tasks of question synthesis only",
    "unknown_question": "the question is not made of questions in the known files",
    "unknown_seed": "a seed is not made of questions in the known files, or is of another language than asked for",
}
_WRITES = frozenset(("synthesize.grade", "synthesize.harden", "synthesize.linked", "synthesize.logic"))
_SHARE_LEFT = 0.6  # of an answer that breaks off


@dataclass(frozen=True, slots=True)
class Said:
    """One answer; `refusal` is a key of `REFUSALS` where `finish` is "refused"."""

    text: str
    finish: Literal["stop", "length", "refused"]
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """Known questions with what is planted; `name` is the solver's."""

    settings: Scripted
    shelf: Shelf
    name: str

    def say(self, task: str, given: Mapping[str, Any], seed: int | None, row: str, *, options: bool) -> Said:
        """Answer a task from its structured input. `options`: a question with choices is asked for."""
        draw = stream(seed or 0, "scripted", self.name, task, _subject(given), row if seed is None else "")
        text, refusal = self._answer(task, given, draw, options=options)
        if refusal is not None:
            return Said("", "refused", refusal)
        if task in _WRITES and draw.random() < self.settings.author.broken:
            return Said(text[: int(len(text) * _SHARE_LEFT)], "length")
        return Said(text, "stop")

    def _answer(
        self, task: str, given: Mapping[str, Any], draw: random.Random, *, options: bool
    ) -> tuple[str, str | None]:
        """The text, or "" and the name of a refusal."""
        settings, shelf = self.settings, self.shelf
        if task == "solve":
            text = solve(given, settings, shelf, draw, self.name)
            return (text, None) if text is not None else ("", "unknown_question")
        if task == "judge.answer":
            return judge_answer(given, settings, draw), None
        if task in _WRITES:
            order = order_of(task, given, settings, shelf, options=options)
            return ("", "unknown_seed") if order is None else (_dump(write(order, settings, shelf, draw)), None)
        found: dict[str, Any] | None
        if task == "annotate":
            found = annotate(given, settings, shelf, draw)
        elif task == "refine":
            found = refine(given, settings, shelf, draw)
        elif task == "judge.question":
            found = judge(given, settings, shelf)
        elif task == "synthesize.extract_logic":
            found = extract_logic(given, settings, shelf)
        else:
            return "", "unsupported_task"
        return ("", "unknown_question") if found is None else (_dump(found), None)


def load_script(settings: Scripted, name: str) -> Script:
    """Read the known questions; raises `ConfigError` where they cannot be read or none has an answer."""
    return Script(settings, load_shelf(settings), name)


def _subject(given: Mapping[str, Any]) -> str:
    """The texts that a task is about."""
    inner = given.get("seed"), *(seeds if isinstance(seeds := given.get("seeds"), list) else ())
    parts = [given, *(one for one in inner if isinstance(one, Mapping))]
    names = ("question", "text", "material", "stated")
    return "\n".join(value for one in parts for name in names if isinstance(value := one.get(name), str))


def _dump(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
