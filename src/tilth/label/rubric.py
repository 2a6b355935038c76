"""The rubric that an annotator sees, and what it says of a question.

Anchor problems of known level are those of `tilth.difficulty.anchors`, which hardening shows too.
Guarantees: a reply is read as a whole label or as none, and never raises; a name that the taxonomy has not is never a
label. Costs about 20 us a reply.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tilth.answers.reply import object_in
from tilth.difficulty.anchors import Anchors
from tilth.difficulty.rubric import LEAST, MOST, STEP, RubricScore, rubric_score
from tilth.label.annotate import field_list
from tilth.label.taxonomy.load import Taxonomy

#: Raise it when the same reply would be read as another label.
VERSION = 1
#: Grades from easy to hard; GC is apart (competition).
GRADES = ("G1", "G2", "G3", "G4", "G5", "GC")
_ABOUT = {
    "en": {
        "G1": "primary school: arithmetic, everyday science, one or two steps",
        "G2": "middle school: pre-algebra, first terms of the sciences, two or three steps",
        "G3": "high school: the whole school curriculum, topics joined",
        "G4": "undergraduate: core courses of a discipline, named theorems and laws",
        "G5": "graduate and expert: advanced courses, proof, critique, edge cases",
        "GC": "competition: a contest's syllabus, insight rather than routine",
    },
    "zh": {
        "G1": "小学：算术、日常科学，一两步",
        "G2": "初中：代数入门、理科基本术语，两三步",
        "G3": "高中：全部中学课程，知识点结合",
        "G4": "本科：学科核心课程，有名称的定理与定律",
        "G5": "研究生与专家：高等课程、证明、评析、特殊情形",
        "GC": "竞赛：竞赛大纲，靠洞察而非套路",
    },
}
_LEADS = {
    "en": ("Problems of known difficulty, one a level:", "Grades:"),
    "zh": ("已知难度的参照题，每级一道：", "年级："),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """One vote. `error` says why nothing could be read; difficulty is then None. Labels may be None: abstained."""

    difficulty: float | None = None
    grade: str | None = None
    discipline: str | None = None
    field: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What the votes say together. A grade or label is one that more than half of the readable votes give."""

    rubric: RubricScore
    grade: str | None
    discipline: str | None
    field: str | None
    stem: bool | None
    share: float | None  # of the readable votes that give the discipline


def guide(anchors: Anchors, taxonomy: Taxonomy, language: str) -> str:
    """What the annotator reads before the item: anchor problems, grades, the list of fields."""
    problems, grades = _LEADS[language]
    lines = [problems, *(f"{level:g}: {problem}" for level, problem in anchors.problems[language])]
    lines += ["", grades, *(f"{grade}: {about}" for grade, about in _ABOUT[language].items())]
    return "\n".join([*lines, "", field_list(taxonomy, language)])


def rating_schema(taxonomy: Taxonomy) -> dict[str, Any]:
    """The JSON schema of an answer: analysis first, so that the rating follows from it."""
    steps = int((MOST - LEAST) / STEP)
    return {
        "type": "object",
        "properties": {
            "analysis": {"type": "string", "maxLength": 900},
            "difficulty": {"type": "number", "enum": [LEAST + STEP * step for step in range(steps + 1)]},
            "grade": {"type": "string", "enum": list(GRADES)},
            "discipline": {"type": "string", "enum": [*taxonomy.discipline_ids(), "abstain"]},
            "field": {"type": "string", "enum": [*taxonomy.fields, "abstain"]},
        },
        "required": ["analysis", "difficulty", "grade", "discipline", "field"],
        "additionalProperties": False,
    }


def read_rating(reply: str, taxonomy: Taxonomy) -> Rated:
    """Read a reply. A difficulty off the scale is no vote; one between two steps is the nearer of them."""
    found = object_in(reply)
    if found is None:
        return Rated(error="no JSON object in the answer")
    difficulty = _number(found.get("difficulty"))
    if difficulty is None or not LEAST <= difficulty <= MOST:
        return Rated(error=f"no difficulty from {LEAST:g} to {MOST:g}: {str(found.get('difficulty'))[:40]}")
    grade = str(found.get("grade") or "").strip().upper()[:40]
    field = taxonomy.resolve(str(found.get("field") or "")[:100])
    said = taxonomy.resolve(str(found.get("discipline") or "")[:100])
    if field is not None and field in taxonomy.fields:
        said = taxonomy.fields[field].discipline
    elif field is not None:  # a discipline's name where a field's was asked for
        said, field = field, None
    return Rated(
        difficulty=round(difficulty / STEP) * STEP,
        grade=grade if grade in GRADES else None,
        discipline=said if said in taxonomy.discipline_ids() else None,
        field=field,
    )


def agreed(votes: Sequence[Rated], taxonomy: Taxonomy) -> Agreed | None:
    """What readable votes say together; None where no vote could be read."""
    read = [vote for vote in votes if vote.difficulty is not None]
    if not read:
        return None
    discipline, share = _majority([vote.discipline for vote in read])
    field, _ = _majority([vote.field for vote in read])
    if field is not None and taxonomy.fields[field].discipline != discipline:
        field = None  # an id that is a field in one discipline only; guards a user's own taxonomy
    return Agreed(
        rubric=rubric_score([vote.difficulty for vote in read if vote.difficulty is not None]),
        grade=_majority([vote.grade for vote in read])[0],
        discipline=discipline,
        field=field,
        stem=_stem(discipline, field, taxonomy),
        share=share,
    )


def _majority(labels: Sequence[str | None]) -> tuple[str | None, float | None]:
    """The label of more than half, and its share; None twice without one."""
    counts = Counter(label for label in labels if label is not None)
    label, count = counts.most_common(1)[0] if counts else (None, 0)
    return (label, count / len(labels)) if count * 2 > len(labels) else (None, None)


def _stem(discipline: str | None, field: str | None, taxonomy: Taxonomy) -> bool | None:
    """The field's flag; of a discipline alone where all its fields have the same."""
    if field is not None:
        return taxonomy.fields[field].stem
    flags = {one.stem for one in taxonomy.fields.values() if one.discipline == discipline}
    return flags.pop() if len(flags) == 1 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if number == number and abs(number) < 1e6 else None  # a NaN differs from itself
