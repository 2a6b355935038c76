"""Near duplicates by embedding: vectors, an approximate index, clusters."""
