"""Language tags as sources write them, and when two of them mean the same language.

What it guarantees: pure functions of strings; a tag that is not understood never counts as a disagreement.
"""

import re

#: Three-letter codes (ISO 639-2 and 639-3) and English names that sources use, to the tags that `identify` gives.
_NAMES = (
    "eng:en zho:zh chi:zh cmn:zh deu:de ger:de fra:fr fre:fr spa:es por:pt ita:it nld:nl dut:nl rus:ru jpn:ja kor:ko "
    "ara:ar arb:ar hin:hi pol:pl tur:tr vie:vi ukr:uk ces:cs english:en chinese:zh german:de french:fr spanish:es "
    "japanese:ja portuguese:pt italian:it dutch:nl russian:ru korean:ko arabic:ar "
    "iw:he in:id ji:yi mo:ro fil:tl"  # withdrawn ISO 639-1 codes; Filipino
)
_OTHER_NAMES = dict(pair.split(":") for pair in _NAMES.split())

#: Languages that no identifier tells apart with certainty, or of which one tag covers the other.
_SAME = {
    **dict.fromkeys(("nb", "nn"), "no"),
    **dict.fromkeys(("hr", "sr", "bs", "sh", "cnr"), "sh"),
    **dict.fromkeys(("id", "ms"), "ms"),
    **dict.fromkeys(("lzh", "yue", "wuu", "zh"), "zh"),
    **dict.fromkeys(("arz", "ary", "ar"), "ar"),
    **dict.fromkeys(("fa", "prs", "pes"), "fa"),
}

_SIMPLIFIED = frozenset({"hans", "cn", "sg"})
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})
_TAG = re.compile(r"[a-z]{2,3}([-_][a-z0-9]{1,8}){0,4}", re.ASCII)


def normalise(said: str) -> str | None:
    """A source's own word for a language as a lower-case tag, or None where it is not understood."""
    word = said.strip().lower()
    word = _OTHER_NAMES.get(word, word)
    if _TAG.fullmatch(word) is None:
        return None
    first, *rest = re.split("[-_]", word)
    return "-".join([_OTHER_NAMES.get(first, first), *rest])


def disagree(said: str, found: str) -> bool:
    """True where the source's word `said` and the tag `found` name different languages or scripts."""
    tag = normalise(said)
    if tag is None or tag in ("und", "zxx", "mul") or found in ("und", "zxx"):
        return False
    (ours, *script), (theirs, *subtags) = found.lower().split("-"), tag.split("-")
    if _SAME.get(ours, ours) != _SAME.get(theirs, theirs):
        return True
    named = _script_of(subtags)
    return bool(script) and named is not None and named != script[0]


def is_kept(tag: str, keep: tuple[str, ...]) -> bool:
    """True where `tag` is among `keep`, or is a form of a language that is; an empty `keep` keeps all."""
    wanted = {(normalise(word) or word.lower()) for word in keep}
    first = tag.lower().split("-")[0]
    return not wanted or tag.lower() in wanted or first in wanted or (first in ("lzh", "yue") and "zh" in wanted)


def _script_of(subtags: list[str]) -> str | None:
    if _SIMPLIFIED.intersection(subtags):
        return "hans"
    return "hant" if _TRADITIONAL.intersection(subtags) else None
