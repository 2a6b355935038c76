"""The extractive engine behind the engine interface, and what holds for every text."""

import asyncio
import os
import pickle
import subprocess
import sys

import pytest
from extractive_samples import (
    BREAD,
    BRIDGE,
    GLACIER,
    GLACIER_ZH,
    PLANETS,
    PROSE,
    TERMS,
    check_arithmetic,
    numbers,
    stated,
    table_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.generate.engines.extractive.engine import REFUSALS, Answer, ExtractiveEngine, answer
from tilth.generate.engines.extractive.inline import CONTROL
from tilth.generate.engines.extractive.structure import LIMIT
from tilth.generate.request import Request

TASKS = ("faq", "table", "math", "tutorial")


def request(task: str, document: str, max_tokens: int = 2048) -> Request:
    return Request(
        row="r",
        messages=(("user", "ignored"),),
        task=task,
        document=document,
        language="en",
        max_tokens=max_tokens,
        seed=7,
    )


def test_a_request_is_answered_or_refused_by_name() -> None:
    async def run() -> None:
        engine = ExtractiveEngine()
        await engine.start()
        good = await engine.complete(request("faq", GLACIER))
        assert (good.finish_reason, good.refusal) == ("stop", None)
        assert good.text == answer("faq", GLACIER, "en", 7, 2048).text
        bad = await engine.complete(request("math", PROSE))
        assert (bad.finish_reason, bad.refusal, bad.text) == ("refused", "too_few_numbers", "")
        assert good.prompt_tokens is None
        await engine.close()

    asyncio.run(run())


def test_the_engine_says_what_it_is() -> None:
    caps = ExtractiveEngine().caps
    assert (caps.name, caps.label, caps.deterministic, caps.cpu_bound, caps.max_in_flight) == (
        "extractive", "rules, no model", True, True, 1,
    )  # fmt: skip
    assert pickle.loads(pickle.dumps(ExtractiveEngine())).caps == caps


@pytest.mark.parametrize(
    ("task", "document", "language", "refusal"),
    [
        ("article", GLACIER, "en", "unsupported_format"),
        ("faq", "Too short to say.", "en", "too_short"),
        ("faq", "", None, "too_short"),
        ("faq", "Der Hund ist nicht in dem Haus und die Katze schläft. " * 20, "de", "unsupported_language"),
        ("faq_zh", GLACIER, "en", "language_mismatch"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(task: str, document: str, language: str | None, refusal: str) -> None:
    assert answer(task, document, language, 1) == Answer("", refusal)
    assert refusal in REFUSALS


def test_a_small_token_limit_shortens_the_answer_or_refuses() -> None:
    document = "\n".join(f"# Part {n}\n\nA thing{n} is a small object that people keep in a box{n}." for n in range(9))
    whole, short = answer("faq", document, "en", 1).text, answer("faq", document, "en", 1, 130).text
    assert len(short) <= 130 * 3 < len(whole)
    assert answer("table", PLANETS, "en", 1, 70).refusal == "no_room"
    assert answer("faq", document, "en", 1, 20).refusal == "no_room"


def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import sys; from tilth.generate.engines.extractive.engine import answer;"
        "text = sys.stdin.buffer.read().decode();"
        "made = [answer(task, text, None, 11).text for task in ('faq', 'table', 'math', 'tutorial')];"
        "sys.stdout.buffer.write(''.join(made).encode())"
    )
    document = GLACIER + PLANETS + BRIDGE + BREAD
    here = "".join(answer(task, document, None, 11).text for task in TASKS)
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", code]
        ran = subprocess.run(command, input=document.encode(), capture_output=True, check=True, env=environment)
        assert ran.stdout.decode() == here


def test_the_order_of_formats_does_not_matter() -> None:
    document = GLACIER + PLANETS + BRIDGE + BREAD
    forward = {task: answer(task, document, None, 5).text for task in TASKS}
    answer("faq", GLACIER_ZH, None, 5)
    assert {task: answer(task, document, None, 5).text for task in reversed(TASKS)} == forward


#: Lines of every kind that a rule looks at, whole and broken, one a line.
LINES = r"""
# A heading
| a | b |
|---|---|
- item: value
1. Do it now
```
$$
$x$ and $5
\begin{itemize}
\end{equation}
\section{S}
<p>
</table>
<tr><td>1
{{ x }}
{0} {name} %s
古文：甲乙丙丁戊己
现代文：子丑寅卯辰
第一条 本法所称甲是指乙。
A dog is a tame animal that barks at strangers.
In 1850 the town burned down again.
It costs $5 per day and 12% of people pay 300 dollars.
====
+--+--+
.. note:: x
> quote
---
?
“Term” means a thing of the law.
Click the button. Open the file. Save the page.
https://x.y
[a]: b
&#160;&lt;
冰川是一种巨大的冰体，长120米，宽45米，建于1871年。
""".strip().split("\n")
PIECES = [
    "a ",
    "[",
    "](",
    "`",
    "*",
    "_",
    "\n",
    "1. ",
    "|",
    "$",
    "{",
    "\\",
    "。",
    "是指",
    "：",
    "\n\n",
    "Is ",
    "\x00",
    "\u202e",
]
ANYTHING = st.one_of(
    st.text(max_size=400),
    st.lists(st.sampled_from([*LINES, "\x00\x1b[0m\u202e", ""]), max_size=40).map("\n".join),
    st.lists(st.sampled_from(PIECES), max_size=300).map("".join),
)


@given(ANYTHING, st.sampled_from(TASKS), st.integers(0, 2**63 - 1), st.sampled_from([None, "en", "zh", "de"]))
@settings(deadline=None, max_examples=400)
def test_any_text_is_answered_or_refused_the_same_way_twice(
    text: str, task: str, seed: int, language: str | None
) -> None:
    made = answer(task, text, language, seed)
    assert answer(task, text, language, seed) == made
    assert (made.refusal in REFUSALS and made.text == "") if made.refusal else bool(made.text.strip())
    assert CONTROL.search(made.text) is None
    made.text.encode("utf-8")
    if made.text and task == "table":
        header, rows, question, reply = table_of(made.text)
        assert {len(row) for row in rows} == {len(header)}
        assert len(rows) >= 2
        cells = {cell for row in rows for cell in row}
        assert question
        assert any(cell and cell in reply for cell in cells) or reply.isdigit()
    if made.text and task == "math":
        check_arithmetic(made.text)


@given(st.lists(st.sampled_from([GLACIER, PLANETS, TERMS, BRIDGE, BREAD]), min_size=1, max_size=4), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_every_number_of_a_faq_table_or_tutorial_is_in_the_source(parts: list[str], seed: int) -> None:
    document = "\n\n".join(parts)
    for task in ("faq", "table", "tutorial"):
        assert numbers(stated(answer(task, document, "en", seed).text)) <= numbers(document)


@pytest.mark.parametrize(
    "unit",
    ["a" * 7 + " ", "[a](", "| a | b |\n", "\\begin{a} ", "$x ", "Is it? ", "- do it\n", "中\n", "是一种", "<p><td>"],
)
def test_what_lies_beyond_the_limit_is_not_looked_at(unit: str) -> None:
    document = unit * (5 * LIMIT // len(unit))
    for task in TASKS:
        assert answer(task, document, None, 3) == answer(task, document + "A late word is a word. " * 9, None, 3)


def calls_of(document: str) -> int:
    """How many calls the four formats make on a document, Python's and the library's, as a profile hook sees them."""
    count = 0

    def hook(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(hook)
    try:
        for task in TASKS:
            answer(task, document, None, 3)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "unit",
    [
        "Words of a tale that goes on. ",
        "[a](b",
        "| a | b |\n",
        "\\item x\n",
        "$x ",
        "- do it\n",
        "中\n",
        "甲是指乙。",
        "<p><td>x",
        "# ab\n",
        "a: b\n",
        "1999 and 5 km. ",
    ],
)
def test_the_work_grows_no_faster_than_the_text(unit: str) -> None:
    size = LIMIT // 4
    small, large = (calls_of((unit * (length // len(unit) + 1))[:length]) for length in (size, 2 * size))
    assert large <= 2.3 * small + 2_000
