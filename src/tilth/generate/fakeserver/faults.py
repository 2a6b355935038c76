"""Which request meets which fault: a plan drawn from content and attempt, a script, and a real rate limiter.

The plan is deterministic: it depends on the seed, the request's bytes and how often they were sent, never on time or
order. So two runs of the same recipe meet the same faults, however they are scheduled.
"""

import math
import random
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate

from tilth.base.random import seed_of
from tilth.generate.fakeserver.config import FakeConfig

_UNIT = 1 / (1 << 63)
_WRONG_TEXTS = ("empty", "loop")


class FaultPlan:
    """Draws outcomes. `attempts` counts what each content cost so far."""

    def __init__(self, config: FakeConfig) -> None:
        self._config = config
        self._script = list(reversed(config.script))
        self._transport = [(name, p) for name, p in config.faults.items() if name not in _WRONG_TEXTS and p > 0]
        self._texts = [(name, p) for name, p in config.faults.items() if name in _WRONG_TEXTS and p > 0]
        self._attempts: dict[int, int] = {}

    def outcome(self, digest: int) -> str:
        """What happens to this try of the content `digest`: a member of `config.Outcome`."""
        if self._script:
            return self._script.pop()
        if self._transport:
            attempt = self._attempts.get(digest, 0)
            bound = self._config.faults_per_request
            if not bound or attempt < bound:
                self._attempts[digest] = attempt + 1
                name = self._draw(self._transport, digest, attempt)
                if name != "ok":
                    return name
        return self._draw(self._texts, digest, -1) if self._texts else "ok"

    def latency(self, digest: int) -> float:
        """Seconds that the answer takes, drawn from the content."""
        config = self._config
        if not config.latency_spread:
            return config.latency
        draw = random.Random(seed_of(config.seed, "latency", digest)).gauss(0.0, config.latency_spread)
        return config.latency * math.exp(draw)

    def _draw(self, choices: Sequence[tuple[str, float]], digest: int, attempt: int) -> str:
        point = seed_of(self._config.seed, "fault", digest, attempt) * _UNIT
        for name, probability in choices:
            point -= probability
            if point < 0:
                return name
        return "ok"


class TokenBucket:
    """Allows `rate` requests a second on average and `burst` at once."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self.rate = rate
        self.burst = burst or max(1.0, rate)
        self._clock = clock
        self._tokens = self.burst
        self._then = clock()

    def take(self) -> bool:
        """True where a request is allowed now; it is counted then."""
        now = self._clock()
        self._tokens = min(self.burst, self._tokens + (now - self._then) * self.rate)
        self._then = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def retry_after_header(value: str) -> bytes:
    """The header line for `config.retry_after`; empty where none is wanted."""
    if not value:
        return b""
    if value.startswith("date:"):
        value = formatdate(time.time() + float(value[5:]), usegmt=True)
    return b"Retry-After: " + value.encode() + b"\r\n"
