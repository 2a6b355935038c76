"""What a model can do: benchmarks and held-out text at a checkpoint, and the probe by discipline and difficulty."""
