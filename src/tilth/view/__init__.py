"""Static HTML pages and terminal displays, made from manifests and ledgers."""
