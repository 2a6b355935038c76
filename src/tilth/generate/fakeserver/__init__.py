"""A deterministic OpenAI-compatible server with faults on order: for tests, dry runs, benchmarks and the crash test."""
