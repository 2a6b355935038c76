"""The curate step: columnar stages over the shards of a dataset, in as few passes as the stages allow."""
