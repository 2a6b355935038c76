"""The calls of one unit: numbered in order, made from a prompt file and the structured input, and asked again once.

Numbers are given before a call is awaited, and depend on earlier answers alone, so that a run which was killed finds
each finished call in its journal. Calls that do not need one another are in flight together; where one fails, the
others are awaited first, so that what was paid for is journalled.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

import tilth.prompts
from tilth.base.errors import ConfigError
from tilth.base.fingerprint import fingerprint
from tilth.generate.request import Completion, Request
from tilth.lineage import call_seed
from tilth.prompts.prompt import Drawn, Prompt, draw, load_prompt, render
from tilth.recipe.stages.synthesize import Synthesize
from tilth.stage import Generate, NotAnsweredError
from tilth.synth.questions.answers import REASONS, Expected, Parsed, Unread, parse_answer

#: Where the prompts of questions stand: not among the strategies of rephrasing, which `load_library` reads.
PROMPTS = Path(tilth.prompts.__file__).parent / "questions"
#: Task -> the name of its prompt file; the Chinese one ends in _zh.
TASKS: Mapping[str, str] = {
    "synthesize.grade": "question_grade",
    "synthesize.harden": "question_harden",
    "synthesize.linked": "question_linked",
    "synthesize.logic": "question_logic",
    "synthesize.extract_logic": "question_extract_logic",
    "annotate": "question_rate",
    "solve": "question_solve",
}
#: Tasks of each mechanism.
USED: Mapping[str, tuple[str, ...]] = {
    "grade": ("synthesize.grade",),
    "harden": ("synthesize.harden", "annotate", "solve"),
    "linked": ("synthesize.linked",),
    "logic": ("synthesize.extract_logic", "synthesize.logic"),
}
_TEXT = {"type": "string"}
#: What an answer that is a question has to be. `solution` stands before `answer`, so that the answer follows from it.
QUESTION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "question": _TEXT,
        "choices": {"type": "array", "items": _TEXT},
        "solution": _TEXT,
        "answer": _TEXT,
        "declined": _TEXT,
    },
    "required": ["question", "solution", "answer"],
    "additionalProperties": False,
}
#: Characters of a bad answer that are sent back with what is wrong with it.
_SENT_BACK = 4000
_AGAIN = {
    "en": "This reply cannot be used: {}. Do the task again and reply with the JSON object alone.",
    "zh": "该回复无法使用：{}。请重新完成任务，只回复 JSON 对象。",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing to ask: the structured input, the same as text for a reader, and the orders that go with it."""

    task: str
    document: Mapping[str, Any]
    material: str
    brief: str = ""
    schema: Mapping[str, Any] | None = None
    temperature: float | None = None  # None: the recipe's


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answered call."""

    request: Request
    completion: Completion
    call: int
    prompt: Prompt
    drawn: Drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all calls of a stage share."""

    settings: Synthesize
    seed: int
    prompts: Mapping[str, Prompt]

    def prompt(self, task: str, language: str) -> Prompt:
        """The prompt of a task in a language."""
        return self.prompts[TASKS[task] + ("_zh" if language == "zh" else "")]

    @property
    def hash(self) -> str:
        """Stands for the text of every prompt in use."""
        return fingerprint({name: prompt.text_hash for name, prompt in self.prompts.items()})


def open_desk(settings: Synthesize, seed: int) -> Desk:
    """Load the prompts that the mechanism needs; a file of a user's folder stands in front of the shipped one.

    Raises `ConfigError` for a folder that is missing and a file that cannot work.
    """
    names = [TASKS[task] + end for task in USED[settings.mechanism] for end in ("", "_zh")]
    return Desk(settings=settings, seed=seed, prompts={name: _load(name, settings.prompt_folders) for name in names})


def _load(name: str, folders: Sequence[str]) -> Prompt:
    shipped = load_prompt(PROMPTS / f"{name}.md")
    for folder in folders:
        if not Path(folder).expanduser().is_dir():
            raise ConfigError(f"expected a folder of prompt files at {folder}; saw none. Check the path.")
        path = next(iter(sorted(Path(folder).expanduser().rglob(f"{name}.md"))), None)
        if path is not None:
            prompt = load_prompt(path)
            if set(prompt.slots) < set(shipped.slots):
                raise ConfigError(
                    f"expected the slot brief in {path}, which the stage fills with what is asked for; saw none. "
                    "Copy the header's [slots] and the place of [[brief]] from the shipped file."
                )
            return prompt
    return shipped


@dataclass(slots=True)
class Asker:
    """Asks on behalf of one unit; `calls` is the number of the next call."""

    desk: Desk
    row: str
    language: str
    generate: Generate
    calls: int = 0
    asked: list[Answer] = field(default_factory=list)

    async def one(self, ask: Ask, before: Answer | None = None, wrong: str = "") -> Answer:
        """Ask once. `before` and `wrong`: the answer that could not be used, and why."""
        call = self.calls
        self.calls += 1
        prompt, drawn, request = self._request(ask, call, before, wrong)
        completion = await self.generate(request, call)
        return Answer(request=request, completion=completion, call=call, prompt=prompt, drawn=drawn)

    async def several(self, asks: Sequence[Ask]) -> list[Answer]:
        """Ask all at once; raises the first error once every call has ended."""
        ended = await asyncio.gather(*(self.one(ask) for ask in asks), return_exceptions=True)
        answers: list[Answer] = []
        for one in ended:
            if isinstance(one, BaseException):
                raise one
            answers.append(one)
        return answers

    async def question(self, ask: Ask, expected: Expected) -> tuple[Answer, Parsed | Unread]:
        """Ask for a question; an answer that cannot be used is sent back with its fault, as often as set."""
        answer = await self.one(ask)
        found = read(answer.completion, expected)
        for _ in range(self.desk.settings.retries):
            if not isinstance(found, Unread) or found.reason.partition(":")[0] in ("refused", "declined", "filtered"):
                break
            try:
                again = await self.one(ask, answer, REASONS[found.reason])
            except NotAnsweredError:  # a pass without calls: the last answer there is decides
                break
            answer, found = again, read(again.completion, expected)
        return answer, found

    def _request(self, ask: Ask, call: int, before: Answer | None, wrong: str) -> tuple[Prompt, Drawn, Request]:
        desk = self.desk
        settings, sampling = desk.settings, desk.settings.sampling
        prompt = desk.prompt(ask.task, self.language)
        drawn = before.drawn if before else _drawn(prompt, desk.seed, f"{self.row}/{call}", ask.brief)
        turns = render(prompt, drawn, ask.material)
        if before is not None:
            said = _AGAIN[self.language].format(wrong)
            turns = (*turns, ("assistant", before.completion.text[:_SENT_BACK] or "-"), ("user", said))
        request = Request(
            row=self.row,
            messages=turns,
            task=ask.task,
            document=orjson.dumps(ask.document).decode(),
            language=self.language,
            max_tokens=min(sampling.max_tokens, prompt.max_tokens or sampling.max_tokens),
            temperature=sampling.temperature if ask.temperature is None else ask.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            seed=call_seed(desk.seed, self.row, call, sampling),
            stop=sampling.stop,
            schema=dict(ask.schema) if ask.schema is not None else None,
            extra=settings.model.extra_body,
        )
        return prompt, drawn, request


def read(completion: Completion, expected: Expected) -> Parsed | Unread:
    """A completion as a question; an engine without a model that found nothing to do says so in its own word."""
    if completion.finish_reason == "refused":
        return Unread(f"refused:{completion.refusal or 'unsaid'}", "the engine found no material for this")
    return parse_answer(completion.text, completion.finish_reason, expected)


def _drawn(prompt: Prompt, seed: int, row: str, brief: str) -> Drawn:
    drawn = draw(prompt, seed, row)
    return Drawn(drawn.instruction, {**drawn.slots, "brief": brief} if "brief" in prompt.slots else drawn.slots)


def schema(*, choices: bool) -> dict[str, Any]:
    """The schema of a question; with `choices` they are required."""
    required = [*QUESTION_SCHEMA["required"], *(["choices"] if choices else [])]
    return {**QUESTION_SCHEMA, "required": required}
