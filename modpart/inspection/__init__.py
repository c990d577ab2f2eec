"""Pictures of partitions, causal graphs, frontiers and networks, and of how they were found (extra ``plot``)."""

from modpart.inspection._causal_graph import CausalGraphDisplay
from modpart.inspection._classes import EfficiencyClassDisplay
from modpart.inspection._cluster_count import ClusterCountDisplay
from modpart.inspection._frontier import FrontierDisplay
from modpart.inspection._history import HistoryDisplay
from modpart.inspection._intervention import InterventionDisplay
from modpart.inspection._modularity import ModularityDisplay
from modpart.inspection._partition import PartitionDisplay
from modpart.inspection._schedule import ScheduleDisplay
from modpart.inspection._som import SOMDisplay

__all__ = [
    "CausalGraphDisplay",
    "ClusterCountDisplay",
    "EfficiencyClassDisplay",
    "FrontierDisplay",
    "HistoryDisplay",
    "InterventionDisplay",
    "ModularityDisplay",
    "PartitionDisplay",
    "SOMDisplay",
    "ScheduleDisplay",
]
