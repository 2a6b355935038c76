"""How far a training run is, as plain numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One moment of a training run. Tokens are of this run, resumes included."""

    step: int  # optimiser steps done
    steps: int  # at the end of the run
    tokens: int
    loss: float  # mean over the predicted tokens since the last report, in nats
    learning_rate: float
    tokens_per_second: float  # over the last minute or so
    seconds: float  # of training, over all sessions
    eta_seconds: float | None  # None until there is a rate


class Rate:
    """Tokens a second as a weighted mean over about `memory` seconds."""

    def __init__(self, memory: float = 60.0) -> None:
        self._memory = memory
        self.value: float | None = None

    def add(self, tokens: int, seconds: float) -> float:
        """Take in `tokens` that took `seconds`; the rate from now on."""
        seen = tokens / max(seconds, 1e-9)
        weight = min(1.0, seconds / self._memory)
        self.value = seen if self.value is None else self.value + weight * (seen - self.value)
        return self.value
