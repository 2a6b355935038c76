"""Independent answers to a question, and which of them are right."""
