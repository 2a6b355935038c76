"""Refuses a prompt file whose names, turns, variables or pool are wrong, before any row is paid for."""

from collections.abc import Collection, Iterator

from tilth.prompts.known import KNOWN_CHECKS, KNOWN_FEATURES, KNOWN_PARSERS, REQUIRED_OPTIONS
from tilth.prompts.sheet import Section, Sheet, nearest, shown
from tilth.prompts.template import compile_template

#: Fewest paraphrases of the instruction. One fixed instruction makes outputs open alike: in the published math rows of
#: one generator 7,619 of 10,000 did.
MIN_INSTRUCTIONS = 10


def check_sheet(sheet: Sheet) -> None:
    """Raise `ConfigError`, with file and line, for the first thing in `sheet` that cannot work."""
    _check_names(sheet)
    _check_roles(sheet)
    _check_variables(sheet)
    _check_pool(sheet)


def _check_names(sheet: Sheet) -> None:
    """Names in the header: the prompt's own, parser, options, checks, features, slots."""
    header = sheet.header
    if header.name != sheet.path.stem:
        line = sheet.line_of(None, "name")
        raise sheet.wrong(
            line, f"the file's own name, {sheet.path.stem}", header.name, "Rename the file or the prompt."
        )
    _known(sheet, None, "parser", header.parser, KNOWN_PARSERS)
    _check_options(sheet)
    for check in header.checks:
        _known(sheet, None, "checks", check, KNOWN_CHECKS)
    for feature in header.needs:
        _known(sheet, "needs", feature, feature, KNOWN_FEATURES)
    for slot, values in header.slots.items():
        line = sheet.line_of("slots", slot)
        if slot in ("document", "instruction"):
            raise sheet.wrong(
                line, "a slot name of your own", slot, f"{slot} has a fixed meaning; choose another name."
            )
        if len(set(values)) < len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise sheet.wrong(line, f"distinct values for the slot {slot}", f"{shown(twice)} twice", "Remove one.")


def _known(sheet: Sheet, table: str | None, key: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        what = {"parser": "a parser", "checks": "a check"}.get(key, "a feature of the document")
        raise sheet.wrong(sheet.line_of(table, key), f"{what} that is known", shown(value), nearest(value, known))


def _check_options(sheet: Sheet) -> None:
    parser, options = sheet.header.parser, sheet.header.parser_options
    known = KNOWN_PARSERS[parser]
    for option, value in options.items():
        line = sheet.line_of("parser_options", option)
        if option not in known:
            raise sheet.wrong(line, f"an option of the parser {parser}", shown(option), nearest(option, known))
        if type(value) is not known[option] or value in ("", 0):
            kind = "text" if known[option] is str else "a whole number above 0"
            raise sheet.wrong(line, f"{option} to be {kind}", shown(value), f"Change {option}.")
    needed = REQUIRED_OPTIONS.get(parser)
    if needed and needed not in options:
        line = sheet.line_of(None, "parser")
        raise sheet.wrong(
            line, f"the option {needed} for the parser {parser}", "none", f"Set {needed} in [parser_options]."
        )


def _check_roles(sheet: Sheet) -> None:
    """At most one system turn, first; then user and assistant in turn, from user to user."""
    frame = sheet.frame
    turns = frame[1:] if frame and frame[0].kind == "system" else frame
    if not turns:
        raise sheet.wrong(len(sheet.header_lines) + 2, "a section === user", "none", "Add one that holds [[document]].")
    for at, section in enumerate(turns):
        due = "user" if at % 2 == 0 else "assistant"
        if section.kind != due:
            raise sheet.wrong(
                section.line,
                f"a turn of {due} here",
                section.kind,
                "Order: system once if at all, then user and assistant.",
            )
    if turns[-1].kind != "user":
        raise sheet.wrong(turns[-1].line, "the last turn to be the user's", "assistant", "Add a section === user.")


def _variables(sheet: Sheet, section: Section) -> Iterator[tuple[int, str]]:
    """(line, name) of each variable of a section; refuses brackets that are no variable."""
    at = 0
    for place, part in enumerate(compile_template(section.text)):
        line = section.line + section.text.count("\n", 0, at)
        if place % 2:
            yield line, part
        else:
            for bracket in ("[[", "]]"):
                if bracket in part:
                    line += part.count("\n", 0, part.index(bracket))
                    seen = f"{bracket} that belongs to none"
                    raise sheet.wrong(
                        line, "[[name]] for a variable", seen, "Close it, or put a space between the two."
                    )
        at += len(part) + (4 if place % 2 else 0)


def _check_variables(sheet: Sheet) -> None:
    """Document and instruction stand once in the frame; each slot is used; nothing else is named."""
    slots = sheet.header.slots
    used = _used(sheet, sheet.frame, "the frame", {"document", "instruction", *slots})
    in_pool = _used(sheet, sheet.pool, "an instruction", set(slots))
    for name in ("document", "instruction"):
        times = used.count(name)
        if times != 1:
            seen = f"it {times} times" if times else "none"
            line = sheet.frame[-1].line
            raise sheet.wrong(line, f"[[{name}]] once in the frame", seen, "The last === user section is its place.")
    for slot in slots:
        if slot not in used and slot not in in_pool:
            line = sheet.line_of("slots", slot)
            remedy = f"Write [[{slot}]] in an instruction, or remove the slot."
            raise sheet.wrong(line, f"the slot {slot} to be used", "no mention of it", remedy)


def _used(sheet: Sheet, sections: list[Section], where: str, allowed: Collection[str]) -> list[str]:
    """The variables of `sections`, once for each mention; refuses those that are not `allowed`."""
    names: list[str] = []
    for section in sections:
        for line, name in _variables(sheet, section):
            if name not in allowed:
                seen = f"[[{name[:60]}]]"
                raise sheet.wrong(line, f"a variable that {where} may use", seen, nearest(name, allowed))
            names.append(name)
    return names


def _check_pool(sheet: Sheet) -> None:
    pool = sheet.pool
    if len(pool) < MIN_INSTRUCTIONS:
        line = pool[-1].line if pool else len(sheet.header_lines) + 2
        expected = f"at least {MIN_INSTRUCTIONS} sections === instruction"
        raise sheet.wrong(line, expected, str(len(pool)), "Say the same task in other words; variety is the point.")
    first: dict[str, int] = {}
    for section in pool:
        plain = " ".join(section.text.casefold().split())
        twin = first.setdefault(plain, section.line)
        if twin != section.line:
            raise sheet.wrong(section.line, "a new wording", f"that of line {twin} again", "Reword or remove one.")
