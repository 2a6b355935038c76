"""The tasks of question synthesis as far as rules can do them: write a question on a text, answer one from its passage,
judge how hard it reads, and pass a sound one on.

What rules cannot do is refused by name: they do not make questions harder, join seeds, know anything that a passage
does not say, or tell a discipline. Guarantees: no structured input raises; the same input and seed give the same bytes.
"""

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tilth.data.questions import choice_index
from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.language import tongue_of
from tilth.generate.engines.extractive.questions_grounded import BLANK, grounded, read_blank, read_question
from tilth.generate.engines.extractive.structure import read
from tilth.generate.engines.extractive.words import words

REFUSALS = {
    "rules_write_on_texts_only": "rules write questions on a text; a seed question gives them no new material",
    "no_grounded_question": "the text holds no fact or figure in a paragraph that a question can be asked about",
    "rules_cannot_harden": "rules cannot make a question harder, join seeds or follow a design logic",
    "rules_need_a_passage": "rules answer from a passage in the question, and know nothing beside it",
    "rules_found_no_answer": "no sentence of the passage answers the question",
    "rules_cannot_judge": "rules cannot tell whether a question is sound",
    "rules_read_questions_only": "the structured input holds no question",
}
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]{1,40}|\d[\d,.]{0,20}|[\u4e00-\u9fff]")
_VOWELS = re.compile(r"[aeiouy]{1,10}")
_COMMON = words(
    """
    the a an of and to in is are was were be by for on with as at from that this it its or which what who where when
    how does do did can has have had not one these those mean term used
    的 了 是 在 和 有 什 么 与 为 等 及 哪 里 怎 样 指
    """
)
_LOOKED_AT = 20_000  # characters of a question that are read
_LEAST_SHARE = 0.34  # of a question's words, that a sentence must have to answer it

_Task = Callable[[Mapping[str, Any], random.Random, bool], dict[str, Any] | str]


class Refused(Exception):
    """Rules cannot do this; the argument is a key of `REFUSALS`."""


def question_task(task: str, document: str, language: str | None, draw: random.Random, *, options: bool) -> str:
    """The answer to a task of `TASKS`; raises `Refused`."""
    try:
        given = orjson.loads(document)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise Refused("rules_read_questions_only")
    if task not in _RULES:
        raise Refused("rules_cannot_judge" if task == "judge.question" else "rules_cannot_harden")
    found = _RULES[task]({**given, "language": given.get("language") or language}, draw, options)
    return found if isinstance(found, str) else orjson.dumps(found).decode()


def _write(given: Mapping[str, Any], draw: random.Random, options: bool) -> dict[str, Any]:
    seed = given.get("seed")
    text = seed.get("text") if isinstance(seed, dict) else None
    if not isinstance(text, str):
        raise Refused("rules_write_on_texts_only")
    document = read(text, _text(given, "language") or None)
    made = grounded(document, draw, options=options) if document is not None else None
    if made is None or document is None:
        raise Refused("no_grounded_question")
    chinese = document.tongue.chinese
    answer = chr(ord("A") + made.choices.index(made.answer)) if made.choices else made.answer
    says = f"原文说：{made.sentence}" if chinese else f"The passage says: {made.sentence}"
    found: dict[str, Any] = {"question": made.question, "answer": answer, "solution": says}
    return found | ({"choices": list(made.choices)} if made.choices else {})


def _solve(given: Mapping[str, Any], _draw: random.Random, _options: bool) -> str:
    question, context = _text(given, "question")[-_LOOKED_AT:], _text(given, "context")[:_LOOKED_AT]
    parts = (context, question) if context else read_question(question)
    if parts is None:
        raise Refused("rules_need_a_passage")
    passage, asked = parts
    chinese = _chinese(passage)
    choices = _choices(given)
    blank = read_blank(asked)
    answer = _fill(blank, passage, choices) if blank is not None else _told(asked, passage, choices, chinese)
    if answer is None:
        raise Refused("rules_found_no_answer")
    place = choice_index(answer, choices) if choices else None
    said = answer if place is None or place >= 26 else chr(ord("A") + place)
    return f"{'答案：' if chinese else 'Answer: '}{said}"


def _fill(statement: str, passage: str, choices: list[str]) -> str | None:
    """What stands in the passage in the place of the blank."""
    before, _, after = statement.partition(BLANK)
    for start in _places(passage, before):
        stop = passage.find(after, start) if after else len(passage)
        if 0 < stop - start <= 60:  # 60: a figure with its unit is shorter
            found = passage[start:stop].strip()
            if not choices or choice_index(found, choices) is not None:
                return found
    return None


def _places(passage: str, before: str) -> list[int]:
    """Where the text before a blank ends in the passage."""
    if not before:
        return [0]
    found: list[int] = []
    start = passage.find(before)
    while start >= 0 and len(found) < 8:  # 8: a sentence is there once, as a rule
        found.append(start + len(before))
        start = passage.find(before, start + 1)
    return found


def _told(asked: str, passage: str, choices: list[str], chinese: bool) -> str | None:
    """The sentence, or of the choices the one, that shares most words with the question and stands in the passage."""
    wanted = _words(asked)
    offered = choices or sentences.split(passage[:_LOOKED_AT], chinese)
    best, share = None, 0.0
    for text in offered:
        own = len(wanted & _words(text)) / max(1, len(wanted))
        own += 0.5 if choices and text in passage else 0.0  # what the passage says beats what it does not
        if own > share:
            best, share = text, own
    return best if share >= _LEAST_SHARE else None


def _rate(given: Mapping[str, Any], _draw: random.Random, _options: bool) -> dict[str, Any]:
    """How hard the text reads. Disciplines are left open."""
    text = _text(given, "question")[:_LOOKED_AT]
    if not text.strip():
        raise Refused("rules_read_questions_only")
    level = _level_zh(text) if _chinese(text) else _level_en(text)
    difficulty = min(10.0, max(1.0, round(2 * (1 + level / 2)) / 2))
    grade = "G1" if level <= 5 else "G2" if level <= 8 else "G3" if level <= 12 else "G4"
    labels = {"difficulty": difficulty, "grade": grade, "discipline": "abstain", "field": "abstain"}
    return {"analysis": "readability alone; rules know no subject", **labels}


def _level_en(text: str) -> float:
    """School year by Flesch and Kincaid (1975): 0.39 words a sentence + 11.8 syllables a word - 15.59."""
    said = [word for word in _WORD.findall(text) if word[0].isalpha()]
    if not said:
        return 1.0
    count = max(1, len(sentences.split(text, False)))
    syllables = sum(max(1, len(_VOWELS.findall(word.lower()))) for word in said)
    return 0.39 * len(said) / count + 11.8 * syllables / len(said) - 15.59


def _level_zh(text: str) -> float:
    """Characters a sentence over 4: ours, so that a sentence of 30 characters reads like the seventh year."""
    return len(_WORD.findall(text)) / max(1, len(sentences.split(text, True))) / 4


def _refine(given: Mapping[str, Any], _draw: random.Random, _options: bool) -> dict[str, Any]:
    """The question as it is: rules mend nothing, and say so."""
    question, answer = _text(given, "question"), _text(given, "answer")
    if not question.strip() or not answer.strip():
        raise Refused("rules_read_questions_only")
    same: dict[str, Any] = {"question": question, "answer": answer, "solution": _text(given, "solution") or answer}
    same |= {"choices": choices} if (choices := _choices(given)) else {}
    return {"note": "passed on by rules, which mend nothing", "unanswerable": False, **same, "changed": []}


_RULES: Mapping[str, _Task] = {
    "synthesize.grade": _write,
    "solve": _solve,
    "annotate": _rate,
    "refine": _refine,
}
#: Every task of question synthesis, those that rules refuse among them.
TASKS = frozenset(
    (
        *_RULES,
        "judge.question",
        "synthesize.harden",
        "synthesize.linked",
        "synthesize.logic",
        "synthesize.extract_logic",
    )
)


def _words(text: str) -> set[str]:
    return {word for word in map(str.lower, _WORD.findall(text)) if word not in _COMMON}


def _chinese(text: str) -> bool:
    tongue = tongue_of(text, None)
    return tongue is not None and tongue.chinese


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""


def _choices(given: Mapping[str, Any]) -> list[str]:
    value = given.get("choices")
    return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else []
