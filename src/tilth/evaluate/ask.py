"""A benchmark's file and its block to the items of one form: examples set apart, a fixed sample drawn.

The same file, block and settings give the same items in the same order, whatever the model and the back end. Every item
of the file is asked or left out for a named reason.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import orjson

from tilth.base.errors import SourceError
from tilth.base.random import seed_of
from tilth.data.benchmarks import BenchmarkItem, items, read_benchmark
from tilth.data.files import SourceFile, list_files
from tilth.data.source import SourceSpec
from tilth.evaluate.blocks import Block
from tilth.evaluate.item import Asked, Item, LeftOut, unique
from tilth.evaluate.prompts import Wording, examples_text, word
from tilth.recipe.stages.evaluate import Evaluate, Form

_ENDINGS = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")
_SAMPLES = Path(__file__).parent / "samples"
_CALCULATOR = re.compile(r"<<[^<>]*>>")  # GSM8K
_POOL = 5  # examples that are set apart
_MOST_GROUP = 64  # characters of a passage's name; a longer one is hashed


class MissingShots(SourceError):
    """The examples that a block names are not in the file."""


class MissingFile(SourceError):
    """The file of a benchmark is not there."""


def benchmark_folder(settings: Evaluate) -> Path:
    """The folder of the benchmark files: the one given, or the small samples that are shipped."""
    return Path(settings.benchmarks) if settings.benchmarks is not None else _SAMPLES


def benchmark_file(folder: Path, block: Block) -> SourceFile:
    """The block's file in the folder; raises `MissingFile`."""
    for ending in _ENDINGS:
        path = folder / (block.file + ending)
        if path.is_file():
            return list_files(SourceSpec(source=(str(path),)), Path.cwd())[0]
    raise MissingFile(
        f"expected {block.file}.parquet or .jsonl in {folder} for the task {block.name}; saw none. "
        f"It comes from {block.source}."
    )


def read_items(folder: Path, block: Block) -> list[BenchmarkItem]:
    """The items of the block, in the order of its file; raises `MissingFile`, and `SourceError` for a faulty file."""
    found = items(read_benchmark(benchmark_file(folder, block)))
    return [item for item in found if _wanted(block, item)]


def _wanted(block: Block, item: BenchmarkItem) -> bool:
    has = {"lang": item.lang, "subset": item.subset}
    return all(any(has[name].startswith(value) for value in values) for name, values in block.where.items())


def ask(block: Block, found: Sequence[BenchmarkItem], form: Form, settings: Evaluate) -> Asked:
    """The items to score in the form; raises `MissingShots`."""
    pools = example_pools(block, found)
    pooled = {item.item_id for pool in pools.values() for item in pool}
    shown = worked_solutions(block, found, settings) if form == "generate" and block.worked else {}
    before = {key: _examples(block, pool[: settings.shots], form, shown) for key, pool in pools.items()}
    left_out: Counter[str] = Counter()
    asked: list[tuple[BenchmarkItem, Wording]] = []
    for item in found:
        wording = "an example shown to the model" if item.item_id in pooled else word(block, item, form)
        if isinstance(wording, str):
            left_out[wording] += 1
        else:
            asked.append((item, wording))
    drawn = draw([item.item_id for item, _ in asked], settings.limit, settings.seed)
    left_out["beyond the limit"] += len(asked) - len(drawn)
    asked = [asked[place] for place in drawn]
    return Asked(
        task=block.name,
        form=form,
        items=unique([_item(block, item, wording, before[_family(block, item)]) for item, wording in asked]),
        left_out=+left_out,
        examples=tuple(item.item_id for pool in pools.values() for item in pool[: settings.shots]),
    )


def example_pools(block: Block, found: Sequence[BenchmarkItem]) -> dict[str, list[BenchmarkItem]]:
    """The items set apart as examples: of the task under "", or of each subset."""
    if block.shots.ids:
        known = {item.item_id: item for item in found}
        missing = [name for name in block.shots.ids if name not in known]
        if missing:
            raise MissingShots(
                f"expected the examples {', '.join(missing)} of the task {block.name} in its file; saw other items. "
                "Take the file that the block names, or write a block of your own with other examples."
            )
        return {"": [known[name] for name in block.shots.ids]}
    families: dict[str, list[BenchmarkItem]] = {}
    for item in found:
        families.setdefault(_family(block, item), []).append(item)
    return {key: draw_examples(block, members) for key, members in families.items()}


def draw_examples(block: Block, members: Sequence[BenchmarkItem]) -> list[BenchmarkItem]:
    """Five items by the block's seed, of the shorter half, with every right option before one comes again."""
    worded = [(item, _any_form(block, item)) for item in members]
    usable = [(item, wording) for item, wording in worded if isinstance(wording, Wording)]
    sizes = sorted(len(wording.example) for _, wording in usable)
    short = [pair for pair in usable if len(pair[1].example) <= sizes[len(sizes) // 2]]
    short.sort(key=lambda pair: seed_of(block.shots.seed, block.name, pair[0].item_id))
    chosen: list[BenchmarkItem] = []
    seen: Counter[object] = Counter()
    while short and len(chosen) < _POOL:
        least = min(seen[_right(wording)] for _, wording in short)
        place = next(place for place, (_, wording) in enumerate(short) if seen[_right(wording)] == least)
        item, wording = short.pop(place)
        seen[_right(wording)] += 1
        chosen.append(item)
    return chosen


def _any_form(block: Block, item: BenchmarkItem) -> Wording | LeftOut:
    """The item in the block's first form, or else as bpb, which items without options have too."""
    found = word(block, item, block.forms[0])
    return word(block, item, "bpb") if isinstance(found, str) and "bpb" in block.forms else found


def _right(wording: Wording) -> object:
    """What examples should differ in: the place of the right option, or the answer itself."""
    return wording.gold[0] if len(wording.answers) > len(wording.gold) else wording.answers[0]


def _examples(block: Block, pool: Sequence[BenchmarkItem], form: Form, worked: Mapping[str, str]) -> str:
    worded = []
    for item in pool:
        wording = word(block, item, form)
        if isinstance(wording, Wording):
            solution = worked.get(item.item_id)
            worded.append(wording if solution is None else wording.answered(solution))
    return examples_text(worded)


def worked_solutions(block: Block, found: Sequence[BenchmarkItem], settings: Evaluate) -> dict[str, str]:
    """Item -> the worked solution in its raw record, of the items that have one; without GSM8K's calculator marks."""
    import polars as pl

    file = benchmark_file(benchmark_folder(settings), block)
    if file.format != "parquet":
        return {}
    names = pl.read_parquet_schema(file.uri)
    if "raw" not in names or "item_id" not in names:
        return {}
    wanted = [item.item_id for item in found]
    table = pl.read_parquet(file.uri, columns=["item_id", "raw"]).filter(pl.col("item_id").is_in(wanted))
    solutions = {}
    for item, raw in table.iter_rows():
        record = orjson.loads(raw)
        text = record.get(block.worked) if isinstance(record, dict) else None
        if isinstance(text, str) and text.strip():
            solutions[item] = _CALCULATOR.sub("", text.strip()).replace("\n\n", "\n")
    return solutions


def _family(block: Block, item: BenchmarkItem) -> str:
    return item.subset if block.shots.per == "subset" and not block.shots.ids else ""


def _item(block: Block, item: BenchmarkItem, wording: Wording, before: str) -> Item:
    return Item(
        item=item.item_id,
        group=_group(block, item),
        requests=wording.requests(before),
        gold=wording.gold,
        family=_family(block, item),
        accepted=item.answers,
    )


def _group(block: Block, item: BenchmarkItem) -> str | None:
    if block.group is None:
        return None
    name = item.context if block.group == "context" else item.subset
    if not name:
        return None
    if len(name) <= _MOST_GROUP:
        return name
    return blake2b(orjson.dumps(name), digest_size=8).hexdigest()


def draw(names: Sequence[str], limit: int | None, seed: int) -> list[int]:
    """Places of the sample, in their order. An item's draw depends on its own name, so a sample of 100 is part of one
    of 1,000."""
    if limit is None or limit >= len(names):
        return list(range(len(names)))
    order = sorted(range(len(names)), key=lambda place: (seed_of(seed, names[place]), place))
    return sorted(order[:limit])
