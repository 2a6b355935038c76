"""Requests to models: types, engines, admission, budgets, and the journal that survives anything."""
