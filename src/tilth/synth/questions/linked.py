"""One question from two to four seeds that a `link` stage has joined by the knowledge points they share."""

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.recipe.stages.synthesize import Limits, Linked
from tilth.stage import Document
from tilth.synth.questions.answers import Expected, Unread
from tilth.synth.questions.ask import Ask, Asker, schema
from tilth.synth.questions.made import Made, Work, failed, new_question
from tilth.synth.questions.material import brief_lines, shown_group
from tilth.synth.questions.seeds import Seed, parts_of

ROUTED: Mapping[str, str] = {"no_linked_seed": "no other seed is linked to the row; run a link stage before"}
_LINES = {"en": ("Subject", "Language", "English"), "zh": ("学科", "语言", "中文")}
#: Points that are named, and characters of each: they come from rows and from models.
_POINTS, _POINT = 12, 80


class FromLinked:
    """The mechanism; see the module."""

    def __init__(self, settings: Linked, extract_chars: int) -> None:
        self._settings = settings
        self._chars = extract_chars

    identity: Mapping[str, str] = {}

    @property
    def most(self) -> int:
        """Questions a group."""
        return self._settings.per_group

    def expand(self, document: Document, seed: Seed, rows: Sequence[str]) -> list[Work] | str:
        """The group that the row's JSON names, read leniently."""
        del document
        given = seed.qa.more.get("linked")
        others = [one for item in given if (one := self._other(item))] if isinstance(given, list) else []
        others = others[: self._settings.most - 1]
        return [Work(seed=seed, plan=others) for _ in rows] if others else "no_linked_seed"

    async def make(self, work: Work, asker: Asker, limits: Limits) -> Made:
        """Ask for the question."""
        seed = work.seed
        group = [_three(parts_of(seed.qa, self._chars)), *(other["parts"] for other in work.plan)]
        points = points_of(seed.qa.more.get("points"))
        names = _LINES[seed.language]
        document = {"language": seed.language, "discipline": seed.discipline, "points": points, "seeds": group}
        ask = Ask(
            task="synthesize.linked",
            document=document,
            material=shown_group(group, points, seed.language),
            brief=brief_lines([(names[0], seed.subject), (names[1], names[2])], seed.language),
            schema=schema(choices=False),
        )
        questions = tuple(str(one["question"]) for one in group)
        answer, found = await asker.question(ask, Expected(limits=limits, language=seed.language, not_these=questions))
        if isinstance(found, Unread):
            return failed(answer, found)
        qa = new_question(seed, found, "linked", [(other["id"], other["parts"]["question"]) for other in work.plan])
        return Made(qa=qa.but(more={**qa.more, "points": points}), answer=answer)

    def _other(self, item: Any) -> dict[str, Any] | None:
        """One linked seed; None for what is none."""
        if not isinstance(item, Mapping) or not isinstance(item.get("question"), str) or not item["question"].strip():
            return None
        parts = {name: item.get(name) for name in ("question", "answer", "solution")}
        cut = {name: value[: self._chars] if isinstance(value, str) else None for name, value in parts.items()}
        return {"id": str(item.get("id") or "")[:200], "parts": cut}


def points_of(value: Any) -> list[str]:
    """Knowledge points from a row's JSON or a model's answer: short texts, each once."""
    if not isinstance(value, list):
        return []
    texts = [item.encode("utf-8", "replace").decode() for item in value if isinstance(item, str)]
    plain = (" ".join(text[: 2 * _POINT].split())[:_POINT] for text in texts)
    return list(dict.fromkeys(text for text in plain if text))[:_POINTS]


def _three(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parts.get(name) for name in ("question", "answer", "solution")}
