"""Which language a text is in: a model for most of them, character tables for the forms of Chinese."""
