"""The benchmarks of curation, one module a part."""
