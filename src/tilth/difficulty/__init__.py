"""How hard a question is: pass rates, an item response model, rubric scores, and how the measures compare."""
