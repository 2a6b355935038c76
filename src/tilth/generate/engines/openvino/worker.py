"""The child process that owns the pipeline. Started by engine.py, spoken to through stdin and stdout.

Requests are added while others run, up to what the key-value cache can hold to their last token, so that none is ever
put back; finished ones are answered at once. The process ends when its stdin does: it cannot outlive its parent.
Whatever the library prints goes to stderr.
"""

import os
import select
import sys
import time
from collections import deque
from typing import Any, Final, NoReturn

from tilth.generate.engines.openvino.wire import Unpacker, pack

BLOCK: Final = 32  # tokens in one block of the cache on CPU
_READ: Final = 1 << 20
_BAD_LOAD, _BAD_GRAMMAR = 3, 4  # exit statuses, once the reason is sent


class Channel:
    """Messages over the descriptors that were stdin and stdout."""

    def __init__(self) -> None:
        self._in = os.dup(0)
        self._out = os.dup(1)
        os.dup2(2, 1)  # the library's own prints must not mix with messages
        self._unpacker = Unpacker()

    def send(self, message: dict[str, Any]) -> None:
        data = memoryview(pack(message))
        while data:
            data = data[os.write(self._out, data) :]

    def receive(self, *, wait: bool) -> list[dict[str, Any]]:
        """What has arrived; ends the process where the parent is gone."""
        ready, _, _ = select.select([self._in], [], [], None if wait else 0)
        if not ready:
            return []
        data = os.read(self._in, _READ)
        if not data:
            os._exit(0)
        return self._unpacker.feed(data)


class Worker:
    """One pipeline and the requests it runs."""

    def __init__(self, channel: Channel, settings: dict[str, Any]) -> None:
        import openvino  # optional package, only ever loaded here
        import openvino_genai

        self._ov = openvino
        self._genai = openvino_genai
        self._channel = channel
        self._settings = settings
        self._tokenizer = openvino_genai.Tokenizer(settings["vocabulary"])
        self._pipeline = self._load()
        self._waiting: deque[dict[str, Any]] = deque()
        self._running: dict[int, tuple[Any, int, float]] = {}  # id -> handle, blocks held, time of admission
        self._blocks = int(settings["blocks"])
        self._proven: set[str] = set()  # schemas and patterns that a step has taken
        self._suspect: dict[str, Any] | None = None  # the request whose schema the next step compiles first

    def _load(self) -> Any:
        settings = self._settings
        scheduler = self._genai.SchedulerConfig()
        scheduler.num_kv_blocks = settings["blocks"]
        scheduler.max_num_seqs = settings["sequences"]
        scheduler.max_num_batched_tokens = settings["batched_tokens"]
        scheduler.dynamic_split_fuse = True
        scheduler.enable_prefix_caching = settings["prefix_caching"]
        extra = {"prompt_lookup": True} if settings["draft"] else {}
        return self._genai.ContinuousBatchingPipeline(
            settings["model"], self._tokenizer, scheduler, "CPU", **settings["properties"], **extra
        )

    def serve(self) -> NoReturn:
        while True:
            for message in self._channel.receive(wait=not self._waiting and not self._running):
                self._take(message)
            self._admit()
            if self._running:
                self._step()
                self._answer()

    def _step(self) -> None:
        """One step. A schema that cannot be compiled is found out only here, and leaves the pipeline broken: the
        request is told, and the process ends so that the rest can run in a new one."""
        suspect, self._suspect = self._suspect, None
        try:
            self._pipeline.step()
        except RuntimeError as error:
            if suspect is None:
                raise
            self._channel.send({"id": suspect["id"], "error": str(error)[-500:], "kind": "bad_request", "fatal": True})
            os._exit(_BAD_GRAMMAR)
        if suspect is not None:
            self._proven.add(_grammar(suspect))

    def _take(self, message: dict[str, Any]) -> None:
        if "cancel" not in message:
            self._waiting.append(message)
            return
        gone = message["cancel"]
        self._waiting = deque(waiting for waiting in self._waiting if waiting["id"] != gone)
        if gone in self._running:
            self._running.pop(gone)[0].cancel()

    def _admit(self) -> None:
        """Start what there is room for, in order of arrival; a schema not seen before is the last of its step."""
        while self._waiting and self._suspect is None and len(self._running) < self._settings["sequences"]:
            message = self._waiting[0]
            blocks = -(-(len(message["ids"]) + message["max_tokens"] + self._settings["draft"]) // BLOCK) + 1
            if blocks > self._blocks and self._running:
                return
            self._waiting.popleft()
            try:
                handle = self._add(message)
            except (RuntimeError, ValueError, TypeError) as error:  # the library refuses the request's settings
                self._channel.send({"id": message["id"], "error": str(error)[-500:], "kind": "bad_request"})
                continue
            if _grammar(message) and _grammar(message) not in self._proven:
                self._suspect = message
            self._blocks -= blocks
            self._running[message["id"]] = handle, blocks, time.monotonic()

    def _add(self, message: dict[str, Any]) -> Any:
        import numpy as np

        config = self._config(message)
        ids = self._ov.Tensor(np.array([message["ids"]], dtype=np.int64))
        return self._pipeline.add_request(message["id"], ids, config)

    def _config(self, message: dict[str, Any]) -> Any:
        config = self._genai.GenerationConfig(max_new_tokens=message["max_tokens"], logprobs=message["logprobs"])
        config.stop_token_ids = set(self._settings["stops"])
        if message["stop"]:  # kept in the output: the parent cuts it off by the character
            config.stop_strings, config.include_stop_str_in_output = set(message["stop"]), True
        if message["temperature"]:
            config.do_sample, config.temperature = True, message["temperature"]
            config.rng_seed = message["seed"]
            if message["top_p"] is not None:
                config.top_p = message["top_p"]
            if message["top_k"] is not None:
                config.top_k = message["top_k"]
        else:
            config.do_sample = False
        if self._settings["draft"]:
            config.num_assistant_tokens, config.max_ngram_size = self._settings["draft"], 3
        if message["schema"] is not None or message["regex"] is not None:
            named = {"json_schema": message["schema"]} if message["schema"] is not None else {"regex": message["regex"]}
            structured = self._genai.StructuredOutputConfig(**named)
            config.structured_output_config = structured
        if message["extra"]:
            config.update_generation_config(**message["extra"])
        config.validate()
        return config

    def _answer(self) -> None:
        """Send every request that has ended."""
        status = self._genai.GenerationStatus
        for index, (handle, blocks, began) in list(self._running.items()):
            now = handle.get_status()
            if now == status.RUNNING:
                continue
            del self._running[index]
            self._blocks += blocks
            seconds = time.monotonic() - began
            if now == status.IGNORED:
                self._channel.send({"id": index, "error": "the cache cannot hold the prompt", "kind": "too_long"})
                continue
            output = handle.read_all()[0]
            self._channel.send(
                {
                    "id": index,
                    "ids": list(output.generated_ids),
                    "logprobs": list(output.generated_log_probs),
                    "finish": output.finish_reason.name,
                    "seconds": seconds,
                }
            )


def _grammar(message: dict[str, Any]) -> str:
    """What names the request's schema or pattern; empty where it has none."""
    if message["schema"] is not None:
        return "schema " + str(message["schema"])
    return "regex " + str(message["regex"]) if message["regex"] is not None else ""


def main() -> NoReturn:
    """Load what the first message names, say so, and serve until the parent is gone."""
    channel = Channel()
    pending: list[dict[str, Any]] = []
    while not pending:
        pending = channel.receive(wait=True)
    settings, *rest = pending
    try:
        worker = Worker(channel, settings)
    except Exception as error:  # noqa: BLE001 - whatever the library says of the model is for the user
        channel.send({"failed": f"{type(error).__name__}: {error}"[-2000:]})
        sys.exit(_BAD_LOAD)
    channel.send({"ready": True})
    for message in rest:
        worker._take(message)
    worker.serve()


if __name__ == "__main__":
    main()
