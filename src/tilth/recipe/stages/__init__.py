"""The settings of each stage, one file a stage: what a user writes under its name in a recipe."""
