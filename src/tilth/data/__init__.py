"""Row schemas, datasets with manifests, and readers of every source format."""
