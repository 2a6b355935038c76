"""Which file serves which engine. A new engine is one file and one line here.

Each entry names a callable `(spec: ModelSpec) -> tuple[Engine, ...]`: one engine a member (an endpoint has one a URL,
the others one in all). Nothing is imported until the engine is asked for.
"""

import importlib
from typing import Any, cast

from tilth.base.errors import ConfigError, UserError
from tilth.generate.model import ModelSpec
from tilth.generate.request import Engine

ENGINES: dict[str, str] = {
    "extractive": "tilth.generate.engines.table:open_extractive",
    "endpoint": "tilth.generate.engines.endpoint:open_endpoint",
    "openvino": "tilth.generate.engines.openvino.engine:open_openvino",
    "xllamacpp": "tilth.generate.engines.xllamacpp:open_xllamacpp",
    "scripted": "tilth.generate.engines.scripted:open_scripted",
    "fake": "tilth.generate.engines.fake:open_fake",
}


def open_engines(spec: ModelSpec) -> tuple[Engine, ...]:
    """The members that answer for `spec`, not started yet; raises `ConfigError` for an engine that is not known."""
    if spec.engine not in ENGINES:
        raise ConfigError(f"expected an engine out of {', '.join(sorted(ENGINES))}; saw {spec.engine!r}")
    module, _, name = ENGINES[spec.engine].partition(":")
    return cast(tuple[Engine, ...], getattr(importlib.import_module(module), name)(spec))


def open_extractive(_spec: ModelSpec) -> tuple[Engine, ...]:
    """The rules need no settings."""
    from tilth.generate.engines.extractive.engine import ExtractiveEngine  # only where it is used

    return (ExtractiveEngine(),)


def describe_engine(spec: ModelSpec) -> dict[str, Any]:
    """Name, version, label, model and revision of the engine as a ledger shows them, without starting it.

    What only the running engine knows (a server's version) stands in each row.
    """
    known = {"name": spec.engine, "version": "unknown", "label": spec.engine}
    try:
        caps = [engine.caps for engine in open_engines(spec)]
    except UserError:  # a missing extra or file: whoever starts the engine says so
        caps = []
    if caps:
        labels = ", ".join(dict.fromkeys(each.label for each in caps))
        known = {"name": caps[0].name, "version": caps[0].version, "label": labels}
    return {**known, "model": spec.model, "revision": spec.revision}
