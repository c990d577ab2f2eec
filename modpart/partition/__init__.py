"""Active partitioning: experts compete for rows, win regimes, and become one modular model."""

from modpart.partition._bayes import BayesianExpert
from modpart.partition._description import PartitionDescription
from modpart.partition._mlp import MLPExpert
from modpart.partition._partitioner import ActivePartitioner
from modpart.partition._regressor import PartitionedRegressor

__all__ = ["ActivePartitioner", "BayesianExpert", "MLPExpert", "PartitionDescription", "PartitionedRegressor"]
