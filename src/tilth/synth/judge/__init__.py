"""A model judges the free-text answers that no rule can compare."""
