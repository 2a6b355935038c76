"""The names a prompt's header may use: parsers with their options, checks, and features of a document.

Kept here, below the layer that computes them, so that a misspelt name fails when the file is read and not after a
million requests. `synth` implements every name; its tests compare the two lists.
"""

from collections.abc import Mapping
from types import MappingProxyType

#: What the router can measure on a document without a model. `needs` in a header sets minimums on them.
KNOWN_FEATURES: frozenset[str] = frozenset(
    {
        "chars",
        "words",
        "sentences",
        "paragraphs",
        "numbers",
        "numeric_facts",
        "list_items",
        "headings",
        "table_rows",
        "key_values",
        "definitions",
        "questions",
        "steps",
        "dialogue_turns",
        "cjk_share",
        "letters_share",
    }
)

#: Checks that apply to some forms of output only. The general ones (empty, cut, loop, copy, echo, refusal, language)
#: always run and have no place in a header.
KNOWN_CHECKS: frozenset[str] = frozenset(
    {
        "format_table",
        "format_faq",
        "format_tutorial",
        "format_math",
        "format_qa",
        "format_dialogue",
        "format_list",
        "arithmetic",
        "table_answer",
        "grounded_numbers",
        "grounded_names",
    }
)

#: Parser name -> its options with their types. docs/prompts.md defines the form of output that each one reads.
KNOWN_PARSERS: Mapping[str, Mapping[str, type]] = MappingProxyType(
    {
        "plain": {},
        "faq": {"min_questions": int},
        "table": {"min_rows": int},
        "math": {},
        "tutorial": {"min_steps": int},
        "qa": {"min_questions": int},
        "dialogue": {"min_turns": int},
        "list": {"min_items": int},
        "tagged": {"tag": str},
        "openline": {"opening": str},
    }
)

#: Options without which a parser cannot work.
REQUIRED_OPTIONS: Mapping[str, str] = MappingProxyType({"tagged": "tag", "openline": "opening"})
