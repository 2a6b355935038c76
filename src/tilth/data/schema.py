"""The only place that declares a column of a dataset.

`DOCUMENTS` is what every reader produces; `SAMPLES` is what a generation step keeps; `DROPPED` and `REJECTS` hold what
was not kept, with its reason. Licence and origin travel from the first to the last.
"""

from collections.abc import Mapping

import pyarrow as pa

#: One row a document. `doc_id` is given by the source or a hash of content and origin.
DOCUMENTS = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("language", pa.string()),  # as the source says ("en", "zh", ...); null when it does not
        pa.field("licence", pa.string()),  # as the source says; null means unknown
        pa.field("origin", pa.string(), nullable=False),  # file or dataset name with revision
        pa.field("position", pa.int64(), nullable=False),  # row, line or record number in the origin, from 0
        pa.field("content_hash", pa.string(), nullable=False),  # base.fingerprint.text_hash(text)
        pa.field("metadata", pa.string()),  # JSON object of the mapped metadata columns; null when none
    ]
)

#: One row an input that is no document: a broken line, a record without text.
REJECTS = pa.schema(
    [
        pa.field("origin", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),  # -1 where the whole file is meant
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("excerpt", pa.string()),  # at most 200 characters of what was seen
    ]
)

#: What curation adds to a document, in front of its `signals`.
_CURATED = [
    pa.field("source", pa.string(), nullable=False),  # the read step that the row came from
    pa.field("source_hash", pa.string(), nullable=False),  # content hash of the text as it was read
    pa.field("flags", pa.list_(pa.string())),  # what was noticed and is no ground to drop
]


def curated(signals: Mapping[str, pa.DataType], *, dropped: bool = False) -> pa.Schema:
    """The columns of a curated dataset: DOCUMENTS, then where the row came from, then what was measured of it.

    `signals` is one struct column with a typed field a signal; null where no stage measures anything. A dropped row has
    its reason in front, what was seen, and the stage that dropped it.
    """
    measured = [pa.field("signals", pa.struct([pa.field(name, kind) for name, kind in signals.items()]))]
    columns = [*DOCUMENTS, *_CURATED, *(measured if signals else [])]
    return pa.schema([*_DROPPED_BY, *columns] if dropped else columns)


_DROPPED_BY = [
    pa.field("reason", pa.string(), nullable=False),
    pa.field("detail", pa.string(), nullable=False),
    pa.field("stage", pa.string(), nullable=False),  # its place in the list and its name: "3 near_duplicates"
]

_LINEAGE = [
    pa.field("sample_id", pa.string(), nullable=False),  # hash of doc_id, prompt name and window
    pa.field("doc_id", pa.string(), nullable=False),
    pa.field("source_hash", pa.string(), nullable=False),  # content hash of the document
    pa.field("origin", pa.string(), nullable=False),
    pa.field("licence", pa.string()),
    pa.field("source_language", pa.string()),
    pa.field("prompt", pa.string(), nullable=False),
    pa.field("prompt_version", pa.int32(), nullable=False),
    pa.field("prompt_hash", pa.string()),  # of the file's text
    pa.field("instruction", pa.int32()),  # index into the prompt's pool of paraphrases
    pa.field("slots", pa.string()),  # JSON object of the drawn slot values
    pa.field("window", pa.int32(), nullable=False),  # from 0
    pa.field("windows", pa.int32(), nullable=False),  # how many the document was cut into
    pa.field("cut_from", pa.int64()),  # first character of the document that the model saw
    pa.field("cut_to", pa.int64()),  # one past the last
    pa.field("cut_how", pa.string()),  # "whole", "tokens" or "bytes" (no tokenizer given: a safe bound)
    pa.field("source_chars", pa.int64()),
    pa.field("model", pa.string()),
    pa.field("revision", pa.string()),
    pa.field("engine", pa.string()),
    pa.field("engine_version", pa.string()),
    pa.field("seed", pa.int64()),
    pa.field("request_id", pa.string()),  # the journal's key of the answer that counted
    pa.field("finish_reason", pa.string()),
    pa.field("prompt_tokens", pa.int64()),
    pa.field("completion_tokens", pa.int64()),
    pa.field("tries", pa.int32()),  # answers asked for, drawn again after a failed check
    pa.field("flags", pa.list_(pa.string())),  # names of checks that failed and are not grounds to drop
    pa.field("signals", pa.string()),  # JSON object of measured values
]

#: One row a rewrite. `text` is what a model trains on; the source is in the documents dataset under `doc_id`.
SAMPLES = pa.schema([pa.field("text", pa.string(), nullable=False), pa.field("parsed", pa.string()), *_LINEAGE])

#: One row a unit of work that ended without a sample, and why. `raw` is the model's own text, where there was one.
DROPPED = pa.schema(
    [
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("raw", pa.string()),
        *_LINEAGE,
    ]
)
