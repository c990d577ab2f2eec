"""Active partitioning: experts compete for rows, win regimes, and become one modular model."""

from modpart.partition._bayes import BayesianExpert
from modpart.partition._mlp import MLPExpert
from modpart.partition._partitioned_classifier import PartitionedClassifier
from modpart.partition._partitioned_regressor import PartitionedRegressor
from modpart.partition._partitioner import ActivePartitioner
from modpart.partition._words.description import PartitionDescription

__all__ = [
    "ActivePartitioner",
    "BayesianExpert",
    "MLPExpert",
    "PartitionDescription",
    "PartitionedClassifier",
    "PartitionedRegressor",
]
