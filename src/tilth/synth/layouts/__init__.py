"""Questions as training text: several layouts, balanced over cells of discipline and difficulty."""
