"""Numbers with their kind and unit, so that only like is reckoned with like.

Kinds: money, percent, measure (a physical or time unit), count (a plural noun), year. Numbers in codes, versions, section
numbers, dates and references carry no known unit after them and are not taken. Arithmetic is exact (`Decimal`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.structure import Document

MOST_SENTENCES = 500  # looked at in one document
MOST_IN_SENTENCE = 6
LARGEST = Decimal(10) ** 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """`value` in `unit`; two quantities compare when kind and unit are equal.

    `shown` is the number with its unit as the source writes it; `name` the unit as a reader says it in the plural.
    `per` is what it is counted per (3 km per year), else empty; `of` is what a percentage is of.
    """

    value: Decimal
    kind: str
    unit: str
    shown: str
    name: str
    sentence: str
    order: int
    start: int
    per: str = ""
    of: str = ""


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
_IRREGULAR = frozenset(
    "people men women children mice feet teeth geese species sheep oxen cattle staff personnel".split()
)
_NOT_NOUN = frozenset(
    "is was has does this his its as us yes thus plus versus always perhaps besides towards minus vs times ways others ones "
    "things hours' sometimes unless across towards afterwards degrees series percents points pages chapters figures dollars "
    "thousands hundreds millions billions tens results means includes contains describes shows gives makes takes says "
    "uses provides requires appears comes goes becomes sections articles paragraphs subsections titles chapters steps versions "
    "starts ends begins remains lies sits runs".split()
)
_CONNECTING = frozenset(
    "of in on at by for from to with and or the a an that which who as is was are were be been has have had per each every "
    "between than then but if when while where into onto up down not no it they he she we i you do does did can could will "
    "would may might shall should must so such out over under about after before until since through during against also".split()
)
_NUMBER = re.compile(
    r"(?<![\w.,/:#$£€§–-])(?P<currency>US\$|[$£€])?(?P<digits>\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,4})?|\d{1,9}(?:\.\d{1,4})?)(?![\d:/]|\.\d|,\d)"
    r"(?:[ -](?P<magnitude>hundred|thousand|million|billion|trillion)\b)?"
    r"(?P<percent>\s?%|\s(?:percent|per cent)\b)?"
)
_SMALL = {
    name: value
    for value, name in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
}
_TENS = {
    name: 10 * value for value, name in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_SPELLED = re.compile(
    r"\b(?P<tens>twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)?(?:[ -])?"
    r"(?P<small>two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)?"
    r"(?P<hundred> (?:hundred|thousand))? (?P<unit>[a-z]{3,12})\b",
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
_DAY = re.compile(
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December|Chapter|Section|section|Part|Figure|Table|Title|No\.|version|Article|page|pages|Act of|Act)\s$"
)


def plain(value: Decimal) -> str:
    """A number in plain digits, without exponent or trailing zeros."""
    text = f"{value.normalize():f}"
    return "0" if text in ("-0", "") else text


def quantities(document: Document) -> list[Quantity]:
    """Quantities of the sentences that read whole, in order."""
    chinese = document.tongue.chinese
    found: list[Quantity] = []
    for order, sentence in enumerate(_numeric(document)):
        if sentences.whole(sentence, chinese) and "$" not in sentence.replace("$", "", 0)[:0]:
            found += list(_of_sentence_zh(sentence, order) if chinese else _of_sentence(sentence, order))[
                :MOST_IN_SENTENCE
            ]
    return found


_DIGIT = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty|sixty|hundred)\b"
)
_DIGIT_ZH = re.compile(r"\d|[二三四五六七八九十百]")


def _numeric(document: Document) -> Iterator[str]:
    pattern = _DIGIT_ZH if document.tongue.chinese else _DIGIT
    count = 0
    for section in document.sections:
        if section.heading.lower() in ("references", "bibliography", "参考资料", "参考文献", "external links"):
            continue
        for block in section.blocks:
            parts = (
                block.sentences
                if block.kind == "paragraph"
                else [item.text for item in block.items if len(item.text) > 30]
            )
            for sentence in parts:
                if len(sentence) <= sentences.LONGEST and pattern.search(sentence):
                    count += 1
                    if count > MOST_SENTENCES:
                        return
                    yield sentence


def _of_sentence(sentence: str, order: int) -> Iterator[Quantity]:
    for match in _YEAR.finditer(sentence):
        yield Quantity(
            value=Decimal(match[1]),
            kind="year",
            unit="year",
            shown=match[1],
            name="years",
            sentence=sentence,
            order=order,
            start=match.start(1),
        )
    for match in _NUMBER.finditer(sentence):
        found = _digits(match, sentence, order)
        if found is not None and 0 < found.value < LARGEST:
            yield found
    for match in _SPELLED.finditer(sentence):
        unit = _UNIT_OF.get(match["unit"].lower())
        if unit is None or not (match["tens"] or match["small"]) or len(match["unit"]) < 3:
            continue
        value = _TENS.get((match["tens"] or "").lower(), 0) + _SMALL.get((match["small"] or "").lower(), 0)
        value *= _MAGNITUDE[match["hundred"].strip().lower()] if match["hundred"] else 1
        yield Quantity(
            value=Decimal(value),
            kind="measure",
            unit=unit,
            shown=match[0].strip(),
            name=unit,
            sentence=sentence,
            order=order,
            start=match.start(),
        )


def _digits(match: re.Match[str], sentence: str, order: int) -> Quantity | None:
    """The quantity of a number in digits, or None where its kind is unknown."""
    start, end = match.span()
    if _DAY.search(sentence, max(0, start - 12), start):
        return None
    value = Decimal(match["digits"].replace(",", "")) * _MAGNITUDE.get(match["magnitude"] or "", 1)
    if match["percent"]:
        of = _OF.match(sentence, end)
        return Quantity(
            value=value,
            kind="percent",
            unit="%",
            shown=match[0].strip(),
            name="percentage points",
            sentence=sentence,
            order=order,
            start=start,
            of=_noun(of[1]) if of else "",
        )
    if match["currency"]:
        per = _PER.match(sentence, end)
        name = _CURRENCY[match["currency"]]
        return Quantity(
            value=value,
            kind="money",
            unit=name,
            shown=match[0].strip(),
            name=name,
            sentence=sentence,
            order=order,
            start=start,
            per=per[1] if per else "",
        )
    return _united(value, match, sentence, order)


def _united(value: Decimal, match: re.Match[str], sentence: str, order: int) -> Quantity | None:
    """A number followed by a unit or a plural noun."""
    after = _AFTER.match(sentence, match.end())
    if after is None:
        return None
    word = after[1]
    end = after.end(1)
    common = {"value": value, "sentence": sentence, "order": order, "start": match.start()}
    square = word.lower() in ("square", "cubic") and after[2] in _UNIT_OF
    unit = (
        _UNIT_OF.get(after[2] or "")
        if square
        else _UNIT_OF.get(word) or _UNIT_OF.get(word.lower() if len(word) > 3 else "")
    )
    if unit is not None:
        end = after.end(2) if square else end
        unit = f"{word.lower()} {unit}" if square else unit
        if (
            sentence[end : end + 4] in (" old", "-old")
            or sentence[end : end + 1] == "-"
            or re.match(r"/|\s?[\^²³·]|\sof\s(?:age|the year)", sentence[end : end + 14])
        ):
            return None
        per = _PER.match(sentence, end)
        shown = sentence[match.start() : end]
        return Quantity(kind="measure", unit=unit, shown=shown, name=unit, per=per[1] if per else "", **common)
    if word.lower() in _MONEY_WORDS:
        name = _MONEY_WORDS[word.lower()]
        per = _PER.match(sentence, end)
        return Quantity(
            kind="money", unit=name, shown=sentence[match.start() : end], name=name, per=per[1] if per else "", **common
        )
    noun = _counted(after)
    if noun is None or (1000 <= value <= 2030 and "," not in match["digits"] and not match["magnitude"]):
        return None
    return Quantity(kind="count", unit=noun, shown=f"{match[0].strip()} {noun}", name=noun, **common)


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
    """The plural noun phrase that a percentage is of, or ""."""
    words: list[str] = []
    for word in text.split():
        if word.lower() in _CONNECTING:
            break
        words.append(word)
        if word in _IRREGULAR or (word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is"))):
            bad = word in _NOT_NOUN or any(other[:1].isupper() for other in words) and len(words) > 4
            return "" if bad else " ".join(words)
    return ""


# ---- Chinese ----

_UNITS_ZH = (
    "平方公里|平方千米|平方米|立方米|公里|千米|厘米|毫米|英里|英尺|米|公顷|亩|万吨|吨|公斤|千克|毫克|克|磅|"
    "美元|日元|英镑|欧元|港元|人民币|元|小时|小時|分钟|分鐘|秒钟|秒|个月|個月|周|星期|天|岁|歲|世纪|世紀|摄氏度|度|千瓦|瓦|"
    "人次|人|名|户|座|辆|艘|层|層|家|所|首|卷|册|次|场|場|集|期|里|丈|尺|匹|石|斤|字节|MB|GB|KB|毫秒"
)
_COUNT_ZH = frozenset("人次 人 名 户 座 辆 艘 层 層 家 所 首 卷 册 次 场 場 集 期".split())
_MONEY_ZH = frozenset("美元 日元 英镑 欧元 港元 人民币 元".split())
_DIGITS_ZH = re.compile(
    r"(?<![\w.,/:第前])(?P<digits>\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,4})?|\d{1,12}(?:\.\d{1,4})?)\s?(?P<magnitude>万亿|亿|億|万|萬|千|百)?(?:多|余|餘)?\s?"
    rf"(?P<unit>{_UNITS_ZH}|[%％]|年(?!代|級|级|\d)|日(?=内|內|以内|以內|以上|以下|前))"
)
_WORDS_ZH = re.compile(
    r"(?<![第月年初周星期百分之点零〇一二三四五六七八九十廿万千百两])(?P<words>[一二三四五六七八九十百千万两]{1,8})(?P<unit>日(?=内|內|以内|以上|以下|前)|个月|年(?=以上|以下|内|期|有期)|人(?=以上|以下|组成)|元(?=以上|以下|罚款|的罚款)|"
    r"公里|里(?![面程])|小时|分钟|天(?=内|后|以)|丈|匹|石(?=粮|米)|倍)"
)
_PERCENT_ZH = re.compile(r"百分之(?P<words>[一二三四五六七八九十百]{1,5})(?![点])")
_YEAR_ZH = re.compile(r"(?<![\d.前])(1\d{3}|20[0-2]\d)\s?年(?!代|级|級|度)")
_NUMERAL = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}


def numeral_zh(words: str) -> int | None:
    """The value of a Chinese numeral below 100,000,000, or None where it is not well formed."""
    total = section = digit = 0
    last = 100_000_000
    for character in words:
        if character in _NUMERAL:
            if digit:
                return None
            digit = _NUMERAL[character]
        elif character == "万":
            total, section, digit, last = (section + digit) * 10_000, 0, 0, 10_000
        else:
            power = {"十": 10, "百": 100, "千": 1_000}[character]
            if power >= last or (digit == 0 and power != 10):
                return None
            section, digit, last = section + (digit or 1) * power, 0, power
    return total + section + digit


def _of_sentence_zh(sentence: str, order: int) -> Iterator[Quantity]:
    common = {"sentence": sentence, "order": order}
    for match in _YEAR_ZH.finditer(sentence):
        yield Quantity(
            value=Decimal(match[1]),
            kind="year",
            unit="年份",
            shown=match[1] + "年",
            name="年",
            start=match.start(1),
            **common,
        )
    for match in _DIGITS_ZH.finditer(sentence):
        unit = match["unit"]
        value = Decimal(match["digits"].replace(",", "")) * _MAGNITUDE_ZH.get(match["magnitude"] or "", 1)
        if unit == "年" and (len(match["digits"]) > 3 or "." in match["digits"]):
            continue
        if 0 < value < LARGEST:
            yield _quantity_zh(value, unit, match[0], match.start(), sentence, order)
    for match in _WORDS_ZH.finditer(sentence):
        words_value = numeral_zh(match["words"])
        if words_value is not None and words_value >= 2:
            yield _quantity_zh(Decimal(words_value), match["unit"], match[0], match.start(), sentence, order)
    for match in _PERCENT_ZH.finditer(sentence):
        words_value = numeral_zh(match["words"])
        if words_value:
            yield _quantity_zh(Decimal(words_value), "%", match[0], match.start(), sentence, order)


_MAGNITUDE_ZH = {"万亿": 10**12, "亿": 10**8, "億": 10**8, "万": 10**4, "萬": 10**4, "千": 1000, "百": 100}


def _quantity_zh(value: Decimal, unit: str, shown: str, start: int, sentence: str, order: int) -> Quantity:
    unit = unit.replace("％", "%")
    kind = "percent" if unit == "%" else "money" if unit in _MONEY_ZH else "count" if unit in _COUNT_ZH else "measure"
    name = {"%": "个百分点", "日": "日", "名": "人"}.get(unit, unit)
    return Quantity(
        value=value,
        kind=kind,
        unit={"名": "人", "千米": "公里"}.get(unit, unit),
        shown=shown.strip(),
        name=name,
        sentence=sentence,
        order=order,
        start=start,
    )
