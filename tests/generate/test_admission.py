"""Admission: slots, retries, breakers, rate limits and fairness, mostly on a clock that jumps."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_loop import run_virtual

from tilth.base.errors import EngineError, EngineErrorKind, Interrupted, UserError
from tilth.generate.admission import Patience, Pool
from tilth.generate.engines.endpoint import open_endpoint
from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.handle import Handle, serve
from tilth.generate.loop import run
from tilth.generate.model import ModelSpec
from tilth.generate.request import Caps, Completion, Request

#: (row, attempt, now) -> seconds and a fault, or None for an answer
Plan = Callable[[str, int, float], tuple[float, EngineError | None]]


def make_request(row: str = "r") -> Request:
    return Request(row=row, messages=(("user", row),), task="faq", document="d", language="en", max_tokens=10)


def fault(kind: EngineErrorKind, retry_after: float | None = None) -> EngineError:
    return EngineError(kind, f"planned {kind}", retry_after)


class Planned:
    """An engine whose answers, faults and times a plan decides; it counts what it sees."""

    def __init__(self, plan: Plan, slots: int = 64, name: str = "planned") -> None:
        self.plan = plan
        self.slots = slots
        self.name = name
        self.attempts: Counter[str] = Counter()
        self.sent: list[tuple[float, str]] = []
        self.answered: Counter[str] = Counter()
        self.active = self.most = self.starts = 0
        self.refuse_start = 0

    @property
    def caps(self) -> Caps:
        return Caps(name="planned", version="1", label=self.name, max_in_flight=self.slots)

    async def start(self) -> None:
        self.starts += 1
        if self.refuse_start:
            self.refuse_start -= 1
            raise UserError(f"{self.name} is not there")

    async def close(self) -> None: ...

    async def complete(self, request: Request) -> Completion:
        loop = asyncio.get_running_loop()
        self.sent.append((loop.time(), request.row))
        seconds, error = self.plan(request.row, self.attempts[request.row], loop.time())
        self.attempts[request.row] += 1
        self.active += 1
        self.most = max(self.most, self.active)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.active -= 1
        if error is not None:
            raise error
        self.answered[request.row] += 1
        return Completion(text=request.row, finish_reason="stop", prompt_tokens=3, completion_tokens=7)


def steady(seconds: float = 0.2) -> Plan:
    return lambda row, attempt, now: (seconds, None)


def with_pool(
    engines: list[Planned],
    act: Callable[[Pool], Coroutine[Any, Any, Any]],
    events: list[str] | None = None,
    **fields: Any,
) -> Any:
    async def main() -> Any:
        on_event = None if events is None else lambda kind, **facts: events.append(kind)
        pool = Pool(engines, **({"retries": 6, "seed": 0, "on_event": on_event} | fields))
        await pool.start()
        try:
            return await act(pool)
        finally:
            await pool.close()

    return run_virtual(main())


async def all_of(pool: Pool, rows: int) -> list[Completion | BaseException]:
    return await asyncio.gather(*(pool.complete(make_request(f"r{n}")) for n in range(rows)), return_exceptions=True)


# -- slots


def test_every_request_is_answered_once_and_slots_are_never_exceeded() -> None:
    engine = Planned(steady(), slots=50)
    answers = with_pool([engine], lambda pool: all_of(pool, 1000))
    assert [answer.text for answer in answers] == [f"r{n}" for n in range(1000)]
    assert set(engine.answered.values()) == {1}
    assert engine.most == 50


def test_512_slots_are_reached_within_a_few_rounds_and_stay_busy() -> None:
    async def act(pool: Pool) -> tuple[float, float, str]:
        tasks = [asyncio.create_task(pool.complete(make_request(f"r{n}"))) for n in range(20_000)]
        await asyncio.sleep(1.0)
        pool.stats()
        await asyncio.sleep(4.0)
        stats = pool.stats()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return stats.busy_share_recent, stats.requests_per_second, stats.limiting

    share, rate, limiting = with_pool([Planned(steady(), slots=512)], act)
    assert share > 0.99
    assert rate == pytest.approx(512 / 0.2, rel=0.15)
    assert limiting in ("slots", "client CPU")


def test_requests_wait_first_come_first_served() -> None:
    engine = Planned(steady(), slots=3)
    with_pool([engine], lambda pool: all_of(pool, 60))
    assert [row for _, row in engine.sent] == [f"r{n}" for n in range(60)]


def test_retries_neither_starve_nor_are_starved() -> None:
    """Every other row fails twice; with one slot, both kinds end spread over the whole run."""
    engine = Planned(
        lambda row, attempt, now: (0.1, fault("server") if int(row[1:]) % 2 and attempt < 2 else None), slots=4
    )
    ended: list[str] = []

    async def act(pool: Pool) -> None:
        async def one(n: int) -> None:
            await pool.complete(make_request(f"r{n}"))
            ended.append(f"r{n}")

        await asyncio.gather(*(one(n) for n in range(400)))

    with_pool([engine], act, patience=Patience(backoff=0.2))
    odd = [place for place, row in enumerate(ended) if int(row[1:]) % 2]
    assert len(ended) == 400
    assert odd[20] < 150  # failing rows end early on, not after all the others
    assert sum(place < 200 for place in odd) < 150  # and the others are not held back for them


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 3))
def test_under_any_mix_of_passing_faults_and_cancellations_no_slot_leaks(seed: int, slots: int, members: int) -> None:
    kinds = ("server", "timeout", "connection", "overloaded", "rate_limited", "engine_died", "bad_request")
    dice = random.Random(seed)

    def plan(row: str, attempt: int, now: float) -> tuple[float, EngineError | None]:
        broken = dice.random() < 0.3
        return dice.random(), fault(dice.choice(kinds), dice.choice([None, 0.5])) if broken else None

    engines = [Planned(plan, slots, f"m{n}") for n in range(members)]

    async def act(pool: Pool) -> tuple[Counter[str], Any]:
        tasks = [asyncio.create_task(pool.complete(make_request(f"r{n}"))) for n in range(120)]
        for task in dice.sample(tasks, 40):
            await asyncio.sleep(dice.random() / 10)
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(60)
        return Counter(type(end).__name__ for end in ends), pool.stats()

    ends, stats = with_pool(engines, act)
    assert set(ends) <= {"Completion", "CancelledError", "EngineError"}
    assert sum(ends.values()) == 120
    assert (stats.in_flight, stats.waiting, stats.backing_off) == (0, 0, 0)
    assert all(engine.active == 0 for engine in engines)
    assert all(member.in_flight == 0 for member in stats.members)


def test_cancelling_a_request_frees_its_slot_at_once() -> None:
    engine = Planned(lambda row, attempt, now: (1000.0 if row == "r0" else 0.1, None), slots=1)

    async def act(pool: Pool) -> tuple[Completion, float]:
        stuck = asyncio.create_task(pool.complete(make_request("r0")))
        queued = asyncio.create_task(pool.complete(make_request("r1")))
        other = asyncio.create_task(pool.complete(make_request("r2")))
        await asyncio.sleep(1)
        queued.cancel()
        stuck.cancel()
        return await other, asyncio.get_running_loop().time()

    answer, now = with_pool([engine], act)
    assert answer.text == "r2"
    assert now < 2


def test_a_drain_sends_nothing_more_and_lets_what_is_in_flight_end() -> None:
    engine = Planned(lambda row, attempt, now: (1.0, fault("server") if row == "r1" else None), slots=2)

    async def act(pool: Pool) -> list[Any]:
        tasks = [asyncio.create_task(pool.complete(make_request(f"r{n}"))) for n in range(5)]
        await asyncio.sleep(0.5)
        pool.drain()
        return await asyncio.gather(*tasks, return_exceptions=True)

    ends = with_pool([engine], act)
    assert ends[0].text == "r0"
    assert all(isinstance(end, Interrupted) for end in ends[1:])
    assert len(engine.sent) == 2


# -- faults


def test_a_passing_fault_is_tried_again_without_a_slot_and_the_attempts_are_counted() -> None:
    engine = Planned(lambda row, attempt, now: (0.1, fault("server") if row == "r0" and attempt < 3 else None), slots=1)
    answers = with_pool([engine], lambda pool: all_of(pool, 5))
    assert [answer.attempt for answer in answers] == [4, 1, 1, 1, 1]
    times = [now for now, row in engine.sent if row == "r0"]
    assert all(later - now > 0.25 for now, later in pairwise(times))
    assert [row for _, row in engine.sent][:5] == ["r0", "r1", "r2", "r3", "r4"]  # nobody waited for its back-off


def test_a_fault_that_does_not_pass_is_raised_at_once() -> None:
    engine = Planned(lambda row, attempt, now: (0.1, fault("bad_request")))
    (end,) = with_pool([engine], lambda pool: all_of(pool, 1))
    assert isinstance(end, EngineError)
    assert len(engine.sent) == 1


@pytest.mark.parametrize("kind", ["server", "timeout", "connection", "overloaded", "engine_died"])
def test_the_tries_of_a_request_end(kind: EngineErrorKind) -> None:
    engine = Planned(lambda row, attempt, now: (0.1, fault(kind) if row == "r0" else None))
    ends = with_pool([engine], lambda pool: all_of(pool, 3), retries=2)
    assert isinstance(ends[0], EngineError)
    assert ends[0].kind == kind
    assert engine.attempts["r0"] == 3


def test_after_a_fault_another_member_is_preferred() -> None:
    bad = Planned(lambda row, attempt, now: (0.01, fault("server")), slots=4, name="bad")
    good = Planned(steady(), slots=4, name="good")
    answers = with_pool([bad, good], lambda pool: all_of(pool, 40), retries=1, patience=Patience(backoff=3.0))
    assert all(isinstance(answer, Completion) for answer in answers)
    assert set(bad.attempts.values()) == {1}


def test_something_else_than_an_engine_error_leaves_no_slot_taken() -> None:
    class Odd(Planned):
        async def complete(self, request: Request) -> Completion:
            raise RuntimeError("a fault in the engine itself")

    async def act(pool: Pool) -> int:
        with pytest.raises(RuntimeError):
            await pool.complete(make_request())
        return pool.stats().in_flight

    assert with_pool([Odd(steady())], act) == 0


# -- breakers


def test_the_breaker_opens_lets_one_probe_through_and_closes() -> None:
    """The server is dead for ten seconds."""
    engine = Planned(lambda row, attempt, now: (0.01, fault("connection") if now < 10 else None), slots=32)
    events: list[str] = []
    answers = with_pool([engine], lambda pool: all_of(pool, 100), events)
    assert all(isinstance(answer, Completion) for answer in answers)
    assert events[0] == "breaker_opened"
    assert events[-1] == "breaker_closed"
    assert events.count("breaker_half_open") == 4  # at about 1, 3, 7 and 15 s
    during = [now for now, _ in engine.sent if 0.1 < now < 10]
    assert len(during) == events.count("breaker_half_open") - 1  # one request at a time while it is open


def test_with_one_member_down_the_others_carry_the_run() -> None:
    dead = Planned(lambda row, attempt, now: (0.01, fault("connection")), slots=16, name="dead")
    live = Planned(steady(), slots=16, name="live")
    answers = with_pool([dead, live], lambda pool: all_of(pool, 500))
    assert all(isinstance(answer, Completion) for answer in answers)
    assert len(dead.sent) < 40
    assert sum(live.answered.values()) == 500


def test_when_every_member_stays_down_requests_fail_as_connection_faults_and_not_for_ever() -> None:
    engines = [Planned(lambda row, attempt, now: (0.01, fault("connection")), slots=4, name=f"m{n}") for n in range(2)]

    async def act(pool: Pool) -> tuple[list[Any], float, str]:
        ends = await all_of(pool, 50)
        return ends, asyncio.get_running_loop().time(), pool.stats().limiting

    ends, now, limiting = with_pool(engines, act, patience=Patience(outage=100.0))
    assert all(isinstance(end, EngineError) and end.kind == "connection" for end in ends)
    assert any("planned connection" in str(end) and "100 s" in str(end) for end in ends)
    assert now < 400
    assert limiting == "no server answers"


def test_a_cancelled_probe_does_not_leave_the_breaker_half_open() -> None:
    def plan(row: str, attempt: int, now: float) -> tuple[float, EngineError | None]:
        return (0.01, fault("connection")) if now < 0.9 else (0.2, None)

    engine = Planned(plan, slots=16)

    async def act(pool: Pool) -> Completion:
        first = [asyncio.create_task(pool.complete(make_request(f"r{n}"))) for n in range(16)]
        await asyncio.sleep(1.1)  # the probe is in flight
        assert pool.stats().members[0].breaker == "half-open"
        for task in first:
            task.cancel()
        return await pool.complete(make_request("late"))

    assert with_pool([engine], act).text == "late"


def test_a_member_that_does_not_start_is_tried_again_and_none_that_starts_is_an_error() -> None:
    late, there = Planned(steady(), slots=2, name="late"), Planned(steady(), slots=2, name="there")
    late.refuse_start = 2
    answers = with_pool([late, there], lambda pool: all_of(pool, 200))
    assert all(isinstance(answer, Completion) for answer in answers)
    assert late.starts == 3
    assert sum(late.answered.values()) > 50
    nowhere = Planned(steady(), name="nowhere")
    nowhere.refuse_start = 1
    with pytest.raises(UserError, match="nowhere is not there"):
        with_pool([nowhere], lambda pool: all_of(pool, 1))


# -- rate limits


class Limited(Planned):
    """A token bucket in front of an engine."""

    def __init__(self, rate: float, burst: float, retry_after: float | None, seconds: float = 0.2) -> None:
        super().__init__(self._answer, slots=512)
        self.rate, self.burst, self.retry_after, self.seconds = rate, burst, retry_after, seconds
        self.tokens, self.then = burst, 0.0
        self.refused = 0
        self.allowed: list[float] = []

    def _answer(self, row: str, attempt: int, now: float) -> tuple[float, EngineError | None]:
        self.tokens = min(self.burst, self.tokens + (now - self.then) * self.rate)
        self.then = now
        if self.tokens < 1:
            self.refused += 1
            return 0.002, fault("rate_limited", self.retry_after)
        self.tokens -= 1
        self.allowed.append(now)
        return self.seconds, None


@pytest.mark.parametrize("retry_after", [None, 1.0])
@pytest.mark.parametrize(("rate", "seconds"), [(20.0, 0.2), (100.0, 0.05), (100.0, 2.0), (300.0, 0.2)])
def test_a_storm_of_429s_ends_within_a_tenth_of_the_allowed_rate_and_loses_nothing(
    rate: float, seconds: float, retry_after: float | None
) -> None:
    engine = Limited(rate, rate, retry_after, seconds)
    rows = int(rate * 60)
    ends = with_pool([engine], lambda pool: all_of(pool, rows), retries=0)
    assert all(isinstance(end, Completion) for end in ends)
    assert sum(engine.answered.values()) == rows
    late = [now for now in engine.allowed if 10 <= now < 50]
    assert len(late) / 40 > 0.9 * rate
    assert engine.refused < 0.3 * rows


def test_a_limit_that_falls_and_rises_is_followed() -> None:
    engine = Limited(100.0, 100.0, None)

    async def act(pool: Pool) -> list[int]:
        tasks = [asyncio.create_task(pool.complete(make_request(f"r{n}"))) for n in range(30_000)]
        counts = []
        for rate in (100.0, 30.0, 200.0):
            engine.rate = rate
            await asyncio.sleep(60)
            counts.append(len(engine.allowed))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return [later - now for now, later in zip([0, *counts], counts, strict=False)]

    first, second, third = with_pool([engine], act)
    assert first > 0.9 * 6000
    assert second > 0.9 * 1800
    assert third > 0.6 * 12000  # a higher limit is found by trying, which takes a while


def test_a_member_that_names_a_time_is_left_alone_until_then_while_others_work() -> None:
    def once(row: str, attempt: int, now: float) -> tuple[float, EngineError | None]:
        return (0.01, fault("rate_limited", 30.0)) if now < 1 else (0.1, None)

    told, other = Planned(once, slots=1, name="told"), Planned(steady(1.0), slots=1, name="other")
    answers = with_pool([told, other], lambda pool: all_of(pool, 40), retries=0)
    assert all(isinstance(answer, Completion) for answer in answers)
    assert not [now for now, _ in told.sent if 0.1 < now < 30]
    assert len([now for now, _ in other.sent if 0.1 < now < 30]) >= 25


def test_rate_limits_cost_no_tries_but_patience_ends() -> None:
    engine = Planned(lambda row, attempt, now: (0.01, fault("rate_limited")))
    patience = Patience(rate_limit=200.0, refusals=10_000)

    async def act(pool: Pool) -> tuple[list[Any], float]:
        return await all_of(pool, 3), asyncio.get_running_loop().time()

    ends, now = with_pool([engine], act, retries=0, patience=patience)
    assert all(isinstance(end, EngineError) and end.kind == "rate_limited" for end in ends)
    assert 200 < now < 400


def test_a_request_that_is_larger_than_its_limit_gives_up_though_others_are_answered() -> None:
    engine = Planned(lambda row, attempt, now: (0.01, fault("rate_limited", 0.1) if row == "r0" else None))
    ends = with_pool([engine], lambda pool: all_of(pool, 50), patience=Patience(refusals=20))
    assert isinstance(ends[0], EngineError)
    assert engine.attempts["r0"] == 20
    assert all(isinstance(end, Completion) for end in ends[1:])


def test_a_few_refusals_at_random_do_not_bring_the_limit_down_but_many_do() -> None:
    async def act(pool: Pool) -> int:
        tasks = [asyncio.create_task(pool.complete(make_request(f"r{n}"))) for n in range(20_000)]
        await asyncio.sleep(10)
        limit = pool.stats().limit
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return limit

    def refusing(share: float) -> Planned:
        dice = random.Random(3)
        return Planned(
            lambda row, attempt, now: (0.1, fault("overloaded") if dice.random() < share else None), slots=256
        )

    assert with_pool([refusing(0.01)], act) == 256
    assert with_pool([refusing(0.5)], act) < 60


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_refusals_that_have_nothing_to_do_with_the_rate_do_not_bring_the_rate_to_nothing(share: float) -> None:
    dice = random.Random(1)
    engine = Planned(
        lambda row, attempt, now: (0.002, fault("rate_limited")) if dice.random() < share else (0.1, None), slots=64
    )
    started: list[float] = []

    async def act(pool: Pool) -> None:
        await all_of(pool, 40_000)
        started.append(asyncio.get_running_loop().time())

    with_pool([engine], act, patience=Patience(refusals=1000))
    assert 40_000 / started[0] > 0.3 * 64 / 0.1


def test_a_server_with_fewer_slots_than_asked_for_is_filled_and_not_flooded() -> None:
    """It answers 503 beyond 40 at once."""
    engine = Planned(steady(), slots=256)
    engine.plan = lambda row, attempt, now: (0.2, None) if engine.active < 40 else (0.005, fault("overloaded"))
    ends = with_pool([engine], lambda pool: all_of(pool, 6000), retries=50, patience=Patience(longest_backoff=1.0))
    assert all(isinstance(end, Completion) for end in ends)
    seconds = max(now for now, _ in engine.sent)
    assert 6000 / seconds > 0.8 * 40 / 0.2
    assert len(engine.sent) < 1.35 * 6000


# -- several members


def test_members_get_shares_in_proportion_to_their_speed() -> None:
    """Three servers that work on 8 at a time, in 0.1, 0.2 and 0.4 s, all loaded."""
    engines = [Planned(steady(seconds), slots=8, name=f"{seconds}") for seconds in (0.1, 0.2, 0.4)]
    with_pool(engines, lambda pool: all_of(pool, 2800))
    counts = [sum(engine.answered.values()) for engine in engines]
    assert counts[0] / counts[1] == pytest.approx(2, rel=0.1)
    assert counts[1] / counts[2] == pytest.approx(2, rel=0.1)


def test_below_capacity_the_faster_member_gets_more() -> None:
    engines = [Planned(steady(seconds), slots=64, name=f"{seconds}") for seconds in (0.1, 0.5)]

    async def act(pool: Pool) -> None:
        async def stream_of(n: int) -> None:
            for turn in range(50):
                await pool.complete(make_request(f"r{n}-{turn}"))

        await asyncio.gather(*(stream_of(n) for n in range(8)))

    with_pool(engines, act)
    assert sum(engines[0].answered.values()) > 3 * sum(engines[1].answered.values())


# -- against the real server


def over_http(servers: list[Handle], rows: int, **fields: Any) -> tuple[list[Any], Any]:
    async def main() -> tuple[list[Any], Any]:
        urls = tuple(server.url for server in servers)
        spec = ModelSpec(**({"engine": "endpoint", "model": "fake", "urls": urls, "timeout": 10.0} | fields))
        pool = Pool(open_endpoint(spec), retries=6, seed=0, patience=Patience(backoff=0.05))
        await pool.start()
        try:
            ends = await all_of(pool, rows)
            return ends, pool.stats()
        finally:
            await pool.close()

    return run(main())


def test_every_fault_at_once_over_http_loses_no_row_and_pays_for_none_twice() -> None:
    faults = {
        "429": 0.05,
        "500": 0.05,
        "503": 0.05,
        "reset": 0.03,
        "drop": 0.03,
        "cut": 0.03,
        "html": 0.03,
        "hang": 0.01,
    }
    with serve(FakeConfig(faults=faults, retry_after="0.01")) as server:  # type: ignore[arg-type]
        ends, stats = over_http([server], 500, timeout=1.0)
        counted = server.stats()
    assert all(isinstance(end, Completion) for end in ends)
    assert counted["answered_bodies"] == 500
    assert counted["duplicates"] == 0
    assert counted["outcomes"]["ok"] == 500
    assert stats.retried == sum(counted["outcomes"].values()) - 500 > 50
    assert max(end.attempt for end in ends) > 1


def test_a_real_rate_limit_over_http_is_kept_to() -> None:
    with serve(FakeConfig(rate=300, burst=30, retry_after="")) as server:
        ends, _ = over_http([server], 600)
        counted = server.stats()
    assert all(isinstance(end, Completion) for end in ends)
    assert counted["outcomes"]["ok"] == 600
    assert counted["seconds"] < 1.6 * (600 - 30) / 300  # loose: the machine may be busy
    assert counted["outcomes"].get("rate_limited", 0) < 600


def test_two_servers_of_different_speed_get_proportional_shares_over_http() -> None:
    with (
        serve(FakeConfig(slots=4, latency=0.02)) as fast,
        serve(FakeConfig(slots=4, latency=0.06)) as slow,
    ):
        ends, _ = over_http([fast, slow], 400, max_in_flight=4)
        counts = fast.stats()["answered_bodies"], slow.stats()["answered_bodies"]
    assert all(isinstance(end, Completion) for end in ends)
    assert sum(counts) == 400
    assert 2 < counts[0] / counts[1] < 4.5
