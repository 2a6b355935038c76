"""What a pool measures of itself: slots in use over time, requests and tokens a second, the client's own CPU."""

import math
import time

_RATE_SECONDS = 10.0  # over which rates are smoothed


class Meter:
    """Counters of one pool. `advance` and `answered` cost about half a microsecond."""

    __slots__ = (
        "_area",
        "_began",
        "_cpu",
        "_looked",
        "_looked_area",
        "_looked_cpu",
        "_rate_at",
        "_recent",
        "_requests",
        "_then",
        "_tokens",
        "in_flight",
    )

    def __init__(self) -> None:
        self.in_flight = 0
        self._began: float | None = None  # first request
        self._area = self._then = 0.0  # integral of in_flight over time
        self._requests = self._tokens = self._rate_at = 0.0  # a second, decaying
        self._looked = self._looked_area = self._looked_cpu = 0.0
        self._recent = self._cpu = 0.0

    def advance(self, now: float, change: int) -> None:
        """`change` more requests are in flight."""
        if self._began is None:
            self._began = self._then = self._looked = self._rate_at = now
            self._looked_cpu = time.process_time()
        self._area += self.in_flight * (now - self._then)
        self._then = now
        self.in_flight += change

    def answered(self, now: float, tokens: int) -> None:
        """One answer came."""
        self._decay(now)
        self._requests += 1 / _RATE_SECONDS
        self._tokens += tokens / _RATE_SECONDS

    def rates(self, now: float) -> tuple[float, float]:
        """Requests and tokens a second over about ten seconds, corrected for a start less long ago."""
        if self._began is None:
            return 0.0, 0.0
        self._decay(now)
        seen = 1 - math.exp(-max(now - self._began, 1e-3) / _RATE_SECONDS)
        return self._requests / seen, self._tokens / seen

    def look(self, now: float, slots: int) -> tuple[float, float, float]:
        """Busy share of the slots since the first request and since the last look, and the client's CPU share since.

        Looks less than 0.2 s apart repeat the last one: they would measure noise.
        """
        if self._began is None:
            return 0.0, 0.0, 0.0
        self.advance(now, 0)
        if now - self._looked >= 0.2:
            cpu, span = time.process_time(), now - self._looked
            self._recent = (self._area - self._looked_area) / (span * slots)
            self._cpu = (cpu - self._looked_cpu) / span
            self._looked, self._looked_area, self._looked_cpu = now, self._area, cpu
        return self._area / (max(now - self._began, 1e-6) * slots), self._recent, self._cpu

    def _decay(self, now: float) -> None:
        if now > self._rate_at:
            kept = math.exp((self._rate_at - now) / _RATE_SECONDS)
            self._requests *= kept
            self._tokens *= kept
            self._rate_at = now
