"""Small hand-made documents, and readers of the four forms written from docs/prompts.md, not from the rules."""

import re
from decimal import Decimal

GLACIER = """# Glaciers

A glacier is a large body of ice that moves slowly under its own weight. It forms where snow outlasts the summer.

## Formation

Glaciers form where more snow falls than melts over many years. The snow is pressed into firn and then into ice.

## Movement

The movement of a glacier depends on the slope and the temperature of the ice. A moraine is a ridge of rock that a
glacier leaves behind. The Aletsch Glacier is located in the Swiss Alps.

## References

- Some book about ice.
"""

GLACIER_ZH = """# 冰川

冰川是一种在自身重量作用下缓慢移动的巨大冰体。冰碛是指冰川搬运并堆积下来的岩石碎屑。

## 冰川的形成

冰川的形成需要长期的低温和充足的降雪。积雪逐年压实，最后变成冰川冰。

## 冰川的分布

阿莱奇冰川位于瑞士的阿尔卑斯山区。冰川主要分布在高山和两极地区。
"""

PLANETS = """# Planets

| Planet | Moons | Radius (km) |
|---|---|---|
| Mars | 2 | 3390 |
| Jupiter | 95 | 69911 |
| Saturn | 146 | 58232 |
| Uranus | 28 | 25362 |
"""

TERMS = """# Tools of the workshop

The workshop keeps these tools on the wall, and every member may use them at any time.

- **Chisel**: a blade that cuts wood along the grain
- **Mallet**: a hammer with a wooden head
- **Plane**: a tool that shaves a flat surface
"""

BRIDGE = """# The old bridge

The old bridge was opened in 1871 and carried carts. It was closed in 1931 after a flood had damaged two of its piers.
The main span is 120 metres long. The side spans are 45 metres long. Building it cost $250,000 at the time.
"""

BRIDGE_ZH = """# 老桥

老桥建成于1871年，当时供马车通行。1931年洪水冲坏了两座桥墩，老桥因此停用。主跨长120米，边跨长45米。
"""

MANUAL = """# grepper

> Search files for lines.
> More information: <https://example.org>.

- Search a file for a word:

`grepper {{word}} {{file}}`

- Search a folder:

`grepper -r {{word}} {{folder}}`

- Count the lines that match:

`grepper -c {{word}} {{file}}`
"""

BREAD = """# Baking bread

Bread needs time more than work, and a warm kitchen helps.

## Making the dough

1. Mix the flour, the water and the salt in a bowl.
2. Knead the dough for ten minutes.
3. Cover the bowl and wait for an hour.
4. Bake the loaf until the crust is brown.

Make sure the oven is hot before you begin.
"""

BREAD_ZH = """# 安装软件

本软件可以在三种系统上运行，安装前需要准备好网络。

## 安装步骤

1. 下载安装包并保存到本地。
2. 打开安装包，按照提示选择安装目录。
3. 点击“完成”按钮，退出安装程序。
"""

PROSE = (
    "The wind had gone down and nobody spoke for a while. There was nothing to say that had not been said the "
    "night before, "
    "and so they sat and looked at the water until it grew dark and the lamps came on along the shore."
)


def questions(text: str) -> list[tuple[str, str]]:
    """(question, answer) of a FAQ in any of the documented layouts."""
    label = r"(?:\*\*)?(?:Q|问|問)[:：](?:\*\*)?\s*"
    parts = re.split(rf"^(?:###\s+|{label})", text, flags=re.M)[1:]
    found = []
    for part in parts:
        question, _, answer = part.partition("\n")
        answer = re.sub(r"^(?:\*\*)?(?:A|答)[:：](?:\*\*)?\s*", "", answer.strip())
        found.append((question.strip().rstrip("*"), answer.strip()))
    return found


def table_of(text: str) -> tuple[list[str], list[list[str]], str, str]:
    """(header, rows, question, answer) of a table answer."""
    lines = [line for line in text.split("\n") if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert set("".join(cells[1])) <= set("-: "), "the second line is the rule"
    question = re.search(r"(?:Question|问题|問題)[:：](?:\*\*)?\s*(.+)", text)
    answer = re.search(r"(?:Answer|答案)[:：](?:\*\*)?\s*(.+)", text)
    assert question is not None
    assert answer is not None
    return cells[0], cells[2:], question[1], answer[1]


_STEP = re.compile(r"(-?\d+(?:\.\d+)?(?: [-+×÷] -?\d+(?:\.\d+)?)+) ([=≈]) (-?\d+(?:\.\d+)?)")


def calculations(text: str) -> list[tuple[str, str, str]]:
    """(left side, sign, right side) of each calculation."""
    return [(match[1], match[2], match[3]) for match in _STEP.finditer(text)]


def evaluate(left: str) -> Decimal:
    """The value of a chain of operations, × and ÷ before + and -, exact where it can be."""
    tokens = left.split(" ")
    values, operations = [Decimal(tokens[0])], []
    for operation, number in zip(tokens[1::2], tokens[2::2], strict=True):
        if operation == "×":
            values[-1] *= Decimal(number)
        elif operation == "÷":
            values[-1] /= Decimal(number)
        else:
            operations.append(operation)
            values.append(Decimal(number))
    total = values[0]
    for operation, value in zip(operations, values[1:], strict=True):
        total = total + value if operation == "+" else total - value
    return total


def check_arithmetic(text: str) -> int:
    """Assert that every calculation holds; returns how many there are."""
    found = calculations(text)
    for left, sign, right in found:
        value, stated = evaluate(left), Decimal(right)
        if sign == "=":
            assert value == stated, f"{left} = {right}"
        else:
            assert value != stated
            assert abs(value - stated) <= Decimal("0.005"), f"{left} ≈ {right}"
    return len(found)


def numbers(text: str) -> set[str]:
    """The runs of digits in a text."""
    return set(re.findall(r"\d+", text))


def stated(text: str) -> str:
    """A text without what it adds of its own: the numbers of steps, and counts that answer "how many rows"."""
    text = re.sub(r"^\d+\. ", "", text, flags=re.M)
    return re.sub(r"(How many rows|多少行)(.*\n+\**(?:Answer:|答案：)\**)\s*\d+", r"\1\2", text)
