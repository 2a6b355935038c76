"""The endpoint engine against real servers on the loopback: every status, every way to break, and no key anywhere."""

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_server import raw_server, reply

from tilth.base.errors import ConfigError, EngineError, UserError
from tilth.generate.engines import endpoint as endpoint_module
from tilth.generate.engines.endpoint import EndpointEngine, base_paths, open_endpoint
from tilth.generate.engines.fake import open_fake
from tilth.generate.engines.http_client import DirectClient, ProxyClient, Reply, open_client
from tilth.generate.engines.openai_wire import fault_kind, read_answer, request_body, retry_after, split_reasoning
from tilth.generate.engines.table import ENGINES, describe_engine, open_engines
from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.handle import serve
from tilth.generate.loop import run
from tilth.generate.model import ModelSpec
from tilth.generate.request import Completion, Request

Result = TypeVar("Result")
KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
OK = reply(orjson.dumps({"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}))


def make_request(**fields: Any) -> Request:
    given = {
        "row": "r1",
        "messages": (("system", "Be brief."), ("user", "Write a FAQ about rivers. The Elbe is long.")),
        "task": "faq",
        "document": "The Elbe is long.",
        "language": "en",
        "max_tokens": 200,
    }
    return Request(**(given | fields))


def make_spec(url: str, **fields: Any) -> ModelSpec:
    return ModelSpec(**({"engine": "endpoint", "model": "fake", "urls": (url,), "timeout": 10.0} | fields))


def with_engine(spec: ModelSpec, act: Callable[[EndpointEngine], Awaitable[Result]]) -> Result:
    async def main() -> Result:
        (engine,) = open_endpoint(spec)
        await engine.start()
        try:
            return await act(engine)
        finally:
            await engine.close()

    return run(main())


def answer_of(spec: ModelSpec, request: Request | None = None) -> Completion:
    return with_engine(spec, lambda engine: engine.complete(request or make_request()))


def fault_of(spec: ModelSpec, request: Request | None = None) -> EngineError:
    with pytest.raises(EngineError) as caught:
        answer_of(spec, request)
    return caught.value


@pytest.fixture(params=["direct", "through aiohttp"])
def _transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both clients must behave alike; the second is what a proxy in the environment chooses."""
    if request.param == "through aiohttp":
        monkeypatch.setattr(endpoint_module, "open_client", ProxyClient)


# -- answers


@pytest.mark.usefixtures("_transport")
@pytest.mark.parametrize("api", ["chat", "completions"])
def test_a_completion_carries_text_usage_model_and_server(api: str) -> None:
    with serve() as server:
        answer = answer_of(make_spec(server.url, api=api))
    assert "Answer:" in answer.text
    assert answer.finish_reason == "stop"
    assert answer.prompt_tokens
    assert answer.completion_tokens
    assert answer.model == "fake"
    assert answer.engine is not None
    assert answer.engine.startswith("tilth-fake")
    assert answer.seconds > 0


@pytest.mark.parametrize("style", ["field", "tag", "open_tag"])
def test_reasoning_is_kept_apart_from_the_text(style: str) -> None:
    with serve() as plain, serve(FakeConfig(reasoning=style)) as thinking:  # type: ignore[arg-type]
        answer = answer_of(make_spec(thinking.url))
        assert answer.text == answer_of(make_spec(plain.url)).text
    assert answer.reasoning == "The document comes first, then the form that was asked for."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", ("plain", None)),
        ("<think>a</think>\n\nb", ("b", "a")),
        ("  <think>\na\n</think>b", ("b", "a")),
        ("a</think>b", ("b", "a")),
        ("<think>never closed", ("", "never closed")),
        ("The tag <think> is named </think> here", ("The tag <think> is named </think> here", None)),
        ("", ("", None)),
    ],
)
def test_think_tags_are_split_off(text: str, expected: tuple[str, str | None]) -> None:
    assert split_reasoning(text) == expected


@pytest.mark.parametrize(
    ("choice", "text", "finish"),
    [
        ({"message": {"content": "a"}, "finish_reason": "length"}, "a", "length"),
        ({"message": {"content": None, "reasoning": "r"}, "finish_reason": "stop"}, "", "stop"),
        ({"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}, "ab", "stop"),
        ({"message": {"content": None, "refusal": "I will not."}, "finish_reason": "stop"}, "I will not.", "stop"),
        ({"text": "a", "finish_reason": "content_filter"}, "a", "content_filter"),
        ({"text": "a", "finish_reason": "tool_calls"}, "a", "stop"),
    ],
)
def test_choices_are_read_as_servers_send_them(choice: dict[str, Any], text: str, finish: str) -> None:
    answer = read_answer(orjson.dumps({"choices": [choice]}), None, 0.0)
    assert (answer.text, answer.finish_reason) == (text, finish)


def test_logprobs_are_one_object_a_token_from_both_apis() -> None:
    chat = {"message": {"content": "a"}, "logprobs": {"content": [{"token": "a", "logprob": -1.0}]}}
    old = {"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [-1.0]}}
    for choice in (chat, old):
        assert read_answer(orjson.dumps({"choices": [choice]}), None, 0.0).logprobs == [{"token": "a", "logprob": -1.0}]


@settings(deadline=None, max_examples=150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "message",
                        "content",
                        "text",
                        "usage",
                        "logprobs",
                        "finish_reason",
                        "prompt_tokens",
                        "error",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_completion_or_a_value_error(answer: Any) -> None:
    try:
        completion = read_answer(orjson.dumps(answer), None, 0.0)
    except ValueError:
        return
    assert isinstance(completion.text, str)
    assert completion.finish_reason in ("stop", "length", "content_filter")


# -- what is sent


def test_the_body_holds_what_decides_the_text_and_extra_body_overrules() -> None:
    spec = make_spec("http://h", extra_body={"min_p": 0.1, "max_tokens": None, "max_completion_tokens": 7})
    request = make_request(temperature=0.5, top_p=0.9, top_k=3, seed=4, stop=("END",), logprobs=2, extra={"min_p": 0.2})
    assert orjson.loads(request_body(spec, request)) == {
        "model": "fake",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Write a FAQ about rivers. The Elbe is long."},
        ],
        "max_completion_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "seed": 4,
        "stop": ["END"],
        "logprobs": True,
        "top_logprobs": 2,
        "min_p": 0.2,
    }
    assert b"temperature" not in request_body(spec, make_request())


@pytest.mark.parametrize(
    ("style", "schema", "regex"),
    [
        ("structured_outputs", {"structured_outputs": {"json": {"a": 1}}}, {"structured_outputs": {"regex": "x+"}}),
        ("guided", {"guided_json": {"a": 1}}, {"guided_regex": "x+"}),
        (
            "response_format",
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"a": 1}, "strict": True},
                }
            },
            None,
        ),
    ],
)
def test_a_schema_and_a_regex_are_asked_for_in_the_servers_style(
    style: str, schema: dict[str, Any], regex: dict[str, Any] | None
) -> None:
    spec = make_spec("http://h", schema_style=style)
    body = orjson.loads(request_body(spec, make_request(schema={"a": 1})))
    assert schema.items() <= body.items()
    if regex is None:
        with pytest.raises(EngineError) as caught:
            request_body(spec, make_request(regex="x+"))
        assert caught.value.kind == "bad_request"
    else:
        assert regex.items() <= orjson.loads(request_body(spec, make_request(regex="x+"))).items()


def test_characters_that_are_no_utf8_are_replaced_and_not_a_crash() -> None:
    body = request_body(make_spec("http://h"), make_request(messages=(("user", "a\ud800b"),)))
    assert orjson.loads(body)["messages"][0]["content"].startswith("a\ufffd")


@pytest.mark.parametrize("url", ["{}", "{}/", "{}/v1", "{}/v1/", "{}/v1/chat/completions", "{}/v1/models"])
def test_urls_with_and_without_v1_reach_the_same_server(url: str) -> None:
    with serve() as server:
        spec = make_spec(url.format(server.root))
        assert answer_of(spec).text
        assert open_endpoint(spec)[0].url == server.url


@pytest.mark.parametrize("prefix", ["/llm/v1", "/llm", "/v1beta/openai", ""])
def test_custom_prefixes_are_found(prefix: str) -> None:
    with serve(FakeConfig(prefix=prefix)) as server:
        assert answer_of(make_spec(server.root + prefix)).text


def test_a_path_with_a_version_is_taken_as_it_is_and_one_without_gets_v1_first() -> None:
    assert base_paths("https://h/openai/v1/") == ("/openai/v1",)
    assert base_paths("https://h/v1beta/openai/") == ("/v1beta/openai",)
    assert base_paths("https://h/api") == ("/api/v1", "/api")
    assert base_paths("https://h") == ("/v1", "")


def test_the_same_server_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="once"):
        open_endpoint(ModelSpec(engine="endpoint", model="m", urls=("http://h:1", "http://h:1/v1/")))


@pytest.mark.parametrize("url", ["h:8000", "ftp://h", "http://", "", "http:///v1"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="http://host"):
        open_endpoint(make_spec(url))


def test_the_query_of_a_url_is_sent_and_not_shown() -> None:
    with raw_server(OK) as server:
        spec = make_spec(server.url + "?api-version=2026-01&code=hidden")
        assert answer_of(spec).text == "hello"
        assert b"POST /v1/chat/completions?api-version=2026-01&code=hidden HTTP/1.1" in server.seen[-1]
        assert "hidden" not in open_endpoint(spec)[0].caps.label


# -- faults


@pytest.mark.usefixtures("_transport")
@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        ("429", "rate_limited"),
        ("500", "server"),
        ("503", "overloaded"),
        ("reset", "connection"),
        ("drop", "connection"),
        ("cut", "server"),
        ("html", "server"),
        ("hang", "timeout"),
    ],
)
def test_each_way_to_fail_has_its_kind_and_the_engine_works_on(outcome: str, kind: str) -> None:
    async def act(engine: EndpointEngine) -> tuple[EngineError, Completion]:
        with pytest.raises(EngineError) as caught:
            await engine.complete(make_request())
        return caught.value, await engine.complete(make_request())

    with serve(FakeConfig(script=(outcome,))) as server:  # type: ignore[arg-type]
        fault, answer = with_engine(make_spec(server.url, timeout=0.5 if outcome == "hang" else 10), act)
        assert server.url in str(fault)
    assert fault.kind == kind
    assert fault.passing
    assert answer.text


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (400, "unknown field", "bad_request"),
        (400, "This model's maximum context length is 10 tokens", "too_long"),
        (400, "request (9 tokens) exceeds the available context size", "too_long"),
        (413, "", "too_long"),
        (404, "no such route", "bad_request"),
        (404, '{"error":{"code":"model_not_found"}}', "auth"),
        (422, "bad field", "bad_request"),
        (401, "", "auth"),
        (403, "", "auth"),
        (402, "pay first", "auth"),
        (408, "", "timeout"),
        (429, "slow down", "rate_limited"),
        (429, '{"error":{"code":"insufficient_quota"}}', "auth"),
        (500, "", "server"),
        (502, "", "server"),
        (503, "", "overloaded"),
        (529, "", "overloaded"),
        (302, "", "server"),
    ],
)
def test_statuses_map_to_kinds(status: int, words: str, kind: str) -> None:
    assert fault_kind(status, words) == kind


def test_a_prompt_beyond_the_context_is_too_long_and_does_not_pass() -> None:
    with serve(FakeConfig(context=20)) as server:
        fault = fault_of(make_spec(server.url))
    assert fault.kind == "too_long"
    assert not fault.passing


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ("retry-after: 7", 7.0),
        ("Retry-After: 0.25", 0.25),
        ("retry-after-ms: 1500\r\nretry-after: 9", 1.5),
        (f"Retry-After: {formatdate(1_000_030, usegmt=True)}", 30.0),
        (f"Retry-After: {formatdate(1_000_030, usegmt=True)}\r\nDate: {formatdate(1_000_020, usegmt=True)}", 10.0),
        (f"Retry-After: {formatdate(999_000, usegmt=True)}", 0.0),
        ("Retry-After: soon", None),
        ("Retry-After: -5", None),
        ("Retry-After: nan", None),
        ("Retry-After:", None),
        ("X: y", None),
    ],
)
def test_retry_after_is_read_in_every_form(lines: str, seconds: float | None) -> None:
    pairs = [line.encode().split(b":", 1) for line in lines.split("\r\n")]
    headers = [(name.lower(), value) for name, value in pairs]
    assert retry_after(Reply(429, headers, b""), now=1_000_000.0) == seconds


def test_retry_after_comes_with_the_error() -> None:
    with serve(FakeConfig(script=("429",), retry_after="3")) as server:
        assert fault_of(make_spec(server.url)).retry_after == 3.0


def test_an_error_shows_the_url_and_the_first_200_characters_on_one_line() -> None:
    with raw_server(reply(b"a\x00\n" + b"b" * 5000, b"500 Oops")) as server:
        said = str(fault_of(make_spec(server.url)))
    assert said.startswith(f"{server.url} answered 500: a? bbb")
    assert "\n" not in said
    assert len(said) < 300


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"this is not HTTP at all\r\n\r\n", "server"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "server"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "server"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "server"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000, "server"),
        (b"", "connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", "connection"),
        (reply(b'{"choices": []}'), "server"),
        (reply(b'{"choices": [{"message": {"content": 5}}]}'), "server"),
        (reply(b'{"choices": [{"text": "a", "finish_reason": "abort"}]}'), "server"),
        (reply(b'{"error": {"code": 429, "message": "behind the gateway"}}'), "rate_limited"),
        (reply(b"", b"302 Found", b"Location: http://127.0.0.1:9/\r\n"), "server"),
    ],
)
def test_answers_that_are_none_are_faults_of_the_server(answer: bytes, kind: str) -> None:
    with raw_server(answer, close=True) as server:
        assert fault_of(make_spec(server.url)).kind == kind


@pytest.mark.usefixtures("_transport")
@pytest.mark.parametrize("where", ["chunks", "close", "interim"])
def test_answers_without_a_length_are_read(where: str) -> None:
    body = OK.partition(b"\r\n\r\n")[2]
    chunks = b"".join(
        b"%x;a=b\r\n%b\r\n" % (len(body[at : at + 7]), body[at : at + 7]) for at in range(0, len(body), 7)
    )
    answers = {
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n",
        "close": b"HTTP/1.1 200 OK\r\n\r\n" + body,
        "interim": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
    }
    with raw_server(answers[where], close=where == "close") as server:

        async def twice(engine: EndpointEngine) -> list[str]:
            return [(await engine.complete(make_request())).text for _ in range(2)]

        assert with_engine(make_spec(server.url), twice) == ["hello", "hello"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 400), max_size=12), st.sampled_from(["length", "chunks"]))
def test_an_answer_is_the_same_in_whatever_pieces_it_arrives(sizes: list[int], form: str) -> None:
    body = bytes(range(256)) * 3
    chunked = b"".join(b"%X\r\n%b\r\n" % (len(body[at : at + 100]), body[at : at + 100]) for at in range(0, 768, 100))
    wire = (
        reply(body)
        if form == "length"
        else b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + b"0\r\n\r\n"
    )

    async def main() -> Reply:
        done = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            at = 0
            for size in [*sizes, len(wire)]:
                writer.write(wire[at : at + size])
                await writer.drain()
                await asyncio.sleep(0)
                at += size
            writer.close()
            await writer.wait_closed()
            done.set()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        client = DirectClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", {}, 5.0)
        try:
            return await client.send("GET", "/", None, 10.0)
        finally:
            await done.wait()
            await client.close()
            server.close()
            await server.wait_closed()

    assert asyncio.run(main()).body == body


# -- start


def test_a_server_that_is_not_there_is_named_with_what_to_do() -> None:
    with serve() as server:
        url = server.url
    with pytest.raises(UserError, match=r"expected a server at http://127\.0\.0\.1:[0-9]+; saw: .*model\.urls"):
        answer_of(make_spec(url))


def test_a_server_that_accepts_and_says_nothing_does_not_hold_up_the_start_for_ever() -> None:
    with raw_server(OK, get=b"") as server:
        began = time.monotonic()
        with pytest.raises(UserError, match="no answer in time"):
            answer_of(make_spec(server.url, timeout=0.3))
        assert time.monotonic() - began < 8


def test_a_server_without_a_models_route_is_fine() -> None:
    with serve(FakeConfig(models_route=False)) as server:
        assert answer_of(make_spec(server.url)).text


def test_a_redirect_at_the_start_says_where_to_look() -> None:
    moved = reply(b"moved", b"301 Moved", b"Location: http://127.0.0.1:9/v1/models\r\n")
    with raw_server(OK, get=moved) as server, pytest.raises(UserError, match="redirects are not followed"):
        answer_of(make_spec(server.url))


def test_closing_twice_is_closing_once_and_a_closed_engine_says_so() -> None:
    async def act(engine: EndpointEngine) -> None:
        await engine.close()
        await engine.close()
        with pytest.raises(EngineError):
            await engine.complete(make_request())
        await engine.start()
        assert (await engine.complete(make_request())).text

    with serve() as server:
        with_engine(make_spec(server.url), act)


def test_connections_are_kept_and_a_cancelled_request_does_not_poison_the_next() -> None:
    async def act(engine: EndpointEngine) -> tuple[str, str]:
        first = (await engine.complete(make_request(seed=1))).text
        task = asyncio.create_task(engine.complete(make_request(seed=2)))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(5):
            last = (await engine.complete(make_request(seed=1))).text
        return first, last

    with serve(FakeConfig(latency=0.05)) as server:
        first, last = with_engine(make_spec(server.url), act)
        assert first == last
        assert server.stats()["abandoned"] == 1


def test_a_proxy_in_the_environment_is_used_for_other_hosts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def kinds() -> list[type]:
        found = []
        for url in ("http://example.invalid", "http://127.0.0.1:1", "http://inside.invalid"):
            client = open_client(url, {}, 1.0, 4)
            found.append(type(client))
            await client.close()
        return found

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "inside.invalid")
    assert asyncio.run(kinds()) == [ProxyClient, DirectClient, DirectClient]


# -- the key


def test_the_key_is_sent_and_a_missing_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(FakeConfig(key=KEY)) as server:
        spec = make_spec(server.url, key_env="TILTH_TEST_KEY")
        monkeypatch.setenv("TILTH_TEST_KEY", KEY + "\n")
        assert answer_of(spec).text
        monkeypatch.delenv("TILTH_TEST_KEY")
        with pytest.raises(UserError, match="TILTH_TEST_KEY"):
            answer_of(spec)
        monkeypatch.setenv("TILTH_TEST_KEY", "wrong-key-0123456789")
        with pytest.raises(UserError, match=r"refused entry \(401\).*TILTH_TEST_KEY") as caught:
            answer_of(spec)
        assert "wrong-key" not in str(caught.value)


@pytest.mark.parametrize("key", ["two\r\nX-Evil: lines", "schlüssel"])
def test_a_key_that_would_break_the_header_is_refused_and_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTH_TEST_KEY", key)
    with serve() as server, pytest.raises(UserError) as caught:
        answer_of(make_spec(server.url, key_env="TILTH_TEST_KEY"))
    assert key not in str(caught.value)


@pytest.mark.usefixtures("_transport")
def test_the_key_stands_in_no_error_repr_or_record(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server repeats the Authorization header in every error, as careless gateways do."""
    caplog.set_level("DEBUG")
    monkeypatch.setenv("TILTH_TEST_KEY", KEY)
    said: list[str] = []

    def note(error: BaseException | None) -> None:
        while error is not None:
            said.extend((str(error), repr(error), repr(vars(error)), repr(error.args)))
            error = error.__cause__ or error.__context__

    async def act(engine: EndpointEngine) -> None:
        said.extend((repr(engine), str(engine), repr(engine.caps), repr(describe_engine(spec)), repr(spec)))
        for _ in range(8):
            try:
                said.append(repr(await engine.complete(make_request())))
            except EngineError as error:
                note(error)

    script = ("429", "500", "503", "reset", "drop", "cut", "html", "ok")
    with serve(FakeConfig(echo_key=True, script=script)) as server:  # type: ignore[arg-type]
        spec = make_spec(server.url, key_env="TILTH_TEST_KEY")
        with_engine(spec, act)
        assert server.stats()["outcomes"] == dict.fromkeys(script, 1)
    with serve(FakeConfig(echo_key=True, key="another-key")) as server:
        with pytest.raises(UserError) as caught:
            answer_of(make_spec(server.url, key_env="TILTH_TEST_KEY"))
        note(caught.value)
    everything = "\n".join([*said, caplog.text, *capfd.readouterr()])
    assert "***" in everything
    for part in (KEY, KEY[:20], KEY[-20:]):
        assert part not in everything


def test_a_key_that_straddles_the_cut_of_an_error_leaves_no_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTH_TEST_KEY", KEY)
    with raw_server(reply(b"x" * 190 + KEY.encode(), b"500 Oops")) as server:
        assert KEY[:6] not in str(fault_of(make_spec(server.url, key_env="TILTH_TEST_KEY")))


def test_a_password_in_the_url_is_sent_and_not_shown() -> None:
    with raw_server(reply(b"who is dXNlcjpzM2NyZXQ= with s3cret", b"500 Oops")) as server:
        spec = make_spec(server.url.replace("http://", "http://user:s3cret@"))
        said = str(fault_of(spec)) + repr(open_endpoint(spec)) + repr(open_endpoint(spec)[0].caps)
        assert b"\r\nAuthorization: Basic dXNlcjpzM2NyZXQ=" in server.seen[-1]
    for secret in ("s3cret", "dXNlcjpzM2NyZXQ="):
        assert secret not in said


# -- the fake engine and the table


def test_the_fake_engine_works_out_of_the_box_and_starts_its_server_anew_when_it_dies() -> None:
    async def main() -> tuple[str, str, str]:
        (engine,) = open_fake(ModelSpec(engine="fake", model="fake", extra_body={"fake": {"latency": 0.001}}))
        await engine.start()
        try:
            first = (await engine.complete(make_request())).text
            assert engine._process is not None
            engine._process.kill()
            engine._process.wait()
            with pytest.raises(EngineError) as caught:
                await engine.complete(make_request())
            return first, caught.value.kind, (await engine.complete(make_request())).text
        finally:
            await engine.close()
            await engine.close()

    first, kind, last = run(main())
    assert first == last
    assert kind == "engine_died"


def test_options_of_the_fake_server_that_are_none_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="latencyy"):
        open_fake(ModelSpec(engine="fake", extra_body={"fake": {"latencyy": 1}}))


def test_the_table_opens_every_engine_that_needs_no_extra() -> None:
    assert set(ENGINES) == {"extractive", "endpoint", "openvino", "xllamacpp", "scripted", "fake"}
    two = open_engines(ModelSpec(engine="endpoint", model="m", urls=("http://a", "http://b")))
    assert [member.caps.max_in_flight for member in two] == [256, 256]
    assert describe_engine(ModelSpec(engine="fake"))["name"] == "fake"


def _certificate(folder: Path) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed; it makes the certificate for this test")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def _tls_server(certificate: Path, key: Path, stop: threading.Event) -> tuple[int, threading.Thread]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)

    def talk() -> None:
        with listener:
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    plain, _ = listener.accept()
                    plain.settimeout(5)
                    with context.wrap_socket(plain, server_side=True) as connection:
                        while data := connection.recv(65536):
                            connection.sendall(OK if data.startswith(b"POST") else reply(b"", b"404 Not Found"))

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    return listener.getsockname()[1], thread


def test_a_server_behind_tls_is_asked_and_one_with_an_unknown_certificate_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = _certificate(tmp_path)
    stop = threading.Event()
    port, thread = _tls_server(certificate, key, stop)
    try:
        with pytest.raises(UserError, match=r"(?i)certificate"):
            answer_of(make_spec(f"https://localhost:{port}/v1"))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert answer_of(make_spec(f"https://localhost:{port}/v1")).text == "hello"
    finally:
        stop.set()
        thread.join()
