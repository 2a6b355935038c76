"""The arithmetic of the benchmarks: medians, ratios by round, and the figures a run leaves behind."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median, least and greatest of a few runs. With so few, an interval would say more than is known."""

    median: float
    least: float
    greatest: float

    def text(self, digits: int) -> str:
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}-{self.greatest:.{digits}f})"


def spread(values: Sequence[float]) -> Spread:
    """Raises `ValueError` for no values."""
    if not values:
        raise ValueError("no runs to summarise")
    return Spread(median=median(values), least=min(values), greatest=max(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One contender in one round: a start-up run on a few documents, then the measured one."""

    requests: int
    cpu_s: float
    startup_requests: int
    startup_cpu_s: float

    @property
    def whole_ms(self) -> float:
        """CPU milliseconds a request, with everything from the start of the process to its end."""
        return 1000 * self.cpu_s / self.requests

    @property
    def net_ms(self) -> float:
        """The same without start-up: the difference of the two runs over the difference of their requests.

        Raises `ValueError` where the two runs do not differ in size, or the larger cost no more.
        """
        extra = self.requests - self.startup_requests
        if extra <= 0:
            raise ValueError(
                f"the measured run ({self.requests}) must be larger than the start-up run ({self.startup_requests})"
            )
        if self.cpu_s <= self.startup_cpu_s:
            raise ValueError(f"starting took all of the {self.cpu_s:.1f} CPU-s: measure with more requests")
        return 1000 * (self.cpu_s - self.startup_cpu_s) / extra


def per_cpu_second(milliseconds: float) -> float:
    """Requests per CPU-second from CPU milliseconds per request."""
    return 1000 / milliseconds


def ratios(peer: Sequence[float], ours: Sequence[float]) -> list[float]:
    """The peer's cost over ours, round by round; above 1 where the peer is dearer.

    Raises `ValueError` unless both ran in the same rounds.
    """
    if len(peer) != len(ours):
        raise ValueError(f"rounds differ: {len(peer)} and {len(ours)}")
    return [theirs / mine for theirs, mine in zip(peer, ours, strict=True)]


def last_json_line(output: str) -> dict[str, object]:
    """The last line of `output` that is a JSON object: a driver's report among its log lines.

    Raises `ValueError` with the output's end where there is none.
    """
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                return value
    raise ValueError(f"no JSON report in the output, which ends: {output[-800:]!r}")


def busy_share(slot_seconds: float, slots: int, seconds: float) -> float:
    """Share of `slots` kept busy over `seconds`, from the integral of requests in service (slot-seconds)."""
    if slots <= 0 or seconds <= 0:
        raise ValueError(f"need slots and seconds above 0, got {slots} and {seconds}")
    return slot_seconds / (slots * seconds)


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """A Markdown table; the first row's keys are the head."""
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row[name] for name in head) + " |" for row in rows]
    return "\n".join(lines)
