"""A question as the stages of question synthesis hand it on.

In a dataset a question is a row whose `text` is the question; everything else stands in the row's JSON (`metadata` of a
document, `parsed` of a sample) under the names below, so that every stage reads what every other one wrote, and so that
files of seed questions with the usual column names (answer, choices, context, solution, subject) fit without more.
Fields that a stage does not know are carried along.
"""

import dataclasses
from dataclasses import dataclass, fields, replace
from typing import Any

import orjson

from tilth.data.questions import question_of


@dataclass(frozen=True, slots=True, kw_only=True)
class QA:
    """One question with what is known of it; None and empty mean not known."""

    question: str
    answer: str | None = None
    choices: tuple[str, ...] | None = None
    context: str | None = None
    solution: str | None = None  # reasoning that ends in the answer
    subject: str | None = None  # as a source names it
    # what it is
    discipline: str | None = None
    field: str | None = None
    stem: bool | None = None
    label_probability: float | None = None
    grade: str | None = None  # G1 to G5, GC; as annotated
    difficulty: float | None = None  # rubric, 1 to 10; as annotated, the mean of the votes
    difficulty_error: float | None = None  # its standard error
    pass_rate: float | None = None
    pass_low: float | None = None  # bounds of its interval
    pass_high: float | None = None
    ability: float | None = None  # difficulty on the Rasch scale, in logits
    ability_error: float | None = None
    # how it was made
    mechanism: str | None = None  # seed, grade, harden, linked, logic
    strategy: str | None = None
    round: int | None = None
    grade_requested: str | None = None
    discipline_requested: str | None = None
    difficulty_requested: float | None = None
    persona: str | None = None
    form: str | None = None  # the type of question: open, choice, proof, ...
    language: str | None = None
    seeds: tuple[str, ...] = ()  # ids of the rows it was made from, the first one's lineage is the row's own
    # what happened to it
    verdict: str | None = None  # verified, unverified, contradicted
    votes: int | None = None  # independent answers that agree with `answer`
    solvers: int | None = None  # independent answers in all
    changed: tuple[str, ...] = ()  # by refinement: question, answer, reasoning
    before: dict[str, Any] | None = None  # the question, answer and solution before refinement
    more: dict[str, Any] = dataclasses.field(default_factory=dict)

    def dump(self) -> str:
        """The JSON of everything but the question itself; what is not known is left out."""
        value: dict[str, Any] = dict(self.more)
        for item in fields(self):
            known = getattr(self, item.name)
            if item.name not in ("question", "more") and known is not None and known != ():
                value[item.name] = known
        return orjson.dumps(value).decode()

    def but(self, **changes: Any) -> "QA":
        """A copy with some fields changed."""
        return replace(self, **changes)


_OWN = frozenset(item.name for item in fields(QA)) - {"question", "more"}
#: Fields that `data.questions` reads, since files have them in many shapes.
_READ = ("answer", "choices", "context", "solution", "subject")
_TUPLES = ("seeds", "changed")


def qa_of(text: str, metadata: str | None) -> QA:
    """The question of a row: its text and its JSON. JSON that is broken or no object counts as none."""
    found = question_of(text, metadata)
    try:
        value = orjson.loads(metadata or "{}")
    except orjson.JSONDecodeError:
        value = {}
    if not isinstance(value, dict):
        value = {}
    signals = value.get("signals")  # what curation measured: labels stand there until a stage writes them down
    labelled = signals if isinstance(signals, dict) else {}
    known = {name: labelled[name] for name in _OWN if name in labelled and name not in _READ}
    known |= {name: value[name] for name in _OWN if name in value and name not in _READ}
    known |= {name: tuple(known[name]) for name in _TUPLES if isinstance(known.get(name), list)}
    return QA(
        question=text,
        **{name: getattr(found, name) for name in _READ},
        **known,
        more={name: item for name, item in value.items() if name not in _OWN},
    )
