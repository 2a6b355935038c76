"""Exact duplicates, and what all kinds of duplicates share: sorted runs on disk, groups, the choice of the kept one."""
