"""What the benchmarks share: measuring a process tree, making documents, running servers, doing the arithmetic."""
