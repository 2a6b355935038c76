"""How hard the questions of a run are: measured by a panel of solvers, beside an annotator's rubric."""
