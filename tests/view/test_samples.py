"""The page as a file: self-contained, inert, bounded, the same every time."""

import base64
import json
import re
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from make_run import HOSTILE, PLAIN, document, make_run, real_documents, shared_documents

from tilth.base.errors import ConfigError, CorruptData
from tilth.base.fingerprint import text_hash
from tilth.data.schema import SAMPLES
from tilth.view.samples import write_samples


class Parsed(HTMLParser):
    """Elements with their attributes, and the texts of script and style elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[tuple[str, dict[str, str | None], str]] = []
        self._open: tuple[str, dict[str, str | None]] | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = (tag, dict(attrs)) if tag in ("script", "style") else None

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inside.append((*self._open, data))
            self._open = None

    def data(self) -> dict[str, Any]:
        return json.loads(next(text for _, attributes, text in self.inside if attributes.get("id") == "data"))


def page_of(run: Path, **settings: int) -> Parsed:
    return Parsed(write_samples(run, **settings).read_text(encoding="utf-8"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows = [document(text, number) for number, text in enumerate([*PLAIN, *HOSTILE] * 12)]
    make_run(tmp_path / "demo", rows)
    return tmp_path / "demo"


def test_hostile_texts_add_no_element_and_come_through_whole(run: Path):
    parsed = page_of(run)
    tags = [tag for tag, _ in parsed.elements]
    assert tags.count("script") == 2
    assert "img" not in tags
    assert "b" not in tags
    data = parsed.data()
    sources = {"".join(part for parts in row["source"] for part in parts) for row in data["rows"] if row.get("prompt")}
    assert set(HOSTILE) <= sources


def test_nothing_is_fetched_and_the_policy_names_exactly_the_page_s_own_script_and_style(run: Path):
    parsed = page_of(run)
    policy = next(a["content"] for t, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy")
    for tag, attributes, text in parsed.inside:
        if attributes.get("type") != "application/json":
            digest = base64.b64encode(sha256(text.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for _, attributes in parsed.elements:
        assert not {name for name in attributes if name.startswith("on")}
        for name in ("src", "href", "action", "data", "srcset"):
            assert attributes.get(name) in (None, "data:,", "#samples")


def test_texts_reach_the_document_as_text_only():
    script = (Path(write_samples.__code__.co_filename).parent / "page.js").read_text()
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "createContextual",
    ):
        assert way not in script
    assert "</" not in script


def test_the_ledger_is_there_as_equations_that_add_up(run: Path):
    steps = page_of(run).data()["steps"]
    assert [each["unit"] for step in steps for each in step["equations"]] == [
        "records read",
        "pairs of a document and a prompt",
        "rewrites asked for",
    ]
    for step in steps:
        for each in step["equations"]:
            assert each["total"] == sum(term["count"] for term in each["terms"])
            assert each["gap"] == 0
    words = [term["words"] for term in steps[1]["equations"][0]["terms"]]
    assert "math: too few numbers" in words


def test_a_row_has_its_source_output_verdict_lineage_and_copied_spans(run: Path):
    row = next(row for row in page_of(run).data()["rows"] if row.get("prompt") == "faq" and row["verdict"] == "kept")
    marked = [string.split() for part in row["output"] if isinstance(part, list) for string in part[1::2]]
    assert marked
    assert all(len(words) >= 5 for words in marked)
    assert {"doc_id", "origin", "licence", "seed", "prompt_version", "cut_how", "sample_id", "position"} <= set(row)
    assert row["slots"] == {"audience": "a curious teenager", "length": "short"}
    assert "copy_ratio" in row["signals"]


def test_the_same_run_gives_the_same_bytes(run: Path):
    first = write_samples(run).read_bytes()
    assert write_samples(run).read_bytes() == first
    assert write_samples(run, seed=1).read_bytes() != first


def test_a_source_that_changed_is_not_shown_in_the_place_of_the_one_that_was_used(run: Path):
    for path in (run / "documents").glob("part-*.parquet"):
        table = pq.read_table(path)
        texts = [f"changed {text}" for text in table["text"].to_pylist()]
        pq.write_table(
            table.set_column(table.schema.get_field_index("text"), table.schema.field("text"), [texts]), path
        )
    rows = [row for row in page_of(run).data()["rows"] if row.get("prompt")]
    assert rows
    assert all(row["source"] is None for row in rows)


def test_a_run_made_from_samples_shows_those_as_sources(run: Path):
    ledger = json.loads((run / "ledger.json").read_text())
    second = ledger["steps"][1] | {"name": "again", "source": "rephrased"}
    (run / "ledger.json").write_text(json.dumps(ledger | {"steps": [*ledger["steps"], second]}))
    rows = pq.read_table(run / "rephrased" / "part-00000.parquet").slice(0, 5).to_pylist()
    for row in rows:
        whole = {"cut_from": None, "cut_to": None, "source_chars": len(row["text"])}
        row |= {"doc_id": row["sample_id"], "source_hash": text_hash(row["text"]), **whole}
    (run / "again").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=SAMPLES), run / "again" / "part-00000.parquet")
    shown = {row["doc_id"]: row["source"] for row in page_of(run).data()["rows"] if row["step"] == "again"}
    assert {name: "".join(source[0]) for name, source in shown.items()} == {row["doc_id"]: row["text"] for row in rows}


def test_many_prompts_and_long_chinese_texts_stay_below_three_megabytes(tmp_path: Path):
    rows = [document(PLAIN[2] * 60 + f"第{number}篇。", number) for number in range(40)]
    make_run(tmp_path / "r", rows, prompts=tuple(f"faq_{n}" for n in range(25)))
    path = write_samples(tmp_path / "r", per_prompt=1000)
    assert path.stat().st_size < 3_000_000
    assert len(Parsed(path.read_text()).data()["rows"]) > 500


def test_texts_that_grow_when_they_are_escaped_stay_below_three_megabytes(tmp_path: Path):
    rows = [document("<\x01>&" * 4000 + str(number), number) for number in range(60)]
    make_run(tmp_path / "r", rows, prompts=("faq", "tutorial"))
    assert write_samples(tmp_path / "r", per_prompt=200).stat().st_size < 3_000_000


def test_a_run_without_rows_and_a_run_that_stopped_have_a_page(tmp_path: Path):
    make_run(tmp_path / "none", [], state="stopped")
    data = page_of(tmp_path / "none").data()
    assert data["state"] == "stopped"
    assert {row["verdict"] for row in data["rows"]} == {"rejected"}


def test_a_folder_that_is_no_run_is_a_clear_error(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"ledger\.json"):
        write_samples(tmp_path)


def test_a_broken_shard_is_named(run: Path):
    (run / "rephrased" / "part-00000.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(CorruptData, match=re.escape("part-00000.parquet")):
        write_samples(run)


def test_real_documents_of_every_kind(tmp_path: Path):
    folder = shared_documents()
    if folder is None:
        pytest.skip("the shared documents are not here; set TILTH_SHARED")
    make_run(tmp_path / "r", real_documents(folder, 8))
    parsed = page_of(tmp_path / "r")
    rows = [row for row in parsed.data()["rows"] if row.get("prompt")]
    assert {row["source_language"] for row in rows} >= {"en", "zh"}
    assert all(row["source"] for row in rows)
