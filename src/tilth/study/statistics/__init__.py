"""Statistics of a study: paired differences with intervals, verdicts, ranks, transfer between sizes, the task gate."""
