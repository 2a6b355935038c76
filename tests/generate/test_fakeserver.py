"""The fake server: deterministic answers, planned faults, honest counters, and a parser that bad bytes cannot fool."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import orjson
import pytest

from tilth.base.errors import UserError
from tilth.generate.fakeserver.__main__ import parse
from tilth.generate.fakeserver.answers import compose
from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.faults import FaultPlan, TokenBucket
from tilth.generate.fakeserver.handle import Handle, serve, spawn, start_process
from tilth.prompts.prompt import load_library

DOCUMENT = (
    "The Elbe is 1094 km long and drains 148268 square kilometres. It rises at 1386 m in the Giant Mountains. "
    "Ships carry grain, coal and cars between Hamburg and Prague. In 2002 a flood reached 9 m in Dresden. "
    "Engineers then raised the walls by 80 cm. The work took 12 years and ended in 2014. "
) * 3
CHINESE = "长江全长约六千三百公里，是亚洲最长的河流。它发源于青藏高原，流经十一个省市。三峡大坝于二零零六年建成。" * 3


def ask(server: Handle, content: str = "Write about this.\n\n" + DOCUMENT, **fields: Any) -> dict[str, Any]:
    body = {"model": "fake", "messages": [{"role": "user", "content": content}], "seed": 1} | fields
    request = urllib.request.Request(
        server.url + "/chat/completions", orjson.dumps(body), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return orjson.loads(answer.read())


def text_of(answer: dict[str, Any]) -> str:
    return answer["choices"][0]["message"]["content"]


def status_of(server: Handle, **fields: Any) -> tuple[int, Any]:
    try:
        ask(server, **fields)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers
    return 200, {}


def test_the_same_request_gets_the_same_text_from_every_server_and_another_seed_another_text() -> None:
    with serve() as one, serve(FakeConfig(seed=9, latency=0.01)) as two:
        first = ask(one)
        assert text_of(first) == text_of(ask(one)) == text_of(ask(two))
        assert text_of(ask(one, seed=2)) != text_of(first)
        assert text_of(ask(one, model="other")) != text_of(first)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Write a FAQ.", "Answer:"),
        ("Make a table.", "| --- |"),
        ("Make a tutorial.", "1. "),
        ("A math word problem.", "+"),
    ],
)
def test_the_answer_takes_the_form_that_the_prompt_asks_for(words: str, found: str) -> None:
    assert found in compose(f"{words}\n\n{DOCUMENT}", 12345, 1500)


@pytest.mark.parametrize("words", ["写常见问题", "做一个表格", "写教程", "写一道数学应用题", "改写"])
def test_chinese_prompts_get_chinese_answers(words: str) -> None:
    answer = compose(f"{words}。\n\n{CHINESE}", 12345, 1500)
    assert sum("一" <= character <= "鿿" for character in answer) > len(answer) / 3


@pytest.mark.parametrize("name", ["faq", "table", "math", "tutorial", "faq_zh", "table_zh", "math_zh", "tutorial_zh"])
def test_each_shipped_instruction_of_the_main_forms_gets_its_form(name: str) -> None:
    signs = {"faq": ("Answer:", "答："), "table": ("| --- |",), "math": (" = ",), "tutorial": ("\n1. ",)}
    document = CHINESE if name.endswith("_zh") else DOCUMENT
    marks = ("【文档开始】", "【文档结束】") if name.endswith("_zh") else (">>> DOCUMENT", "<<< END OF DOCUMENT")
    for instruction in load_library()[name].instructions:
        answer = compose(f"{marks[0]}\n{document}\n{marks[1]}\n\n{instruction}", 12345, 1500)
        assert any(sign in answer for sign in signs[name.removesuffix("_zh")]), instruction
        assert instruction[:20] not in answer


@pytest.mark.parametrize("prompt", ["", "x", "。", "math", "table |", "faq\n" * 1000, "1 2 3 math problem"])
@pytest.mark.parametrize("size", [1, 300, 5000])
def test_any_prompt_gets_some_answer(prompt: str, size: int) -> None:
    assert compose(prompt, 2**63 + 5, size)


def test_usage_is_counted_and_max_tokens_cuts_the_answer() -> None:
    with serve() as server:
        whole, cut = ask(server), ask(server, max_tokens=10)
        assert whole["choices"][0]["finish_reason"] == "stop"
        assert cut["choices"][0]["finish_reason"] == "length"
        assert len(text_of(cut)) == 40
        assert text_of(whole).startswith(text_of(cut))
        assert whole["usage"]["completion_tokens"] == len(text_of(whole)) // 4 + 1


def test_the_fault_plan_depends_on_content_and_attempt_and_not_on_order() -> None:
    config = FakeConfig(faults={"500": 0.3, "hang": 0.2, "empty": 0.2}, faults_per_request=2)
    contents = range(200)
    one, two = FaultPlan(config), FaultPlan(config)
    straight = {content: [one.outcome(content) for _ in range(4)] for content in contents}
    mixed: dict[int, list[str]] = {content: [] for content in contents}
    for _ in range(4):
        for content in reversed(contents):
            mixed[content].append(two.outcome(content))
    assert straight == mixed
    assert all(set(outcomes[2:]) <= {"ok", "empty"} for outcomes in straight.values())
    assert all(len(set(outcomes) & {"ok", "empty"}) == 1 for outcomes in straight.values())  # the text never changes
    assert 0.2 < sum(outcomes[0] == "500" for outcomes in straight.values()) / 200 < 0.4


def test_a_script_comes_before_the_plan() -> None:
    with serve(FakeConfig(script=("500", "503", "429", "ok"), retry_after="7")) as server:
        assert status_of(server)[0] == 500
        status, headers = status_of(server)
        assert (status, headers["Retry-After"]) == (503, "7")
        assert status_of(server)[0] == 429
        assert status_of(server)[0] == 200
        assert server.stats()["outcomes"] == {"500": 1, "503": 1, "429": 1, "ok": 1}


def test_retry_after_can_be_a_date() -> None:
    with serve(FakeConfig(script=("429",), retry_after="date:30")) as server:
        assert status_of(server)[1]["Retry-After"].endswith("GMT")


def test_the_token_bucket_allows_its_rate_and_its_burst() -> None:
    now = [0.0]
    bucket = TokenBucket(10.0, 5.0, lambda: now[0])
    allowed = 0
    for step in range(1001):
        now[0] = step / 100
        allowed += bucket.take()
    assert abs(allowed - (5 + 10 * 10)) <= 1


def test_slots_hold_the_rest_in_a_queue_and_the_busy_integral_adds_up() -> None:
    with serve(FakeConfig(slots=2, latency=0.05)) as server:
        body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": DOCUMENT}]})
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        host, port = server.root.removeprefix("http://").split(":")
        sockets = [socket.create_connection((host, int(port))) for _ in range(6)]
        for each in sockets:
            each.sendall(head + body)
        for each in sockets:
            assert each.recv(100).startswith(b"HTTP/1.1 200")
            each.close()
        stats = server.stats()
    assert stats["max_active"] == 2
    assert abs(stats["busy_slot_seconds"] - 6 * 0.05) < 0.1
    assert stats["distinct_bodies"] == 1
    assert stats["duplicates"] == 5


def test_a_client_that_leaves_frees_its_slot_and_is_not_counted_as_answered() -> None:
    with serve(FakeConfig(slots=1, script=("hang",))) as server:
        with pytest.raises((TimeoutError, urllib.error.URLError)):
            urllib.request.urlopen(
                urllib.request.Request(
                    server.url + "/chat/completions", orjson.dumps({"model": "m", "messages": []}), method="POST"
                ),
                timeout=0.3,
            )
        assert text_of(ask(server))
        stats = server.stats()
    assert stats["abandoned"] == 1
    assert stats["answered_bodies"] == 1
    assert stats["duplicates"] == 0


def test_a_prompt_beyond_the_context_is_refused_in_the_words_servers_use() -> None:
    with serve(FakeConfig(context=100)) as server:
        assert status_of(server)[0] == 400


def test_requests_that_are_no_requests_get_a_400_and_the_server_lives_on() -> None:
    with serve() as server:
        for body in (b"", b"{", b"[]", b'{"model": 3}', b'{"model":"m","messages":[{"role":"user"}]}', b'"text"'):
            request = urllib.request.Request(server.url + "/chat/completions", body or b" ")
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=30)
            caught.value.close()
            assert caught.value.code == 400
        assert text_of(ask(server))


def exchange(server: Handle, *parts: bytes) -> bytes:
    host, port = server.root.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.01)
        connection.shutdown(socket.SHUT_WR)
        data = b""
        while piece := connection.recv(65536):
            data += piece
    return data


def test_bytes_may_arrive_in_any_pieces_and_requests_back_to_back() -> None:
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": DOCUMENT}]})
    one = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    last = one.replace(b"Host: x", b"Connection: close")
    with serve() as server:
        together = exchange(server, one + last)
        pieces = exchange(server, one[:3], one[3:40], one[40:100], one[100:] + last[:10], last[10:])
    assert together.count(b"HTTP/1.1 200 OK") == 2
    assert together == pieces


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: -4\r\n\r\n", 411),
        (b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 70000, 431),
        (b"GET /nowhere HTTP/1.0\r\n\r\n", 404),
    ],
)
def test_what_the_parser_does_not_take_is_refused_and_the_connection_closed(sent: bytes, status: int) -> None:
    with serve() as server:
        assert exchange(server, sent).startswith(b"HTTP/1.1 %d " % status)


def test_a_server_process_answers_and_ends_with_its_handle() -> None:
    with spawn(FakeConfig(latency=0.001)) as server:
        assert text_of(ask(server))
    with pytest.raises(urllib.error.URLError):
        server.stats()


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is for POSIX")
def test_a_server_process_ends_when_its_parent_is_killed() -> None:
    code = (
        "from tilth.generate.fakeserver.handle import start_process; from tilth.generate.fakeserver.config import "
        "FakeConfig; import time; p, h = start_process(FakeConfig()); print(h.url, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    server = Handle(parent.stdout.readline().decode().strip(), "/v1")
    assert server.stats()["requests"] == 0
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            server.stats()
        except urllib.error.URLError:
            return
        time.sleep(0.1)
    pytest.fail("the fake server outlived its parent")


def test_options_on_the_command_line_become_the_config() -> None:
    options, config = parse(
        ["--port", "81", "--latency", "0.2", "--fault", "500=0.1", "--fault", "empty=0.2", "--script", "429,ok"]
    )
    assert options.port == 81
    assert config == FakeConfig(latency=0.2, faults={"500": 0.1, "empty": 0.2}, script=("429", "ok"))


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(UserError, match="latency"):
        start_process(FakeConfig().model_copy(update={"latency": -1.0}))
