"""The pass over a document's lines that finds its structure. One method a kind of line; all patterns are linear."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tilth.generate.engines.extractive import inline, line_kinds, sentences
from tilth.generate.engines.extractive.document import Block, Item, Section
from tilth.generate.engines.extractive.inline import clean
from tilth.generate.engines.extractive.pipes import grid, pipes, simple

LONGEST_LINE = 20_000  # characters of one line that are looked at
MOST_BLOCKS = 3_000  # blocks kept of one document


@dataclass(slots=True)
class Reader:
    """Line by line; each method handles one kind of line and leaves the state ready for the next."""

    chinese: bool
    rst: bool
    title: str = ""
    sections: list[Section] = field(default_factory=list)
    heading: str = ""
    level: int = 0
    blocks: list[Block] = field(default_factory=list)
    count: int = 0
    lines: list[str] = field(default_factory=list)  # of the paragraph in hand
    items: list[list[str]] = field(default_factory=list)  # of the list in hand: [text, indent, code]
    ordered: bool = False
    rows: list[str] = field(default_factory=list)  # of the table in hand
    pairs: list[tuple[str, str]] = field(default_factory=list)
    fence: str = ""
    code: list[str] = field(default_factory=list)
    literal: int = -1  # indent that ends a literal block of reStructuredText; -1 outside
    dropping: bool = False  # the literal block in hand is left out
    blank: bool = True
    display: bool = False
    simple: list[str] = field(default_factory=list)  # lines of a simple table of reStructuredText
    borders: int = 1

    def read(self, text: str) -> None:
        """Read all lines and close the last section."""
        lines = text.split("\n")
        start = self.front_matter(lines)
        for raw in lines[start:]:
            if self.count > MOST_BLOCKS:
                break
            if len(raw) > LONGEST_LINE:
                raw = raw[:LONGEST_LINE]
            line = raw.strip()
            if (self.fence or self.literal >= 0 or self.display or self.simple) and self.verbatim(raw, line):
                continue
            if not line:
                self.flush_paragraph()
                self.blank = True
                continue
            self.line(raw, line)
            self.blank = False
        self.flush()
        self.close_section()

    def front_matter(self, lines: list[str]) -> int:
        """Skip a YAML head, keeping its title; returns the number of lines to leave out."""
        if not lines or lines[0].strip() != "---":
            return 0
        for index, line in enumerate(lines[1:200], start=1):
            if line.strip() in ("---", "..."):
                return index + 1
            if line.startswith("title:") and not self.title:
                self.title = clean(line[6:].strip().strip("\"'"))
        self.title = ""
        return 0

    def verbatim(self, raw: str, line: str) -> bool:
        """Inside code or a formula: take the line and say True, or say False where the block has just ended."""
        if self.simple:
            return self.simple_table(raw, line)
        if self.display:
            self.display = not line.endswith("$$")
            return True
        if self.fence:
            if line.startswith(self.fence) and not line.strip(self.fence[0]):
                self.fence = ""
                self.end_code()
            else:
                self.code.append(raw)
            return True
        if not line or len(raw) - len(raw.lstrip()) > self.literal:
            if not self.dropping:
                self.code.append(raw)
            return True
        self.literal, self.dropping = -1, False
        self.end_code()
        return False

    def simple_table(self, raw: str, line: str) -> bool:
        """Take lines up to the third border, or to a blank line after the second."""
        self.simple.append(raw)
        self.borders += line_kinds.SIMPLE_TABLE.match(line) is not None
        if self.borders >= 3 or (self.borders == 2 and not line) or len(self.simple) > 200:
            rows, header = simple(self.simple)
            self.simple, self.borders = [], 1
            if rows:
                self.add(Block("table", rows=rows, header=header))
        return True

    def line(self, raw: str, line: str) -> None:
        """Hand the line to the rule for its first character; what no rule takes is prose."""
        handler = _HANDLERS.get(line[0])
        if self.rows and line[0] not in "|+":
            self.flush_table()
        if handler is not None and handler(self, raw, line):
            return
        if (
            self.chinese
            and line[0] in "第一二三四五六七八九十（"
            and line_kinds.ZH_HEADING.match(line)
            and not self.lines
        ):
            self.open_section(line, 2)
            return
        if self.pair(line):
            return
        self.prose(raw, line)

    def prose(self, raw: str, line: str) -> None:
        """A line of a paragraph, of a list item that goes on, or of indented code."""
        indent = len(raw) - len(raw.lstrip())
        if self.items:
            empty = not self.items[-1][0]
            if not self.blank or empty or indent > int(self.items[-1][1]):
                if self.items[-1][2] or (self.blank and not empty and len(self.items[-1][0]) > 600):
                    return  # what follows the code of an item, or a long item, is left out
                self.items[-1][0] += self.glue(self.items[-1][0]) + line
                return
            self.flush_list()
        elif indent >= 4 and self.blank and not self.lines and line_kinds.CODEISH.search(line):
            self.code.append(raw)
            self.literal = 3
            return
        if self.pairs and not self.blank:  # the line goes on with the value; one pair alone was prose after all
            key, value = self.pairs.pop()
            if self.pairs:
                self.pairs.append((key, f"{value}{self.glue(value)}{line}"[:600]))
                return
            self.lines.append(f"{key}{'：' if self.chinese else ': '}{value}")
        elif self.pairs:
            self.flush_pairs()
        self.lines.append(line)

    def glue(self, before: str) -> str:
        return "" if not before or (self.chinese and line_kinds.CJK.match(before[-1])) else " "

    def pair(self, line: str) -> bool:
        """`key: value` lines; a block of them becomes pairs, one alone stays prose."""
        if self.lines or self.items or len(line) > 340 or ":`" in line:
            return False
        match = line_kinds.FIELD.match(line) or line_kinds.PAIR.match(line)
        if match is None or match[2].startswith("//"):
            return False
        self.pairs.append((match[1].strip(" :："), match[2]))
        return True

    # ---- handlers: True when the line is taken ----

    def atx(self, _raw: str, line: str) -> bool:
        match = line_kinds.ATX.match(line)
        if match is None or (self.items and not self.blank and len(match[1]) > 5):
            return False
        self.open_section(match[2], len(match[1]))
        return True

    def fenced(self, raw: str, line: str) -> bool:
        match = line_kinds.FENCE.match(line)
        if match is not None and line.count(match[1]) == 1:
            self.flush_paragraph()
            if self.items and raw[:1] not in " \t" and not self.items[-1][0].endswith((":", "：")):
                self.flush_list()  # neither indented nor announced, so it does not belong to the item
            self.fence = match[1]
            return True
        if self.underline(line):
            return True
        if line[0] == "`" and line[-1] == "`" and self.items and self.blank and line.count("`") in (2, 4):
            self.items[-1][2] = line.strip("`")
            return True
        return False

    def table_row(self, _raw: str, line: str) -> bool:
        if line[0] == "+" and not (line.startswith(("+-", "+=")) or (self.rows and line.endswith("|"))):
            return self.bullet(_raw, line)
        if line.count("|") < 2 and line[0] != "+":
            return False
        self.flush_paragraph()
        self.flush_list()
        self.flush_pairs()
        self.rows.append(line)
        return True

    def bullet(self, raw: str, line: str) -> bool:
        if self.underline(line):
            return True
        match = line_kinds.BULLET.match(line)
        return match is not None and self.item(raw, line[match.end() :], ordered=False)

    def numbered(self, raw: str, line: str) -> bool:
        match = line_kinds.NUMBERED.match(line)
        if match is None or (self.lines and not self.blank and not line.startswith(("1.", "1)", "1、"))):
            return False
        return self.item(raw, line[match.end() :], ordered=True)

    def bracketed(self, raw: str, line: str) -> bool:
        match = line_kinds.BRACKETED.match(line)
        if match is None:
            return False
        marker_only = match.end() == len(line)  # statutes put the number on a line of its own, without a blank before
        if self.lines and not self.blank and not marker_only and raw[:2].strip():
            return False
        return self.item(raw, line[match.end() :], ordered=False)

    def item(self, raw: str, text: str, *, ordered: bool) -> bool:
        """Begin a list item, in the list in hand or in a new one."""
        indent = len(raw) - len(raw.lstrip())
        if self.items and self.blank and ordered != self.ordered and indent <= int(self.items[0][1]):
            self.flush_list()
        if not self.items:
            self.flush_paragraph()
            self.flush_pairs()
            self.ordered = ordered
        self.items.append([text, str(indent), ""])
        return True

    def underline(self, line: str) -> bool:
        """A heading underlined (Setext, reStructuredText), a rule across the page, or the border of a simple table."""
        if line_kinds.UNDERLINE.match(line) is None:
            if line_kinds.SIMPLE_TABLE.match(line):
                self.flush_paragraph()
                self.flush_list()
                self.simple = [line]
                return True
            return False
        if len(self.lines) == 1 and len(self.lines[0]) <= len(line) + 12 and not self.blank:
            heading = self.lines.pop()
            self.open_section(heading, "=-~^\"'#*+`".index(line[0]) + 1)
        elif len(self.pairs) == 1 and not self.blank and len(line) > 3:
            key, value = self.pairs.pop()
            self.open_section(f"{key}: {value}", 2)
        else:
            self.flush_paragraph()
        return True

    def quoted(self, raw: str, line: str) -> bool:
        rest = line.lstrip("> ").strip()
        if not rest:
            self.flush_paragraph()
            return True
        if line.startswith(">>>"):
            return True
        handler = _HANDLERS.get(rest[0])
        if rest[0] != ">" and handler is not None and handler(self, raw, rest):
            return True
        self.prose(raw.replace(">", "", 1), rest)
        return True

    def colon(self, _raw: str, line: str) -> bool:
        return line_kinds.SHORTCODE.match(line) is not None

    def shortcode(self, _raw: str, line: str) -> bool:
        if line[0] == "<" and line.startswith("<!--"):
            return line.endswith("-->")
        return line_kinds.SHORTCODE.match(line) is not None

    def admonition(self, _raw: str, line: str) -> bool:
        match = line_kinds.ADMONITION.match(line)
        if match is None:
            return self.underline(line) if line[0] == "=" else self.shortcode(_raw, line)
        self.flush_paragraph()
        self.flush_list()
        return True

    def directive(self, raw: str, line: str) -> bool:
        if line_kinds.DIRECTIVE.match(line) is None:
            return False
        self.flush_paragraph()
        kept = line_kinds.KEEP_DIRECTIVE.match(line)
        if kept is not None:
            if kept[1]:
                self.lines.append(f"Note: {kept[1]}")
        else:
            self.literal = len(raw) - len(raw.lstrip())
            self.dropping = "code" not in line[:24]  # what stands under an image, a note or a footnote is no code
            self.code = []
        return True

    def formula(self, _raw: str, line: str) -> bool:
        if not line.startswith("$$"):
            return False
        self.lines.append(inline.HOLE)
        self.display = not (line.endswith("$$") and len(line) > 3)
        return True

    def bold(self, raw: str, line: str) -> bool:
        match = line_kinds.ONLY_BOLD.match(line)
        if match is not None and self.blank and not match[1].rstrip().endswith((".", "。")):
            self.open_section(match[1], 5)
            return True
        return self.bullet(raw, line)

    # ---- ends ----

    def open_section(self, heading: str, level: int) -> None:
        self.flush()
        heading = clean(heading).strip(" :：#")
        if not self.title and level <= 2 and not self.sections and not self.blocks:
            self.title = heading
        self.close_section()
        self.heading, self.level = heading, level

    def close_section(self) -> None:
        if self.heading or self.blocks:
            self.sections.append(Section(self.heading, self.level, tuple(self.blocks)))
        self.blocks = []

    def add(self, block: Block) -> None:
        self.blocks.append(block)
        self.count += 1

    def flush(self) -> None:
        self.flush_paragraph()
        self.flush_list()
        self.flush_table()
        self.flush_pairs()
        self.end_code()

    def flush_paragraph(self) -> None:
        if not self.lines:
            return
        lines, self.lines = self.lines, []
        if len(lines) == 1 and self.plain_heading(lines[0]):
            return
        if self.chinese:
            joined = lines[0]
            for line in lines[1:]:
                joined += self.glue(joined) + line
        else:
            joined = " ".join(lines)
        if self.rst and joined.endswith("::"):
            joined = joined[:-1]
            self.literal, self.code = 0, []
        text = clean(joined)
        if text and text != inline.HOLE:
            self.add(Block("paragraph", text, tuple(sentences.split(text, self.chinese))))

    def statute(self, _raw: str, line: str) -> bool:
        """The number and name of a statute's section: "§ 31-1340 Priority of distribution." """
        if self.lines or self.blocks or self.heading or len(line) > 140 or not line.endswith("."):
            return False
        self.open_section(line_kinds.SECTION_SIGN.sub("", line).rstrip("."), 1)
        return True

    def plain_heading(self, line: str) -> bool:
        """The first short line of a plain text is its title; later ones between blank lines are headings."""
        if len(line) > (30 if self.chinese else 70) or line[-1] in '.,;:!。，；：！．…”"':
            return False
        if not self.sections and not self.blocks and not self.heading:
            self.open_section(line, 1)
            return True
        if (
            self.chinese
            or self.level > 2
            or not line[0].isupper()
            or len(line.split()) > 8
            or any(c in line for c in "$`|=@[]<>{}")
        ):
            return False
        if self.sections and self.sections[0].level == 1 and not self.heading:
            return False
        self.open_section(line, 2 if self.level < 2 else self.level)
        return True

    def flush_list(self) -> None:
        if not self.items:
            return
        items, self.items = self.items, []
        depths = sorted({int(indent) for _, indent, _ in items})
        cleaned = tuple(
            Item(clean(text), depths.index(int(indent)), inline.printable(code).strip() or None)
            for text, indent, code in items
        )
        cleaned = tuple(item for item in cleaned if item.text)
        if cleaned:
            self.add(Block("list", items=cleaned, ordered=self.ordered))

    def flush_table(self) -> None:
        if not self.rows:
            return
        lines, self.rows = self.rows, []
        rows, header = grid(lines) if lines[0][0] == "+" else pipes(lines)
        if rows:
            self.add(Block("table", rows=rows, header=header))

    def flush_pairs(self) -> None:
        if not self.pairs:
            return
        pairs, self.pairs = self.pairs, []
        if len(pairs) == 1:
            text = clean(f"{pairs[0][0]}{'：' if self.chinese else ': '}{pairs[0][1]}")
            self.add(Block("paragraph", text, tuple(sentences.split(text, self.chinese))))
        else:
            self.add(Block("pairs", rows=tuple((clean(key), clean(value)) for key, value in pairs)))

    def end_code(self) -> None:
        if not self.code:
            return
        code, self.code = "\n".join(self.code).strip("\n"), []
        if self.items and code.strip():
            if not self.items[-1][2]:
                self.items[-1][2] = code if code.count("\n") < 12 else ""
        elif code.strip():
            self.add(Block("code", text=code))


_HANDLERS: dict[str, Callable[[Reader, str, str], bool]] = {
    "#": Reader.atx,
    "`": Reader.fenced,
    "~": Reader.fenced,
    "|": Reader.table_row,
    "+": Reader.table_row,
    "-": Reader.bullet,
    "*": Reader.bold,
    "•": Reader.bullet,
    "●": Reader.bullet,
    "▪": Reader.bullet,
    "·": Reader.bullet,
    "–": Reader.bullet,
    "=": Reader.admonition,
    "?": Reader.admonition,
    "!": Reader.admonition,
    "^": lambda reader, _raw, line: reader.underline(line),
    '"': lambda reader, _raw, line: reader.underline(line),
    "'": lambda reader, _raw, line: reader.underline(line),
    ">": Reader.quoted,
    ":": Reader.colon,
    "{": Reader.shortcode,
    "[": Reader.shortcode,
    "<": Reader.shortcode,
    ".": Reader.directive,
    "$": Reader.formula,
    "§": Reader.statute,
    "(": Reader.bracketed,
    "（": Reader.bracketed,
    "S": Reader.numbered,
    "第": Reader.numbered,
    **dict.fromkeys("0123456789①②③④⑤⑥⑦⑧⑨⑩", Reader.numbered),
}
