"""A vote over several answers to one question: answers that say the same count as one.

Guarantees: the order of equal answers does not change who wins; a tie has no winner; what states no answer abstains.
Costs one check for each answer and each cluster before it; identical answers are compared once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tilth.answers.check import check, infer_kind
from tilth.answers.choices import chosen
from tilth.answers.clean import squeezed
from tilth.answers.final import final_answer
from tilth.answers.verdict import CheckSettings, Kind

_DEFAULT = CheckSettings()


@dataclass(frozen=True, slots=True)
class Cluster:
    """Answers that say the same: `answer` is the first of them as taken, `members` their places from 0."""

    answer: str
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What a vote says.

    `answer` is the plurality's, None for a tie or where nobody answered; `share` is the largest cluster's part of all
    answers, abstentions included, so that a vote in which most abstain never looks certain.
    """

    answer: str | None
    share: float
    clusters: tuple[Cluster, ...]  # the largest first, then by first member
    abstained: int
    kind: Kind


def vote(
    answers: Sequence[str],
    kind: Kind | None = None,
    options: Sequence[str] = (),
    settings: CheckSettings = _DEFAULT,
) -> Vote:
    """Cluster `answers` by `check` and take the plurality.

    `kind` None infers it from the most common answer. Programs cannot be put to a vote: raises `ValueError` for "code".
    """
    if kind == "code":
        raise ValueError("programs have no answer to vote on; run their tests")
    taken = [_taken(answer, kind, options) for answer in answers]
    given = Counter(text for text in taken if text)
    if not given:
        return Vote(answer=None, share=0.0, clusters=(), abstained=len(taken), kind=kind or "text")
    kind = kind or infer_kind(given.most_common(1)[0][0], options)
    home = _homes(list(given), "text" if kind == "code" else kind, options, settings)
    members: dict[str, list[int]] = {}
    for place, text in enumerate(taken):
        if text:
            members.setdefault(home[text], []).append(place)
    clusters = sorted(
        (Cluster(text, tuple(own)) for text, own in members.items()), key=lambda one: (-len(one.members), one.members)
    )
    tied = len(clusters) > 1 and len(clusters[0].members) == len(clusters[1].members)
    return Vote(
        answer=None if tied else clusters[0].answer,
        share=len(clusters[0].members) / len(taken),
        clusters=tuple(clusters),
        abstained=taken.count(""),
        kind=kind,
    )


def _taken(answer: str, kind: Kind | None, options: Sequence[str]) -> str:
    """The final answer in one form; "" where there is none."""
    text = squeezed(final_answer(answer).text)
    if kind == "choice" or options:
        return "".join(sorted(chosen(text, options)[0] or chosen(answer, options)[0]))
    return text


def _homes(texts: list[str], kind: Kind, options: Sequence[str], settings: CheckSettings) -> dict[str, str]:
    """For each distinct text the first one that says the same."""
    home: dict[str, str] = {}
    heads: list[str] = []
    for text in texts:
        same = next((head for head in heads if check(text, [head], kind, options, settings).correct), None)
        home[text] = text if same is None else same
        if same is None:
            heads.append(text)
    return home
