"""Pictures of partitions, of the competitions that made them, and of modular networks (extra ``plot``)."""

from modpart.inspection._history import HistoryDisplay
from modpart.inspection._modularity import ModularityDisplay
from modpart.inspection._partition import PartitionDisplay

__all__ = ["HistoryDisplay", "ModularityDisplay", "PartitionDisplay"]
