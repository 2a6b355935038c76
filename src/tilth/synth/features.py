"""Cheap features of a document, from which the router tells which forms it is worth: counts of what stands in it.

English and Chinese, without a model. Everything is linear in the text and counts about what a reader would count; it
need only be right enough to tell a page with a procedure from a page without. Words and characters are counted on the
UTF-8 bytes, which is five times as fast as a regular expression over the text.

Costs 125 to 155 us for 2 kB on a slow core, once a document (docs/checks.md).
"""

import re
from dataclasses import dataclass, fields


def _bytes(*parts: str) -> tuple[bytes, ...]:
    return tuple(part.encode() for part in parts)


#: Raise it when the same text could give other features: the router's decisions are then made anew.
FEATURES_VERSION = 1

#: Characters of a Chinese word, about: most words have one or two. It only makes Chinese lengths comparable.
_CHARS_PER_CHINESE_WORD = 1.6

#: Letters and digits of Latin-1; all others divide words, ideographs and typographic marks among them.
_SPACED = bytes(byte if chr(byte).isalnum() or byte == 39 else 32 for byte in range(256))
_NOT_ASCII_LETTER = bytes(byte for byte in range(256) if byte > 127 or not chr(byte).isalpha())
#: All but ASCII letters and the first bytes of longer characters: what is left of a text counts its letters.
_NOT_LETTER = bytes(byte for byte in range(192) if byte > 127 or not chr(byte).isalpha())
_ASCII = bytes(range(128))
_NOT_DIGIT = bytes(byte for byte in range(256) if not 48 <= byte <= 57)
#: First bytes of Han (U+4000 to U+9FFF) and Hangul in UTF-8; everything else is deleted to count them.
_NOT_CJK_LEAD = bytes(byte for byte in range(256) if not 0xE4 <= byte <= 0xED)
_KANA = (b"\xe3\x81", b"\xe3\x82", b"\xe3\x83")
#: First bytes of typographic marks (U+2000 to U+203F), Chinese marks and full-width signs.
_WIDE_MARKS = (b"\xe2\x80", b"\xe3\x80", b"\xef\xbc")

_NUMBER = re.compile(r"[0-9][0-9]*+(?:[.,][0-9]++)*+(?:[ -]?(%|°|[A-Za-z]{1,12}|[万亿]?[\u4e00-\u9fff]))?")
_CURRENCY = re.compile(r"[$€£¥￥] ?[0-9]")
_HAN_NUMBER = re.compile(
    "[一二两三四五六七八九十百千万亿](?<![0-9.].)[一二两三四五六七八九十百千万亿]{0,7}[个只条件人年月日天次倍元岁米斤吨时分秒章节部]"
)
_UNITS_WORDS = (
    "% ° percent million billion thousand hundred year years day days hour hours minute minutes second seconds week "
    "weeks month months people dollars euros pounds cents kg g mg km m cm mm mile miles feet ft inch inches meter "
    "meters metre metres liter liters litre litres ton tons tonne tonnes degree degrees times points votes members "
    "students acres hectares gb mb kb hz khz mhz ghz w kw mw volts v a k bits bytes ml l oz lb lbs hp rpm am pm"
)
_UNITS = frozenset(_UNITS_WORDS.split())
_HAN_UNITS = frozenset("个只条件人年月日天次倍元岁米斤公千厘毫吨小分秒平立％万亿种名位项")
_DEFINING = _bytes(
    " is a ", " is an ", " is the ", " are the ", " refers to ", " means ", " called ", " known as ",
    " defined as ", " stands for ",
)  # fmt: skip
_DEFINING_HAN = _bytes("是一", "是指", "称为", "称之为", "定义为", "指的是", "即为", "意思是", "又称", "也称")
_FULL_STOPS = _bytes(". ", ".\n", '." ', '."\n')
_EXCLAIMED = _bytes("! ", "!\n")
_ENDS_HAN = _bytes("。", "！", "？")
_ASKING = _bytes("? ", "?\n", '?"', "?)", "?*")
_WHITE = _bytes(" ", "\n", "\t", "\r", "\u3000")

_RULE = frozenset("|-: \t")
_DIGITS = "0123456789(（一二三四五六七八九十"
_BULLET_EDGE = "-*+•·●◦– \t"
_CLOSERS = frozenset(".!?。，,;|=")
_BULLETS = "-*+•·●◦–"
_NUMBERED = re.compile(r"\(?[0-9]{1,3}[.)、）．](?![0-9])[ \t]*\S|[（(]?[一二三四五六七八九十]{1,3}[)）、]\S")
_STEP = re.compile(r"(?:step|步骤)[ \t]?[0-9一二三四五六七八九十]|第[0-9一二三四五六七八九十]{1,3}步", re.IGNORECASE)
_ORDERED_WORDS = (
    "first firstly second secondly third thirdly next then finally lastly afterwards add open click press select "
    "choose enter type run install create make place put remove use check set turn write save copy download start "
    "stop mix heat cut pour take go navigate ensure configure apply fill call insert close connect log visit stir "
    "rinse bake"
)
_ORDERED = frozenset(_ORDERED_WORDS.split())
_ORDERED_HAN = (
    "首先", "其次", "然后", "接着", "最后", "接下来", "打开", "点击", "选择", "输入", "运行", "安装", "创建", "添加",
    "删除", "设置", "下载", "执行", "加入", "放入", "检查", "确认",
)  # fmt: skip
_QUOTES = '“"「『'


@dataclass(frozen=True, slots=True)
class Features:
    """Counts over one document; the two shares are of all characters that are not white space."""

    chars: int
    words: int  # Latin words, and Chinese ones at 1.6 characters each
    sentences: int
    paragraphs: int  # blocks between empty lines
    numbers: int  # in digits, and Chinese numerals before a measure word
    numeric_facts: int  # numbers with a unit, a currency or a percent sign
    list_items: int
    headings: int
    table_rows: int  # Markdown, LaTeX or tab-separated, rules left out
    key_values: int  # lines such as "Capacity: 40 litres"
    definitions: int  # "is a", "refers to", 是指
    questions: int
    steps: int  # numbered lines, first/then/finally, imperatives at the start of a line
    dialogue_turns: int  # lines that open with a name and a colon, or with a quotation mark
    cjk_share: float
    letters_share: float


#: The names of all features, as `needs` in a prompt's header uses them.
FEATURES: tuple[str, ...] = tuple(item.name for item in fields(Features))


def features(text: str) -> Features:
    """The features of `text`."""
    data = text.encode("utf-8", "surrogatepass")
    longer = data.translate(None, _ASCII)  # whole characters still, in order
    cjk = marks = 0
    if longer:
        cjk = len(longer.translate(None, _NOT_CJK_LEAD)) + _count(longer, _KANA)
        marks = _count(longer, _WIDE_MARKS)
    dense = len(text) - _count(data, _WHITE)
    letters = len(data.translate(None, _NOT_LETTER)) - marks
    numbers = _NUMBER.findall(text) if data.translate(None, _NOT_DIGIT) else []
    asked = _count(data, _ASKING) if "?" in text else 0
    han = len(_HAN_NUMBER.findall(text)) if cjk else 0
    lines = _lines(text)
    return Features(
        chars=len(text),
        words=_latin_words(text, data, letters - cjk) + round(cjk / _CHARS_PER_CHINESE_WORD),
        sentences=_sentences(text, data, asked) + (_count(longer, _ENDS_HAN) if marks else 0),
        paragraphs=sum(1 for block in text.split("\n\n") if block.strip()),
        numbers=len(numbers) + han,
        numeric_facts=sum(map(_is_fact, numbers)) + han + _currency(text),
        list_items=lines["list_items"],
        headings=lines["headings"],
        table_rows=lines["table_rows"],
        key_values=lines["key_values"],
        definitions=_count(data, _DEFINING) + (_count(data, _DEFINING_HAN) if cjk else 0),
        questions=asked + text.endswith("?") + (text.count("？") if marks else 0),
        steps=lines["steps"],
        dialogue_turns=lines["dialogue_turns"],
        cjk_share=min(1.0, round(cjk / dense, 4)) if dense else 0.0,
        letters_share=min(1.0, max(0.0, round(letters / dense, 4))) if dense else 0.0,
    )


def _count(data: bytes, parts: tuple[bytes, ...]) -> int:
    return sum(map(data.count, parts))


def _latin_words(text: str, data: bytes, letters: int) -> int:
    """Words between spaces. Where most letters are of other alphabets than Latin, every mark counts into its word."""
    if len(data) > len(text) and 2 * len(data.translate(None, _NOT_ASCII_LETTER)) < letters:
        return len(text.split())
    return len(text.encode("latin-1", "replace").translate(_SPACED).split())


def _sentences(text: str, data: bytes, asked: int) -> int:
    exclaimed = _count(data, _EXCLAIMED) if "!" in text else 0
    return _count(data, _FULL_STOPS) + asked + exclaimed + text.endswith((".", "?", "!"))


def _currency(text: str) -> int:
    return len(_CURRENCY.findall(text)) if any(map(text.__contains__, "$€£¥￥")) else 0


def _is_fact(follower: str) -> bool:
    return bool(follower) and (follower.lower() in _UNITS or follower[0] in _HAN_UNITS)


def _lines(text: str) -> dict[str, int]:
    """The features that stand at the start of a line."""
    found = dict.fromkeys(("", "list_items", "headings", "table_rows", "key_values", "steps", "dialogue_turns"), 0)
    for line in text.split("\n"):
        bare = line.strip()
        if not bare:
            continue
        kind = _kind(bare, bare[0])
        found[kind] += 1
        if kind == "headings":
            found["steps"] += _STEP.search(bare, 0, 60) is not None
        elif kind != "table_rows":
            _count_line(found, bare, kind)
    return found


def _count_line(found: dict[str, int], bare: str, kind: str) -> None:
    first = bare[0]
    if kind == "list_items":
        if first in _DIGITS:
            found["steps"] += 1
        else:
            item = bare.lstrip(_BULLET_EDGE)
            found["steps"] += item != "" and _is_step(item)
    else:
        found["steps"] += _is_step(bare)
    name = _name(bare)
    if name:
        found["key_values"] += len(bare) < 240
        found["dialogue_turns"] += name.count(" ") < 3 and not name[0].islower()
    elif first in _QUOTES:
        found["dialogue_turns"] += 1


def _kind(bare: str, first: str) -> str:
    """Which form a line has: the name of a feature, or ""."""
    if first.isalpha() and first not in _DIGITS:
        return (
            "table_rows" if ("\t" in bare and bare.count("\t") > 1) or (bare.endswith("\\\\") and "&" in bare) else ""
        )
    if first == "#":
        return "headings" if bare.lstrip("#")[:1] == " " else ""
    if first == "|":
        return "table_rows" if bare.count("|") > 1 and not _RULE.issuperset(bare) else ""
    if first in _BULLETS:
        if bare.startswith("**") and bare.endswith("**") and len(bare) < 90:
            return "headings"
        return "list_items" if bare[1:2] in (" ", "\t") else ""
    if first in "=~":
        return "headings" if len(bare) > 3 and not bare.strip(first) else ""
    if first == "\\" and "section" in bare[:14]:
        return "headings"
    if first in _DIGITS and _NUMBERED.match(bare):
        return "list_items"
    return "table_rows" if bare.count("\t") > 1 else ""


def _is_step(bare: str) -> bool:
    """Whether a line without its mark is a step: named so, or with a verb or word of order in front."""
    if not bare[0].isascii():
        return bare.startswith(_ORDERED_HAN) or _STEP.match(bare) is not None
    word = bare[:16].partition(" ")[0].rstrip(",:").lower()
    return word in _ORDERED or (word == "step" and _STEP.match(bare) is not None)


def _name(bare: str) -> str:
    """What stands before the colon of a line such as "Name: value"; "" for other lines."""
    at = bare.find(":", 1, 44)
    if at < 0:
        at = bare.find("：", 1, 44)
    if at < 0 or at == len(bare) - 1 or bare[at + 1] == "/":
        return ""
    name = bare[:at].strip(" *_-•·[]")
    return name if name and name[0].isalpha() and _CLOSERS.isdisjoint(name) else ""
