"""Datasets with weights to one ordered mixture."""
