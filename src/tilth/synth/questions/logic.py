"""Design logics: how a hard question is built, taken from one and carried over to other material.

Without a file of logics the row has both: a question, whose logic a first call extracts, and material (`material` or
`context` in its JSON, or the questions that a link stage put there). With a file the row is the material, and the logic
is matched by discipline and by the words that its text and its points share with the material.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import fingerprint
from tilth.base.random import seed_of
from tilth.recipe.stages.synthesize import Limits, Logic
from tilth.stage import Document, NotAnsweredError
from tilth.synth.questions.answers import Expected, Unread
from tilth.synth.questions.ask import Answer, Ask, Asker, schema
from tilth.synth.questions.catalogue import json_lines
from tilth.synth.questions.linked import points_of
from tilth.synth.questions.loose import broken, objects
from tilth.synth.questions.made import Made, Work, failed, new_question
from tilth.synth.questions.material import brief_lines, shown
from tilth.synth.questions.seeds import Seed, extract, parts_of, subject_of

#: Why an extracted logic is none.
REASONS: Mapping[str, str] = {"no_logic_found": "the answer to the first call holds no design logic"}
ROUTED: Mapping[str, str] = {
    "no_question": "the row has no answer, and so is no question that a logic could be taken from",
    "no_material": "the row is a question without other material to ask about",
    "no_logic": "the file of logics has none that suits the row's discipline",
}
LOGIC_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"logic": {"type": "string"}, "points": {"type": "array", "items": {"type": "string"}}},
    "required": ["logic", "points"],
}
_LINES = {"en": ("Subject", "Language", "English"), "zh": ("学科", "语言", "中文")}
#: Characters of a logic that are kept: a plan of six steps has a few hundred.
_MOST_LOGIC = 3000
#: Different words of a material that are matched, and logics beyond which a word says nothing.
_WORDS, _COMMON = 400, 2000
_WORD = re.compile(r"[a-z]{4,30}|[\u4e00-\u9fff]{2,200}")


class LogicFile:
    """Logics with an index of their words. Loading costs about 40 us a logic, matching 0.3 ms a material."""

    def __init__(self, path: str) -> None:
        self.entries: list[Mapping[str, Any]] = []
        self._by_discipline: dict[str, list[int]] = {}
        self._by_word: dict[str, list[int]] = {}
        for number, row in json_lines(path, "logics"):
            logic = row.get("logic")
            if not isinstance(logic, str) or not logic.strip():
                raise ConfigError(f"expected a text `logic` in {path}, line {number}; saw {str(row)[:120]}.")
            self._add({"logic": logic[:_MOST_LOGIC], "points": points_of(row.get("points"))}, row.get("discipline"))
        if not self.entries:
            raise ConfigError(f"expected at least one design logic in {path}; saw none.")
        self.hash = fingerprint([self.entries, self._by_discipline])

    def match(self, seed: Seed, material: str, among: int, place: int) -> Mapping[str, Any] | None:
        """The logic of the row: one of the `among` best, by `place`. Logics without a discipline suit every row."""
        named = {
            _plain(name) for name in (seed.asked.discipline, seed.qa.field, seed.qa.discipline, seed.subject) if name
        }
        if named:
            free = {at for name in (*sorted(named), "") for at in self._by_discipline.get(name, ())}
        else:
            free = set(range(len(self.entries)))
        if not free:
            return None
        scores: Counter[int] = Counter()
        for word in list(dict.fromkeys(_words(material)))[:_WORDS]:
            found = self._by_word.get(word, ())
            if len(found) <= _COMMON:
                scores.update(at for at in found if at in free)
        best = sorted(scores, key=lambda at: (-scores[at], at))[:among] or sorted(free)
        return self.entries[best[place % len(best)]]

    def _add(self, entry: Mapping[str, Any], discipline: Any) -> None:
        at = len(self.entries)
        self.entries.append(entry)
        self._by_discipline.setdefault(_plain(discipline) if isinstance(discipline, str) else "", []).append(at)
        for word in dict.fromkeys(_words(" ".join([*entry["points"], entry["logic"]]))):
            self._by_word.setdefault(word, []).append(at)


class ByLogic:
    """The mechanism; see the module."""

    def __init__(self, settings: Logic, seed: int, extract_chars: int) -> None:
        self._settings = settings
        self._seed = seed
        self._chars = extract_chars
        self._file = LogicFile(settings.logics) if settings.logics else None

    @property
    def identity(self) -> Mapping[str, str]:
        """What the file of logics holds."""
        return {"logics": self._file.hash if self._file else "extracted"}

    @property
    def most(self) -> int:
        """Questions a row."""
        return self._settings.per_row

    def expand(self, document: Document, seed: Seed, rows: Sequence[str]) -> list[Work] | str:
        """Find the material of each question, and the logic where a file has it."""
        if self._file is None and not (seed.question and seed.qa.answer):
            return "no_question"
        whole = _material(seed, any_question=self._file is not None)
        if not whole:
            return "no_material"
        works = []
        for row in rows:
            start, end = extract(whole, self._settings.material_chars, self._seed, row)
            material = whole[start:end]
            logic = None
            if self._file is not None:
                place = seed_of(self._seed, "synthesize", "logic", row)
                logic = self._file.match(seed, material, self._settings.among, place)
                if logic is None:
                    return "no_logic"
            span = (start, end) if whole == document.text else None
            works.append(Work(seed=seed, plan=(material, logic), span=span))
        return works

    async def make(self, work: Work, asker: Asker, limits: Limits) -> Made:
        """Extract the logic where there is none, then ask for the question."""
        seed = work.seed
        material, logic = work.plan
        if logic is None:
            answer, found = await self._extract(seed, asker)
            if isinstance(found, Unread):
                return failed(answer, found)
            logic = found
        names = _LINES[seed.language]
        document = {
            "language": seed.language,
            "discipline": seed.discipline,
            "logic": logic["logic"],
            "material": material,
        }
        ask = Ask(
            task="synthesize.logic",
            document=document,
            material=shown(document, seed.language),
            brief=brief_lines([(names[0], seed.subject), (names[1], names[2])], seed.language),
            schema=schema(choices=False),
        )
        not_these = (seed.qa.question,) if seed.question else ()
        answer, made = await asker.question(ask, Expected(limits=limits, language=seed.language, not_these=not_these))
        if isinstance(made, Unread):
            return failed(answer, made, {"logic": logic["logic"]})
        qa = new_question(seed, made, "logic")
        return Made(
            qa=qa.but(more={**qa.more, "logic": logic["logic"], "points": list(logic["points"])}), answer=answer
        )

    async def _extract(self, seed: Seed, asker: Asker) -> tuple[Answer, Mapping[str, Any] | Unread]:
        parts = parts_of(seed.qa, max(self._chars, self._settings.material_chars))
        document = {name: parts.get(name) for name in ("question", "answer", "solution")}
        ask = Ask(
            task="synthesize.extract_logic",
            document=document,
            material=shown(document, seed.language),
            schema=LOGIC_SCHEMA,
        )
        answer = await asker.one(ask)
        found = read_logic(answer)
        for _ in range(asker.desk.settings.retries):
            if not isinstance(found, Unread) or found.reason != "no_logic_found":
                break
            try:
                answer = await asker.one(ask, answer, REASONS["no_logic_found"])
            except NotAnsweredError:
                break
            found = read_logic(answer)
        return answer, found


def read_logic(answer: Answer) -> Mapping[str, Any] | Unread:
    """The logic and points of an answer; steps may come as a list."""
    completion = answer.completion
    if completion.finish_reason == "refused":
        return Unread(f"refused:{completion.refusal or 'unsaid'}", "the engine found no material for this")
    keys = ("logic", "points")
    value = next(objects(completion.text, ("logic",)), None) or broken(completion.text, keys)[0]
    logic = value.get("logic")
    if isinstance(logic, list):
        logic = "\n".join(step for step in logic if isinstance(step, str))
    if not isinstance(logic, str) or not logic.strip():
        return Unread("no_logic_found", f"begins with {completion.text.strip()[:80]!r}")
    text = logic.strip()[:_MOST_LOGIC].encode("utf-8", "replace").decode()
    return {"logic": text, "points": points_of(value.get("points"))}


def _material(seed: Seed, *, any_question: bool) -> str:
    """What a question can be made about: the row's own material, context or text, else questions linked to it."""
    if not seed.question:
        return seed.qa.question
    given = seed.qa.more.get("material")
    if isinstance(given, str) and given.strip():
        return given
    if seed.qa.context:
        return seed.qa.context
    linked = seed.qa.more.get("linked")
    if isinstance(linked, list):
        texts = [
            f"{item['question']}\n{item.get('solution') or item.get('answer') or ''}"
            for item in linked
            if isinstance(item, Mapping) and isinstance(item.get("question"), str)
        ]
        if texts:
            return "\n\n".join(texts)
    return f"{seed.qa.question}\n{seed.qa.solution or seed.qa.answer or ''}" if any_question else ""


def _plain(name: str) -> str:
    return subject_of(name).casefold()


def _words(text: str) -> list[str]:
    """Words of four letters and more, and pairs of Chinese signs."""
    found: list[str] = []
    for run in _WORD.findall(text[: 4 * _MOST_LOGIC].casefold()):
        found += [run] if run.isascii() else [one + two for one, two in pairwise(run)]
    return found
