"""Columns of a training run's metrics: one row a logged step."""

import pyarrow as pa

METRICS = pa.schema(
    [
        pa.field("step", pa.int64(), nullable=False),  # optimiser steps done
        pa.field("tokens", pa.int64(), nullable=False),  # trained on by this run
        pa.field("loss", pa.float64(), nullable=False),  # nats a predicted token, mean since the row before
        pa.field("learning_rate", pa.float64(), nullable=False),  # of that step
        pa.field("grad_norm", pa.float64()),  # before clipping
        pa.field("tokens_per_second", pa.float64(), nullable=False),  # since the row before
        pa.field("seconds", pa.float64(), nullable=False),  # of training, over all sessions
    ]
)
