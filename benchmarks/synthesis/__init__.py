"""Benchmarks of question synthesis: the whole recipe, and what a call costs this side of the model."""
