"""Labels: discipline and difficulty, annotators, and how far they agree."""
