"""The command line: parse, call one function, print."""

from tilth.cli.main import app, main

__all__ = ["app", "main"]
