"""One member of a pool: an engine with its own limit, pace, pause, circuit breaker and measured speed.

The limit on requests in flight grows like TCP's window: doubling from a start until the first overload, then by one
a round of answers; it is cut to three quarters where the server refuses too large a share, once a storm.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from tilth.base.errors import EngineError
from tilth.generate.pacing import Pace
from tilth.generate.request import Engine

State = Literal["closed", "open", "half-open"]

_START_LIMIT = 128  # requests in flight at first; 512 are reached in two rounds of answers
_CUT = 0.75
_SHARE_WEIGHT = 1 / 32  # of one outcome in the running share of refusals
_BEARABLE = 0.1  # share of refusals that is no overload: a server may refuse one in a hundred at any load
_SPEED_WEIGHT = 0.1
_DEAR_PAUSE = 0.5  # seconds; a refusal that costs less is worth learning from only when there are many
_BREAKER_FAULTS = 10  # faults in a row that open the breaker
_BREAKER_SECONDS = 1.0  # first wait, doubled up to the longest
_BREAKER_LONGEST = 30.0
_LONGEST_PAUSE = 900.0  # seconds; a longer Retry-After is asked about again after this
_BREAKING = frozenset({"server", "timeout", "connection", "engine_died", "overloaded"})


class Breaker:
    """Stops sending to a member after faults in a row, then lets one request through to see."""

    __slots__ = ("_faults", "_opened", "_wait", "opens", "retry_at", "since", "state")

    def __init__(self) -> None:
        self.state: State = "closed"
        self.retry_at = 0.0
        self.since = 0.0  # when it left the closed state
        self.opens = 0
        self._faults = 0
        self._opened = 0.0
        self._wait = _BREAKER_SECONDS

    def allows(self, now: float) -> bool:
        """True where a request may be sent: one alone after the wait is over."""
        return self.state == "closed" or (self.state == "open" and now >= self.retry_at)

    def took(self) -> bool:
        """A request is sent; True where it is the probe."""
        if self.state != "open":
            return False
        self.state = "half-open"
        return True

    def good(self) -> bool:
        """The server answered; True where that closed the breaker."""
        self._faults = 0
        if self.state == "closed":
            return False
        self.state, self._wait = "closed", _BREAKER_SECONDS
        return True

    def bad(self, now: float, sent: float, probe: bool) -> bool:
        """A request that left at `sent` met a fault; True where that opened the breaker."""
        if self.state != "closed":
            if probe:
                self._wait = min(self._wait * 2, _BREAKER_LONGEST)
                self.state, self.retry_at, self._opened = "open", now + self._wait, now
            return False
        self._faults += 1
        if self._faults < _BREAKER_FAULTS or sent < self._opened:
            return False
        self.open(now)
        return True

    def open(self, now: float) -> None:
        """Open it now."""
        self.state, self.retry_at, self.since = "open", now + self._wait, now
        self._opened, self._faults = now, 0
        self.opens += 1

    def abandon(self, now: float) -> None:
        """The probe was cancelled: another may be sent at once."""
        if self.state == "half-open":
            self.state, self.retry_at = "open", now


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStats:
    """One member at one moment."""

    name: str
    in_flight: int
    limit: int  # requests that may be in flight now
    slots: int  # the most that may ever be
    breaker: State
    breaker_opens: int
    rate: float | None  # requests a second that it is held to; None: not limited
    paused: float  # seconds until it may be asked again
    answered: int
    rate_limited: int
    faults: dict[str, int] = field(default_factory=dict)  # kind -> count, 429s included
    seconds: float | None = None  # an answer takes, running mean


class Slot(NamedTuple):
    """A place at a member, held while a request is answered."""

    member: "Member"
    sent: float
    place: int  # among the requests since the pace was last cut
    probe: bool  # it tests a member whose breaker is open


class Member:
    """An engine in a pool."""

    __slots__ = (
        "_share",
        "answered",
        "breaker",
        "cut_at",
        "engine",
        "faults",
        "in_flight",
        "limit",
        "name",
        "pace",
        "paused_until",
        "ramping",
        "seconds",
        "slots",
        "speed",
        "started",
    )

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pace = Pace()
        self.breaker = Breaker()
        self.in_flight = 0
        self.answered = 0
        self.faults: dict[str, int] = {}
        self.paused_until = 0.0
        self.seconds: float | None = None
        self.speed: float | None = None  # answers a second, running mean
        self.started = False
        self.ramping = True
        self.cut_at = 0.0
        self._share = 0.0
        self.describe()

    def describe(self) -> None:
        """Read what the engine says of itself, which may change when it starts."""
        caps = self.engine.caps
        self.name = caps.label
        self.slots = max(caps.max_in_flight, 1)
        self.limit = float(min(_START_LIMIT, self.slots))

    def free(self, now: float) -> bool:
        """True where a request may be sent now."""
        return (
            self.in_flight < int(self.limit)
            and now >= self.paused_until
            and self.breaker.allows(now)
            and self.pace.delay(now) <= 0
        )

    def wait(self, now: float) -> float | None:
        """Seconds until the clock alone lets a request through; None where an answer must come first."""
        if self.in_flight >= int(self.limit) or self.breaker.state == "half-open":
            return None
        until = self.paused_until
        if self.breaker.state == "open":
            until = max(until, self.breaker.retry_at)
        return max(until - now, self.pace.delay(now), 0.0)

    def expected(self) -> float:
        """Seconds a further request would take, by the measured speed; a member not measured yet comes first."""
        return (self.in_flight + 1) / (self.speed or 1e9)

    def took(self, now: float) -> "Slot":
        """A request is sent."""
        self.in_flight += 1
        return Slot(self, now, self.pace.sent(now), self.breaker.took())

    def succeeded(self, seconds: float) -> bool:
        """An answer came (still counted in flight); True where it closed the breaker."""
        self.answered += 1
        speed = self.in_flight / max(seconds, 1e-4)
        self.speed = speed if self.speed is None else self.speed + _SPEED_WEIGHT * (speed - self.speed)
        self.seconds = seconds if self.seconds is None else self.seconds + _SPEED_WEIGHT * (seconds - self.seconds)
        self._share -= self._share * _SHARE_WEIGHT
        if self.in_flight >= int(self.limit) and self.limit < self.slots:
            self.limit = min(self.limit + (1.0 if self.ramping else 1.0 / self.limit), float(self.slots))
        return self.breaker.good()

    def failed(self, fault: EngineError, now: float, slot: "Slot") -> str | None:
        """A fault came (still counted in flight); names the event where the member changed its ways."""
        self.faults[fault.kind] = self.faults.get(fault.kind, 0) + 1
        event = None
        refused = fault.kind in ("rate_limited", "overloaded")
        self._share += ((1.0 if refused else 0.0) - self._share) * _SHARE_WEIGHT
        if refused:
            event = self._refused(fault, now, slot)
        if fault.kind in _BREAKING and not (refused and fault.retry_after):
            if self.breaker.bad(now, slot.sent, slot.probe):
                event = "breaker_opened"
        elif self.breaker.good():
            event = "breaker_closed"
        return event

    def _refused(self, fault: EngineError, now: float, slot: "Slot") -> str | None:
        pause = min(fault.retry_after or 0.0, _LONGEST_PAUSE)
        event = None
        if pause and now + pause > self.paused_until:
            event = "paused" if now >= self.paused_until else None
            self.paused_until = now + pause
        crowded = self._share > _BEARABLE
        learns = fault.kind == "rate_limited" and (pause >= _DEAR_PAUSE or crowded)
        if not learns:
            self.pace.uncount(slot.sent)
        elif self.pace.refused(now, slot.sent, slot.place, pause):
            event = "rate_learned"
        if crowded and slot.sent > self.cut_at:
            self.ramping = self.ramping and fault.kind == "rate_limited"  # the pace holds that one down
            self._cut(now)
            event = event or "limit_cut"
        return event

    def _cut(self, now: float) -> None:
        """Fewer in flight, but no fewer than the learnt rate keeps there (Little's law) with a quarter to spare."""
        needed = 1.25 * (self.pace.rate or 0.0) * (self.seconds or 0.0)
        self.limit = max(1.0, min(max(self.limit * _CUT, needed), self.limit))
        self.cut_at = now

    def stats(self, now: float) -> MemberStats:
        """The member at this moment."""
        return MemberStats(
            name=self.name,
            in_flight=self.in_flight,
            limit=int(self.limit),
            slots=self.slots,
            breaker=self.breaker.state,
            breaker_opens=self.breaker.opens,
            rate=self.pace.rate,
            paused=max(self.paused_until - now, 0.0),
            answered=self.answered,
            rate_limited=self.faults.get("rate_limited", 0),
            faults=dict(self.faults),
            seconds=self.seconds,
        )
