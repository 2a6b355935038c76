"""Telephone numbers: international ones, and the national forms of the US, China, the UK, Germany and France.

What it does: patterns for the forms, and checks on what they match. Forms that other numbers share (ten digits without
a separator) count only after a word such as "tel".
What it guarantees: pure; every repeat is bounded, so a match costs at most a few hundred steps.
"""

import re

#: Country codes in use (ITU-T E.164, list of 2016 with later changes), by first digits.
_ONE_OR_TWO = frozenset(
    [
        "1",
        "7",
        "20",
        "27",
        "30",
        "31",
        "32",
        "33",
        "34",
        "36",
        "39",
        "40",
        "41",
        "43",
        "44",
        "45",
        "46",
        "47",
        "48",
        "49",
        "51",
        "52",
        "53",
        "54",
        "55",
        "56",
        "57",
        "58",
        "60",
        "61",
        "62",
        "63",
        "64",
        "65",
        "66",
        "81",
        "82",
        "84",
        "86",
        "90",
        "91",
        "92",
        "93",
        "94",
        "95",
        "98",
    ]
)
_THREE = re.compile(r"2[1-689]\d|3[578]\d|42[013]|50\d|59\d|67[02-9]|68\d|69[0-2]|85[02356]|88[06]|96\d|97[1-79]|99\d")

#: North American numbers (NANPA): area code and exchange begin with 2 to 9, and neither is a service code such as 911.
_NANP = re.compile(r"(?![2-9]11)[2-9][0-8][0-9](?![2-9]11)[2-9][0-9]{6}")

#: A digit of a group, with what may stand before it (ITU-T E.123; "(0)" is the trunk prefix that callers leave out).
_GROUPED = r"(?:[ ./-]?(?:\(0?\) ?|\()?[0-9]\)?)"
#: After the area code: China (MIIT) and the UK (Ofcom's National Telephone Numbering Plan), as people group them.
_AREA = (
    r"(?:10|2[0-57-9]|[3-9][0-9]{2})\)?-[2-8][0-9]{6,7}|2[0-9]\)? [0-9]{4} [0-9]{4}|1[0-9]1\)? [0-9]{3} [0-9]{4}"
    r"|1[0-9]{3}\)? (?:[1-9][0-9]{4,5}|[1-9][0-9]{2} [0-9]{3})"
)

#: Forms that hardly any other number has. Every form begins with one of the same few characters, and says so again by
#: looking back at it: Python's engine then skips all other text quickly (seven times faster than plain alternatives).
STRONG = re.compile(
    r"[+(0-9](?<![0-9][0-9])(?:"
    rf"(?<=\+)[1-9]{_GROUPED}{{6,14}}"  # international
    rf"|(?<=0)0[1-9][0-9]{{0,2}}[ -]{_GROUPED}{{6,14}}"
    r"|(?<=\()[0-9]{3}\) ?[0-9]{3}-[0-9]{4}"  # US: (415) 555-0134, 415-555-0134, 1-415-555-0134
    r"|(?<=[0-9])[0-9]{2}(?P<us>[-.])[0-9]{3}(?P=us)[0-9]{4}"
    r"|(?<=1)[-. ](?:\([0-9]{3}\) ?[0-9]{3}-[0-9]{4}|[0-9]{3}(?P<us1>[-.])[0-9]{3}(?P=us1)[0-9]{4})"
    r"|(?<=1)[3-9][0-9](?P<cn>[ -]?)[0-9]{4}(?P=cn)[0-9]{4}"  # China, mobile
    rf"|(?<=0)(?:{_AREA})|(?<=\()0(?:{_AREA})"
    r"|(?<=0)7(?:[0-9]{3} [0-9]{3} ?[0-9]{3}|[1-9][0-9]{8})"  # UK, mobile
    r"|(?<=0)[1-9](?P<fr>[ .-])[0-9]{2}(?P=fr)[0-9]{2}(?P=fr)[0-9]{2}(?P=fr)[0-9]{2}"  # France (ARCEP): in pairs
    r")",
    re.ASCII,
)

#: The same in polars' engine, a little wider, for choosing the texts. Without word boundaries, which would take it off
#: its fast path in any text beyond ASCII (a hundred times slower).
STRONG_SCREEN = (
    r"\+[1-9](?:[ ()./-]{0,3}[0-9]){6}|00[1-9][0-9]{0,2}[ -](?:[ ()./-]{0,3}[0-9]){6}"
    r"|[0-9]{3}(?:\) ?|[-.])[0-9]{3}[-.][0-9]{4}|1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"
    rf"|0(?:{_AREA})|07[0-9]{{3}} ?[0-9]{{3}} ?[0-9]{{3}}|0[1-9](?:[ .-][0-9]{{2}}){{4}}"
)

_ANNOUNCED = (
    r"(?:\b(?:tel|fax|phone|telephone|mobile|cell|call|dial|ph|mob|telefon|telefono|tél|téléphone|handy|mobil|portable"
    r"|telefax|whatsapp|sms)(?: no| number| nr)?|电话|手机|传真|電話|手機|联系方式|热线|致电|拨打)[.:：)\s#]{0,4}"
)

#: Words that announce a number, then any of the forms above or the loose ones: German numbers (DIN 5008: an area code,
#: then groups), and numbers without separators.
SAID = re.compile(_ANNOUNCED + r"(\+?\(?[0-9](?:[ ()./-]{0,3}[0-9]){7,14})", re.IGNORECASE)

#: The same in polars' engine.
SAID_SCREEN = "(?i)" + _ANNOUNCED.replace(r"\b", "") + r"\+?\(?[0-9](?:[ ()./-]{0,3}[0-9]){7}"

#: E.164: at most 15 digits; fewer than 8 with the country code is no subscriber's number.
_SHORTEST, _LONGEST = 8, 15


def is_strong(text: str) -> bool:
    """Whether `text`, which matches STRONG, is a number that can be dialled."""
    digits = _digits(text)
    if text[0] == "+":
        return _is_international(digits)
    if text.startswith("00"):
        return _is_international(digits[2:])
    if _US_FORM.search(text):
        return _NANP.fullmatch(digits[-10:]) is not None
    return True


def is_said(text: str) -> bool:
    """Whether `text`, the number in a match of SAID, can be dialled: 9 to 13 digits in a national form."""
    digits = _digits(text)
    if text[0] == "+":
        return _is_international(digits)
    if digits[0] == "0":
        return 9 <= len(digits) <= 13
    return _NANP.fullmatch(digits) is not None or (len(digits) == 11 and _CN_MOBILE.fullmatch(digits) is not None)


_US_FORM = re.compile(r"[0-9]{3}(?:\) ?|[-.])[0-9]{3}[-.][0-9]{4}$")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_CN_MOBILE = re.compile(r"1[3-9][0-9]{9}")


def _digits(text: str) -> str:
    return _NOT_DIGITS.sub("", text.replace("(0)", ""))


def _is_international(digits: str) -> bool:
    if not _SHORTEST <= len(digits) <= _LONGEST or digits[:1] == "0":
        return False
    if digits[0] == "1":
        return _NANP.fullmatch(digits[1:]) is not None
    return digits[0] == "7" or digits[:2] in _ONE_OR_TWO or _THREE.match(digits) is not None
