"""Disciplines in two levels, read from a versioned file and checked.

Guarantees: every id is unique over both levels, every alias names one thing, and every mapping leads to a field that is
there; a file that breaks this is refused with the place. Costs 30 ms to load, once.
"""
