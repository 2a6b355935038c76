"""Titles of tutorials: "How to ..." from a heading."""

import random
import re

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.document import Document
from tilth.generate.engines.extractive.headings import EMPTY, as_written, has_role, name_of
from tilth.generate.engines.extractive.instructions import instruction_of, instructs
from tilth.generate.engines.extractive.words import pairs

_ING = pairs(
    """
    adding:add analyzing:analyze applying:apply becoming:become brewing:brew building:build buying:buy
    calculating:calculate changing:change choosing:choose cleaning:clean collecting:collect conducting:conduct
    configuring:configure creating:create defining:define deploying:deploy designing:design determining:determine
    developing:develop engaging:engage evaluating:evaluate finding:find getting:get hiring:hire
    identifying:identify implementing:implement improving:improve indexing:index installing:install
    integrating:integrate introducing:introduce launching:launch loading:load making:make managing:manage
    measuring:measure moving:move planning:plan preparing:prepare reading:read removing:remove running:run
    setting:set sharing:share solving:solve storing:store teaching:teach testing:test training:train
    understanding:understand updating:update using:use working:work writing:write drawing:draw graphing:graph
    converting:convert naming:name balancing:balance predicting:predict
    """
)
_ASKED = re.compile(
    r"(?:How (?:to|do I|do you|can I|can you|should I|should you|do we|can we|should we|can one|does one)|What is "
    r"the best way to|"
    r"(?:The )?best way to|Tips (?:for|on|to)|"
    r"(?:Top )?(?:\d{1,2}|three|four|five|six|seven|ten) (?:easy |simple |quick |best )?(?:ways|tips|steps|things) "
    r"(?:to|for)|"
    r"Steps (?:for|to|in)|What is the (?:process|procedure|method|way) "
    r"(?:for|of|to)) (.{3,80}?)\??$",
    re.IGNORECASE,
)
_JUNK = re.compile(
    r"(?:answer|[IVXLC]{1,8}$|chapter|part|book|step|legacy|section|conclusions?|解法|做法|步骤|算法步骤|题解|例题|操作步骤)\b",
    re.IGNORECASE,
)


def base_of(name: str) -> str:
    """A heading with its first gerund as a verb: "Installing Python" becomes "Install Python"."""
    first, _, rest = name.partition(" ")
    verb = _ING.get(first.lower())
    return f"{verb} {rest}".strip() if verb else name


def how_to(heading: str, document: Document, draw: random.Random, *, manual: bool) -> str:
    """The title: a verb of the heading or the document's title where there is one, else a form that fits any noun."""
    names = [name_of(text) for text in (heading, document.title)]
    names = [name for name in names if 2 <= len(name) <= 90 and name.lower() not in EMPTY and not has_role(name)]
    names = [name for name in names if not _JUNK.match(name) and not sentences.leans(name, document.tongue.chinese)]
    if document.tongue.chinese:
        return _title_zh(names[0], document) if names else document.tongue.say("操作步骤")
    if manual and names:
        return f"How to Use {names[-1]}" if names[-1][:1].isupper() else f"How to use `{names[-1].strip('`')}`"
    for name in names:
        verbal = _verbal(name, document)
        if verbal:
            return verbal
    if not names:
        return draw.choice(("How to Proceed, Step by Step", "How to Go About It"))
    name = names[0].rstrip("?")
    if names[0].endswith("?"):
        return f"How to Approach the Question “{names[0]}”"
    return draw.choice(("How to Work Through {}", "How to Approach {}", "How to Handle {}")).replace(
        "{}", as_written(name, document)
    )


def _verbal(name: str, document: Document) -> str:
    """ "How to ..." for a name that asks, commands or begins with a gerund; "" for a plain noun."""
    asked = _ASKED.match(name)
    if asked is not None:
        return f"How to {as_written(base_of(asked[1]), document)}"
    based = base_of(name)
    if based != name or instruction_of(name):
        first, _, rest = based.partition(" ")
        return f"How to {first.lower()} {as_written(rest, document)}" if rest else ""
    return ""


def _title_zh(name: str, document: Document) -> str:
    say = document.tongue.say
    if re.search(r"如何|怎么|怎样|怎麼|怎樣", name):
        return name.rstrip("？?")
    if name.isascii():
        return f"{say('如何使用')} {name}"
    return say("如何") + name if instructs(name, True) else name + say("：操作步骤")
