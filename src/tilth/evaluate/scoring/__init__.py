"""Log-likelihoods of answers under a causal model of transformers, shared beginnings computed once."""
