"""The router: whether a document is worth a prompt, from its features and the prompt's minimums. Costs under 1 us.

It only looks at minimums: a document without numbers makes no word problem (23% of the published math rows have no
number anywhere). What it routes away is counted by reason, never silent.
"""

from collections.abc import Mapping
from difflib import get_close_matches

from tilth.base.errors import ConfigError
from tilth.synth.features import FEATURES, Features

_REASONS: dict[str, str] = {name: f"too_few_{name}" for name in FEATURES} | {
    "chars": "too_short",
    "cjk_share": "too_little_chinese",
    "letters_share": "too_few_letters",
}
#: Every reason for which a document is not sent to a prompt.
ROUTED_AWAY: frozenset[str] = frozenset(_REASONS.values())


def route(features: Features, needs: Mapping[str, float]) -> str | None:
    """None where the document has all that `needs` asks; else the reason, of the first need that fails.

    Raises `ConfigError` for a feature that does not exist.
    """
    for name, least in needs.items():
        if name not in _REASONS:
            near = get_close_matches(name, FEATURES, n=1)
            hint = f"The nearest is {near[0]}." if near else f"Known: {', '.join(FEATURES)}."
            raise ConfigError(f"expected a feature of documents under needs; saw {name!r}. {hint}")
        if getattr(features, name) < least:
            return _REASONS[name]
    return None
