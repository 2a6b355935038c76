"""How far a run is, as plain numbers: what a runner reports and what a display shows.

It stands in the lowest layer so that the runner can fill it without knowing who looks. Building one costs about 7
microseconds; `reasons` is not copied, so hand in a dictionary that is no longer changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of one step. A unit is what the step counts: a document, or a request for a rewrite.

    `done` counts every unit that ended, kept or not, and starts again from what a resumed run found finished.
    Rates are the runner's own, over its recent window; None of the caps means that no cap is set.
    """

    step: str
    phase: str = ""  # in words: "reading", "generating", "salvage round 1", "writing"
    done: int = 0  # units that ended in a named state
    total: int | None = None  # units to do; None while unknown
    kept: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)  # reason -> units not kept
    requests_per_second: float = 0.0
    tokens_per_second: float = 0.0  # prompt and completion
    in_flight: int = 0  # requests sent and not answered
    limit: int | None = None  # requests that may be in flight now; None: the engine sets no limit
    spent: float = 0.0  # money over the whole run, resumes included
    cap: float | None = None  # money
    currency: str = "USD"
    tokens: int = 0  # over the whole run, resumes included
    tokens_cap: int | None = None
    limiting: str = ""  # what holds the rate down, in words: "the server answers 429", "this machine's CPU"
    alarms: int = 0  # collapse alarms so far
    started: float = 0.0  # `time.monotonic()` when this session of the step began
