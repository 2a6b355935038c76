"""The stage that finds personal data, and replaces it, flags it or drops its row.

What it does: adds `pii_found` (how many values) and one column a kind, `pii_email` and so on; changes the text where
the policy of a kind says replace.
What it guarantees: rows and their order stay; what was found is written nowhere, only its kind and how often.
What it costs: see docs/pii.md.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import polars as pl

from tilth.base.fingerprint import fingerprint
from tilth.curate.pii.find import Span, find, screen
from tilth.frames import drop, flag
from tilth.recipe.stages.pii import Pii, PiiKind

#: Raise it when the same text may give other spans or another replacement.
VERSION = 1

KINDS: tuple[PiiKind, ...] = get_args(PiiKind)

_REASONS = {"personal_data": "the text holds personal data of a kind whose rows are dropped"}

#: Addresses that are reserved for examples (RFC 2606, RFC 5737, RFC 3849) and so are nobody's. FineWeb writes
#: email@example.com too, and in the place of IP addresses one of six that answered no ping (arXiv 2406.17557, its data
#: card); reserved ones stay nobody's.
_EXAMPLE_EMAIL, _EXAMPLE_IPV4, _EXAMPLE_IPV6 = "email@example.com", "192.0.2.1", "2001:db8::1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiStage:
    """A `FrameStage`; built by `build`."""

    settings: Pii

    @property
    def identity(self) -> Mapping[str, str]:
        """Version of the rules, and what happens to each kind."""
        policies = {kind: self.settings.policy(kind) for kind in KINDS}
        return {"pii_version": str(VERSION), "pii_settings": fingerprint([policies, self.settings.form])}

    @property
    def reasons(self) -> Mapping[str, str]:
        """`personal_data`, where a policy says drop."""
        return _REASONS if self._kinds("drop") else {}

    @property
    def changes_text(self) -> bool:
        """True where a policy says replace."""
        return bool(self._kinds("replace"))

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with the counts, and with text, flags and reasons as the policies say."""
        found: dict[int, Counter[str]] = {}
        texts: dict[int, str] = {}
        replaced = frozenset(self._kinds("replace"))
        # a loop over the rows with a candidate only, and it goes by places in the text, which no expression can
        for row, rules in screen(frame["text"]):
            text = frame["text"][row]
            spans = find(text, rules)
            if spans:
                found[row] = Counter(span.kind for span in spans)
                if not replaced.isdisjoint(found[row]):
                    texts[row] = self._replace(text, [span for span in spans if span.kind in replaced])
        return self._decide(_with_texts(frame, texts).with_columns(_columns(found, frame.height)))

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Values found, a kind, and the rows that hold any."""
        totals = frame.select(pl.col(f"pii_{kind}").sum().cast(pl.Int64) for kind in KINDS).row(0, named=True)
        return {**totals, "pii_rows": int((frame["pii_found"] > 0).sum())}

    def _kinds(self, policy: str) -> list[PiiKind]:
        return [kind for kind in KINDS if self.settings.policy(kind) == policy]

    def _replace(self, text: str, spans: list[Span]) -> str:
        pieces, end = [], 0
        for span in spans:
            pieces += [text[end : span.start], self._stand_in(span, text)]
            end = span.end
        return "".join((*pieces, text[end:]))

    def _stand_in(self, span: Span, text: str) -> str:
        if self.settings.form == "example" and span.kind == "email":
            return _EXAMPLE_EMAIL
        if self.settings.form == "example" and span.kind in ("ip", "ip_private"):
            return _EXAMPLE_IPV6 if ":" in text[span.start : span.end] else _EXAMPLE_IPV4
        return f"<{span.kind.upper()}>"

    def _decide(self, frame: pl.DataFrame) -> pl.DataFrame:
        for kind in self._kinds("flag"):
            frame = flag(frame, pl.col(f"pii_{kind}") > 0, f"pii_{kind}")
        dropped = self._kinds("drop")
        if not dropped:
            return frame
        counted = [
            pl.when(pl.col(f"pii_{kind}") > 0).then(pl.format(f"{kind}: {{}}", f"pii_{kind}")) for kind in dropped
        ]
        seen = pl.concat_str(counted, separator=", ", ignore_nulls=True)
        return drop(frame, pl.any_horizontal(pl.col(f"pii_{kind}") > 0 for kind in dropped), "personal_data", seen)


def build(settings: Pii, seed: int) -> PiiStage:  # noqa: ARG001  every stage is built alike
    """The stage for `settings`."""
    return PiiStage(settings=settings)


def _columns(found: Mapping[int, Counter[str]], height: int) -> list[pl.Series]:
    """`pii_found` and one column a kind."""
    columns = []
    for kind in KINDS:
        values = [0] * height
        for row, counter in found.items():
            values[row] = counter[kind]
        columns.append(pl.Series(f"pii_{kind}", values, dtype=pl.UInt32))
    total = [0] * height
    for row, counter in found.items():
        total[row] = counter.total()
    return [pl.Series("pii_found", total, dtype=pl.UInt32), *columns]


def _with_texts(frame: pl.DataFrame, texts: Mapping[int, str]) -> pl.DataFrame:
    """`frame` with the texts at the given rows put in place of its own."""
    if not texts:
        return frame
    changed = pl.Series([texts.get(row) for row in range(frame.height)], dtype=pl.String)
    return frame.with_columns(pl.coalesce(pl.lit(changed), pl.col("text")).alias("text"))
