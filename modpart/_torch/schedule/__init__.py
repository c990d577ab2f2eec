"""Training of one phase of a schedule: start weights, frozen and trained slots, local losses."""
