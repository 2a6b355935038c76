"""The sentences of word problems, in English and Chinese.

Each is a template of ours; values are put in by `str.format` in one pass, so braces in a document's text stay text.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tilth.generate.engines.extractive.language import Tongue

_ENGLISH = {
    "problem": "Problem",
    "solution": "Solution",
    "answer": "Answer",
    "colon": ": ",
    "join": " ",
    "step": "Step {number}: ",
    "about": "about ",
    "means": "Written out, “{shown}” is {value}.",
    "difference": "Subtract the smaller figure from the larger: {a} - {b} = {c} {unit}.",
    "ratio": "Divide the larger figure by the smaller: {a} ÷ {b} {sign} {c}.",
    "hundred": "To express the difference in percent, multiply it by 100: {a} × 100 = {b}.",
    "increase": "Divide by the smaller figure: {a} ÷ {b} {sign} {c}, so it is {about}{c} percent more.",
    "total": "Add the two: {a} + {b} = {c} {unit}.",
    "years_between": "From {b} to {a}: {a} - {b} = {c} years.",
    "gap": "Compare the two spans: {a} - {b} = {c} years.",
    "decades": "One decade has 10 years: {a} ÷ 10 = {b} decades.",
    "months": "One year has 12 months: {a} × 12 = {b} months.",
    "add_three": "Add the three values: {sum} = {total}.",
    "average": "Divide the total by 3 for the average: {total} ÷ 3 {sign} {mean}.",
    "spread": "Subtract the lowest from the highest: {high} - {low} = {spread}.",
    "rate": "For {count} {per}: {a} × {count} = {b} {unit}.",
    "rate_more": "The difference is {a} - {b} = {c} {unit}.",
    "share": "Multiply the size of the group by the percentage: {size} × {percent} = {product}.",
    "share_of": "Divide by 100: {product} ÷ 100 = {part}.",
    "others": "The others are {size} - {part} = {rest}.",
    "ask_points": (
        "By how many percentage points do the figures “{high}” and “{low}” differ, and how many times the "
        "smaller is the larger?"
    ),
    "answer_points": "{d} {unit}; the larger is {about}{r} times the smaller.",
    "ask_ratio": (
        "By how many {unit} do the figures “{high}” and “{low}” differ, and how many times the smaller is the larger?"
    ),
    "answer_ratio": "{d} {unit}; the larger is {about}{r} times the smaller.",
    "ask_increase": (
        "The text gives the figures “{high}” and “{low}”. By how many {unit} is the first larger than the "
        "second, and by what percent?"
    ),
    "answer_increase": "{d} {unit}, which is {about}{p} percent more.",
    "ask_together": (
        "Two periods are named: “{high}” and “{low}”. How many {unit} longer is the first than the second, "
        "and how many {unit} would both last if one followed the other?"
    ),
    "answer_together": "{d} {one} longer; {t} {unit} together.",
    "ask_gaps": (
        "How many years lie between {one} and {two}, how many between {two} and {three}, and by how many "
        "years do the two spans differ?"
    ),
    "answer_gaps": "{one} years and {two} years; they differ by {gap} years.",
    "ask_decades": "How many years passed from {one} to {two}, and how many decades is that?",
    "answer_decades": "{span} years, or {decades} decades.",
    "ask_months": "How many years lie between {one} and {two}, and how many months are in that many years?",
    "answer_months": "{span} years, or {months} months.",
    "listing": "A table lists these values under “{column}”: {rows}.",
    "listing_join": "; ",
    "listing_row": "{name}: {cell}",
    "ask_column": (
        "What are the total and the average of the three values, and how far apart are the highest and the lowest?"
    ),
    "answer_column": (
        "The total is {total}, the average {about}{mean}, and the highest and lowest are {spread} apart."
    ),
    "ask_rate": (
        "At a steady {shown} per {per}, how many {unit} is that for {short} {pers}, and how many more {unit} "
        "is it for {long} {pers}?"
    ),
    "answer_rate": "{a} {unit} for {short} {pers}, and {c} {unit} more for {long} {pers}.",
    "ask_share": (
        "Suppose the stated {shown} holds exactly for a group of {size} {of}. To how many of them does it "
        "apply, and to how many does it not?"
    ),
    "answer_share": "It applies to {part} of the {size} {of} and not to the other {rest}.",
}

_CHINESE = {
    "problem": "题目",
    "solution": "解答",
    "answer": "答案",
    "colon": "：",
    "join": "",
    "step": "第{number}步：",
    "about": "约",
    "means": "“{shown}”写成数字是{value}。",
    "difference": "用较大的数减去较小的数：{a} - {b} = {c}（{unit}）。",
    "ratio": "用较大的数除以较小的数：{a} ÷ {b} {sign} {c}。",
    "hundred": "把相差的数乘以100：{a} × 100 = {b}。",
    "increase": "再除以较小的数：{a} ÷ {b} {sign} {c}，即{about}多百分之{c}。",
    "total": "两者相加：{a} + {b} = {c}（{unit}）。",
    "years_between": "从{b}年到{a}年：{a} - {b} = {c}（年）。",
    "gap": "比较两段时间：{a} - {b} = {c}（年）。",
    "decades": "每十年算一段：{a} ÷ 10 = {b}（个十年）。",
    "months": "一年有12个月：{a} × 12 = {b}（个月）。",
    "add_three": "三个数相加：{sum} = {total}。",
    "average": "除以3得到平均数：{total} ÷ 3 {sign} {mean}。",
    "spread": "最大的数减去最小的数：{high} - {low} = {spread}。",
    "ask_points": "“{high}”与“{low}”相差多少个百分点？较大的是较小的多少倍？",
    "answer_points": "相差{d}个百分点，较大的{about}是较小的{r}倍。",
    "ask_ratio": "“{high}”与“{low}”相差多少{unit}？较大的是较小的多少倍？",
    "answer_ratio": "相差{d}{unit}，较大的{about}是较小的{r}倍。",
    "ask_increase": "“{high}”比“{low}”多多少{unit}？多百分之几？",
    "answer_increase": "多{d}{unit}，{about}多百分之{p}。",
    "ask_together": "文中提到“{high}”和“{low}”两段时间。前者比后者长多少{unit}？两段时间首尾相接一共多少{unit}？",
    "answer_together": "长{d}{unit}，一共{t}{unit}。",
    "ask_gaps": "从{one}年到{two}年、从{two}年到{three}年各经过多少年？两段时间相差多少年？",
    "answer_gaps": "分别是{one}年和{two}年，相差{gap}年。",
    "ask_decades": "从{one}年到{two}年经过了多少年？合多少个十年？",
    "answer_decades": "{span}年，合{decades}个十年。",
    "ask_months": "从{one}年到{two}年经过了多少年？这么多年一共有多少个月？",
    "answer_months": "{span}年，一共{months}个月。",
    "listing": "表中列出了“{column}”的几个数值：{rows}。",
    "listing_join": "；",
    "listing_row": "{name}：{cell}",
    "ask_column": "这三个数的总和与平均数各是多少？最大的数与最小的数相差多少？",
    "answer_column": "总和是{total}，平均数{about}是{mean}，最大的数与最小的数相差{spread}。",
}


@dataclass(frozen=True, slots=True)
class Words:
    """One language's sentences; call it with a key and the values."""

    tongue: Tongue
    templates: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The sentence `key` with its values; our wording is in the document's script, the values stay as they are."""
        return self.tongue.say(self.templates[key]).format(**values)


def words_for(tongue: Tongue) -> Words:
    """The sentences in the language of a document."""
    return Words(tongue, _CHINESE if tongue.chinese else _ENGLISH)
