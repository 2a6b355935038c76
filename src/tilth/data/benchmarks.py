"""Evaluation benchmarks as one table, whatever the files look like: for decontamination and for the evaluation itself.

`read_benchmarks` reads Parquet and JSON-lines files into the columns of `BENCHMARK_COLUMNS`. Gold answers come in many
shapes (a letter, an index, a JSON list, several accepted answers, a letter whose option stands inside the question)
and end as texts: `answers` holds every accepted one, `answer` is the first.

Guarantees: same files, same rows in the same order; an item without a question, a file without rows or a missing
column is a `SourceError` that names the file. Costs about 10 us an item.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tilth.base.errors import SourceError
from tilth.data.files import SourceFile, content_digest, list_files, open_raw
from tilth.data.questions import ACCEPTED, accepted_answers, choice_index
from tilth.data.source import SourceSpec

if TYPE_CHECKING:
    import polars as pl

#: Raise it when the same file would read otherwise; stages that use this module put it into their identity.
VERSION = 1

#: Columns of the table. `choices` and `answers` are List(String), `answer_index` Int64 (-1: none), the others String.
BENCHMARK_COLUMNS = (
    "benchmark",
    "subset",
    "item_id",
    "lang",
    "question",
    "context",
    "choices",
    "answer",
    "answers",
    "answer_index",
)

_FORMATS = ("parquet", "jsonl")
#: Options inside a question: a capital letter, in brackets or before a mark, at the start of a line or after a space.
_OPTION = re.compile(r"(?:^|(?<=\s))(?:\(([A-H])\)|([A-H])[.．、])\s?")
_LETTERS = re.compile(r"^\(?([A-H])\)?$")


class BenchmarkFields(BaseModel):
    """Names that the parts of an item have in the files. Only `question` has to be there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    benchmark: str = "benchmark"  # where absent: the file's name without its endings
    subset: str = "subset"
    item_id: str = "item_id"  # where absent: the benchmark and the row's number
    lang: str = "lang"
    question: str = "question"
    context: str = "context"
    choices: str = "choices"
    answer: str = "answer"
    answer_index: str = "answer_index"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkItem:
    """One item. `answers` are the accepted gold texts, empty where the file has no gold; `answer` is the first."""

    benchmark: str
    item_id: str
    question: str
    subset: str = ""
    lang: str = ""
    context: str = ""
    choices: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    answer_index: int = -1  # into choices, from 0

    @property
    def answer(self) -> str:
        return self.answers[0] if self.answers else ""


_SHARED_NAMES = BenchmarkFields()


def benchmark_files(paths: Sequence[str], base: Path | None = None) -> tuple[SourceFile, ...]:
    """The files behind paths, globs and folders, sorted; raises `SourceError` where there is none.

    `base`: the folder that relative paths start from, by default the working folder.
    """
    if not paths:
        raise SourceError("expected benchmark files; saw an empty list. Name at least one file, folder or glob.")
    files = list_files(SourceSpec(source=tuple(paths)), base or Path.cwd())
    kept = tuple(file for file in files if file.format in _FORMATS)
    if not kept:
        raise SourceError(
            f"expected benchmark files in Parquet or JSON lines under {', '.join(paths)}; saw none. "
            "Convert them, or name the files."
        )
    return kept


def benchmark_digests(files: Sequence[SourceFile]) -> dict[str, str]:
    """Name of each file -> hash of its content: what a result against these benchmarks depends on."""
    return {file.origin: content_digest(file) for file in files}


def read_benchmarks(
    paths: Sequence[str], fields: BenchmarkFields = _SHARED_NAMES, base: Path | None = None
) -> "pl.DataFrame":
    """The items of all files in the order of the files' names, with BENCHMARK_COLUMNS.

    Raises `SourceError` for a missing or empty file, a file of another form, and an item without a question.
    """
    import polars as pl

    return pl.concat([read_benchmark(file, fields) for file in benchmark_files(paths, base)])


def read_benchmark(file: SourceFile, fields: BenchmarkFields = _SHARED_NAMES) -> "pl.DataFrame":
    """The items of one file."""
    import polars as pl

    raw = read_table(file, fields)
    if raw.height == 0:
        raise SourceError(f"expected benchmark items in {file.origin}; saw no rows. Take the file out of the list.")
    if fields.question not in raw.columns:
        raise SourceError(
            f"expected a column {fields.question!r} with questions in {file.origin}; saw "
            f"{', '.join(raw.columns)}. Name the column in `fields: {{question: ...}}`."
        )
    stem = Path(file.origin).name.split(".")[0]
    rows = [_row(record, number, stem, file.origin, fields) for number, record in enumerate(raw.iter_rows(named=True))]
    # through Arrow, which makes columns of lists several times as fast as Polars does
    columns = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), _kinds(), strict=True)]
    return pl.DataFrame(pa.Table.from_arrays(columns, names=list(BENCHMARK_COLUMNS)))


def items(table: "pl.DataFrame") -> list[BenchmarkItem]:
    """The rows of a table of `read_benchmarks` as items."""
    names = [name for name in BENCHMARK_COLUMNS if name != "answer"]
    return [
        BenchmarkItem(**{**row, "choices": tuple(row["choices"]), "answers": tuple(row["answers"])})
        for row in table.select(names).iter_rows(named=True)
    ]


def gold_texts(answer: Any, choices: Sequence[str], index: int = -1, question: str = "") -> tuple[str, ...]:
    """The accepted answers as texts.

    `index` into `choices` counts first; then a letter, number or text that names one of them; then a letter whose
    option stands inside the question ("A. carried  B. delivered"). What names nothing is given as it is. Letters of a
    multiple-select item ("ACD", or a list of them) stay letters: their texts together are no answer text.
    """
    if 0 <= index < len(choices):
        return (choices[index],)
    if isinstance(answer, list):
        given = [_plain(item) for item in answer]
    else:
        text = _unquoted(_plain(answer))
        # an answer that is code begins with spaces that matter, so only what holds several is taken apart
        given = accepted_answers(text) if ACCEPTED in text or text[:1] == "[" else [text]
    options = choices or (inline_options(question) if any(_LETTERS.match(one) for one in given) else ())
    named = len(given) == 1 and bool(options)
    found = choice_index(given[0], options) if named else None
    return (options[found],) if found is not None else tuple(one for one in given if one)


def inline_options(question: str) -> tuple[str, ...]:
    """The texts of options A, B, C ... that stand inside a question; empty unless they are there in that order.

    The last run that starts at A counts, since a passage may hold initials ("A. Smith").
    """
    marks = [(match[1] or match[2], match.start(), match.end()) for match in _OPTION.finditer(question)]
    starts = [number for number, mark in enumerate(marks) if mark[0] == "A"]
    if not starts:
        return ()
    run: list[tuple[str, int, int]] = []
    for mark in marks[starts[-1] :]:
        if mark[0] == chr(ord("A") + len(run)):
            run.append(mark)
    ends = [mark[1] for mark in run[1:]] + [len(question)]
    texts = tuple(question[mark[2] : end].strip() for mark, end in zip(run, ends, strict=True))
    return texts if len(texts) > 1 and all(texts) else ()


def _row(record: dict[str, Any], number: int, stem: str, origin: str, fields: BenchmarkFields) -> tuple[Any, ...]:
    question = _plain(record[fields.question])
    if not question.strip():
        raise SourceError(
            f"expected a question in every item; row {number} of {origin} has none in {fields.question!r}. "
            "Correct the file or take the row out."
        )
    benchmark = _plain(record.get(fields.benchmark)) or stem
    choices = [_plain(choice) for choice in record.get(fields.choices) or ()]
    given = record.get(fields.answer_index)
    index = given if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(choices) else -1
    answers = gold_texts(record.get(fields.answer), choices, index, question)
    if index < 0 and answers and choices:
        index = choices.index(answers[0]) if answers[0] in choices else -1
    return (
        benchmark,
        _plain(record.get(fields.subset)),
        _plain(record.get(fields.item_id)) or f"{benchmark}-{number:05d}",
        _plain(record.get(fields.lang)),
        question,
        _plain(record.get(fields.context)),
        choices,
        answers[0] if answers else "",
        list(answers),
        index,
    )


def _plain(value: Any) -> str:
    """A value as text: nothing for null, JSON for lists and objects."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    return orjson.dumps(value, default=str).decode()


def _unquoted(text: str) -> str:
    """Without the quotes of a JSON string: some files hold their answers encoded once more."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return _plain(orjson.loads(text))
        except orjson.JSONDecodeError:
            return text
    return text


def read_table(file: SourceFile, fields: BenchmarkFields) -> "pl.DataFrame":
    """The columns of a file that `fields` names, as they are; all columns where the question's is not there."""
    import polars as pl

    with open_raw(file) as stream:
        data = stream.read()
    if not data:
        raise SourceError(f"expected benchmark items in {file.origin}; saw an empty file. Take it out of the list.")
    try:
        if file.format == "parquet":
            names = pl.read_parquet_schema(data)
            asked = set(fields.model_dump().values())
            # other columns can be large; without the question's, all are read, so that the error can name them
            return pl.read_parquet(
                data, columns=[name for name in names if name in asked or fields.question not in names]
            )
        rows = [orjson.loads(line) for line in _lines(data, file) if line.strip()]
    except (pl.exceptions.PolarsError, orjson.JSONDecodeError) as error:
        raise SourceError(f"expected {file.format} in {file.origin}; saw: {error}. Mend or remove the file.") from error
    if not all(isinstance(row, dict) for row in rows):
        raise SourceError(f"expected one JSON object a line in {file.origin}; saw other values. Mend the file.")
    found = dict.fromkeys(name for row in rows for name in row)
    # objects: the values of one name may differ in kind from line to line
    return pl.DataFrame([pl.Series(name, [row.get(name) for row in rows], dtype=pl.Object) for name in found])


def _lines(data: bytes, file: SourceFile) -> list[bytes]:
    """The lines of a JSON-lines file, unpacked where its name says so."""
    if file.compression is None:
        return data.splitlines()
    with pa.CompressedInputStream(pa.BufferReader(data), file.compression) as stream:
        return bytes(stream.read()).splitlines()


def _kinds() -> list[Any]:
    """Arrow's types of BENCHMARK_COLUMNS."""
    kinds: dict[str, Any] = {"choices": pa.large_list(pa.large_string()), "answer_index": pa.int64()}
    kinds["answers"] = kinds["choices"]
    return [kinds.get(name, pa.large_string()) for name in BENCHMARK_COLUMNS]
