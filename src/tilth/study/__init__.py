"""The study: arms, seeds, power, statistics, verdict."""
