"""The OpenVINO engine with real models: parity with a float32 forward pass, batching, seeds, and death of the child."""

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import ENGLISH, Reference, Shape, random_folder, stories_folder

from tilth.base.errors import ConfigError, EngineError, MissingExtra
from tilth.generate.engines.local.resolve import counter_for
from tilth.generate.engines.openvino.engine import OpenVinoEngine, open_openvino
from tilth.generate.engines.openvino.supervisor import QUESTION_DEATHS
from tilth.generate.engines.openvino.vocabulary import byte_characters
from tilth.generate.engines.openvino.wire import Unpacker, pack
from tilth.generate.gguf import read_gguf, write_gguf
from tilth.generate.model import ModelSpec
from tilth.generate.request import Completion, Request

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino_genai") is None,
    reason="openvino-genai is not installed: pip install 'tilth[local]'",
)
OPENINGS = (
    "Once upon a time",
    "Lily went to",
    "The dog was",
    "One day a boy",
    "Tom and Ben",
    "The big red",
    "Mom said",
)
PROMPTS = [f"{opening} {rest}".strip() for opening in OPENINGS for rest in ("", "the cat", "and so", "with a ball")]


def request(text: str, **settings: Any) -> Request:
    fields = {"max_tokens": 32, "temperature": 0.0, **settings}
    return Request(row="r", messages=(("user", text),), task="t", document="", language=None, **fields)


class Running:
    """A started engine and the loop it lives in."""

    def __init__(self, spec: ModelSpec, reference: Reference) -> None:
        self.runner = asyncio.Runner()
        (self.engine,) = open_openvino(spec)
        self.reference = reference
        self.run(self.engine.start())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def ask(self, *requests: Request) -> list[Completion]:
        async def all_at_once() -> list[Completion]:
            return await asyncio.gather(*map(self.engine.complete, requests))

        return self.run(all_at_once())

    def expected(self, asked: Request) -> str:
        """What the float32 forward pass answers."""
        model = self.engine.model
        ids = self.reference.greedy(model.counter.encode_messages(asked.messages), asked.max_tokens, model.stops)
        return model.counter.decode(ids)

    def close(self) -> None:
        self.run(self.engine.close())
        self.runner.close()


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, reference = random_folder(tmp_path_factory.mktemp("random"))
    running = Running(ModelSpec(engine="openvino", model=str(folder), context=512), reference)
    yield running
    running.close()


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, reference = stories_folder(tmp_path_factory.mktemp("stories"))
    # the file holds half-precision matrices; the forward pass gets the same
    halves = {name: w.astype(np.float16) if w.ndim > 1 else w for name, w in reference.weights.items()}
    running = Running(ModelSpec(engine="openvino", model=str(folder), context=512), Reference(reference.shape, halves))
    yield running
    running.close()


@needs_openvino
def test_greedy_answers_equal_the_float32_forward_pass(random_model: Running) -> None:
    asked = [request(prompt, max_tokens=48) for prompt in PROMPTS]
    answers = random_model.ask(*asked)
    assert [answer.text for answer in answers] == [random_model.expected(one) for one in asked]


@needs_openvino
@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
def test_other_architectures_equal_the_float32_forward_pass(tmp_path: Path, architecture: str) -> None:
    shape = Shape(architecture=architecture, tied=architecture == "qwen2", head_size=32)
    if architecture == "qwen2":  # the runtime takes the head's size from the width, as all published models of it do
        shape = Shape(architecture=architecture, tied=True)
    folder, reference = random_folder(tmp_path, shape)
    running = Running(ModelSpec(engine="openvino", model=str(folder), context=512), reference)
    try:
        asked = [request(prompt) for prompt in PROMPTS[:12]]
        assert [answer.text for answer in running.ask(*asked)] == [running.expected(one) for one in asked]
    finally:
        running.close()


@needs_openvino
def test_greedy_answers_equal_transformers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed; the NumPy forward pass stands in for it")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    folder, reference = random_folder(tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    running = Running(ModelSpec(engine="openvino", model=str(folder), context=512), reference)
    try:
        asked = [request(prompt) for prompt in PROMPTS]
        counter = running.engine.model.counter
        for one, answer in zip(asked, running.ask(*asked), strict=True):
            ids = torch.tensor([counter.encode_messages(one.messages)])
            made = theirs.generate(ids, max_new_tokens=32, do_sample=False, eos_token_id=[0, 1], pad_token_id=0)
            assert counter.decode([i for i in made[0, ids.shape[1] :].tolist() if i > 1]) == answer.text
    finally:
        running.close()


@needs_openvino
def test_a_trained_model_tells_its_story(stories: Running) -> None:
    (answer,) = stories.ask(request("Once upon a time", max_tokens=60))
    assert answer.text.startswith(", there was a little girl named Lily.")
    assert answer.finish_reason == "length"
    assert (answer.prompt_tokens, answer.completion_tokens) == (5, 60)
    assert answer.engine.startswith("openvino-genai ")
    asked = [request(prompt, max_tokens=64) for prompt in PROMPTS]
    assert [one.text for one in stories.ask(*asked)] == [stories.expected(one) for one in asked]


@needs_openvino
def test_a_seed_gives_the_same_text_alone_or_in_a_batch(stories: Running) -> None:
    long = "Once upon a time there was a dog. " * 6
    asked = [
        request(f"{long[: 34 * (1 + i % 6)]}{i}", temperature=1.0, top_p=0.95, seed=i + 1, max_tokens=80)
        for i in range(40)
    ]
    together = [answer.text for answer in stories.ask(*asked)]
    pairs = [answer.text for start in range(0, 40, 2) for answer in stories.ask(*asked[start : start + 2])]
    alone = [stories.ask(one)[0].text for one in asked]
    assert alone == together
    assert pairs == together
    assert len(set(together)) == len(together)


@needs_openvino
def test_another_seed_gives_another_text(stories: Running) -> None:
    answers = stories.ask(*(request("Lily went to", temperature=1.0, seed=seed) for seed in (1, 2, 2**62 + 1)))
    assert len({answer.text for answer in answers}) == 3


@needs_openvino
def test_answers_come_as_they_finish_and_more_than_a_batch_is_taken(stories: Running) -> None:
    async def race() -> tuple[list[int], int]:
        order: list[int] = []

        async def one(tokens: int) -> None:
            await stories.engine.complete(request("Once upon a time", max_tokens=tokens))
            order.append(tokens)

        await asyncio.gather(one(300), one(5))
        many = await asyncio.gather(
            *(stories.engine.complete(request(f"{OPENINGS[i % 7]} {i}", max_tokens=4)) for i in range(200))
        )
        return order, len(many)

    # a busy machine may hold the short request back until the long one is through; an engine that waits for its batch
    # never has the short one first
    found = [stories.run(race()) for _ in range(3)]
    assert ([5, 300], 200) in found, found


@needs_openvino
def test_stop_strings_cut_by_the_character(stories: Running) -> None:
    (plain,) = stories.ask(request("Once upon a time"))
    for stop in ("girl", "ittle", "Lily. She", ","):
        (answer,) = stories.ask(request("Once upon a time", stop=(stop, "never there")))
        assert answer.text == plain.text[: plain.text.index(stop)]
        assert answer.finish_reason == "stop"
    (answer,) = stories.ask(request("Once upon a time", stop=("never there",)))
    assert (answer.text, answer.finish_reason) == (plain.text, "length")


@needs_openvino
def test_the_end_token_ends_the_answer_and_is_not_in_it(stories: Running) -> None:
    answers = stories.ask(*(request(prompt, max_tokens=400) for prompt in PROMPTS[:8]))
    ended = [answer for answer in answers if answer.finish_reason == "stop"]
    assert ended
    assert all("</s>" not in answer.text and answer.completion_tokens < 400 for answer in ended)


@needs_openvino
def test_log_probabilities_are_those_of_the_forward_pass(stories: Running) -> None:
    (answer,) = stories.ask(request("Once upon a time", temperature=1.0, seed=3, logprobs=1, max_tokens=12))
    ids = stories.engine.model.counter.encode_messages((("user", "Once upon a time"),))
    assert len(answer.logprobs) == 12
    logits = stories.reference.logits(ids)[-1].astype(np.float64)
    first = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
    assert min(abs(first - answer.logprobs[0]["logprob"])) < 1e-2
    assert stories.ask(request("Once upon a time"))[0].logprobs is None


@needs_openvino
def test_schemas_and_patterns_bind_both_kinds_of_vocabulary(stories: Running, random_model: Running) -> None:
    schema = {"enum": ["red", "blue", "a very long colour"]}
    for running in (stories, random_model):
        answers = running.ask(
            *(request("Lily", temperature=1.0, seed=seed, schema=schema, max_tokens=40) for seed in range(1, 9)),
            *(
                request("Lily", temperature=1.0, seed=seed, regex="[a-c]{3,9} 春", max_tokens=40)
                for seed in range(1, 9)
            ),
        )
        assert all(json.loads(answer.text) in schema["enum"] for answer in answers[:8])
        assert all(re.fullmatch("[a-c]{3,9} 春", answer.text) for answer in answers[8:])
        assert {answer.finish_reason for answer in answers} == {"stop"}


@needs_openvino
def test_a_schema_that_does_not_compile_fails_alone(stories: Running) -> None:
    async def mixed() -> list[Any]:
        bad = [
            request("a", schema={"type": "nonsense"}),
            request("b", regex="([a"),
            request("c", schema={"type": "nonsense"}),
        ]
        good = [request(prompt, max_tokens=60) for prompt in OPENINGS]
        return await asyncio.gather(*map(stories.engine.complete, bad + good), return_exceptions=True)

    found = stories.run(mixed())
    assert [error.kind for error in found[:3]] == ["bad_request"] * 3
    assert [answer.text for answer in found[3:]] == [stories.expected(request(o, max_tokens=60)) for o in OPENINGS]
    restarts = stories.engine.restarts
    with pytest.raises(EngineError, match="nonsense"):
        stories.ask(request("again", schema={"type": "nonsense"}))
    assert stories.engine.restarts == restarts


@needs_openvino
@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"max_tokens": 600}, "too_long"),
        ({"top_p": 7.0, "temperature": 1.0}, "bad_request"),
        ({"extra": {"min_p": "x"}}, "bad_request"),
    ],
)
def test_a_request_that_cannot_be_served_says_why(stories: Running, settings: dict, kind: str) -> None:
    with pytest.raises(EngineError) as caught:
        stories.ask(request("Lily", **settings))
    assert caught.value.kind == kind
    assert stories.ask(request("Lily went to"))[0].text


@needs_openvino
def test_prompts_are_counted_as_they_are_sent(random_model: Running) -> None:
    spec = ModelSpec(engine="openvino", model=random_model.engine._spec.model, context=512)
    asked = request(ENGLISH + "<|end|>", max_tokens=1)
    (answer,) = random_model.ask(asked)
    assert answer.prompt_tokens == counter_for(spec).count_messages(asked.messages)


@needs_openvino
def test_a_killed_child_is_replaced_and_each_request_answered_once(stories: Running) -> None:
    # enough work, over a second of it, that both kills fall into it on a busy machine too
    asked = [request(prompt, max_tokens=200) for prompt in PROMPTS[:12]] * 6

    async def killed_twice() -> list[Completion]:
        tasks = [asyncio.create_task(stories.engine.complete(one)) for one in asked]
        for _ in range(2):
            while stories.engine.child is None:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.02)
            os.kill(stories.engine.child, signal.SIGKILL)
            await asyncio.sleep(0.1)
        return await asyncio.gather(*tasks)

    answers = stories.run(killed_twice())
    assert [answer.text for answer in answers] == [stories.expected(one) for one in asked[:12]] * 6
    assert max(answer.attempt for answer in answers) == 3


@needs_openvino
def test_a_request_that_keeps_killing_the_child_fails_and_the_engine_goes_on(stories: Running) -> None:
    async def poisoned() -> EngineError:
        task = asyncio.create_task(stories.engine.complete(request("Once upon a time", max_tokens=450)))
        while not task.done():
            if stories.engine.child is not None:
                with contextlib.suppress(ProcessLookupError):  # dead, and not yet buried
                    os.kill(stories.engine.child, signal.SIGKILL)
            await asyncio.sleep(0.02)
        error = task.exception()
        assert isinstance(error, EngineError)
        return error

    error = stories.run(poisoned())
    assert error.kind == "engine_died"
    assert str(QUESTION_DEATHS) in str(error)
    assert stories.ask(request("Once upon a time"))[0].text.startswith(", there was")


@needs_openvino
@pytest.mark.slow
def test_a_child_that_hangs_is_replaced(stories: Running) -> None:
    spec = ModelSpec(engine="openvino", model=stories.engine._spec.model, context=512, timeout=4)
    running = Running(spec, stories.reference)
    try:
        os.kill(running.engine.child, signal.SIGSTOP)
        with pytest.raises(EngineError) as caught:
            running.ask(request("Once upon a time"))
        assert caught.value.kind == "timeout"
        assert running.ask(request("Once upon a time"))[0].text.startswith(", there was")
        assert running.engine.restarts == 1
    finally:
        running.close()


@needs_openvino
def test_the_completions_api_leaves_the_template_aside(random_model: Running) -> None:
    spec = ModelSpec(engine="openvino", model=random_model.engine._spec.model, context=512, api="completions")
    running = Running(spec, random_model.reference)
    try:
        asked = request("The river rises in")
        (answer,) = running.ask(asked)
        counter = counter_for(spec)
        assert answer.prompt_tokens == counter.count("The river rises in") == counter.count_messages(asked.messages)
        assert answer.text == running.expected(asked)
    finally:
        running.close()


@needs_openvino
def test_a_request_given_up_leaves_no_trace(stories: Running) -> None:
    async def given_up() -> str:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stories.engine.complete(request("Lily", max_tokens=480)), 0.01)
        return (await stories.engine.complete(request("Once upon a time"))).text

    assert stories.run(given_up()).startswith(", there was")


@needs_openvino
def test_prompt_lookup_changes_the_speed_and_not_the_text(tmp_path: Path, stories: Running) -> None:
    spec = ModelSpec(engine="openvino", model=stories.engine._spec.model, context=512, draft=4)
    running = Running(spec, stories.reference)
    try:
        asked = [request(prompt, max_tokens=48) for prompt in PROMPTS[:12]]
        assert [one.text for one in running.ask(*asked)] == [running.expected(one) for one in asked]
    finally:
        running.close()


@needs_openvino
def test_a_gguf_file_alone_is_enough(stories: Running) -> None:
    path = stories.engine.model.path
    assert path.suffix == ".gguf"
    assert not path.with_name("tokenizer.json").exists()
    running = Running(ModelSpec(engine="openvino", model=str(path), context=512, threads=1), stories.reference)
    try:
        (answer,) = running.ask(request("Once upon a time", max_tokens=60))
        assert answer.text.startswith(", there was a little girl named Lily.")
    finally:
        running.close()


@needs_openvino
def test_the_child_ends_with_its_parent(tmp_path: Path, stories: Running) -> None:
    script = (
        "import asyncio, sys, time\n"
        "from tilth.generate.engines.openvino.engine import open_openvino\n"
        "from tilth.generate.model import ModelSpec\n"
        "async def main():\n"
        "    spec = ModelSpec(engine='openvino', model=sys.argv[1], context=512)\n"
        "    (engine,) = open_openvino(spec)\n"
        "    await engine.start()\n"
        "    print(engine.child, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, stories.engine._spec.model], stdout=subprocess.PIPE, text=True
    ) as parent:
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and alive(child):
        time.sleep(0.05)
    assert not alive(child)


def alive(pid: int) -> bool:
    """Whether the process runs: one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        with contextlib.suppress(ProcessLookupError):
            if not Path("/proc").is_dir():
                os.kill(pid, 0)
                return True
        return False


def fails(spec: ModelSpec) -> str:
    async def start() -> None:
        engine = OpenVinoEngine(spec)
        try:
            await engine.start()
        finally:
            await engine.close()

    with pytest.raises(ConfigError) as caught:
        asyncio.run(start())
    return str(caught.value)


@needs_openvino
def test_what_the_runtime_would_get_wrong_is_refused_before_it_is_loaded(tmp_path: Path, stories: Running) -> None:
    folder = stories.engine._spec.model
    assert "weights: f16" in fails(ModelSpec(engine="openvino", model=folder, context=512, weights="f32"))
    assert "context: 512" in fails(ModelSpec(engine="openvino", model=folder, context=8192))
    data = stories.engine.model.path.read_bytes()
    foreign = tmp_path / "foreign.gguf"
    foreign.write_bytes(data.replace(b"llama", b"gemma"))
    assert "gemma" in fails(ModelSpec(engine="openvino", model=str(foreign), context=512))
    scaled = tmp_path / "scaled.gguf"
    gguf = read_gguf(stories.engine.model.path)
    with scaled.open("wb") as file:  # what Llama 3.1 files have
        write_gguf(file, gguf.metadata | {"llama.rope.scaling.type": "yarn"}, [])
    assert "rotary" in fails(ModelSpec(engine="openvino", model=str(scaled), context=512))
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(data[: len(data) // 3])
    assert "GGUF" in fails(ModelSpec(engine="openvino", model=str(cut), context=512))


@needs_openvino
def test_the_runtime_s_own_complaint_reaches_the_user(tmp_path: Path, stories: Running) -> None:
    data = stories.engine.model.path.read_bytes()
    lacking = tmp_path / "lacking.gguf"
    lacking.write_bytes(data.replace(b"blk.3.ffn_up.weight", b"blk.3.ffn_xx.weight"))
    assert "could not be loaded" in fails(ModelSpec(engine="openvino", model=str(lacking), context=512))


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"openvino-genai.*tilth\[local\]"):
        open_openvino(ModelSpec(engine="openvino", model="m.gguf"))


def test_messages_survive_any_split_of_the_stream() -> None:
    messages = [{"id": 1, "ids": list(range(300))}, {"id": 2, "text": "春\n"}, {}]
    stream = b"".join(map(pack, messages))
    for size in (1, 3, 7, 1000, len(stream)):
        unpacker = Unpacker()
        found = [m for at in range(0, len(stream), size) for m in unpacker.feed(stream[at : at + size])]
        assert found == messages


def test_every_byte_has_a_printable_character_of_its_own() -> None:
    table = byte_characters()
    assert sorted(table) == list(range(256))
    assert len(set(table.values())) == 256
    assert table[0x20] == "Ġ"
    assert table[0x0A] == "Ċ"
