"""Refinement of questions and answers by a second model."""
