"""Makes the pool of engines of a generation step."""

from typing import Any

from tilth.base.errors import TilthError
from tilth.base.log import EventLog
from tilth.generate.admission import Pool
from tilth.generate.engines.table import open_engines
from tilth.generate.model import ModelSpec


def open_pool(spec: ModelSpec, seed: int, log: EventLog) -> Pool:
    """A pool over the members that the model's spec names; not started."""
    return Pool(open_engines(spec), retries=spec.retries, seed=seed, on_event=log.event)


def describe_engine(spec: ModelSpec) -> dict[str, Any]:
    """What rows, ledgers and pages call the engine of a spec."""
    entry = {"name": spec.engine, "version": None, "label": spec.engine, "model": spec.model, "revision": spec.revision}
    try:
        caps = open_engines(spec)[0].caps
    except TilthError:  # an extra that is not installed here: the ledger of another machine's run is still read
        return entry
    return {**entry, "version": caps.version, "label": caps.label}
