"""Patterns of the kinds of line; all linear, each anchored at the start of a stripped line."""

import re

ATX = re.compile(r"(#{1,6})\s+(.{1,300}?)\s*#*$")
FENCE = re.compile(r"(`{3,}|~{3,})")
BULLET = re.compile(r"([-*+•●▪·]|–)\s+(?=\S)")
NUMBERED = re.compile(
    r"(?:#|\d{1,3})[.)]\s+(?=\S)|\d{1,2}[、.．](?=[㐀-鿿])|[①-⑳]\s?|(?:Step|STEP) \d{1,2}[.:]\s+"
    r"|第[一二三四五六七八九十]步[，：:、]?"
)
BRACKETED = re.compile(r"[(（](\d{1,3}|[a-zA-Z]|[ivx]{1,5}|[ivxA-Z]{1,4}(?:-\d)?|[一二三四五六七八九十]{1,3})[)）]\s*")
UNDERLINE = re.compile(r"([=\-~^\"'#*+`])\1{2,200}$")
SIMPLE_TABLE = re.compile(r"={2,}(?:\s+={2,})+$")
PAIR = re.compile(r"([A-Za-z][\w /().'&-]{0,38}: |[㐀-鿿][\w（）()、·/ ]{0,14}?[:：])\s*(\S.{0,300})$")
FIELD = re.compile(r":([A-Za-z][\w -]{0,40}):\s+(\S.{0,300})$")
ONLY_BOLD = re.compile(r"\*\*([^*]{2,120}?)[:：]?\*\*[:：]?$")
CODEISH = re.compile(
    r"[{};]|\w\(|^\s*(?:\$|>>>|\.\.\.|#!|import |def |class |return |from |sudo |npm |git )|::|->|=>|==|</"
)
ZH_HEADING = re.compile(
    r"第[一二三四五六七八九十百零\d]{1,5}[章节编篇部]\s{0,4}\S{0,40}$|[一二三四五六七八九十]{1,3}、[^，。；：]{2,28}$|（[一二三四五六七八九十]{1,3}）[^，。；：]{2,24}$"
)
CJK = re.compile(r"[　-鿿＀-￯]")
SHORTCODE = re.compile(
    r"(?:\{\{[<%].{0,600}[>%]\}\}|\{%.{0,400}%\}|:::+.{0,200}|:[a-z_]{2,12}:`[^`]{0,200}`|\[[^\]]{1,200}\]: "
    r"\S.{0,400}|!\[[^\]]{0,400}\]\([^)]{0,600}\).{0,100}|<!--.{0,600}-->|\*Figure: .{0,3000})$"
)
ADMONITION = re.compile(r"(?:\?\?\?\+?|!!!|===)\s*\w{0,20}\s*(?:\"([^\"]{0,120})\")?$")
DIRECTIVE = re.compile(r"\.\.\s")
SECTION_SIGN = re.compile(r"§{1,2}\s?[\w.:–-]{1,30}\s+")
KEEP_DIRECTIVE = re.compile(
    r"\.\.\s+(?:note|warning|tip|important|caution|seealso|hint|admonition|attention|versionadded)::\s*(.{0,300})$"
)
