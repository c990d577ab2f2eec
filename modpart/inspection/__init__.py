"""Pictures of partitions and of the competitions that made them (extra ``plot``)."""

from modpart.inspection._history import HistoryDisplay
from modpart.inspection._intervention import InterventionDisplay
from modpart.inspection._partition import PartitionDisplay

__all__ = ["HistoryDisplay", "InterventionDisplay", "PartitionDisplay"]
