"""Stages that make text: rephrasing, its router, parsers, output checks and collapse alarms."""
