"""A small study as the mapping that a file holds."""

from typing import Any


def study(**change: Any) -> dict[str, Any]:
    """Two arms at one size; `change` replaces whole keys."""
    return {
        "name": "mine",
        "baseline": "original",
        "tokenizer": "t",
        "sizes": {"small": {"parameters": "10M", "tokens": "0.2B"}},
        "evaluation": {"tasks": {"arc": "GK"}, "form": "cloze", "metric": "norm_prob_gold", "version": "1"},
        "hardware": {"name": "gpu", "flops": 1e14},
        "generators": {"g": {"tokens_per_second": 1000}},
        "arms": [
            {"name": "original", "mix_in": "web"},
            {"name": "table", "strategy": "table", "generator": "g", "mix_in": "web", "ratio": 0.5},
        ],
    } | change
