"""The extractive engine on a sample of real documents, with floors on how many it answers."""

import html
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from extractive_samples import check_arithmetic, numbers, questions, stated, table_of

from tilth.generate.engines.extractive.engine import answer
from tilth.generate.engines.extractive.inline import CONTROL

TASKS = ("faq", "table", "math", "tutorial")
EVERY = 40  # every fortieth document of a kind

#: Least share answered, by kind and format; well under what was measured, so that only a real loss fails.
FLOORS = {
    ("textbook", "faq"): 0.60, ("textbook", "table"): 0.45, ("textbook", "math"): 0.35,
    ("encyclopedia", "table"): 0.70, ("encyclopedia", "math"): 0.45, ("encyclopedia_zh", "faq"): 0.35,
    ("code_docs", "faq"): 0.40, ("code_docs", "table"): 0.60, ("code_docs", "tutorial"): 0.20,
    ("legal", "faq"): 0.30, ("legal", "table"): 0.30, ("science_article", "faq"): 0.50, ("classical_zh", "faq"): 0.35,
    ("gov_news", "faq"): 0.25,
}  # fmt: skip


def sample(path: Path) -> list[tuple[str, str]]:
    """(text, language) of every so many documents."""
    table = pq.read_table(path, columns=["text", "lang"])
    return list(zip(table["text"].to_pylist(), table["lang"].to_pylist(), strict=True))[::EVERY]


@pytest.mark.slow
def test_real_documents_are_answered_at_least_as_often_as_measured(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shares: dict[tuple[str, str], float] = {}
    for path in sorted((shared / "data" / "documents").glob("*.parquet")):
        frame = sample(path)
        answered: Counter[str] = Counter()
        for text, language in frame:
            for task in TASKS:
                answered[task] += answer(task, text, language, 1).refusal is None
        shares |= {(path.stem, task): answered[task] / len(frame) for task in TASKS}
    with capsys.disabled():
        print("\nshare answered    " + "".join(f"{task:>10}" for task in TASKS))
        for kind in sorted({kind for kind, _ in shares}):
            print(f"{kind:18}" + "".join(f"{shares[kind, task]:10.0%}" for task in TASKS))
    short = {key: (shares[key], floor) for key, floor in FLOORS.items() if shares[key] < floor}
    assert not short


@pytest.mark.parametrize(
    "kind", ["textbook", "encyclopedia", "code_docs", "gov_news", "legal", "encyclopedia_zh", "latex", "web_html"]
)
def test_real_answers_have_their_form_and_stand_on_the_source(kind: str, shared: Path) -> None:
    frame = sample(shared / "data" / "documents" / f"{kind}.parquet")[:30]
    for number, (text, language) in enumerate(frame):
        source = numbers(text) | numbers(html.unescape(text))
        for task in TASKS:
            made = answer(task, text, language, number)
            assert CONTROL.search(made.text) is None
            if made.refusal:
                continue
            if task == "faq":
                pairs = questions(made.text)
                assert len(pairs) >= 3
                assert all(reply for _, reply in pairs)
            elif task == "table":
                header, rows, _, _ = table_of(made.text)
                assert {len(row) for row in rows} == {len(header)}
            elif task == "math":
                assert check_arithmetic(made.text) >= 1
            if task != "math":
                body = stated(made.text)
                assert numbers(body) <= source, (kind, number, task, numbers(body) - source)
