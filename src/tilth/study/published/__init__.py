"""Published results as data, and what follows from them when they are put through the statistics of this package."""
