"""Near duplicates: MinHash signatures, bands shuffled through the disk, clusters, an index for later runs."""
