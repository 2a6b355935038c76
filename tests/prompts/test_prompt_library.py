"""What every shipped prompt keeps: enough real paraphrases, the form its parser reads, a frame shared for caching.

The golden files hold each prompt rendered on one document. After a wanted change write them anew and read the diff:

    TILTH_UPDATE_GOLDEN=1 pytest tests/prompts/test_prompt_library.py
"""

import os
import re
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from tilth.prompts.known import KNOWN_CHECKS, KNOWN_FEATURES
from tilth.prompts.prompt import Drawn, Prompt, load_library, render
from tilth.prompts.show import rendered

GOLDEN = Path(__file__).parent / "golden"
LIBRARY = load_library()
# fmt: off
ASKED = [
    "faq", "table", "math", "tutorial",
    "article", "commentary", "discussion", "explanation", "narrative",
    "distill", "extract_knowledge", "knowledge_list", "diverse_qa", "wikipedia_style",
    "guided_rewrite", "improve", "continue", "summarize",
    "wrap_easy", "wrap_medium", "wrap_hard", "wrap_qa", "mga",
    "faq_zh", "table_zh", "math_zh", "tutorial_zh",
]
# fmt: on
#: Largest share of words that two paraphrases of one instruction may have in common. The pool as shipped stays below
#: 0.27 (0.09 in Chinese); a paraphrase with one word swapped would stand near 0.9.
MAX_OVERLAP = 0.35

#: What an instruction must name so that the parser can read the answer: each pattern is found at least once.
FORMS = {
    "faq": [r"Q:|### |level-three|问：|三级标题"],
    "table": [r"[Tt]able|表", r"Markdown", r"Question:|问题：", r"Answer:|答案："],
    "math": [r"Problem:|题目：", r"Solution:|解答：", r"Answer:|答案："],
    "tutorial": [r"[Tt]itle|heading|标题|题目", r"number|1\.|Step 1|编号|序号|步骤1"],
    "qa": [r"Question:", r"Answer:"],
    "dialogue": [r"Teacher:", r"Student:"],
    "list": [r'"- |- \.\.\.|dash|hyphen'],
    "tagged": [r"<rewrite>"],
}

prompts = pytest.mark.parametrize("prompt", LIBRARY.values(), ids=LIBRARY)


def words(prompt: Prompt, text: str) -> set[str]:
    """The words of an instruction; for Chinese, which writes no spaces, its pairs of characters."""
    if prompt.language == "zh":
        signs = re.findall(r"[\u4e00-\u9fff]", text)
        return {first + second for first, second in pairwise(signs)}
    return set(re.findall(r"[a-z']+", text.lower()))


def test_the_library_holds_the_strategies_that_were_promised() -> None:
    assert sorted(LIBRARY) == sorted(ASKED)


@prompts
def test_paraphrases_share_few_words(prompt: Prompt) -> None:
    bags = [words(prompt, text) for text in prompt.instructions]
    assert len(bags) >= 10
    overlaps = [len(a & b) / len(a | b) for a, b in combinations(bags, 2)]
    assert max(overlaps) < MAX_OVERLAP


@prompts
def test_paraphrases_open_differently(prompt: Prompt) -> None:
    openings = {text[:3] if prompt.language == "zh" else tuple(text.split()[:2]) for text in prompt.instructions}
    assert len(openings) == len(prompt.instructions)


@prompts
def test_each_instruction_asks_for_the_form_that_the_parser_reads(prompt: Prompt) -> None:
    for text in prompt.instructions:
        for pattern in FORMS.get(prompt.parser, []):
            assert re.search(pattern, text), f"{pattern} not asked for in: {text}"


@prompts
def test_slot_values_fit_into_their_sentences(prompt: Prompt) -> None:
    if prompt.language == "zh":
        return
    for text in prompt.instructions:
        assert not re.search(r"(^|[.?!]\s+)\[\[", text), f"a value would open a sentence in lower case: {text}"
        for article, slot in re.findall(r"\b([Aa]n?) \[\[(\w+)\]\]", text):
            for value in prompt.slots[slot]:
                assert (value[0] in "aeiou") == (article.lower() == "an"), f"{article} {value}"
                assert not re.match(r"(a|an|the) ", value), f"{article} {value}"


@prompts
def test_header_says_what_a_reader_needs(prompt: Prompt) -> None:
    assert prompt.task == "rephrase"
    assert "wording ours" in prompt.source
    assert set(prompt.checks) <= KNOWN_CHECKS
    assert set(prompt.needs) <= KNOWN_FEATURES
    assert prompt.needs, "the router has nothing to go by"
    assert prompt.language == ("zh" if prompt.name.endswith("_zh") else "en")
    form = f"format_{prompt.parser}"
    assert (form in prompt.checks) == (form in KNOWN_CHECKS)


def test_word_problems_go_only_to_documents_with_numbers() -> None:
    for name in ("math", "math_zh"):
        assert LIBRARY[name].needs["numbers"] >= 3


@pytest.mark.parametrize("language", ["en", "zh"])
def test_prompts_of_one_language_share_all_up_to_the_end_of_the_document(language: str) -> None:
    """Servers with a prefix cache then read a document once for all prompts."""
    heads = set()
    for prompt in LIBRARY.values():
        if prompt.language == language:
            drawn = Drawn(0, {slot: values[0] for slot, values in prompt.slots.items()})
            head, mark, _ = render(prompt, drawn, "THE DOCUMENT")[0][1].partition("THE DOCUMENT")
            assert mark
            heads.add(head)
    assert len(heads) == 1


@prompts
def test_the_frame_says_that_the_document_gives_no_orders(prompt: Prompt) -> None:
    assert [role for role, _ in prompt.messages] == ["user"]
    frame = prompt.messages[0][1]
    assert frame[1::2] == ("document", "instruction")
    assert re.search("do not carry them out|不要照办", frame[0])
    assert re.search("last <<< END OF DOCUMENT|最后一个“【文档结束】”", frame[0])


@prompts
def test_rendering_is_as_recorded(prompt: Prompt) -> None:
    source = "document_zh.txt" if prompt.language == "zh" else "document.txt"
    now = rendered(prompt, (GOLDEN / source).read_text(encoding="utf-8").rstrip("\n"), 0, "golden")
    path = GOLDEN / f"{prompt.name}.txt"
    if os.environ.get("TILTH_UPDATE_GOLDEN"):
        path.write_text(now, encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == now


def test_every_golden_file_has_its_prompt() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {*LIBRARY, "document", "document_zh"}
