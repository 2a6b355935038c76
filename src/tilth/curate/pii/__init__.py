"""Personal data in texts: found by rules with checksums, then replaced, flagged or a ground to drop the row."""
