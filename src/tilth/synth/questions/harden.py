"""Makes a question harder in rounds: change it by a named strategy, rate it, have it solved; accept it or try again.

A question is accepted if it is hard enough (the difficulty asked for, or `step` above the last accepted one) and
solvable (between `least` and `most` of k independent answers agree with its own). The next round starts from the last
accepted question. Every round is recorded, accepted or not, with the difficulty asked for and the one achieved, so that
degradation can be measured where it happens. All calls go to one model, so a rating is the author's own: annotate the
result with another model before it steers anything.

Costs: for each round one call, `votes` ratings where the answer is a question, and `k` answers where it is hard enough.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilth.base.random import stream
from tilth.difficulty.anchors import SHIPPED, load_anchors
from tilth.difficulty.rubric import RubricScore, rubric_score
from tilth.recipe.stages.synthesize import Harden, Limits
from tilth.stage import Document
from tilth.synth.questions.answers import Expected, Parsed, Unread
from tilth.synth.questions.ask import Answer, Ask, Asker, schema
from tilth.synth.questions.catalogue import Strategy, chosen, lists
from tilth.synth.questions.made import Made, Work, new_question
from tilth.synth.questions.material import brief_lines, shown
from tilth.synth.questions.rating import Rating, Solved, judge_answers, rate_ask, read_rating, solve_ask
from tilth.synth.questions.seeds import Seed, parts_of

#: Why a question that was read is not accepted, beside what `answers.REASONS` names.
REASONS: Mapping[str, str] = {
    "unrated": "no rating of the question could be read",
    "too_easy": "the question is not harder than the last one, or every solver answers it",
    "unsolvable": "fewer independent answers agree with the question's own than asked for",
    "contradicted": "most independent answers agree with one another and not with the question's own",
    "below_requested": "the question became harder, and not as hard as asked for",
}
ROUTED: Mapping[str, str] = {"no_question": "the row has no answer, and so is no question that could be made harder"}
_LINES = {
    "en": ("Strategy", "Subject", "Difficulty to reach, from 1 to 10", "Language", "English"),
    "zh": ("策略", "学科", "目标难度（1 到 10）", "语言", "中文"),
}


@dataclass(slots=True)
class _State:
    """Where the loop stands: the last accepted question, its rating, and what happened so far."""

    question: Parsed
    level: float | None
    rounds: list[dict[str, Any]]
    tried: list[str]
    accepted: Made | None = None


class Hardening:
    """The mechanism; see the module."""

    def __init__(self, settings: Harden, seed: int, extract_chars: int) -> None:
        known = lists().strategies
        self._settings = settings
        self._seed = seed
        self._chars = extract_chars
        self._strategies = [known[name] for name in chosen(settings.strategies, known, "a strategy")]
        self._anchors = load_anchors(Path(settings.anchors).expanduser() if settings.anchors else SHIPPED)

    @property
    def identity(self) -> Mapping[str, str]:
        """What the file of anchors holds."""
        return {"anchors": self._anchors.hash}

    @property
    def most(self) -> int:
        """One a row."""
        return 1

    def expand(self, document: Document, seed: Seed, rows: Sequence[str]) -> list[Work] | str:
        """The order of strategies for a row, drawn without repetition as far as they reach."""
        if not seed.question or not seed.qa.answer:
            return "no_question"
        order: list[Strategy] = []
        for turn in range(-(-self._settings.rounds // len(self._strategies))):
            some = list(self._strategies)
            stream(self._seed, "synthesize", "strategies", turn, rows[0]).shuffle(some)
            order += some
        del document
        return [Work(seed=seed, plan=tuple(order[: self._settings.rounds]))]

    async def make(self, work: Work, asker: Asker, limits: Limits) -> Made:
        """Run the loop."""
        seed = work.seed
        target = seed.asked.difficulty or self._settings.target
        state = await self._start(seed, asker)
        last: Made | None = None
        for number, strategy in enumerate(work.plan, start=1):
            last = await self._round(seed, asker, state, number, strategy, target, limits)
            if last.qa is not None:
                state.accepted = last
                if (state.level or 0) >= target:
                    break
        assert last is not None
        return self._end(state, last, target)

    async def _start(self, seed: Seed, asker: Asker) -> _State:
        """The seed as the first question, rated where its row has no rating."""
        qa = seed.qa
        first = Parsed(question=qa.question, answer=qa.answer or "", solution=qa.solution, choices=qa.choices)
        known = qa.difficulty
        if isinstance(known, int | float) and not isinstance(known, bool):
            return _State(question=first, level=float(known), rounds=[], tried=[qa.question])
        shown_first = _cut(first, self._chars)
        ratings, _ = await self._rate(seed, shown_first, asker)
        score = _score(ratings)
        level = score.score if score else None
        return _State(question=first, level=level, rounds=[], tried=[qa.question])

    async def _round(
        self, seed: Seed, asker: Asker, state: _State, number: int, strategy: Strategy, target: float, limits: Limits
    ) -> Made:
        entry: dict[str, Any] = {"round": number, "strategy": strategy.name, "requested": target, "before": state.level}
        state.rounds.append(entry)
        expected = Expected(limits=limits, language=seed.language, not_these=tuple(state.tried))
        answer, found = await asker.question(self._ask(seed, state, number, strategy, target), expected)
        if isinstance(found, Unread):
            return self._refused(answer, entry, found.reason, found.detail)
        state.tried.append(found.question)
        ratings, _ = await self._rate(seed, found, asker)
        score = _score(ratings)
        if score is None:
            return self._refused(answer, entry, "unrated", f"{self._settings.votes} ratings asked for")
        entry |= {"achieved": score.score, "error": score.error}
        base = state.level
        if score.score < target and (base is None or score.score < base + self._settings.step):
            detail = f"rated {score.score:g}; {target:g} asked for, the last question rated {base or 0:g}"
            return self._refused(answer, entry, "too_easy", detail)
        solved = await self._solve(seed, found, asker)
        if solved is not None:
            entry |= {"agreed": solved.agreed, "solvers": solved.tried}
            wrong = self._unsolved(solved)
            if wrong is not None:
                return self._refused(answer, entry, *wrong)
        entry["verdict"] = "accepted"
        state.question, state.level = found, score.score
        qa = new_question(seed, found, "harden").but(
            strategy=strategy.name,
            round=number,
            difficulty=score.score,
            difficulty_error=score.error,
            difficulty_requested=target,
            grade=_grade(ratings),
            form=strategy.form or seed.qa.form,
            verdict="verified" if solved is not None else "unverified",
            votes=solved.agreed if solved else None,
            solvers=solved.tried if solved else None,
        )
        return Made(qa=qa, answer=answer)

    def _refused(self, answer: Answer, entry: dict[str, Any], reason: str, detail: str) -> Made:
        entry["verdict"] = reason
        return Made(qa=None, answer=answer, reason=reason, detail=detail)

    def _unsolved(self, solved: Solved) -> tuple[str, str] | None:
        settings = self._settings
        said = f"{solved.agreed} of {solved.tried} answers agree"
        if solved.agreed < settings.least:
            return (
                ("contradicted", f"{said}; most say {str(solved.other)[:80]!r}")
                if solved.contradicted
                else ("unsolvable", f"{said}; at least {settings.least} asked for")
            )
        if solved.contradicted:
            return "contradicted", f"{said}; most say {str(solved.other)[:80]!r}"
        if solved.agreed > settings.agree_most:
            return "too_easy", f"{said}; at most {settings.agree_most} asked for"
        return None

    def _end(self, state: _State, last: Made, target: float) -> Made:
        """The last accepted question, or the reason of the last round; all rounds go along."""
        rounds = {"rounds": state.rounds}
        signals = {"mechanism": "harden", "difficulty_requested": target, **rounds}
        made = state.accepted
        if made is None or made.qa is None:
            return Made(qa=None, answer=last.answer, reason=last.reason, detail=last.detail, signals=signals)
        whole = made.qa.but(more={**made.qa.more, **rounds})
        if made.qa.difficulty is not None and made.qa.difficulty < target:
            if self._settings.must_reach:
                detail = f"rated {made.qa.difficulty:g}, {target:g} asked for"
                return Made(qa=None, answer=made.answer, reason="below_requested", detail=detail, signals=signals)
            return Made(qa=whole, answer=made.answer, flags=("below_requested",), signals=signals)
        return Made(qa=whole, answer=made.answer, signals=signals)

    def _ask(self, seed: Seed, state: _State, number: int, strategy: Strategy, target: float) -> Ask:
        now = state.question
        parts = {
            "question": now.question,
            "answer": now.answer,
            "choices": list(now.choices) if now.choices else None,
            "solution": now.solution,
        }
        if number == 1 or state.question.question == seed.qa.question:
            parts = parts_of(seed.qa, self._chars)
        language, names = seed.language, _LINES[seed.language]
        document = {
            "language": language,
            "discipline": seed.discipline,
            "round": number,
            "strategy": strategy.name,
            "difficulty": target,
            **parts,
        }
        values = (strategy.text[language], seed.subject, f"{target:g}", names[4])
        return Ask(
            task="synthesize.harden",
            document=document,
            material=shown(parts, language),
            brief=brief_lines(list(zip(names[:4], values, strict=True)), language),
            schema=schema(choices=False),
        )

    async def _rate(self, seed: Seed, parsed: Parsed, asker: Asker) -> tuple[list[Rating], int]:
        anchors = self._anchors.problems["zh" if seed.language == "zh" else "en"]
        ask = rate_ask(seed, parsed, anchors)
        answers = await asker.several([ask] * self._settings.votes)
        ratings = [rating for one in answers if (rating := read_rating(one.completion)) is not None]
        return ratings, len(answers)

    async def _solve(self, seed: Seed, parsed: Parsed, asker: Asker) -> Solved | None:
        if not self._settings.k:
            return None
        answers = await asker.several([solve_ask(seed, parsed)] * self._settings.k)
        # an answer that was cut off or refused is no answer, and counts among those that do not agree
        texts = [one.completion.text if one.completion.finish_reason == "stop" else "" for one in answers]
        # checking may wait for another process up to 2 s an answer: not on the loop that feeds the servers
        return await asyncio.to_thread(judge_answers, parsed, texts)


def _score(ratings: Sequence[Rating]) -> RubricScore | None:
    return rubric_score([rating.difficulty for rating in ratings]) if ratings else None


def _grade(ratings: Sequence[Rating]) -> str | None:
    """The grade that most ratings name; None where two are named as often."""
    named = [rating.grade for rating in ratings if rating.grade]
    ranked = sorted(set(named), key=lambda grade: (-named.count(grade), grade))
    if not ranked or (len(ranked) > 1 and named.count(ranked[0]) == named.count(ranked[1])):
        return None
    return ranked[0]


def _cut(parsed: Parsed, most: int) -> Parsed:
    """The seed as it is shown: a solution of a megabyte is not."""
    solution = parsed.solution[:most] if parsed.solution else None
    return Parsed(
        question=parsed.question[:most], answer=parsed.answer[:most], solution=solution, choices=parsed.choices
    )
