"""The embedded default engine: deterministic rules, no model, no download. English and Chinese."""
