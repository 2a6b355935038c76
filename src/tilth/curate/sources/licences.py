"""Licence policy: what a licence's name says one may do, and which rows pass.

Reads names as people write them ("CC BY-SA 4.0", "CC0-1.0/US-Gov public domain", "MIT OR Apache-2.0"). It knows classes
of licences and no law: a name it cannot read is `unknown`, and what happens to those is a setting. Costs a dictionary
look-up a row: names are read once each.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tilth.base.fingerprint import fingerprint
from tilth.frames import drop, flag
from tilth.recipe.stages.sources import LicenceClass, Licences

VERSION = 1

#: Patterns over a lower-case name with every run of other characters than letters and digits as one blank. Classes of
#: Creative Commons, GNU, OSI and public-domain licences; identifiers as in the SPDX licence list 3.25 (2024).
_PATTERNS: tuple[tuple[LicenceClass, re.Pattern[str]], ...] = (
    ("non_commercial", re.compile(r"\bnc\b|non ?commercial")),
    ("no_derivatives", re.compile(r"\bnd\b|no ?deriv")),
    ("share_alike", re.compile(r"\bsa\b|share ?alike|\bgfdl\b|free documentation|\bodbl\b|open database")),
    ("copyleft", re.compile(r"\b[al]?gpl(v?\d)?\b|\bmpl\b|\bepl\b|\beupl\b")),
    ("public_domain", re.compile(r"\bcc ?0\b|\bpublic ?domain\b|\bunlicense\b|\bpddl\b|\bwtfpl\b|\b0bsd\b")),
    (
        "permissive",
        re.compile(
            r"\bmit\b|\bapache\b|\bbsd\b|\bisc\b|\bcc ?by\b|\bpsf\b|\bpython 2\b|\bzlib\b|\bboost\b|\bafl\b|\bodc ?by\b"
            r"|\bcdla permissive\b|\bogl\b|\bopen government licen[cs]e\b"
        ),
    ),
)
#: The freest first: of "A or B" one may choose, so the freest of the alternatives counts.
_FREEST: tuple[LicenceClass, ...] = (
    "public_domain", "permissive", "share_alike", "copyleft", "non_commercial", "no_derivatives", "unknown",
)  # fmt: skip
_CHARACTERS = 200  # of a licence's name; a longer one is a licence's text, whose words would match by chance


def classes_of(name: str | None) -> frozenset[LicenceClass]:
    """What a licence's name says: {"permissive"} for MIT, {"share_alike", "non_commercial"} for CC-BY-NC-SA.

    Of alternatives ("MIT OR GPL-3.0") the freest one counts. A name that says nothing gives {"unknown"}.
    """
    plain = re.sub(r"[^a-z0-9]+", " ", (name or "").lower()[:_CHARACTERS])
    found = [_one(part) for part in re.split(r"\bor\b", plain)]
    known = [item for item in found if item != frozenset({"unknown"})]
    return min(known, key=_restriction) if known else frozenset({"unknown"})


def _one(plain: str) -> frozenset[LicenceClass]:
    found = {name for name, pattern in _PATTERNS if pattern.search(plain)}
    if found & {"share_alike", "copyleft", "non_commercial", "no_derivatives"}:
        found -= {"permissive", "public_domain"}  # "CC BY-SA" holds "CC BY"
    return frozenset(found) or frozenset({"unknown"})


def _restriction(classes: frozenset[LicenceClass]) -> int:
    return max(_FREEST.index(name) for name in classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceStage:
    """Passes rows by their licence."""

    settings: Licences

    VERSION = VERSION

    @property
    def identity(self) -> Mapping[str, str]:
        return {"version": str(VERSION), "settings": fingerprint(self.settings)}

    @property
    def reasons(self) -> Mapping[str, str]:
        return {
            "licence_denied": "the licence is one of those that the recipe denies",
            "licence_not_allowed": "the recipe lists the licences it allows, and this is none of them",
            "licence_unknown": "no licence is given, or its name says nothing that is known",
            "licence_share_alike": "what is made from it has to be shared alike, and the recipe keeps that apart",
            "licence_not_share_alike": "the recipe asks for share-alike rows only here",
        }

    @property
    def changes_text(self) -> bool:
        return False

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        names = frame["licence"].unique().to_list()
        verdicts = {name: self._verdict(name) for name in names}
        licence = pl.col("licence")
        for reason in self.reasons:
            hit = [name for name, verdict in verdicts.items() if verdict == reason]
            if hit:
                frame = drop(frame, licence.is_in(hit, nulls_equal=True), reason, licence.fill_null("none given"))
        for name in ("licence_unknown", "licence_share_alike"):
            hit = [each for each, verdict in verdicts.items() if verdict == f"flag {name}"]
            if hit:
                frame = flag(frame, licence.is_in(hit, nulls_equal=True), name)
        return frame

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Rows by licence class."""
        counted: dict[str, int] = {}
        for name, rows in frame["licence"].value_counts().iter_rows():
            for each in classes_of(name):
                counted[each] = counted.get(each, 0) + rows
        return counted

    def _verdict(self, name: str | None) -> str | None:
        settings, classes = self.settings, classes_of(name)
        if _listed(settings.deny, name, classes):
            return "licence_denied"
        if classes == {"unknown"} and not _listed(settings.allow, name, classes):
            return {"keep": None, "flag": "flag licence_unknown", "drop": "licence_unknown"}[settings.unknown]
        if settings.allow and not _listed(settings.allow, name, classes):
            return "licence_not_allowed"
        if settings.share_alike == "only":
            return None if "share_alike" in classes else "licence_not_share_alike"
        if "share_alike" in classes and settings.share_alike != "keep":
            return "licence_share_alike" if settings.share_alike == "drop" else "flag licence_share_alike"
        return None


def build(settings: Licences, seed: int) -> LicenceStage:
    """The stage of its settings; `seed` decides nothing here."""
    del seed
    return LicenceStage(settings=settings)


def _listed(entries: tuple[str, ...], name: str | None, classes: frozenset[LicenceClass]) -> bool:
    """True where a class of the licence, or the beginning of its name, is among the entries."""
    plain = _squeezed(name or "")
    return any(entry in classes or (plain and plain.startswith(_squeezed(entry))) for entry in entries)


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "", name.lower()[:_CHARACTERS])
