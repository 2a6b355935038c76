"""English questions for facts of one sentence and for dated events."""

import random
from collections.abc import Iterator

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.document import Document
from tilth.generate.engines.extractive.facts import Fact, facts
from tilth.generate.engines.extractive.facts_en import year_of
from tilth.generate.engines.extractive.pair import Pair
from tilth.generate.engines.extractive.words import pairs, words

_RANK = {"define": 0, "person": 0, "iff": 0, "where": 1, "when": 1, "cause": 1, "use": 1, "known": 1}
_PRONOUNS = words("he she it they his her their its this that these those we i you the")
_PRESENT = pairs(
    "became:become built:build led:lead won:win wrote:write taught:teach died:die began:begin married:marry "
    "studied:study moved:move graduated:graduate"
)


def pairs_en(document: Document, draw: random.Random) -> Iterator[Pair]:
    """A question and answer for each fact that can be asked for, and for years that open a sentence."""
    for fact in facts(document):
        question = _ask(fact, document, draw)
        if question:
            answer = f"{fact.sentence} {fact.follow}".strip() if fact.kind != "iff" else fact.sentence
            yield Pair(question, answer, _RANK.get(fact.kind, 2), 10 * fact.order)
    yield from _events(document, draw)


def _ask(fact: Fact, document: Document, draw: random.Random) -> str:
    """A question that the fact's sentence answers, or ""."""
    name = in_sentence(fact.subject, document)
    if fact.kind == "define":
        return _ask_definition(fact, name, draw)
    past = fact.verb.split()[0]
    be, do = ("are", "do") if fact.plural else ("is", "does")
    last = fact.verb.split()[-1]
    base = last.removesuffix("s")
    forms: dict[str, tuple[str, ...]] = {
        "person": (f"Who {past} {name}?", f"What is known about {name}?"),
        "was": (f"What was {name}?", f"What is known about {name}?"),
        "iff": (f"When {past} {name} {' '.join(fact.verb.split()[1:-1])}?",),
        "where": (f"Where {past} {name} located?", f"In what place {past} {name} situated?"),
        "when": (f"When {past} {name} {last}?", f"In which year {past} {name} {last}?"),
        "when_did": (f"When did {name} {_infinitive(last)}?",),
        "did": (f"What did {name} {_infinitive(last)}?",) if last != "married" else (f"Whom did {name} marry?",),
        "known": (f"What {past} {name} known for?",),
        "cause": (f"What causes {name}?", f"What {past} {name} caused by?"),
        "use": (f"What {be} {name} used for?", f"How {be} {name} used?"),
        "contain": (f"What {do} {name} consist of?", f"What makes up {name}?"),
        "depend": (f"What {do} {name} depend on?",),
        "allow": (f"What {do} {name} {base}?",) if last.startswith("provide") else (f"How {do} {name} help?",),
        "require": (f"What {do} {name} require?",),
        "cover": (f"What {do} {name} {base}?",),
        "rule": (f"What rule applies to {name}?", f"What is laid down about {name}?"),
        "duty": (f"What must {name} do?", f"What is required of {name}?", f"What {last} {name} do?"),
        "power": (f"What may {name} do?", f"What can {name} do?"),
    }
    return draw.choice(forms.get(fact.kind, ("",)))


def _ask_definition(fact: Fact, name: str, draw: random.Random) -> str:
    be = "are" if fact.plural else "is"
    bare = next((name[len(article) :] for article in ("a ", "an ", "the ") if name.startswith(article)), name)
    if fact.verb.startswith(("mean", "refer", "is defined", "are defined")):
        does = "do" if fact.plural else "does"
        forms = [f"What {does} “{bare}” mean?", f"How is the term “{bare}” used?", f"What does the term “{bare}” mean?"]
        return draw.choice(forms if fact.verb.startswith(("mean", "refer")) else [*forms, f"How {be} {name} defined?"])
    forms = [f"What {be} {name}?", f"What {be} {name}?", f"Can you explain what {name} {be}?"]
    if not fact.subject.startswith("The "):
        forms += [f"What is meant by {bare}?", f"How would you define {bare}?"]
    return draw.choice(forms)


def _infinitive(verb: str) -> str:
    if verb in _PRESENT:
        return _PRESENT[verb]
    return verb[:-1] if verb in _SILENT_E else verb.removesuffix("ed")


_SILENT_E = words(
    "announced created introduced issued proposed received released served organized produced achieved "
    "replaced named used captured"
)


def in_sentence(subject: str, document: Document) -> str:
    """The subject as it stands inside a sentence: lower case where the document often writes it so, or where no other
    word of it has a capital and the document has its first word hardly anywhere else."""
    first, _, rest = subject.partition(" ")
    lower = first[:1].lower() + first[1:]
    if first in ("A", "An", "The"):
        return f"{lower} {rest}"
    if first[1:] != first[1:].lower() or not first.replace("-", "").isalpha():
        return subject
    words = document.words
    if first.endswith("ing") or (words[lower] and words[lower] >= words[first] // 4):
        return f"{lower} {rest}".strip()
    return f"{lower} {rest}" if rest and rest == rest.lower() and words[first] <= 2 else subject


def _events(document: Document, draw: random.Random) -> Iterator[Pair]:
    """What happened in a year: sentences that begin with it."""
    for order, (_, block) in enumerate(document.paragraphs()[:120]):
        for sentence in block.sentences[:20]:
            if not sentence.startswith(("In 1", "In 2")) or not sentence[3:7].isdigit() or sentence[7:8] not in ", ":
                continue
            words = sentence[8:].split(None, 1)
            if not words or words[0].lower() in _PRONOUNS or year_of(sentence[:8]) is None:
                continue
            if sentences.whole(sentence, False):
                form = draw.choice(
                    ("What happened in {}?", "Which event of {} is described?", "What took place in {}?")
                )
                yield Pair(form.replace("{}", sentence[3:7]), sentence, 3, 40 * order)
