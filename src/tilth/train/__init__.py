"""Training: proxies from scratch, mid-training of a base model, and the decay phase of an earlier run."""
