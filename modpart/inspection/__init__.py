"""Pictures of partitions, of the competitions that made them, of frontiers, maps and classes (extra ``plot``)."""

from modpart.inspection._classes import EfficiencyClassDisplay
from modpart.inspection._cluster_count import ClusterCountDisplay
from modpart.inspection._frontier import FrontierDisplay
from modpart.inspection._history import HistoryDisplay
from modpart.inspection._partition import PartitionDisplay
from modpart.inspection._som import SOMDisplay

__all__ = [
    "ClusterCountDisplay",
    "EfficiencyClassDisplay",
    "FrontierDisplay",
    "HistoryDisplay",
    "PartitionDisplay",
    "SOMDisplay",
]
