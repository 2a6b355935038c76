"""Scorers that the field uses, by name: where they come from, under which licence, and where their authors cut."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One published scorer. `threshold` is the value its authors dropped below, with its `source`."""

    kind: Literal["transformer", "fasttext"]
    repository: str
    revision: str | None  # a commit where one is known; None: the newest, resolved when it is fetched
    file: str | None
    label: str | None  # the class whose probability is the score; None: a regression
    threshold: float
    scale: str
    licence: str
    source: str
    languages: tuple[str, ...]


PRESETS: dict[str, Preset] = {
    "fineweb-edu": Preset(
        kind="transformer",
        repository="HuggingFaceFW/fineweb-edu-classifier",
        revision="9a0e0e61a32f8c71b5a7db303055eb26f0a1ed82",
        file=None,
        label=None,
        threshold=3.0,
        scale="educational value, about 0 to 5",
        licence="Apache-2.0",
        source="Penedo et al. 2024, The FineWeb Datasets (2406.17557), section 4: pages that score under 3 dropped",
        languages=("en",),
    ),
    "dclm": Preset(
        kind="fasttext",
        repository="mlfoundations/fasttext-oh-eli5",
        revision=None,
        file="openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train.bin",
        label="__label__hq",
        threshold=0.018112,
        scale="probability of instruction-like text, 0 to 1",
        licence="MIT",
        source="Li et al. 2024, DataComp-LM (2406.11794), section 4.4: the best tenth of the pool kept, at this score",
        languages=("en",),
    ),
}
