"""Is an answer right? One function for numbers, mathematics, choices, short texts and programs.

Guarantees: deterministic but for the limits on time; never raises because of what an answer holds; never hangs: every
answer is settled in under 2 s, one that needs no computer algebra and no program in well under 1 ms. Text is read and
never evaluated; mathematics goes to a worker that may be killed, programs to a sandbox.
"""

import re
from collections.abc import Sequence

from tilth.answers.choices import chosen, letters_of, sequence_in, sequence_of
from tilth.answers.clean import MOST_CHARS, characters, squeezed, unwrapped
from tilth.answers.final import Final, final_answer, final_code
from tilth.answers.numbers import Quantity, quantity, same_number
from tilth.answers.program import CodeSettings, run_tests
from tilth.answers.symbolic import same_symbolic
from tilth.answers.texts import aliases, same_text
from tilth.answers.verdict import CheckSettings, How, Kind, Verdict

_DEFAULT = CheckSettings()
_CODE_DEFAULT = CodeSettings()
#: Longest pair shown in a verdict.
_SHOWN = 200
_LETTERS = re.compile(
    r"\(?[A-J]\)?(?:[,\s、]{1,3}\(?[A-J]\)?){0,9}|[A-J]{2,6}|\[\s?\"[A-T]{1,6}\"(?:\s?,\s?\"[A-T]{1,6}\"){0,30}\s?\]"
)
_MATHS = re.compile(
    r"\\(?!text|mathrm|mbox)[A-Za-z]|[\^=]|[0-9A-Za-z)]\s?[+*/]\s?[0-9A-Za-z(\\]|^\\?[-(\[{].*[)\]}]$|^-?[0-9]*[a-z]$"
)
_PROGRAM = re.compile(r"^\s{0,8}(?:assert |def |import |from [a-z_.]{1,60} import )", re.MULTILINE)
_FIGURE = re.compile(r"-?(?:\\?\$)?[0-9][0-9,]{0,60}(?:\.[0-9]{1,40})?(?:/[0-9]{1,40})?(?:\s?\\?%)?")


def check(
    answer: str,
    gold: str | list[str],
    kind: Kind | None = None,
    options: Sequence[str] = (),
    settings: CheckSettings = _DEFAULT,
    extract: bool = True,
) -> Verdict:
    """Whether `answer` says the same as `gold`.

    `gold` is one accepted answer, several joined by " || ", or a list of them; for code it is test code that fails by
    raising. `kind` None infers it from the gold answer. `options` are the texts of a multiple-choice question, first A.
    With `extract` the final answer is looked for in a worked solution. Raises `MissingExtra` where mathematics needs
    math-verify and it is not installed.
    """
    golds = [gold] if kind == "code" and isinstance(gold, str) else aliases(gold)
    kind = kind or infer_kind(gold, options)
    if not golds:
        return _verdict(None, kind, "no_gold", "the gold answer is empty", answer, "")
    if kind == "code":
        return _check_code(answer, golds)
    final = final_answer(answer) if extract else Final(answer[-MOST_CHARS:].strip(), "whole")
    if not final.text:
        return _verdict(False, kind, "unreadable", "the answer is empty", "", golds[0])
    if kind == "choice":
        return _check_choice(answer[-MOST_CHARS:], final, golds, options)
    if kind == "text":
        return _check_text(answer, final, golds, settings)
    return _check_any(final, golds, kind, settings)


def infer_kind(gold: str | list[str], options: Sequence[str] = ()) -> Kind:
    """What kind of answer a gold answer is: what all its aliases are, and "text" where they differ."""
    if options:
        return "choice"
    kinds = {_kind_of(one) for one in aliases(gold)}
    return kinds.pop() if len(kinds) == 1 else "text"


def _kind_of(gold: str) -> Kind:
    text = squeezed(unwrapped(characters(gold[:MOST_CHARS])))
    if _LETTERS.fullmatch(text):
        return "choice"
    if quantity(text) is not None and not re.match(r"[A-Za-z]", text):
        return "number"
    if _PROGRAM.search(gold):
        return "code"
    return "symbolic" if len(text) <= 400 and _MATHS.search(text) and not _sentence(text) else "text"


def _sentence(text: str) -> bool:
    """Whether a text is prose: several words of letters in a row, outside of commands."""
    return re.search(r"(?<!\\)\b[A-Za-z]{3,} [A-Za-z]{2,}\b", text) is not None


def _verdict(correct: bool | None, kind: Kind, how: How, detail: str, answer: str, gold: str) -> Verdict:
    return Verdict(correct=correct, kind=kind, how=how, detail=detail, answer=_shown(answer), gold=_shown(gold))


def _shown(text: str) -> str:
    text = squeezed(characters(text[: 2 * _SHOWN]))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _check_code(answer: str, golds: list[str]) -> Verdict:
    program = final_code(answer)
    run = run_tests(program.text, "\n\n".join(golds), _CODE_DEFAULT)
    return _verdict(run.passed, "code", run.how, run.detail, program.text, golds[0])


def _check_choice(answer: str, final: Final, golds: list[str], options: Sequence[str]) -> Verdict:
    sequence = sequence_of(golds[0])
    if sequence:
        said_all = sequence_in(final.text)
        shown = (" ".join(said_all), " ".join(sequence))
        return _verdict(said_all == sequence, "choice", "choice", f"several questions ({final.taken})", *shown)
    wanted = frozenset[str]().union(*(letters_of(gold, options) for gold in golds))
    if not wanted:
        return _verdict(None, "choice", "no_gold", "the gold answer names no option", answer, golds[0])
    read = "none"
    picked: frozenset[str] = frozenset()
    for text in (final.text, answer) if final.text != answer else (answer,):
        picked, read = chosen(text, options)
        if picked or read == "contradiction":
            break
    said, gold = "".join(sorted(picked)), "".join(sorted(wanted))
    if read == "contradiction":
        return _verdict(False, "choice", "contradiction", "two options at once", answer, gold)
    if not picked:
        return _verdict(False, "choice", "unreadable", "names no option", answer, gold)
    return _verdict(picked == wanted, "choice", "choice", f"read as {read} from {final.taken}", said, gold)


def _check_text(answer: str, final: Final, golds: list[str], settings: CheckSettings) -> Verdict:
    correct, how, detail, gold = same_text(final.text, golds, settings)
    if not correct and final.taken != "whole" and len(answer) <= 400:
        again = same_text(answer, golds, settings)
        if again[0]:
            correct, how, detail, gold = again
    return _verdict(correct, "text", how, f"{detail} ({final.taken})", final.text, gold)


def _check_any(final: Final, golds: list[str], kind: Kind, settings: CheckSettings) -> Verdict:
    """A number or an expression against each accepted answer; the first that fits, else the last verdict."""
    one = _check_number if kind == "number" else _check_symbolic
    verdicts: list[Verdict] = []
    for gold in golds:
        verdict = one(final, gold, settings)
        if verdict.correct:
            return verdict
        verdicts.append(verdict)
    return next((verdict for verdict in verdicts if verdict.correct is None), verdicts[0])


def _check_symbolic(final: Final, gold: str, settings: CheckSettings) -> Verdict:
    correct, how, detail = same_symbolic(final.text, gold, settings)
    return _verdict(correct, "symbolic", how, f"{detail} ({final.taken})", final.text, gold)


def _check_number(final: Final, gold: str, settings: CheckSettings) -> Verdict:
    wanted = quantity(gold) or quantity(gold, comma=True)
    if wanted is None:
        return _check_symbolic(final, gold, settings)
    said, taken = _number_in(final)
    if said is None:
        return _not_plain(final, gold, settings)
    correct, how, detail = same_number(said, wanted, settings)
    return _verdict(correct, "number", how, f"{detail} ({taken})", said.text(), wanted.text())


def _not_plain(final: Final, gold: str, settings: CheckSettings) -> Verdict:
    """An answer that states no number: an expression is worked out, anything else is wrong."""
    text = squeezed(unwrapped(characters(final.text)))
    if len(text) <= 200 and _MATHS.search(text) and not _sentence(text):
        correct, how, detail = same_symbolic(text, gold, settings)
        return _verdict(correct, "number", how, f"{detail} ({final.taken})", final.text, gold)
    return _verdict(False, "number", "unreadable", f"no single number ({final.taken})", final.text, gold)


def _number_in(final: Final) -> tuple[Quantity | None, str]:
    """The number of an answer: the whole text, or the last number of a sentence that leaves nothing open."""
    text = final.text
    whole = quantity(text) or quantity(text, comma=True)
    if whole is not None or len(text) > 1000:
        return (whole, final.taken)
    plain = squeezed(unwrapped(characters(text)))
    if "=" in plain:
        after = plain.rpartition("=")[2]
        return (quantity(after), f"{final.taken}, after the last =")
    if not _sentence(plain) and plain.isascii():
        return (None, final.taken)
    found = _FIGURE.findall(plain)
    distinct = {one.rstrip(",") for one in found}
    if len(distinct) == 1 or (found and not re.search(r"\b(?:or|either|between|not)\b|或", plain)):
        return (quantity(found[-1].rstrip(",")), f"{final.taken}, last number")
    return (None, final.taken)
