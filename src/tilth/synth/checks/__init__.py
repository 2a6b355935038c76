"""Deterministic checks of one answer against its source: see `judge.judge` and docs/checks.md."""
