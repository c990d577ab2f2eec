"""Clusters of units: a self-organising map, and the statistics of a tree that say how many clusters there are."""
