"""The llama.cpp engine with real models through its own HTTP server."""

import asyncio
import importlib.util
import json
import os
import signal
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from models import ENGLISH, Reference, random_folder, sentencepiece_like, stories_folder

from tilth.base.errors import ConfigError, EngineError, MissingExtra
from tilth.generate.engines.local.resolve import counter_for
from tilth.generate.engines.xllamacpp import LlamaCppEngine, open_xllamacpp
from tilth.generate.model import ModelSpec
from tilth.generate.request import Completion, Request

needs_xllamacpp = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed: pip install 'tilth[llamacpp]'"
)
PROMPTS = ("Once upon a time", "Lily went to the", "The dog was", "One day a boy", "Tom and Ben", "The big red", "Mom")


def request(text: str, **settings: Any) -> Request:
    fields = {"max_tokens": 24, "temperature": 0.0, **settings}
    return Request(row="r", messages=(("user", text),), task="t", document="", language=None, **fields)


class Running:
    """A started engine and the loop it lives in. One thread: llama.cpp's threads wait by spinning."""

    def __init__(self, model: str, reference: Reference, **settings: Any) -> None:
        self.runner = asyncio.Runner()
        self.spec = ModelSpec(engine="xllamacpp", model=model, weights="f32", context=512, threads=1, **settings)
        (self.engine,) = open_xllamacpp(self.spec)
        self.reference = reference
        self.run(self.engine.start())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def ask(self, *requests: Request) -> list[Completion]:
        async def all_at_once() -> list[Completion]:
            return await asyncio.gather(*map(self.engine.complete, requests))

        return self.run(all_at_once())

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
    running = Running(*map_folder(random_folder(tmp_path_factory.mktemp("random"))))
    yield running
    running.close()


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(*map_folder(stories_folder(tmp_path_factory.mktemp("stories"))), max_in_flight=4)
    yield running
    running.close()


def map_folder(made: tuple[Any, Reference]) -> tuple[str, Reference]:
    return str(made[0]), made[1]


@needs_xllamacpp
def test_a_trained_model_tells_its_story_as_the_forward_pass_does(stories: Running) -> None:
    model = stories.engine.model
    asked = [request(prompt) for prompt in PROMPTS]
    answers = stories.ask(*asked)
    assert answers[0].text.startswith(", there was a little girl named Lily.")
    for one, answer in zip(asked, answers, strict=True):
        ids = model.counter.encode_messages(one.messages)
        assert answer.prompt_tokens == len(ids)
        expected = model.counter.decode([ids[-1], *stories.reference.greedy(ids, 24, model.stops)])
        assert expected.endswith(answer.text.strip())
    assert answers[0].engine.startswith("xllamacpp ")
    assert stories.engine.caps.schema is False  # without a template the prompt goes through the completions API


@needs_xllamacpp
def test_the_server_s_chat_prompt_is_the_one_that_was_counted(random_model: Running) -> None:
    counter = counter_for(random_model.spec)
    asked = [request(text, max_tokens=1) for text in (ENGLISH, "春天来了。 ☕", "a\n\n\nb  c")]
    for one, answer in zip(asked, random_model.ask(*asked), strict=True):
        assert answer.prompt_tokens == counter.count_messages(one.messages)


@needs_xllamacpp
def test_a_seed_repeats(stories: Running) -> None:
    one = request("Once upon a time", temperature=1.0, seed=11)
    first, second = stories.ask(one)[0], stories.ask(one)[0]
    assert first.text == second.text
    assert first.text != stories.ask(request("Once upon a time", temperature=1.0, seed=12))[0].text


@needs_xllamacpp
def test_a_schema_binds_the_answer(random_model: Running) -> None:
    schema = {"enum": ["red", "blue"]}
    for seed in range(3):
        (answer,) = random_model.ask(request("Colour?", temperature=1.0, seed=seed, schema=schema))
        assert json.loads(answer.text) in schema["enum"]
    assert random_model.engine.caps.schema is True
    assert random_model.engine.caps.regex is False


@needs_xllamacpp
def test_a_prompt_that_is_too_long_says_so(random_model: Running) -> None:
    with pytest.raises(EngineError) as caught:
        random_model.ask(request(ENGLISH * 20))
    assert caught.value.kind == "too_long"


@needs_xllamacpp
def test_a_killed_child_is_replaced_and_each_request_answered(stories: Running) -> None:
    asked = [request(prompt, max_tokens=150) for prompt in PROMPTS]
    before = [answer.text for answer in stories.ask(*asked)]

    async def killed() -> list[Completion]:
        old = stories.engine.child
        tasks = [asyncio.create_task(stories.engine.complete(one)) for one in asked]
        await asyncio.sleep(0.05)
        os.kill(old, signal.SIGKILL)
        answers = await asyncio.gather(*tasks)
        assert stories.engine.child != old
        return answers

    answers = stories.run(killed())
    for answer, earlier in zip(answers, before, strict=True):
        assert answer.text[:60] == earlier[:60]  # further on, another batch may tip a near tie
        assert answer.completion_tokens > 60 or answer.finish_reason == "stop"
    assert max(answer.attempt for answer in answers) == 2


@needs_xllamacpp
def test_a_file_that_is_no_model_is_named(tmp_path: Any, stories: Running) -> None:
    path = tmp_path / "broken.gguf"
    data = stories.engine.model.path.read_bytes()
    path.write_bytes(data.replace(b"blk.3.ffn_up.weight", b"blk.3.ffn_xx.weight"))

    async def start() -> None:
        await LlamaCppEngine(ModelSpec(engine="xllamacpp", model=str(path), context=512, threads=1)).start()

    with pytest.raises(ConfigError, match="could not be loaded"):
        asyncio.run(start())


@needs_xllamacpp
def test_a_vocabulary_that_the_server_would_get_wrong_is_refused(tmp_path: Any) -> None:
    folder, _ = random_folder(tmp_path)
    sentencepiece_like().save(str(folder / "tokenizer.json"))
    with pytest.raises(ConfigError, match="Unigram"):
        asyncio.run(LlamaCppEngine(ModelSpec(engine="xllamacpp", model=str(folder), context=512)).start())


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"xllamacpp.*tilth\[llamacpp\]"):
        open_xllamacpp(ModelSpec(engine="xllamacpp", model="m.gguf"))
