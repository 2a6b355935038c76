"""Numbers in English sentences: money, percentages, measures, counted nouns, years."""

import re
from collections.abc import Iterator
from decimal import Decimal

from tilth.generate.engines.extractive.quantity import Quantity
from tilth.generate.engines.extractive.words import words

LARGEST = Decimal(10) ** 13

_UNITS = {
    "kilometres": "km kilometre kilometres kilometer kilometers",
    "metres": "m metre metres meter meters",
    "centimetres": "cm centimetre centimetres centimeter centimeters",
    "millimetres": "mm millimetre millimetres millimeter millimeters",
    "nanometres": "nm nanometers nanometer nanometres",
    "miles": "mile miles mi",
    "feet": "foot feet ft",
    "inches": "inch inches",
    "yards": "yard yards",
    "kilograms": "kg kilogram kilograms kilogrammes",
    "grams": "g gram grams",
    "milligrams": "mg milligram milligrams",
    "pounds (weight)": "lb lbs",
    "tons": "ton tons tonnes tonne",
    "ounces": "ounce ounces oz",
    "litres": "L litre litres liter liters",
    "millilitres": "mL ml milliliter milliliters millilitres",
    "gallons": "gallon gallons",
    "acres": "acre acres",
    "hectares": "hectare hectares ha",
    "seconds": "second seconds",
    "milliseconds": "ms millisecond milliseconds",
    "minutes": "minute minutes min mins",
    "hours": "hour hours hrs",
    "days": "day days",
    "weeks": "week weeks",
    "months": "month months",
    "years": "year years",
    "decades": "decades",
    "joules": "J joules joule",
    "watts": "W watts watt",
    "volts": "V volts volt",
    "newtons": "N newtons",
    "megabytes": "MB megabytes",
    "gigabytes": "GB gigabytes",
    "bytes": "bytes",
    "bits": "bits",
    "degrees": "degrees",
    "light-years": "light-years LY",
    "moles": "mol moles",
}
_UNIT_OF = {word: name for name, words in _UNITS.items() for word in words.split()}
_CURRENCY = {"$": "dollars", "US$": "dollars", "£": "pounds", "€": "euros", "¥": "yen"}
_MONEY_WORDS = {
    "dollars": "dollars",
    "dollar": "dollars",
    "cents": "cents",
    "euros": "euros",
    "shillings": "shillings",
    "francs": "francs",
    "guineas": "guineas",
}
_MAGNITUDE = {
    "hundred": 100,
    "thousand": 1_000,
    "million": 1_000_000,
    "billion": 1_000_000_000,
    "trillion": 1_000_000_000_000,
}
_IRREGULAR = words("people men women children mice feet teeth geese species sheep oxen cattle staff personnel")
_NOT_NOUN = words(
    """
    is was has does this his its as us yes thus plus versus always perhaps besides towards minus vs times ways
    others ones things hours' sometimes unless across afterwards degrees series percents points pages chapters
    figures dollars thousands hundreds millions billions tens results means includes contains describes shows
    gives makes takes says uses provides requires appears comes goes becomes sections articles paragraphs
    subsections titles steps versions starts ends begins remains lies sits runs
    """
)
_CONNECTING = words(
    """
    of in on at by for from to with and or the a an that which who as is was are were be been has have had per
    each every between than then but if when while where into onto up down not no it they he she we i you do does
    did can could will would may might shall should must so such out over under about after before until since
    through during against also
    """
)
_NUMBER = re.compile(
    r"(?<![\w.,/:#$£€§–-])(?P<currency>US\$|[$£€])?(?P<digits>\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,4})?|\d{1,9}(?:\.\d{1,4})?)(?![\d:/]|\.\d|,\d)"
    r"(?:[ -](?P<magnitude>hundred|thousand|million|billion|trillion)\b)?"
    r"(?P<percent>\s?%|\s(?:percent|per cent)\b)?"
)
_SMALL = {
    name: value
    for value, name in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_TENS = {
    name: 10 * value
    for value, name in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_TEENS = "|".join(list(_SMALL)[2:])
_SPELLED = re.compile(
    rf"(?<![\w-])(?P<words>(?:{'|'.join(_TENS)})(?:[ -](?:{_TEENS}))?|{_TEENS})(?: (?P<hundred>hundred|thousand))?"
    r" (?P<unit>[a-z]{3,12})\b",
    re.IGNORECASE,
)
_AFTER = re.compile(r"[ -]([A-Za-z°-]{1,20})(?: ([a-z-]{2,20}))?(?: ([a-z-]{3,20}))?")
_PER = re.compile(
    r"\s(?:per|an?|each|every)\s(second|minute|hour|day|week|month|year|person|acre|mile|ton|pound|gallon|bottle|ticket|copy|child|household|student|employee)\b"
)
_OF = re.compile(r"\sof\s(?:all |the |its |their |our )?((?:[A-Za-z’'.-]{2,20}\s?){1,5})")
_YEAR = re.compile(
    r"(?:\b(?:in|In|since|Since|by|By|from|From|until|Until|to|between|Between|and|after|After|before|Before|during|During|around|early|late|"
    r"January|February|March|April|May|June|July|August|September|October|November|December)\s(?:the year )?|\d, |[(–])"
    r"(1[0-9]{3}|20[0-2][0-9])\b(?!\s?(?:%|[-,]\d|\.\d|[a-z]{0,8}s\b|BC|B\.C|people|meters|miles|feet|km|hours|(?:million|thousand)\b))"
)
_RANGE = re.compile(r"\d%?\s?(?:-|–|to)\s$")  # the second number of a range
_DAY = re.compile(
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December|Chapter|Section"
    r"|section|Part|Figure|Table|Title|No\.|version|Article|page|pages|Act of|Act)\s$"
)


def quantities_en(sentence: str) -> Iterator[Quantity]:
    """The quantities of one sentence: years first, then numbers in digits, then units counted in words."""
    if _DIGIT.search(sentence):
        yield from _in_digits(sentence)
    for match in _SPELLED.finditer(sentence):
        unit = _UNIT_OF.get(match["unit"].lower())
        if unit is None or _AGE.match(sentence, match.end()):
            continue
        spelled = re.split("[ -]", match["words"].lower())
        value = sum(_TENS.get(word, 0) + _SMALL.get(word, 0) for word in spelled)
        value *= _MAGNITUDE[match["hundred"].lower()] if match["hundred"] else 1
        yield Quantity(value=Decimal(value), kind="measure", unit=unit, shown=match[0].strip(), name=unit)


_DIGIT = re.compile(r"\d")


def _in_digits(sentence: str) -> Iterator[Quantity]:
    for match in _YEAR.finditer(sentence):
        yield Quantity(value=Decimal(match[1]), kind="year", unit="year", shown=match[1], name="years")
    for match in _NUMBER.finditer(sentence):
        found = _digits(match, sentence)
        if found is not None and 0 < found.value < LARGEST:
            yield found


def _digits(match: re.Match[str], sentence: str) -> Quantity | None:
    """The quantity of a number in digits, or None where its kind is unknown."""
    start, end = match.span()
    if _DAY.search(sentence, max(0, start - 12), start) or _RANGE.search(sentence, max(0, start - 6), start):
        return None
    value = Decimal(match["digits"].replace(",", "")) * _MAGNITUDE.get(match["magnitude"] or "", 1)
    shown = match[0].strip()
    if match["percent"]:
        of = _OF.match(sentence, end)
        noun = _noun(of[1]) if of else ""
        return Quantity(value=value, kind="percent", unit="%", shown=shown, name="percentage points", of=noun)
    if match["currency"]:
        name = _CURRENCY[match["currency"]]
        return Quantity(value=value, kind="money", unit=name, shown=shown, name=name, per=_per(sentence, end))
    return _united(value, match, sentence)


def _per(sentence: str, end: int) -> str:
    match = _PER.match(sentence, end)
    return match[1] if match else ""


def _united(value: Decimal, match: re.Match[str], sentence: str) -> Quantity | None:
    """A number followed by a unit or a plural noun."""
    after = _AFTER.match(sentence, match.end())
    if after is None:
        return None
    word, end = after[1], after.end(1)
    unit = _UNIT_OF.get(word) or _UNIT_OF.get(word.lower() if len(word) > 3 else "")
    if word.lower() in ("square", "cubic"):
        unit, end = f"{word.lower()} {_UNIT_OF.get(after[2] or '', '')}", after.end(2)
        if unit.endswith(" "):
            return None
    if unit is not None:
        shown = sentence[match.start() : end]
        if _AGE.match(sentence, end):
            return None
        name = (
            word.lower() if word.endswith("s") and len(word) > 4 and " " not in unit else unit
        )  # the source's spelling
        return Quantity(value=value, kind="measure", unit=unit, shown=shown, name=name, per=_per(sentence, end))
    if word.lower() in _MONEY_WORDS:
        name, shown = _MONEY_WORDS[word.lower()], sentence[match.start() : end]
        return Quantity(value=value, kind="money", unit=name, shown=shown, name=name, per=_per(sentence, end))
    noun = _counted(after)
    if noun is None or (1000 <= value <= 2030 and "," not in match["digits"] and not match["magnitude"]):
        return None
    return Quantity(value=value, kind="count", unit=noun, shown=f"{match[0].strip()} {noun}", name=noun)


#: What makes a measure an age, a point in time, a compound word or another unit.
_AGE = re.compile(r"[- ]old\b|-|/|\s?[\^²³·]|\s(?:of age|ago|later|earlier|before|after|BC)\b|\sof\sthe\syear")


def _counted(after: re.Match[str]) -> str | None:
    """The plural noun counted, with at most two words before it: "30 elected members"; None where there is none."""
    words: list[str] = []
    for word in (after[1], after[2], after[3]):
        if word is None or word.lower() in _CONNECTING or not word.replace("-", "").isalpha() or word != word.lower():
            return None
        words.append(word)
        plural = word in _IRREGULAR or (
            word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is", "ous"))
        )
        if plural:
            return None if word in _NOT_NOUN else " ".join(words)
    return None


def _noun(text: str) -> str:
    """The countable noun phrase that a percentage is of, or ""; the last word must be one of `_COUNTABLE`."""
    found: list[str] = []
    for word in text.split():
        if word.lower() in _CONNECTING or not word.replace("-", "").isalpha():
            break
        found.append(word)
        if word.lower() in _COUNTABLE:
            return " ".join(found)
    return ""


#: What a percentage can be of so that a made-up whole number of them makes sense.
_COUNTABLE = words(
    """
    people adults voters users students patients women men children households respondents participants americans
    workers developers visitors cases deaths births cells animals species countries states schools companies firms
    websites pages employees members residents families citizens customers subjects infants mice samples teachers
    farmers boys girls males females jobs cars homes buildings birds trees plants seeds eggs teens teenagers
    parents mothers readers doctors nurses accidents calls emails messages tweets visits sessions servers packages
    projects requests songs films movies games points votes seats islanders immigrants veterans inmates prisoners
    drivers passengers smokers drinkers consumers buyers sellers banks farms businesses agencies programs
    applicants graduates faculty players fans tourists guests infections injuries tests trials studies experiments
    articles questions responses answers items products genes proteins bacteria
    """
)
