"""The models of data envelopment analysis: each states its linear programmes once, for the engine to solve."""
