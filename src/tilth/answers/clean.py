"""Characters and LaTeX wrappers brought to one form before anything is compared.

Linear in the text. Nothing longer than `MOST_CHARS` is looked at: callers take the end of a longer text first.
"""

import re
import unicodedata

#: Longest text that is read for an answer; of a longer one the end is taken, where answers stand.
MOST_CHARS = 20_000

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("−–—‒﹣－", "-"),
        **dict.fromkeys("’‘‛`´ʹ", "'"),
        **dict.fromkeys("“”„«»", '"'),
        "∕": "/", "⁄": "/", "×": "\\times ", "·": "\\cdot ", "⋅": "\\cdot ", "∙": "\\cdot ", "÷": "/",
        "π": "\\pi ", "∞": "\\infty ", "≤": "\\le ", "≥": "\\ge ", "∪": "\\cup ", "∩": "\\cap ", "±": "\\pm ",
    }
)  # fmt: skip
_UPPER = str.maketrans({"⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8",
                        "⁹": "9", "⁻": "-"})  # fmt: skip
_RAISED = re.compile(r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]{1,8}")
_FRACTION = re.compile(r"(?<=[0-9])(?=[¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
_ROOT = re.compile(r"√ ?([0-9]{1,30}|[A-Za-z])")
_WRAPPED = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|mbox|operatorname) ?\{([^{}]{0,200})\}"
)
_SPACES = re.compile(
    r"(?<!\\)\\[,;:! ]|~|\\(?:quad|qquad|displaystyle|textstyle|limits|left|right|[bB]igg?[lr]?)(?![A-Za-z])"
)
_BLANKS = re.compile(r"\s+")


def characters(text: str) -> str:
    """`text` without control characters, in Unicode's NFKC form, with one sign for each meaning."""
    text = _CONTROL.sub(" ", text)
    if text.isascii():
        return text
    text = _RAISED.sub(lambda match: "^{" + match.group().translate(_UPPER) + "}", text)
    text = _ROOT.sub(r"\\sqrt{\1}", _FRACTION.sub(" ", text))
    return unicodedata.normalize("NFKC", text).translate(_SIGNS).replace("°", "^\\circ ").replace("√", "\\sqrt")


def squeezed(text: str) -> str:
    """`text` with single spaces and none at its ends."""
    return _BLANKS.sub(" ", text).strip()


def unwrapped(text: str) -> str:
    """`text` without LaTeX's spacing, fonts, math delimiters and Markdown emphasis."""
    if "\\" in text:
        text = _WRAPPED.sub(r" \1 ", text)
        text = text.replace("{,}", ",").replace("\\!", "").replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
        text = text.replace("\\cfrac", "\\frac").replace("\\lbrack", "[").replace("\\rbrack", "]")
        text = _SPACES.sub(" ", text).replace("^{\\circ}", "^\\circ ").replace("^{ \\circ}", "^\\circ ")
        for mark in ("\\(", "\\)", "\\[", "\\]"):
            text = text.replace(mark, " ")
    text = squeezed(text)
    for mark in ("**", "__", "$$"):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            text = text[len(mark) : -len(mark)].strip()
    if text.count("$") == 2 and text.startswith("$") and text.rstrip(".").endswith("$"):
        text = text.rstrip(".")[1:-1].strip()
    return text
