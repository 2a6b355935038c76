"""Models on this machine: weights and vocabularies as the local engines need them."""
