"""Graphs on their way in and out: text, what other tools make, and nodes that are projected away."""
