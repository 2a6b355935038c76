# ruff: noqa: E501 (a table: one dimension a row)
"""Common units: what dimension each has and its exact factor to the base of that dimension.

Exact definitions from the SI Brochure (9th edition, 2019) and NIST SP 811 (2008), appendix B.8; money converts only
between a currency and its hundredth. A unit that is not here is a plain word: it is ignored, never guessed.
"""

import re
from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    """A unit: value in base units is `(value + offset) * factor`."""

    dimension: str
    factor: Fraction
    offset: Fraction = Fraction(0)


F = Fraction
_PI = F(3141592653589793, 10**15)
_TABLE: dict[str, list[tuple[str, Fraction]]] = {
    "length": [
        ("m metre metres meter meters 米 公尺", F(1)), ("km kilometre kilometres kilometer kilometers kms 千米 公里", F(1000)),
        ("cm centimetre centimetres centimeter centimeters 厘米 公分", F(1, 100)), ("dm decimetre decimeter decimeters 分米", F(1, 10)),
        ("mm millimetre millimetres millimeter millimeters 毫米", F(1, 1000)), ("um μm micrometer micrometre micrometers 微米", F(1, 10**6)),
        ("nm nanometer nanometre nanometers 纳米", F(1, 10**9)),
        ("inch inches", F(254, 10**4)), ("ft foot feet 英尺", F(3048, 10**4)), ("yd yard yards 码", F(9144, 10**4)),
        ("mi mile miles 英里", F(1609344, 1000)),
    ],
    "area": [
        ("m^2 m2 sqm squaremetre squaremetres squaremeter squaremeters 平方米", F(1)), ("cm^2 cm2 squarecentimeter squarecentimeters squarecentimetres 平方厘米", F(1, 10**4)),
        ("dm^2 平方分米", F(1, 100)), ("mm^2 平方毫米", F(1, 10**6)),
        ("km^2 km2 squarekilometer squarekilometers squarekilometres 平方千米 平方公里", F(10**6)), ("ha hectare hectares 公顷", F(10**4)),
        ("ft^2 sqft squarefoot squarefeet", F(3048, 10**4) ** 2), ("in^2 sqin squareinch squareinches", F(254, 10**4) ** 2),
        ("acre acres 英亩", F(40468564224, 10**7)), ("mi^2 squaremile squaremiles", F(1609344, 1000) ** 2), ("yd^2 squareyard squareyards", F(9144, 10**4) ** 2),
    ],
    "volume": [
        ("l litre litres liter liters 升 dm^3 立方分米", F(1, 1000)), ("ml millilitre millilitres milliliter milliliters 毫升 cm^3 cc cubiccentimeter cubiccentimeters cubiccentimetres 立方厘米", F(1, 10**6)),
        ("m^3 m3 cubicmeter cubicmeters cubicmetre cubicmetres 立方米", F(1)), ("in^3 cubicinch cubicinches", F(254, 10**4) ** 3),
        ("ft^3 cubicfoot cubicfeet", F(3048, 10**4) ** 3), ("gal gallon gallons 加仑", F(3785411784, 10**12)), ("qt quart quarts", F(946352946, 10**12)),
        ("pint pints", F(473176473, 10**12)), ("cup cups", F(2365882365, 10**13)),
    ],
    "mass": [
        ("kg kilogram kilograms kilo kilos 千克 公斤", F(1)), ("g gram grams 克", F(1, 1000)), ("mg milligram milligrams 毫克", F(1, 10**6)),
        ("t tonne tonnes 吨", F(1000)), ("lb lbs pound pounds 磅", F(45359237, 10**8)), ("oz ounce ounces 盎司", F(45359237, 16 * 10**8)), ("斤", F(1, 2)), ("两", F(1, 20)),
    ],
    "time": [
        ("s sec secs second seconds 秒 秒钟", F(1)), ("ms millisecond milliseconds 毫秒", F(1, 1000)), ("min mins minute minutes 分钟", F(60)),
        ("h hr hrs hour hours 小时 时", F(3600)), ("day days 天 日", F(86400)), ("week weeks 周 星期", F(604800)),
        ("month months 个月 月", F(2629746)), ("year years yr yrs 年", F(31556952)),
    ],
    "angle": [("^\\circ ° deg degree degrees 度", F(1)), ("rad radian radians 弧度", F(180) / _PI)],
    "speed": [
        ("m/s ms^-1 米/秒 米每秒 meterspersecond metrespersecond", F(1)), ("km/h kmh kph kmph 千米/时 千米/小时 公里/小时 千米每小时 kilometersperhour kilometresperhour", F(1000, 3600)),
        ("mph mi/h milesperhour", F(1609344, 3600 * 1000)), ("ft/s feetpersecond", F(3048, 10**4)),
    ],
    "energy": [("j joule joules 焦耳 焦", F(1)), ("kj kilojoule kilojoules 千焦", F(1000)), ("cal calorie calories", F(4184, 1000)), ("kcal 千卡", F(4184)), ("kwh", F(3600000)), ("ev", F(1602176634, 10**28))],
    "power": [("w watt watts 瓦 瓦特", F(1)), ("kw kilowatt kilowatts 千瓦", F(1000))],
    "force": [("n newton newtons 牛 牛顿", F(1)), ("kn", F(1000))],
    "pressure": [("pa pascal pascals 帕", F(1)), ("kpa 千帕", F(1000)), ("atm", F(101325)), ("bar", F(10**5)), ("mmhg", F(101325, 760))],
    "frequency": [("hz hertz 赫兹", F(1)), ("khz", F(1000)), ("mhz", F(10**6)), ("ghz", F(10**9))],
    "charge": [("c_ coulomb coulombs 库仑", F(1))],
    "voltage": [("v volt volts 伏 伏特", F(1)), ("kv", F(1000)), ("mv millivolt millivolts", F(1, 1000))],
    "current": [("amp amps ampere amperes 安培", F(1)), ("ma milliamp milliamps", F(1, 1000))],
    "resistance": [("ohm ohms Ω \\omega 欧姆", F(1))],
    "substance": [("mol mole moles 摩尔", F(1)), ("mmol", F(1, 1000))],
    "dollar": [("$ usd dollar dollars us$ 美元", F(1)), ("cent cents ¢ 美分", F(1, 100))],
    "euro": [("€ eur euro euros 欧元", F(1))],
    "sterling": [("£ gbp", F(1)), ("pence", F(1, 100))],
    "yuan": [("元 块 块钱 cny rmb yuan 人民币", F(1)), ("角 毛", F(1, 10)), ("分", F(1, 100)), ("万元", F(10**4))],
    "rupee": [("rs rs. ₹ inr rupee rupees", F(1)), ("paise", F(1, 100))],
}  # fmt: skip

UNITS: dict[str, Unit] = {
    name: Unit(dimension, factor) for dimension, rows in _TABLE.items() for names, factor in rows for name in names.split()
} | {
    "k": Unit("temperature", F(1)), "kelvin": Unit("temperature", F(1)),
    **dict.fromkeys(("^\\circc", "°c", "℃", "celsius", "degreescelsius", "摄氏度"), Unit("temperature", F(1), F(27315, 100))),
    **dict.fromkeys(("^\\circf", "°f", "fahrenheit", "degreesfahrenheit", "华氏度"), Unit("temperature", F(5, 9), F(45967, 100))),
}  # fmt: skip
_BLANKS = re.compile(r"[\s{}.]+")
_POWER = re.compile(r"(?<=[a-z])\^?([23])$")


def unit_of(words: str) -> Unit | None:
    """The unit that `words` name, such as "square metres", "km/h", "°C"; None for anything else."""
    name = _BLANKS.sub("", words).lower()
    found = UNITS.get(name)
    return found if found or not name else UNITS.get(_POWER.sub(r"^\1", name))
