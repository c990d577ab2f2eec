"""Many partitions instead of one: trees, boosted and averaged corrections, and their weights."""
