"""Joins seed questions that share knowledge points."""
