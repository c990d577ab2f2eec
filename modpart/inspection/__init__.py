"""Pictures of partitions, of the competitions that made them, and of frontiers (extra ``plot``)."""

from modpart.inspection._frontier import FrontierDisplay
from modpart.inspection._history import HistoryDisplay
from modpart.inspection._partition import PartitionDisplay

__all__ = ["FrontierDisplay", "HistoryDisplay", "PartitionDisplay"]
