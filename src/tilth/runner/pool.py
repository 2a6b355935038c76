"""Makes the pool of engines of a generation step."""

from tilth.base.log import EventLog
from tilth.generate.admission import Patience, Pool
from tilth.generate.engines.table import open_engines
from tilth.generate.model import ModelSpec


def open_pool(spec: ModelSpec, seed: int, log: EventLog) -> Pool:
    """A pool over the members that the model's spec names; not started."""
    return Pool(
        open_engines(spec), retries=spec.retries, seed=seed, on_event=log.event, patience=Patience(outage=spec.outage)
    )
