"""Lines and paragraphs that stand in many documents."""
