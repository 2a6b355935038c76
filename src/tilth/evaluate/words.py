"""An evaluation and the tasks there are, in words for a terminal."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.evaluate.blocks import all_blocks
from tilth.evaluate.checkpoint import Evaluated

#: The metrics that are printed, the rest are in the table.
_SHOWN = ("bpb", "gold_bpb", "norm_prob_gold", "acc_bytes", "acc_centred", "exact_match", "f1")


def evaluated_text(found: Evaluated) -> str:
    """A line a task and form: its state, items, and means; then what was left out and why."""
    means = _means(pq.read_table(found.results))
    width = max(len(key) for key in found.tasks)
    lines = []
    for key, state in found.tasks.items():
        values = means.get((state.task, state.form), {})
        shown = "  ".join(f"{name} {values[name]:.4f}" for name in _SHOWN if name in values)
        lines.append(f"{key:<{width}}  {state.state:<10}  {state.items:>6,} items  {shown}".rstrip())
        notes = [f"{count:,} left out: {reason}" for reason, count in state.left_out.items()]
        notes += [f"{state.cut:,} do not fit into the context whole"] if state.cut else []
        notes += [state.detail] if state.detail else []
        lines += [f"    {note}" for note in notes]
    return "\n".join([*lines, f"version  {found.version}", f"results  {found.results}"])


def tasks_text(folders: Sequence[str] = ()) -> str:
    """A line a task block: name, category, language, forms and title."""
    blocks = all_blocks(folders)
    width = max(map(len, blocks))
    return "\n".join(
        f"{name:<{width}}  {block.category:<11}  {block.language}  {', '.join(block.forms):<20}  {block.title}"
        for name, block in blocks.items()
    )


def _means(table: pa.Table) -> dict[tuple[str, str], dict[str, float]]:
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    columns = (table[name].to_pylist() for name in ("task", "form", "metric", "value"))
    for task, form, metric, value in zip(*columns, strict=True):
        values[task, form][metric].append(value)
    return {key: {name: float(np.mean(each)) for name, each in one.items()} for key, one in values.items()}
