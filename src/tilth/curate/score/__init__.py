"""Quality scores of documents by a model: presets, fastText files, Hub classifiers, and scorers trained here."""
