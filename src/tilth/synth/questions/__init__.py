"""New questions from seeds: by grade, harder in rounds, from linked seeds, and by the logic of hard questions."""
