"""Admission: which request goes to which member of a model, and when.

Guarantees: a request waits its turn, first come first served, with those that failed taking every second turn, so
neither kind starves; it holds a slot only while it is being answered; a passing fault is tried again after a jittered
wait, at another member where there is one; a refusal by a rate limit costs no try; cancelling a request frees its slot.
Costs about 15 us a request and makes no tasks of its own.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tilth.base.errors import EngineError, Interrupted, UserError
from tilth.base.random import stream
from tilth.generate.member import Member, MemberStats, Slot
from tilth.generate.meter import Meter
from tilth.generate.request import Completion, Engine, Request

_BUSY_CPU = 0.9  # share of a core above which the client itself is what limits
_REFUSED_BACKOFF = 0.1  # seconds before a refused request asks again, where the server names no time; doubled
_REFUSED_LONGEST = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a request is kept alive. All in seconds unless said."""

    backoff: float = 0.5  # before the first retry, doubled for each further one
    longest_backoff: float = 30.0
    rate_limit: float = 3600.0  # without any answer from the pool, before a refused request gives up
    refusals: int = 100  # 429s for one request: it is larger than its limit will ever allow
    outage: float = 300.0  # with every member's breaker open, before a waiting request gives up


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """The pool at one moment. Shares and rates are 0 before the first request."""

    in_flight: int
    limit: int  # requests that may be in flight now, all members
    slots: int  # the most that may ever be
    waiting: int  # for a slot
    backing_off: int  # waiting before another try
    answered: int
    retried: int  # tries after the first
    rate_limited: int  # 429s
    requests_per_second: float  # over about 10 s
    tokens_per_second: float  # prompt and completion, over about 10 s
    busy_share: float  # of the slots over time, since the first request
    busy_share_recent: float  # since the last look
    limiting: str  # what holds the rate down, in words
    members: tuple[MemberStats, ...]


class _Waiter:
    __slots__ = ("avoid", "grant", "since")

    def __init__(self, grant: "asyncio.Future[Slot]", avoid: Member | None, since: float) -> None:
        self.grant = grant
        self.avoid = avoid
        self.since = since


class _Trip:
    """What one request went through so far."""

    __slots__ = ("attempts", "avoid", "began", "faults", "refusals", "refused_since")

    def __init__(self, began: float) -> None:
        self.began = began
        self.attempts = self.faults = self.refusals = 0
        self.refused_since = 0.0
        self.avoid: Member | None = None


class Pool:
    """Shares the members of a model among any number of awaiting requests. Lives on one event loop."""

    def __init__(
        self,
        engines: Sequence[Engine],
        *,
        retries: int,
        seed: int,
        on_event: Callable[..., None] | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`on_event(kind, **facts)` hears of breakers, pauses, cuts and learnt rates; `retries` are tries after the
        first, for passing faults other than rate limits."""
        if not engines:
            raise UserError("expected at least one engine in a pool; saw none")
        self._members = [Member(engine) for engine in engines]
        self._retries = retries
        self._patience = patience or Patience()
        self._on_event = on_event
        self._jitter = stream(seed, "admission")
        self._fresh: deque[_Waiter] = deque()
        self._again: deque[_Waiter] = deque()
        self._turn = False  # True: the next slot goes to a retry
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._sleepers: dict[asyncio.Future[None], asyncio.TimerHandle] = {}
        self._draining = False
        self._last_fault = ""
        self._last_answer = 0.0
        self._retried = 0
        self._meter = Meter()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Start every member. Raises the first member's `UserError` where none starts; a member that does not start
        beside others that do is tried again later."""
        self._loop = asyncio.get_running_loop()
        self._draining = False
        self._now = self._loop.time
        self._last_answer = self._now()
        errors = []
        for member in self._members:
            try:
                await _start_member(member)
            except UserError as error:
                errors.append(error)
                self._last_fault = str(error)
                member.breaker.open(self._now())
                self._tell("member_down", member, said=str(error))
        if len(errors) == len(self._members):
            await self.close()
            raise errors[0]

    async def close(self) -> None:
        """Drain what waits and close every member; calling it again does nothing."""
        self.drain()
        for member in self._members:
            member.started = False
            await member.engine.close()

    def drain(self) -> None:
        """Send nothing more: requests that wait raise `Interrupted`, those in flight are answered."""
        self._draining = True
        for queue in (self._fresh, self._again):
            while queue:
                _fail(queue.popleft().grant, _drained())
        for sleeper in list(self._sleepers):
            _fail(sleeper, _drained())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def complete(self, request: Request) -> Completion:
        """One answer. Raises `EngineError` where the fault does not pass or the tries are used up, and `Interrupted`
        where the pool is drained before the request can be sent."""
        trip = _Trip(self._now())
        while True:
            slot = self._take(trip.avoid) or await self._wait(trip)
            member = slot.member
            trip.attempts += 1
            try:
                if not member.started:
                    await _revive(member)
                completion = await member.engine.complete(request)
            except EngineError as error:
                fault = error
                self._after_fault(slot, error)
            except BaseException:  # a cancelled request, or a fault in an engine: the slot is free either way
                self._give_back(slot)
                raise
            else:
                self._after_answer(slot, completion)
                return completion if trip.attempts == 1 else replace(completion, attempt=trip.attempts)
            await self._before_retry(trip, member, fault)

    def stats(self) -> PoolStats:
        """The pool at this moment; cheap enough for every second."""
        now = self._now() if self._loop is not None else 0.0
        members = tuple(member.stats(now) for member in self._members)
        slots = sum(member.slots for member in members)
        waiting = len(self._fresh) + len(self._again)
        share, recent, cpu = self._meter.look(now, slots)
        requests, tokens = self._meter.rates(now)
        return PoolStats(
            in_flight=self._meter.in_flight,
            limit=sum(member.limit for member in members),
            slots=slots,
            waiting=waiting,
            backing_off=len(self._sleepers),
            answered=sum(member.answered for member in members),
            retried=self._retried,
            rate_limited=sum(member.rate_limited for member in members),
            requests_per_second=requests,
            tokens_per_second=tokens,
            busy_share=share,
            busy_share_recent=recent,
            limiting=_limiting(members, waiting + len(self._sleepers), cpu),
            members=members,
        )

    # -- slots

    def _take(self, avoid: Member | None) -> Slot | None:
        """A slot at once, where nobody waits and one is free."""
        if self._draining:
            raise _drained()
        if self._fresh or self._again:
            return None
        now = self._now()
        member = self._choose(now, avoid)
        return None if member is None else self._grant(member, now)

    async def _wait(self, trip: _Trip) -> Slot:
        """Wait in the queue for a slot."""
        assert self._loop is not None
        waiter = _Waiter(self._loop.create_future(), trip.avoid, trip.began)
        (self._again if trip.attempts else self._fresh).append(waiter)
        self._dispatch()
        try:
            return await waiter.grant
        except asyncio.CancelledError:
            grant = waiter.grant
            if grant.done() and not grant.cancelled() and grant.exception() is None:
                self._give_back(grant.result())
            raise

    def _choose(self, now: float, avoid: Member | None) -> Member | None:
        """The free member with the shortest expected wait; `avoid` only where no other is free."""
        best = None
        for member in self._members:
            if not member.free(now):
                continue
            if best is None or best is avoid or (member is not avoid and member.expected() < best.expected()):
                best = member
        return best

    def _grant(self, member: Member, now: float) -> Slot:
        slot = member.took(now)
        if slot.probe:
            self._tell("breaker_half_open", member)
        self._meter.advance(now, 1)
        return slot

    def _dispatch(self) -> None:
        """Hand free slots to waiters, in turn from the two queues."""
        now = self._now()
        while (queue := self._queue()) is not None:
            member = self._choose(now, queue[0].avoid)
            if member is None:
                self._watch(now)
                return
            waiter = queue.popleft()
            self._turn = not self._turn
            waiter.grant.set_result(self._grant(member, now))

    def _queue(self) -> deque[_Waiter] | None:
        """The queue whose turn it is, with a live waiter in front; those that gave up are cleared away."""
        for queue in (self._fresh, self._again):
            while queue and queue[0].grant.done():
                queue.popleft()
        first, second = (self._again, self._fresh) if self._turn else (self._fresh, self._again)
        return first or second or None

    def _watch(self, now: float) -> None:
        """Nothing is free: look again when the clock may have changed that."""
        assert self._loop is not None
        waits = [wait for member in self._members if (wait := member.wait(now)) is not None]
        if all(member.breaker.state != "closed" for member in self._members):
            waits.append(self._end_outage(now))
        if not waits:
            return
        at = now + max(min(waits), 0.001)
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(at, self._wake), at

    def _wake(self) -> None:
        self._timer = None
        self._dispatch()

    def _end_outage(self, now: float) -> float:
        """No member answers: fail those who waited long enough; seconds until the next of them."""
        start = max(member.breaker.since for member in self._members)
        left = self._patience.outage
        for queue in (self._fresh, self._again):
            while queue and now - max(queue[0].since, start) >= self._patience.outage:
                message = f"no member answered for {self._patience.outage:g} s; the last fault was: {self._last_fault}"
                _fail(queue.popleft().grant, EngineError("connection", message))
            if queue:
                left = min(left, self._patience.outage - (now - max(queue[0].since, start)))
        return left

    def _release(self, member: Member) -> None:
        member.in_flight -= 1
        self._meter.advance(self._now(), -1)
        if self._fresh or self._again:
            self._dispatch()

    def _give_back(self, slot: Slot) -> None:
        """The request was cancelled."""
        if slot.probe:
            slot.member.breaker.abandon(self._now())
        self._release(slot.member)

    # -- answers and faults

    def _after_answer(self, slot: Slot, completion: Completion) -> None:
        member = slot.member
        now = self._last_answer = self._now()
        if member.succeeded(now - slot.sent):
            self._tell("breaker_closed", member)
        self._meter.answered(now, (completion.prompt_tokens or 0) + (completion.completion_tokens or 0))
        self._release(member)

    def _after_fault(self, slot: Slot, fault: EngineError) -> None:
        member = slot.member
        self._last_fault = str(fault)
        event = member.failed(fault, self._now(), slot)
        if event is not None:
            self._tell(event, member, fault=fault.kind, said=str(fault))
        self._release(member)

    async def _before_retry(self, trip: _Trip, member: Member, fault: EngineError) -> None:
        """Wait as long as the fault asks for; raises it where another try cannot help or none is left."""
        if not fault.passing:
            raise fault
        if self._draining:
            raise _drained() from fault
        trip.avoid = member
        if fault.kind == "rate_limited" or (fault.kind == "overloaded" and fault.retry_after):
            wait = self._after_refusal(trip, fault)
        else:
            trip.faults += 1
            if trip.faults > self._retries:
                raise fault
            wait = min(self._patience.backoff * 2.0 ** (trip.faults - 1), self._patience.longest_backoff)
        self._retried += 1
        if wait > 0:
            await self._sleep(wait * self._jitter.uniform(0.5, 1.0))

    def _after_refusal(self, trip: _Trip, fault: EngineError) -> float:
        """Seconds to wait after a 429; none where the server named a time, since the member pauses for it."""
        now = self._now()
        if not trip.refusals:
            trip.refused_since = now
        trip.refusals += 1
        still = now - max(trip.refused_since, self._last_answer)
        if trip.refusals >= self._patience.refusals or still > self._patience.rate_limit:
            raise fault
        if fault.retry_after:
            return 0.0
        return min(_REFUSED_BACKOFF * 2.0 ** min(trip.refusals - 1, 10), _REFUSED_LONGEST)

    async def _sleep(self, seconds: float) -> None:
        """A wait that a drain can end."""
        assert self._loop is not None
        sleeper = self._loop.create_future()
        timer = self._sleepers[sleeper] = self._loop.call_later(seconds, _finish, sleeper)
        try:
            await sleeper
        finally:
            timer.cancel()
            del self._sleepers[sleeper]

    def _tell(self, kind: str, member: Member, **facts: Any) -> None:
        if self._on_event is not None:
            self._on_event(kind, member=member.name, limit=int(member.limit), rate=member.pace.rate, **facts)


async def _start_member(member: Member) -> None:
    await member.engine.start()
    member.describe()
    member.started = True


async def _revive(member: Member) -> None:
    """Start a member that did not start before."""
    try:
        await _start_member(member)
    except UserError as error:
        raise EngineError("connection", str(error)) from error


def _drained() -> Interrupted:
    return Interrupted("the pool was told to send nothing more; this request was not sent and can be sent again")


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _finish(sleeper: "asyncio.Future[None]") -> None:
    if not sleeper.done():
        sleeper.set_result(None)


def _limiting(members: Sequence[MemberStats], waiting: int, cpu: float) -> str:
    """What holds the rate down, in words for people."""
    if not any(member.answered or member.in_flight or member.faults for member in members):
        return ""
    if all(member.breaker != "closed" for member in members):
        return "no server answers"
    if waiting and any(member.rate is not None or member.paused for member in members):
        return "server rate limit"
    if cpu >= _BUSY_CPU:
        return "client CPU"
    return "slots" if waiting else "waiting for documents"
