"""The engines that the contract suite runs over. A new engine adds one line to `FACTORIES`.

A factory is a context manager that yields a `ModelSpec`; it skips, with a clear word, where its engine cannot run here.
"""

import contextlib
import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from models import random_folder

from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.handle import serve
from tilth.generate.model import ModelSpec


@contextlib.contextmanager
def endpoint_chat() -> Iterator[ModelSpec]:
    with serve(FakeConfig(latency=0.002)) as server:
        yield ModelSpec(engine="endpoint", model="fake", urls=(server.url,))


@contextlib.contextmanager
def endpoint_completions() -> Iterator[ModelSpec]:
    with serve(FakeConfig(latency=0.002)) as server:
        yield ModelSpec(engine="endpoint", model="fake", urls=(server.root,), api="completions")


@contextlib.contextmanager
def endpoint_thinking() -> Iterator[ModelSpec]:
    with serve(FakeConfig(reasoning="tag")) as server:
        yield ModelSpec(engine="endpoint", model="fake", urls=(server.url,), max_in_flight=4)


@contextlib.contextmanager
def fake() -> Iterator[ModelSpec]:
    yield ModelSpec(engine="fake", model="fake", extra_body={"fake": {"latency": 0.002}})


@contextlib.contextmanager
def extractive() -> Iterator[ModelSpec]:
    yield ModelSpec(engine="extractive")


@contextlib.contextmanager
def scripted() -> Iterator[ModelSpec]:
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known.jsonl"
        known.write_text('{"question": "Ann had 30 clips and gave away 14. How many are left?", "answer": "16"}\n')
        yield ModelSpec(engine="scripted", extra_body={"scripted": {"known": str(known)}})


def local_engine(engine: str, package: str) -> Callable[[], AbstractContextManager[ModelSpec]]:
    """An engine on this machine with a small model of random weights, made on the spot."""

    @contextlib.contextmanager
    def opened() -> Iterator[ModelSpec]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
        with tempfile.TemporaryDirectory() as folder:
            model, _ = random_folder(Path(folder) / "model")
            yield ModelSpec.model_validate({"engine": engine, "model": str(model), "context": 512, "threads": 1})

    return opened


FACTORIES: dict[str, Callable[[], AbstractContextManager[ModelSpec]]] = {
    "endpoint chat": endpoint_chat,
    "endpoint completions": endpoint_completions,
    "endpoint with reasoning": endpoint_thinking,
    "fake": fake,
    "extractive": extractive,
    "scripted": scripted,
    "openvino": local_engine("openvino", "openvino_genai"),
    "xllamacpp": local_engine("xllamacpp", "xllamacpp"),
}
