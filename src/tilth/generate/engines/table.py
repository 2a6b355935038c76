"""Which file serves which engine. A new engine is one file and one line here.

Each entry names a callable `(spec: ModelSpec) -> Engine | tuple[Engine, ...]`: one engine a member (an endpoint has one
a URL, the others one in all). Nothing is imported until the engine is asked for.
"""

import importlib
from typing import cast

from tilth.base.errors import ConfigError
from tilth.generate.model import ModelSpec
from tilth.generate.request import Engine

ENGINES: dict[str, str] = {
    "extractive": "tilth.generate.engines.extractive.engine:ExtractiveEngine",
    "endpoint": "tilth.generate.engines.endpoint:open_endpoint",
    "openvino": "tilth.generate.engines.openvino.engine:open_openvino",
    "xllamacpp": "tilth.generate.engines.xllamacpp:open_xllamacpp",
    "fake": "tilth.generate.engines.fake:open_fake",
}


def open_engines(spec: ModelSpec) -> tuple[Engine, ...]:
    """The members that answer for `spec`, not started yet; raises `ConfigError` for an engine that is not known."""
    if spec.engine not in ENGINES:
        raise ConfigError(f"expected an engine out of {', '.join(sorted(ENGINES))}; saw {spec.engine!r}")
    module, _, name = ENGINES[spec.engine].partition(":")
    opened = getattr(importlib.import_module(module), name)(spec)
    return opened if isinstance(opened, tuple) else (cast(Engine, opened),)
