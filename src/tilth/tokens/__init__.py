"""Texts to token shards, mixtures to training order, and every token back to its source row."""
