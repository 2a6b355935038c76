"""Checks, votes and measured difficulty of questions that solvers answered."""
