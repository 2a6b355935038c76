"""lm-evaluation-harness as a back end: its task files written, run, and its samples read."""
