"""How far a partition can be trusted."""

from modpart.metrics._stability import PartitionStability, partition_stability

__all__ = ["PartitionStability", "partition_stability"]
