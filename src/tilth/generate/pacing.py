"""Learns how many requests a second a server allows, from the moments it says 429.

A server that limits rates is a token bucket. Two 429s in a row are two moments at which the bucket was empty, so the
requests it accepted between them bracket its rate R: with n accepted in e seconds of sending after a pause of p
seconds, n / (e + p) <= R <= n / e (the pause may have filled the bucket, or overflowed it). Each 429 narrows the
bracket and the rate moves into it; where no 429 comes the rate climbs, first inside the bracket, then in steps beyond
it, with longer rests between tries that failed, since with Retry-After each try costs a pause.

Costs under a microsecond a request, nothing at all before the first 429.
"""

import math

_CLOSE = 1.08  # bounds nearer than this are as good as equal
_HOLD = 1.0  # seconds a rate is kept before the next step, at least
_HOLD_REQUESTS = 20  # and at least as many requests
_REST = 5.0  # seconds before a rate that works is tried higher
_LONGEST_REST = 60.0  # where each try that fails costs a pause
_FIRST_STEP = 0.05  # a try starts with 5% more
_WINDOW = 10.0  # seconds over which the rate before the first 429 is measured
_PROOF = 20  # requests that a measured rate rests on, at least
_PROOF_SECONDS = 2.0  # and seconds, against which the refusals still on the way are few
_BELOW = 0.8  # a 429 below this share of a proven rate is in doubt
_DOUBTS = 3  # such 429s, before they are taken to have another cause than the rate
_FORGIVEN = 120.0  # seconds after which a doubt no longer counts
_DEAF = 60.0  # seconds until the rate is learnt anew then
_SLOWEST = 1 / 60  # requests a second
_BURST_SECONDS = 0.02  # sending may run ahead of the rate by this much, for the sake of coarse timers


class Pace:
    """The pace of one member. `rate` is None until the server has said 429."""

    __slots__ = (
        "_accepted",
        "_anchor",
        "_counted",
        "_credit",
        "_credit_at",
        "_cut_at",
        "_deaf_until",
        "_doubted_at",
        "_doubts",
        "_earlier",
        "_high",
        "_low",
        "_probe",
        "_proven",
        "_rest",
        "_since",
        "_step_accepted",
        "_step_at",
        "_step_from",
        "rate",
    )

    def __init__(self) -> None:
        self._deaf_until = -math.inf
        self._forget()

    def _forget(self) -> None:
        self.rate: float | None = None
        self._low, self._high = 0.0, math.inf
        self._credit = self._credit_at = 0.0
        self._cut_at = -math.inf
        self._since: float | None = None  # first dispatch after the last cut
        self._accepted = 0  # sent since then and not refused
        self._earlier: tuple[float, int] | None = None  # (start, accepted) of the window before
        self._step_at = self._step_from = 0.0
        self._step_accepted = 0
        self._probe = 0.0  # share by which the next try goes higher; 0: no try under way
        self._rest = _REST
        self._anchor: float | None = None  # a moment at which the bucket was empty
        self._counted = 0  # accepted since then
        self._proven = 0.0  # the highest rate measured between two such moments
        self._doubts = 0
        self._doubted_at = -math.inf

    def delay(self, now: float) -> float:
        """Seconds until the next request may leave."""
        if self.rate is None:
            return 0.0
        if now >= self._step_at:
            self._step(now)
        ahead = max(1.0, self.rate * _BURST_SECONDS)
        self._credit = min(ahead, self._credit + (now - self._credit_at) * self.rate)
        self._credit_at = now
        return 0.0 if self._credit >= 1.0 else (1.0 - self._credit) / self.rate

    def sent(self, now: float) -> int:
        """One request leaves; its place among those since the last cut, for `refused`."""
        if self._since is None:
            self._since = now
        elif self.rate is None and now - self._since > _WINDOW:
            self._earlier, self._since, self._accepted = (self._since, self._accepted), now, 0
        self._accepted += 1
        if self.rate is not None:
            self._credit -= 1.0
        return self._accepted

    def refused(self, now: float, sent: float, place: int, pause: float) -> bool:
        """A request that left at `sent` got 429 and nothing leaves for `pause` seconds; True where the rate was cut.

        Refusals of requests that left before the last cut belong to the same storm and change nothing. What left after
        this one is not counted as accepted: its refusal may still be on the way.
        """
        if sent <= self._cut_at or self._since is None or now < self._deaf_until:
            return False
        self.uncount(sent)
        if self._doubts_itself(now, sent, place - 1):
            return True
        low, high = self._bounds(sent, place - 1)
        if self.rate is None:
            self.rate = self._high = high
        else:
            high = self.rate
            self._low = low if self._low >= high else max(self._low, low)
            self._high = high
            # a rate that is too high costs a pause, one that is too low a little of the rate
            self.rate = self._between(0.25 if pause else 0.5)
        self.rate = max(self.rate, _SLOWEST)
        if self._probe:
            self._probe, self._rest = 0.0, min(self._rest * 2, _LONGEST_REST if pause else 2 * _REST)
        self._cut_at, self._since, self._accepted, self._earlier = now, None, 0, None
        self._credit, self._credit_at = 0.0, now + pause
        self._plan_step(now + pause)
        return True

    def uncount(self, sent: float) -> None:
        """A request that left at `sent` was refused: it is not one of those accepted."""
        if sent > self._cut_at and self._since is not None:
            self._accepted -= 1

    def _doubts_itself(self, now: float, sent: float, accepted: int) -> bool:
        """Compare the rate at which this 429 came with what the server is proven to allow, and measure that anew.

        Once or twice below it, and the limit has fallen. More often, and the refusals have nothing to do with the rate:
        slowing down for them would never end. True then, and everything learnt is void.
        """
        if self._anchor is None:
            self._anchor = sent
            return False
        self._counted += accepted
        span = sent - self._anchor
        measured = self._counted / span if self._counted >= _PROOF and span >= _PROOF_SECONDS else None
        if self.rate is not None and self.rate < _BELOW * self._proven:
            self._doubts = 1 if now - self._doubted_at > _FORGIVEN else self._doubts + 1
            self._doubted_at = now
            self._proven = measured or self.rate
        elif measured is not None:
            self._proven = max(self._proven, measured)
        if measured is not None:
            self._anchor, self._counted = sent, 0
        if self._doubts <= _DOUBTS:
            return False
        self._forget()
        self._deaf_until = now + _DEAF
        return True

    def _bounds(self, sent: float, accepted: int) -> tuple[float, float]:
        start = sent if self._since is None else self._since
        if self._earlier is not None and sent - start < _WINDOW / 2:
            accepted += self._earlier[1] if sent >= start else 0  # else its place was counted in the earlier window
            start = self._earlier[0]
        spent = max(sent - start, 0.01)
        paused = max(start - self._cut_at, 0.0) if math.isfinite(self._cut_at) else 0.0
        return max(accepted - 1, 0) / (spent + paused), (accepted + 1) / spent

    def _between(self, share: float = 0.5) -> float:
        """A rate inside the bracket: the geometric middle of a wide one, `share` of the way up in a narrow one."""
        low, high = self._low, self._high
        if low <= 0:
            return high / 2
        if high / low < _CLOSE:
            return low
        return math.sqrt(low * high) if high / low > 2 else low + share * (high - low)

    def _plan_step(self, now: float, wait: float = 0.0) -> None:
        hold = max(_HOLD, _HOLD_REQUESTS / (self.rate or 1.0), wait)
        self._step_at, self._step_from, self._step_accepted = now + hold, now, self._accepted

    def _step(self, now: float) -> None:
        """No 429 for a while: go higher, if the rate was used at all."""
        assert self.rate is not None
        used = self._accepted - self._step_accepted
        if used < 0.7 * self.rate * (now - self._step_from):
            self._plan_step(now)
            return
        self._low = max(self._low, self.rate)
        if self._high == math.inf:
            self._probe = min(self._probe * 1.5 or _FIRST_STEP, 1.0)
            if self._probe > 4 * _FIRST_STEP:
                self._rest = _REST  # so much higher that the limit has moved: look often again
            self.rate *= 1 + self._probe
            self._plan_step(now)
        elif self._high / self._low < _CLOSE:
            self._high = math.inf
            self._plan_step(now, self._rest)
        else:
            self.rate = self._between()
            self._plan_step(now)
