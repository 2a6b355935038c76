"""Prompts as text files with a typed header."""
