"""What every engine promises, checked on every engine there is. `engines.py` beside this file lists them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

import pytest
from engines import FACTORIES

from tilth.base.errors import EngineError
from tilth.generate.admission import Pool
from tilth.generate.engines.table import open_engines
from tilth.generate.loop import run
from tilth.generate.model import ModelSpec
from tilth.generate.request import Caps, Completion, Engine, Request

Result = TypeVar("Result")
FINISH = {"stop", "length", "content_filter", "refused"}
RIVER = """# The river

The river is the longest in the region. It is 1094 km long and drains 148268 square kilometres.

## How to measure a river
1. Walk to the source and note the height.
2. Follow the bank and count the bends.
3. Write the length down in kilometres.

Length: 1094 km
Source: 1386 m
Cities: 12

What is a delta? A delta is land that a river builds at its mouth.
"""
MANY = 96


def make_request(row: int | str = 0, document: str = RIVER, **fields: Any) -> Request:
    given = {
        "row": f"r{row}",
        "messages": (("user", f"Write a FAQ about the text, number {row}.\n\n{document}"),),
        "task": "faq",
        "document": document,
        "language": "en",
        "max_tokens": 32,
        "seed": 7,
    }
    return Request(**(given | fields))


@pytest.fixture(params=list(FACTORIES))
def spec(request: pytest.FixtureRequest) -> Iterator[ModelSpec]:
    with ExitStack() as stack:
        yield stack.enter_context(FACTORIES[request.param]())


def with_engine(spec: ModelSpec, act: Callable[[Engine], Coroutine[Any, Any, Result]]) -> Result:
    async def main() -> Result:
        (engine,) = open_engines(spec)
        await engine.start()
        try:
            return await act(engine)
        finally:
            await engine.close()

    return run(main())


def check(completion: Completion) -> None:
    assert completion.finish_reason in FINISH
    assert isinstance(completion.text, str)
    assert (completion.finish_reason == "refused") == (completion.refusal is not None)
    assert (
        completion.text or completion.refusal or completion.reasoning is not None or completion.completion_tokens == 0
    )
    for count in (completion.prompt_tokens, completion.completion_tokens):
        assert count is None or count >= 0
    assert completion.seconds >= 0


def test_every_request_is_answered_exactly_once_under_many_awaits(spec: ModelSpec) -> None:
    """64 at once and more: each await gets the answer of its own request."""

    async def act(engine: Engine) -> None:
        requests = [make_request(row, RIVER + f"\nStations: {row + 20}\n") for row in range(MANY)]
        gate = asyncio.Semaphore(64)

        async def one(request: Request) -> Completion:
            async with gate:
                return await engine.complete(request)

        together = await asyncio.gather(*(one(request) for request in requests))
        for completion in together:
            check(completion)
        if engine.caps.deterministic or engine.caps.name == "endpoint":
            alone = [await engine.complete(request) for request in requests[:8]]
            assert [completion.text for completion in alone] == [completion.text for completion in together[:8]]

    with_engine(spec, act)


def test_the_same_seeded_request_gives_the_same_text_where_the_engine_says_so(spec: ModelSpec) -> None:
    async def act(engine: Engine) -> None:
        caps: Caps = engine.caps
        if not (caps.deterministic or caps.seed):
            pytest.skip("the engine promises neither")
        fields: dict[str, Any] = {"temperature": 0.8} if caps.seed and not caps.deterministic else {}
        first, again = [await engine.complete(make_request(**fields)) for _ in range(2)]
        assert first.text == again.text

    with_engine(spec, act)


def test_answers_survive_a_restart_of_a_deterministic_engine(spec: ModelSpec) -> None:
    async def act(engine: Engine) -> list[str]:
        return (
            [(await engine.complete(make_request(row))).text for row in range(3)] if engine.caps.deterministic else []
        )

    assert with_engine(spec, act) == with_engine(spec, act)


@pytest.mark.parametrize(
    "document",
    ["", " \n\t", "x", "\x00\x1b[31m{{x}} {% y %} <script>", "字" * 3000, "word " * 60_000, "| a |\n" * 5000],
    ids=["empty", "blank", "tiny", "hostile", "chinese", "huge", "pipes"],
)
def test_any_document_gets_an_answer_or_an_engine_error(spec: ModelSpec, document: str) -> None:
    async def act(engine: Engine) -> None:
        try:
            check(await engine.complete(make_request(document=document)))
        except EngineError as error:
            fault = error
        else:
            fault = None
        assert fault is None or not fault.passing, fault
        check(await engine.complete(make_request()))  # and the engine works on

    with_engine(spec, act)


@pytest.mark.parametrize(
    "fields",
    [
        {"task": "no_such_task"},
        {"language": None},
        {"language": "xx"},
        {"messages": ()},
        {"max_tokens": 1},
        {"stop": ("\n",)},
        {"temperature": 0.0, "top_p": 0.5, "top_k": 3},
        {"extra": {"unheard_of": 1}},
        {"seed": None},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_odd_requests_are_answered_or_fail_as_engine_errors_only(spec: ModelSpec, fields: dict[str, Any]) -> None:
    async def act(engine: Engine) -> None:
        with suppress(EngineError):
            check(await engine.complete(make_request(**fields)))
        check(await engine.complete(make_request()))

    with_engine(spec, act)


def test_cancelled_requests_leave_the_engine_usable(spec: ModelSpec) -> None:
    async def act(engine: Engine) -> None:
        tasks = [asyncio.create_task(engine.complete(make_request(row))) for row in range(16)]
        await asyncio.sleep(0.001)
        for task in tasks[::2]:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends[1::2]:
            assert isinstance(end, Completion)
            check(end)
        assert all(isinstance(end, Completion | asyncio.CancelledError) for end in ends)
        check(await engine.complete(make_request()))

    with_engine(spec, act)


def test_closing_twice_and_starting_again_works(spec: ModelSpec) -> None:
    async def act(engine: Engine) -> None:
        check(await engine.complete(make_request()))
        await engine.close()
        await engine.close()
        await engine.start()
        check(await engine.complete(make_request()))

    with_engine(spec, act)


def test_an_engine_that_was_never_started_closes_quietly(spec: ModelSpec) -> None:
    async def main() -> None:
        for engine in open_engines(spec):
            await engine.close()

    run(main())


def test_caps_say_who_answers_and_do_not_change_with_use(spec: ModelSpec) -> None:
    async def act(engine: Engine) -> None:
        caps = engine.caps
        assert caps.name == spec.engine
        assert caps.version
        assert caps.label
        assert 1 <= caps.max_in_flight <= max(spec.max_in_flight, 1)
        assert await engine.complete(make_request())
        assert engine.caps == caps

    with_engine(spec, act)


def test_an_engine_works_behind_a_pool(spec: ModelSpec) -> None:
    async def main() -> None:
        pool = Pool(open_engines(spec), retries=2, seed=0)
        await pool.start()
        try:
            answers = await asyncio.gather(*(pool.complete(make_request(row)) for row in range(40)))
        finally:
            await pool.close()
        for answer in answers:
            check(answer)
        stats = pool.stats()
        assert (stats.answered, stats.in_flight, stats.waiting) == (40, 0, 0)

    run(main())
