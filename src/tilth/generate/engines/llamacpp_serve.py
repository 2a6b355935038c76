"""The child process behind engine xllamacpp: llama.cpp's own OpenAI-compatible server on a loopback port.

Reads one JSON line of settings from stdin, writes one with the server's address to stdout, and ends when stdin does,
so that it cannot outlive its parent. What the library prints goes to stderr.
"""

import os
import sys
from typing import Any, Final, NoReturn

import orjson

_BAD_LOAD: Final = 3  # exit status after a failed load, once the reason is written


def main() -> NoReturn:
    """Serve until the parent is gone."""
    out = os.dup(1)
    os.dup2(2, 1)
    settings = orjson.loads(sys.stdin.buffer.readline())
    try:
        server = _start(settings)
    except Exception as error:  # noqa: BLE001 - whatever the library says of the model is for the user
        os.write(out, orjson.dumps({"failed": f"{type(error).__name__}: {error}"[-2000:]}) + b"\n")
        sys.exit(_BAD_LOAD)
    os.write(out, orjson.dumps({"url": server.listening_address}) + b"\n")
    while sys.stdin.buffer.read(1 << 16):
        pass
    os._exit(0)  # the library's own shutdown waits for requests that nobody reads any more


def _start(settings: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = {settings["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the system picks a free one
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context"] * settings["slots"]
    params.cache_prompt = False  # with it, the same seed gives another text the second time
    params.cache_ram_mib = 0
    params.fit_params = False  # no guessing of sizes: the recipe says them
    params.warmup = False
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 1
    if settings["threads"]:
        params.cpuparams.n_threads = settings["threads"]
        params.cpuparams_batch.n_threads = settings["threads"]
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
