"""Answer checking: does an answer say the same as the gold answer? Never hangs, never runs away."""
