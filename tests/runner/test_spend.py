import asyncio
import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import BudgetReached, ConfigError
from tilth.cost import Price, Usage, load_price
from tilth.generate.journal import Journal, make_record
from tilth.generate.request import Completion, Request
from tilth.recipe import Budget
from tilth.runner.spend import Spend, open_session, past_sessions

PRICE = Price(date=datetime.date(2026, 11, 1), prompt_per_million=1.0, completion_per_million=2.0)


def request(row: str = "r", max_tokens: int = 100) -> Request:
    return Request(
        row=row, messages=(("user", "x" * 100),), task="faq", document="x", language=None, max_tokens=max_tokens
    )


def answer(tokens: int) -> Completion:
    return Completion(text="t", finish_reason="stop", prompt_tokens=50, completion_tokens=tokens)


@settings(deadline=None, max_examples=60)
@given(cap=st.integers(200, 5000), used=st.lists(st.integers(0, 100), min_size=1, max_size=60))
def test_a_cap_is_never_crossed_and_as_much_as_possible_is_used(cap: int, used: list[int]) -> None:
    spend = Spend(price=PRICE, budget=Budget(tokens=cap), before=Usage())

    async def one(tokens: int) -> bool:
        try:
            held = await spend.reserve(request())
        except BudgetReached:
            return False
        await asyncio.sleep(0)
        spend.settle(held, answer(tokens))
        return True

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(one(tokens) for tokens in used))

    done = asyncio.run(all_of_them())
    assert spend.total().tokens <= cap
    if not all(done):
        assert spend.total().tokens + 150 > cap  # one request more might have crossed it


def test_money_counts_across_sessions_and_stops_with_the_numbers() -> None:
    spend = Spend(price=PRICE, budget=Budget(money=0.001), before=Usage(money=0.0009))

    async def ask() -> None:
        await spend.reserve(request())

    with pytest.raises(BudgetReached, match=r"budget\.money.*0\.0009.*Raise budget\.money"):
        asyncio.run(ask())


def test_a_killed_session_is_counted_from_its_own_segments(tmp_path: Path) -> None:
    session = open_session(tmp_path, ("rephrased",))

    async def journal(number: int) -> None:
        writer = Journal(tmp_path / "rephrased" / "journal", number)
        for row in "abc":
            await writer.append("part-00000", make_record(request(row), 0, "d", "h", answer(10)))
        await writer.close()

    asyncio.run(journal(session.number))
    total, records = past_sessions(tmp_path, {"rephrased": PRICE})
    assert (total.requests, total.prompt_tokens, total.completion_tokens) == (3, 150, 30)
    assert records[0]["ended"] == "killed"
    assert total.money == pytest.approx((150 * 1 + 30 * 2) / 1e6)
    assert past_sessions(tmp_path, {"rephrased": PRICE})[0] == total  # settled: a second look counts the same
    assert open_session(tmp_path, ("rephrased",)).number == session.number + 1


def test_price_files_are_checked_with_the_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('[small-model]\ndate = "2026-11-01"\nprompt_per_million = 0.1\n')
    price = load_price(path, "small-model")
    assert price is not None
    assert price.of(1_000_000, 0) == pytest.approx(0.1)
    with pytest.raises(ConfigError, match="Did you mean 'small-model'"):
        load_price(path, "smal-model")
    with pytest.raises(ConfigError, match="there is none"):
        load_price(tmp_path / "no.toml", "x")
    path.write_text('[m]\nprompt_per_million = -1\ndate = "2026-11-01"\n')
    with pytest.raises(ConfigError, match="prompt_per_million"):
        load_price(path, "m")
