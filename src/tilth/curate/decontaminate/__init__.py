"""Takes out of a corpus what the evaluation will ask: n-gram matching of documents against benchmark items."""
