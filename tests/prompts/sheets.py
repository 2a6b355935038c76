"""Small prompt files for the tests of this folder."""

from pathlib import Path

HEADER = """\
name = "sketch"
version = 2
task = "rephrase"
language = "en"
output_language = "source"
title = "Sketch"
suits = "Anything."
source = "Ours."
parser = "faq"
checks = ["format_faq"]
max_tokens = 300

[parser_options]
min_questions = 2

[needs]
numbers = 3

[slots]
audience = ["pupils", "teachers", "nobody"]
tone = ["plain", "lively"]
"""
FRAME = "=== user\nMaterial:\n[[document]]\n\n[[instruction]]\n"
POOL = "".join(f"=== instruction\nWay {number} for [[audience]], [[tone]].\n" for number in range(10))


def text(header: str = HEADER, frame: str = FRAME, pool: str = POOL) -> str:
    """A prompt file with the given parts; line 1 is the fence and line 2 the name."""
    return f"+++\n{header}+++\n{frame}{pool}"


def write(folder: Path, content: str, name: str = "sketch") -> Path:
    """The path of a prompt file in `folder` that holds `content` byte for byte."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    return path
