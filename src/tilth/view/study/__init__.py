"""Pages and terminal words of studies: plans, verdicts, published results."""
