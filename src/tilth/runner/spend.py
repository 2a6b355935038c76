"""What a run spends, cumulative over resumes, and the caps it never crosses.

Each session keeps a small file, written every few seconds and at its end. A session that was killed has a stale one:
its spend is then counted again from its own journal segments, so no paid call is ever missing from the ledger.

Caps are hard: before a request goes out, the most it can cost is reserved; a request that might cross the cap waits
until others have settled for less, and when nothing is left to wait for, the run stops cleanly.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tilth.base.errors import BudgetReached
from tilth.base.files import read_json, write_json
from tilth.cost import Price, Usage
from tilth.generate.journal import Torn, read_segment
from tilth.generate.request import Completion, Request
from tilth.recipe import Budget

#: Bytes a prompt token is taken to have when a request is reserved, before the server has counted. Chosen, not
#: measured: low for ordinary English and Chinese; text with more tokens than that can pass a cap by the difference.
_BYTES_A_TOKEN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The most one request can use."""

    tokens: int
    money: float


@dataclass(slots=True)
class Spend:
    """The running account of one process: what was spent before, what this session spends, what is reserved."""

    price: Price | None
    budget: Budget
    before: Usage
    gpus: int = 0
    now: Usage = field(default_factory=Usage)
    started: float = field(default_factory=time.monotonic)
    _tokens: int = 0
    _money: float = 0.0
    _in_flight: int = 0
    _waiters: deque[asyncio.Future[None]] = field(default_factory=deque)

    def total(self) -> Usage:
        """Everything spent on this run so far, earlier sessions included."""
        return self.before + self.session()

    def session(self) -> Usage:
        """What this session spent."""
        seconds = time.monotonic() - self.started
        return self.now + Usage(seconds=seconds, gpu_seconds=seconds * self.gpus, money=self._gpu_money(seconds))

    async def reserve(self, request: Request) -> Reservation:
        """Set aside the most a request can use; waits while others may still settle for less.

        Raises `BudgetReached` when it would cross a cap and nothing is in flight.
        """
        need = self._most(request)
        while (reason := self._over(need)) is not None:
            if self._in_flight == 0 or reason == "hours":
                raise BudgetReached(self._message(reason))
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        self._tokens += need.tokens
        self._money += need.money
        self._in_flight += 1
        return need

    def settle(self, reservation: Reservation, completion: Completion | None) -> None:
        """Put the reservation back and count what was really used."""
        self._tokens -= reservation.tokens
        self._money -= reservation.money
        self._in_flight -= 1
        if completion is not None:
            self.now = self.now + usage_of(completion, self.price)
        self.wake()

    def wake(self) -> None:
        """Let every waiting request look again: others settled, or the run is stopping."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _most(self, request: Request) -> Reservation:
        if self.budget.money is None and self.budget.tokens is None:
            return Reservation(tokens=0, money=0.0)
        prompt = sum(len(content.encode()) for _, content in request.messages) // _BYTES_A_TOKEN
        money = self.price.of(prompt, request.max_tokens) if self.price else 0.0
        return Reservation(tokens=prompt + request.max_tokens, money=money)

    def _over(self, need: Reservation) -> str | None:
        budget = self.budget
        if budget.hours is None and budget.money is None and budget.tokens is None:
            return None
        spent = self.total()
        if budget.hours is not None and spent.seconds >= budget.hours * 3600:
            return "hours"
        if budget.money is not None and spent.money + self._money + need.money > budget.money:
            return "money"
        if budget.tokens is not None and spent.tokens + self._tokens + need.tokens > budget.tokens:
            return "tokens"
        return None

    def _message(self, reason: str) -> str:
        spent, budget = self.total(), self.budget
        have = {
            "hours": f"{spent.seconds / 3600:.2f} of {budget.hours} hours",
            "money": f"{spent.money:.4f} of {budget.money} {self.price.currency if self.price else ''}",
            "tokens": f"{spent.tokens:,} of {budget.tokens or 0:,} tokens",
        }[reason]
        return (
            f"the cap budget.{reason} is reached: {have} are spent, and the next request could cross it. "
            f"Raise budget.{reason} and run the same command again to go on."
        )

    def _gpu_money(self, seconds: float) -> float:
        return self.price.of(0, 0, seconds * self.gpus) if self.price and self.gpus else 0.0


def usage_of(completion: Completion, price: Price | None) -> Usage:
    """What one answer used. Reused answers cost nothing and are not counted here."""
    prompt, completed = completion.prompt_tokens or 0, completion.completion_tokens or 0
    return Usage(
        requests=1,
        prompt_tokens=prompt,
        completion_tokens=completed,
        money=price.of(prompt, completed) if price else 0.0,
    )


class SessionFile:
    """The account of one session on disk: `sessions/000001.json`."""

    def __init__(self, folder: Path, number: int, started: str, steps: tuple[str, ...]) -> None:
        self.number = number
        self._path = folder / f"{number:06d}.json"
        self._facts: dict[str, Any] = {"session": number, "started": started, "steps": list(steps), "ended": None}

    def write(self, usage: Usage, reused: int, ended: str | None = None) -> None:
        """Write the account; `ended` says how the session ended, None while it runs."""
        self._facts["ended"] = ended
        write_json(self._path, {**self._facts, "reused": reused, **asdict(usage)})


def open_session(run_dir: Path, steps: tuple[str, ...]) -> SessionFile:
    """Start the next session; its number names its journal segments."""
    folder = run_dir / "sessions"
    taken = [int(path.stem) for path in folder.glob("*.json")]
    taken += [int(path.name.split(".")[0]) for step in steps for path in (run_dir / step / "journal").glob("*/*.seg")]
    session = SessionFile(folder, max(taken, default=0) + 1, _utc(), steps)
    session.write(Usage(), 0)
    return session


def past_sessions(
    run_dir: Path, prices: Mapping[str, Price | None], *, settle: bool = True
) -> tuple[Usage, list[dict[str, Any]]]:
    """What all sessions spent so far, and their records. A killed session is counted from its own segments,
    each step's at its own price.

    `settle` writes that count back, which is right only while no other process runs this session.
    """
    total, records = Usage(), []
    for path in sorted((run_dir / "sessions").glob("*.json")):
        record = read_json(path)
        if record["ended"] is None:
            record = _recount(run_dir, record, prices)
            if settle:
                write_json(path, record)
        total = total + Usage(**{name: record[name] for name in Usage.__dataclass_fields__})
        records.append(record)
    return total, records


def _recount(run_dir: Path, record: dict[str, Any], prices: Mapping[str, Price | None]) -> dict[str, Any]:
    usage = Usage()
    for step in record["steps"]:
        for path in (run_dir / step / "journal").glob(f"*/{record['session']:06d}.*.seg"):
            for item in read_segment(path):
                if not isinstance(item, Torn) and item.completion is not None:
                    usage = usage + usage_of(item.completion, prices.get(step))
    counted = asdict(usage)
    return {**record, **counted, "seconds": record["seconds"], "gpu_seconds": record["gpu_seconds"], "ended": "killed"}


def _utc() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
