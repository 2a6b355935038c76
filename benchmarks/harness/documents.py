"""Documents for the benchmarks: English-like prose with names, dates and numbers, the same for the same seed.

Each document is put together from a pool of 4,000 sentences, so that a million of them are made in under a minute; none
equals another, because each opens with its own number.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

POOL = 4000
SHARD_ROWS = 50_000  # rows of a Parquet file: 100 MB of text, so making them needs little memory

SUBJECTS = (
    "The mill",
    "The canal",
    "The lower weir",
    "The town council",
    "A small workshop",
    "The reservoir",
    "The northern line",
    "The survey",
    "The harbour board",
    "The school",
    "The glassworks",
    "The archive",
    "The orchard",
    "The observatory",
    "The ferry company",
    "The seed bank",
)
VERBS = (
    "opened",
    "was rebuilt",
    "was measured",
    "changed hands",
    "was extended",
    "reached its largest output",
    "was described in a report",
    "lost its charter",
    "was restored",
    "employed more people than before",
    "was moved",
    "began to keep records",
)
NAMES = (
    "Anna Lindqvist",
    "Tomas Berg",
    "Mary Ashworth",
    "Li Wen",
    "Jonas Okoye",
    "Clara Moretti",
    "Peter Novak",
    "Ines Duarte",
    "Samuel Reed",
    "Hana Sato",
)
PLACES = (
    "Elmwick",
    "Port Salter",
    "Greyford",
    "Nether Vale",
    "Hollin Bridge",
    "Starrow",
    "Kestrel Point",
    "Upper Tarn",
)
UNITS = (
    "metres",
    "tonnes",
    "litres a second",
    "workers",
    "kilometres",
    "hectares",
    "pages",
    "volumes",
)
CLOSINGS = (
    "which later letters confirm",
    "although the first plans said otherwise",
    "and the same holds today",
    "as the printed accounts show",
    "because the river had shifted",
    "before the new road was built",
    "while prices went on rising",
    "so the work was done twice",
)


def sentence(rng: random.Random) -> str:
    """One sentence with a place, a year and a quantity, sometimes with a person."""
    who = (
        f"{rng.choice(NAMES)} wrote that {rng.choice(SUBJECTS).lower()}" if rng.random() < 0.3 else rng.choice(SUBJECTS)
    )
    year, amount = rng.randint(1780, 1995), rng.randint(12, 9800)
    return (
        f"{who} in {rng.choice(PLACES)} {rng.choice(VERBS)} in {year}, with {amount} {rng.choice(UNITS)}, "
        f"{rng.choice(CLOSINGS)}."
    )


def texts(count: int, size: int, seed: int = 0) -> Iterator[str]:
    """`count` documents of exactly `size` bytes (ASCII), in paragraphs of four sentences."""
    rng = random.Random(seed)
    pool = [sentence(rng) for _ in range(POOL)]
    for number in range(count):
        parts = [f"Record {number} of the regional survey."]
        length = len(parts[0])
        while length < size:
            picked = pool[rng.randrange(POOL)]
            parts.append(("\n\n" if len(parts) % 4 == 0 else " ") + picked)
            length += len(parts[-1])
        yield "".join(parts)[:size]


def write_jsonl(path: Path, count: int, size: int, seed: int = 0) -> None:
    """Columns id and text; for the peers."""
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts(count, size, seed)):
            file.write(json.dumps({"id": f"d{number:08d}", "text": text}) + "\n")


def write_parquet(folder: Path, count: int, size: int, seed: int = 0) -> None:
    """The same rows as `write_jsonl`, in files of 50,000 rows. Memory: about 250 MB at 2 kB a document."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = texts(count, size, seed)
    for shard, start in enumerate(range(0, count, SHARD_ROWS)):
        here = min(SHARD_ROWS, count - start)
        table = pa.table(
            {"id": [f"d{start + i:08d}" for i in range(here)], "text": [next(rows) for _ in range(here)]},
            schema=pa.schema([("id", pa.string()), ("text", pa.string())]),
        )
        pq.write_table(table, folder / f"part-{shard:05d}.parquet", compression="zstd")
