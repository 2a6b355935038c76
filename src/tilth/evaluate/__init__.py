"""What a model can do: the probe set by discipline and difficulty, and a model's scores on it."""
