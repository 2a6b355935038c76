"""Numbers in Chinese sentences: digits with 万 and 亿, Chinese numerals before a unit, percentages, years."""

import re
from collections.abc import Iterator
from decimal import Decimal

from tilth.generate.engines.extractive.quantity import Quantity

LARGEST = Decimal(10) ** 13

_UNITS_ZH = (
    "平方公里|平方千米|平方米|立方米|公里|千米|厘米|毫米|英里|英尺|米|公顷|亩|万吨|吨|公斤|千克|毫克|克|磅|"
    "美元|日元|英镑|欧元|港元|人民币|元|小时|小時|分钟|分鐘|秒钟|秒|个月|個月|周|星期|天|岁|歲|世纪|世紀|摄氏度|度|千瓦|瓦|"
    "人次|人|名|户|座|辆|艘|层|層|家|所|首|卷|册|次|场|場|集|期|里|丈|尺|匹|石|斤|字节|MB|GB|KB|毫秒"
)
_COUNT_ZH = frozenset(
    ["人次", "人", "名", "户", "座", "辆", "艘", "层", "層", "家", "所", "首", "卷", "册", "次", "场", "場", "集", "期"]
)
_MONEY_ZH = frozenset(["美元", "日元", "英镑", "欧元", "港元", "人民币", "元"])
_DIGITS_ZH = re.compile(
    r"(?<![\w.,/:第前])(?P<digits>\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,4})?|\d{1,12}(?:\.\d{1,4})?)\s?(?P<magnitude>万亿|亿|億|万|萬|千|百)?(?:多|余|餘)?\s?"
    rf"(?P<unit>{_UNITS_ZH}|[%％]|年(?=后|後|前|来|來|间|間|时间|以上|以下|内|内|期|多|左右|之久|的|，|。|、)|日(?=内|內|以内|以內|以上|以下|前))"
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


def quantities_zh(sentence: str) -> Iterator[Quantity]:
    """The quantities of one sentence: years first, then numbers in digits, Chinese numerals, percentages in words."""
    for match in _YEAR_ZH.finditer(sentence):
        yield Quantity(value=Decimal(match[1]), kind="year", unit="年份", shown=match[0], name="年")
    for match in _DIGITS_ZH.finditer(sentence):
        unit = match["unit"]
        value = Decimal(match["digits"].replace(",", "")) * _MAGNITUDE_ZH.get(match["magnitude"] or "", 1)
        if unit == "年" and (len(match["digits"]) > 3 or "." in match["digits"]):
            continue
        if 0 < value < LARGEST and "第" not in sentence[max(0, match.start() - 2) : match.start()]:
            yield _quantity_zh(value, unit, match[0])
    for match in _WORDS_ZH.finditer(sentence):
        spelled = numeral_zh(match["words"])
        if spelled is not None and spelled >= 2:
            yield _quantity_zh(Decimal(spelled), match["unit"], match[0])
    for match in _PERCENT_ZH.finditer(sentence):
        spelled = numeral_zh(match["words"])
        if spelled:
            yield _quantity_zh(Decimal(spelled), "%", match[0])


_MAGNITUDE_ZH = {"万亿": 10**12, "亿": 10**8, "億": 10**8, "万": 10**4, "萬": 10**4, "千": 1000, "百": 100}


def _quantity_zh(value: Decimal, unit: str, shown: str) -> Quantity:
    unit = unit.replace("％", "%")
    kind = "percent" if unit == "%" else "money" if unit in _MONEY_ZH else "count" if unit in _COUNT_ZH else "measure"
    name = {"%": "个百分点", "名": "人"}.get(unit, unit)
    return Quantity(
        value=value, kind=kind, unit={"名": "人", "千米": "公里"}.get(unit, unit), shown=shown.strip(), name=name
    )
