"""Curation of seed questions: rules, each a named reason, and exact duplicates with conflicting answers."""
