"""Texts of the fake server: plausible, cheap, and a function of (model, messages, seed) alone.

It reads the prompt for the form that is asked for and builds that form out of the document's own sentences and
numbers. About 15 us an answer of 1.5 kB.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import orjson

#: form -> words that ask for it, the most telling form first: a word problem also has steps and a question
_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("math", ("problem:", "word problem", "math", "应用题", "题目：", "数学")),
    ("table", ("table", "表格", "成表", "表头", "表后", "markdown表")),
    ("tutorial", ("tutorial", "step", "how-to", "guide", "numbered", "1., 2.", "教程", "步", "序号", "指南")),
    ("faq", ("faq", "question", "q:", "问答", "问题", "疑问", "问：")),
)
#: Lines around the document in prompts that mark it.
_OPENINGS = (">>> DOCUMENT\n", "【文档开始】\n")
_CLOSINGS = ("<<< END OF DOCUMENT", "【文档结束】")
_EDGE = 700  # characters at each end of an unmarked prompt where the instruction stands
_NUMBER = re.compile(r"\b[1-9][0-9]{0,3}\b")
_FILLERS = ("In short", "Put plainly", "As the text has it", "Seen as a whole", "To be exact", "By this account")
_NEXT = ("then continue with", "which leads to", "and after that", "which goes together with", "next to")


def digest_of(model: str, messages: Any, seed: Any) -> int:
    """64 bits of what the answer depends on."""
    data = orjson.dumps([model, messages, seed], default=str)
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


def compose(prompt: str, draw: int, size: int) -> str:
    """An answer of about `size` characters to `prompt`; `draw` picks among the document's sentences."""
    instruction, document = _parts(prompt)
    chinese = _is_chinese(document)
    sentences = _sentences(document, draw, chinese)
    form = _form(instruction)
    if form == "math":
        return _math(document, draw, chinese, sentences, size)
    write = _CHINESE.get(form, _prose_zh) if chinese else _ENGLISH.get(form, _prose)
    return write(sentences, draw, size)


def loop_text(prompt: str, draw: int, size: int) -> str:
    """A text that says one sentence over and over, as a model stuck in a loop does."""
    _, document = _parts(prompt)
    sentence = _sentences(document, draw, _is_chinese(document))[0] + ". "
    return sentence * (size // len(sentence) + 4)


def _parts(prompt: str) -> tuple[str, str]:
    """(instruction, document): by the marks around the document, or by guessing that it is the middle."""
    for opening, closing in zip(_OPENINGS, _CLOSINGS, strict=True):
        start, end = prompt.find(opening), prompt.rfind(closing)
        if 0 <= start < end:
            return prompt[end + len(closing) :], prompt[start + len(opening) : end]
    return prompt[:_EDGE] + "\n" + prompt[-_EDGE:], prompt[len(prompt) // 5 : len(prompt) - len(prompt) // 8] or prompt


def _is_chinese(prompt: str) -> bool:
    sample = prompt[:: max(1, len(prompt) // 64)]
    return sum("一" <= character <= "鿿" for character in sample) * 4 > len(sample)


def _form(instruction: str) -> str:
    lowered = instruction.lower()
    return next((form for form, words in _WORDS if any(word in lowered for word in words)), "prose")


def _sentences(document: str, draw: int, chinese: bool) -> list[str]:
    """Sentences of the document, from a place that `draw` chooses on."""
    stop = "。" if chinese else ". "
    found = [piece.strip(" \n#*-|") for piece in document.replace("\n", " ").split(stop)]
    usable = [piece for piece in found if 12 < len(piece) < 400] or ["The text gives no more than this"]
    start = draw % len(usable)
    return usable[start:] + usable[:start]


def _cycle(sentences: Sequence[str], size: int, overhead: int) -> list[str]:
    """As many sentences as fill `size`, each with `overhead` characters of its own; none twice."""
    chosen, total = [], 0
    for sentence in sentences:
        chosen.append(sentence)
        total += len(sentence) + overhead
        if total >= size:
            break
    return chosen


def _topic(sentence: str, words: int = 5) -> str:
    return " ".join(sentence.split(" ", words)[:words]).strip(",;:")


def _faq(sentences: Sequence[str], draw: int, size: int) -> str:
    parts = []
    for index, sentence in enumerate(_cycle(sentences, size, 90)):
        filler = _FILLERS[(draw + index) % len(_FILLERS)]
        parts.append(f'**Question: What is said about "{_topic(sentence)}"?**\n\nAnswer: {filler}: {sentence}.')
    if len(parts) < 3:  # a short document still gets three questions
        parts += [
            f"**Question: Where does point {count} of the text stand?**\n\nAnswer: It follows from the sentence above."
            for count in ("two", "three")
        ]
    return "\n\n".join(parts)


def _table(sentences: Sequence[str], _draw: int, size: int) -> str:
    rows = [sentence.replace("|", "/") for sentence in _cycle(sentences, size - 150, 12)]
    names = [_topic(row, 3) for row in rows]
    lines = [f"| {index} | {name} | {row} |" for index, (name, row) in enumerate(zip(names, rows, strict=True), 1)]
    if len(lines) < 2:
        lines.append("| 2 | the rest | nothing more is said |")
    head = "| Entry | Subject | Statement |\n| --- | --- | --- |\n"
    return head + "\n".join(lines) + f"\n\n**Question:** What is the subject of entry 1?\n\n**Answer:** {names[0]}"


def _tutorial(sentences: Sequence[str], draw: int, size: int) -> str:
    steps = _cycle(sentences[1:] or sentences, size, 60)
    lines = [
        f"{index}. Look at this: {step}; {_NEXT[(draw + index) % len(_NEXT)]} step {index + 1}."
        for index, step in enumerate(steps, 1)
    ]
    while len(lines) < 3:
        lines.append(f"{len(lines) + 1}. Check the outcome of step {len(lines)} before you go on.")
    return f"# How to work with {_topic(sentences[0], 6)}\n\n## Steps\n\n" + "\n".join(lines)


def _prose(sentences: Sequence[str], draw: int, size: int) -> str:
    parts = []
    for index, sentence in enumerate(_cycle(sentences, size, 24)):
        lowered = sentence[0].lower() + sentence[1:]
        parts.append(f"{_FILLERS[(draw + index) % len(_FILLERS)]}, {lowered}.")
    return " ".join(parts)


def _math(document: str, draw: int, chinese: bool, sentences: Sequence[str], size: int) -> str:
    numbers = [int(number) for number in _NUMBER.findall(document[:4000])[:12]] or [3 + draw % 40, 2 + draw % 30]
    first = numbers[draw % len(numbers)]
    second = numbers[(draw >> 8) % len(numbers)]
    total, double = first + second, 2 * (first + second)
    told = _cycle(sentences, size - 500, 2)
    if chinese:
        return (
            f"**题目：** {'。'.join(told)}。已知第一项为 {first}，第二项为 {second}。两项之和的两倍是多少？\n\n"
            f"**解答：** 先求和：{first} + {second} = {total}。再乘以二：2 × {total} = {double}。\n\n"
            f"**答案：** {double}"
        )
    return (
        f"**Problem:** {'. '.join(told)}. A reader notes the figure {first} on one page and the figure {second} on the "
        f"next. What is twice the sum of the two figures?\n\n**Solution:** First add the figures: {first} + {second} = "
        f"{total}. Then double the sum: 2 * {total} = {double}.\n\n**Answer:** {double}"
    )


def _faq_zh(sentences: Sequence[str], _draw: int, size: int) -> str:
    chosen = _cycle(sentences, size // 3, 30)
    parts = [f"**问：关于“{sentence[:10]}”文中怎么说？**\n\n答：简单来说，{sentence}。" for sentence in chosen]
    while len(parts) < 3:
        parts.append(f"**问：第{'一二三四'[len(parts)]}点在哪里？**\n\n答：见上文所述的内容。")
    return "\n\n".join(parts)


def _table_zh(sentences: Sequence[str], _draw: int, size: int) -> str:
    rows = [sentence.replace("|", "/") for sentence in _cycle(sentences, size // 3, 12)]
    lines = [f"| {index} | {row[:8]} | {row} |" for index, row in enumerate(rows, 1)]
    if len(lines) < 2:
        lines.append("| 2 | 其余 | 文中没有更多内容 |")
    head = "| 编号 | 主题 | 内容 |\n| --- | --- | --- |\n"
    return head + "\n".join(lines) + f"\n\n**问题：** 第 1 项的主题是什么？\n\n**答案：** {rows[0][:8]}"


def _tutorial_zh(sentences: Sequence[str], _draw: int, size: int) -> str:
    steps = _cycle(sentences[1:] or sentences, size // 3, 12)
    lines = [f"{index}. 请看这一点：{step}。" for index, step in enumerate(steps, 1)]
    while len(lines) < 3:
        lines.append(f"{len(lines) + 1}. 继续之前请检查上一步的结果。")
    return f"# 如何理解{sentences[0][:16]}\n\n## 步骤\n\n" + "\n".join(lines)


def _prose_zh(sentences: Sequence[str], _draw: int, size: int) -> str:
    return "".join(f"换句话说，{sentence}。" for sentence in _cycle(sentences, size // 3, 8))


_ENGLISH = {"faq": _faq, "table": _table, "tutorial": _tutorial}
_CHINESE = {"faq": _faq_zh, "table": _table_zh, "tutorial": _tutorial_zh}
