"""Readers of every source format."""
