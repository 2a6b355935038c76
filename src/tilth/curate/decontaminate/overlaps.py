"""Benchmarks inside benchmarks: MGSM is GSM8K translated, and a score on both counts one test twice.

Guarantees: an item is not found in its own benchmark. Costs the index and a match of all items, about 10 s for 60,000.
"""

from typing import TYPE_CHECKING

from tilth.curate.decontaminate.index import Index, build_index
from tilth.curate.decontaminate.match import Match, find_matches
from tilth.recipe.stages.decontaminate import Matching

if TYPE_CHECKING:
    import polars as pl

#: Columns of the table of `overlaps`.
OVERLAPS = ("benchmark", "found_in", "kind", "items", "share", "item", "like")
_DEFAULTS = Matching()


def overlaps(items: "pl.DataFrame", matching: Matching = _DEFAULTS) -> "pl.DataFrame":
    """Which items of each benchmark are in another one, from a table of `data.benchmarks.read_benchmarks`.

    Columns: `benchmark`, `found_in`; `kind` (question, with or without its answer, or passage); `items`, how many of
    `benchmark` are there, and their `share` of it; `item` and `like`, the ids of one such pair. Most items first.
    """
    import polars as pl

    index = build_index(items, matching)
    names, ids = items["benchmark"].to_list(), items["item_id"].to_list()
    rows: dict[tuple[str, str, str], dict[int, int]] = {}
    for match in find_matches(_texts(items), index, matching):
        for other in _others(match, names, index):
            kind = "passage" if match.kind == "passage" else "question"
            pair = rows.setdefault((names[match.document], names[other], kind), {})
            pair.setdefault(match.document, other)
    sizes = items["benchmark"].value_counts()
    size = dict(zip(sizes["benchmark"].to_list(), sizes["count"].to_list(), strict=True))
    found = [
        (*key, len(pair), len(pair) / size[key[0]], ids[next(iter(pair))], ids[next(iter(pair.values()))])
        for key, pair in rows.items()
    ]
    kinds = (pl.String, pl.String, pl.String, pl.Int64, pl.Float64, pl.String, pl.String)
    table = pl.DataFrame(found, schema=dict(zip(OVERLAPS, kinds, strict=True)), orient="row")
    return table.sort("items", "benchmark", "found_in", descending=[True, False, False])


def _others(match: Match, names: list[str], index: Index) -> list[int]:
    """One item of each other benchmark that has what was found."""
    own = names[match.document]
    first = {names[int(row)]: int(row) for row in index.members_of(match.unit)[::-1]}
    return [row for name, row in sorted(first.items()) if name != own]


def _texts(items: "pl.DataFrame") -> list[str]:
    """Each item as a document: question, answers, choices, passage."""
    columns = (items[name].to_list() for name in ("question", "answers", "choices", "context"))
    return [
        "\n".join([asked, *answers, *choices, passage])
        for asked, answers, choices, passage in zip(*columns, strict=True)
    ]
