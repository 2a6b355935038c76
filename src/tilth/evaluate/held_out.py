"""Held-out original text as items: one document is one item, scored whole, in bits per byte.

A document is named by the hash of its text, so that a file may move and the results of two runs still pair.
"""

from collections import Counter
from pathlib import Path

from tilth.base.errors import SourceError
from tilth.base.fingerprint import text_hash
from tilth.data.dataset import read_manifest
from tilth.data.files import SourceFile, list_files
from tilth.data.reading import check_source, read_files
from tilth.data.source import Columns, SourceSpec
from tilth.evaluate.ask import draw
from tilth.evaluate.item import Asked, Item, unique
from tilth.recipe.stages.evaluate import HELD_OUT, Evaluate


def held_out_files(settings: Evaluate, domain: str) -> tuple[SourceSpec, tuple[SourceFile, ...]]:
    """What a domain's text is read with, and from; raises `SourceError` where there is none."""
    place = settings.held_out[domain]
    folder = Path(place)
    manifest = read_manifest(folder) if folder.is_dir() else None
    # of a dataset only its shards: what was dropped lies below the folder too
    names = (place,) if manifest is None else tuple(str(folder / f"{shard.name}.parquet") for shard in manifest.shards)
    if not names:
        raise SourceError(f"expected held-out text for {domain} in {place}; the dataset is empty. Name another.")
    spec = SourceSpec(source=names, columns=Columns(text=settings.held_out_column))
    return spec, list_files(spec, Path.cwd())


def ask_held_out(settings: Evaluate, domain: str) -> Asked:
    """The documents of a domain; raises `SourceError` where they cannot be read."""
    spec, files = held_out_files(settings, domain)
    check_source(spec, files)
    left_out: Counter[str] = Counter()
    items = []
    for batch in read_files(files, spec):
        left_out["no text"] += len(batch.rejects)
        for text in batch.documents["text"].to_pylist():
            if text.strip():
                items.append(Item(item=text_hash(text)[:16], group=None, requests=(("", text),), rolling=True))
            else:
                left_out["no text"] += 1
    drawn = draw([item.item for item in items], settings.held_out_limit, settings.seed)
    left_out["beyond the limit"] += len(items) - len(drawn)
    return Asked(
        task=HELD_OUT + domain,
        form="bpb",
        items=unique([items[place] for place in drawn]),
        left_out=+left_out,
    )
