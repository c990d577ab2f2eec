"""Best practice of decision-making units: their frontier, their clusters, and the class of a new unit."""

from modpart.efficiency._cluster_count import ClusterCount
from modpart.efficiency._dea import DEA
from modpart.efficiency._efficiency_classifier import EfficiencyClassifier
from modpart.efficiency._evaluation import cross_validate_classes
from modpart.efficiency._polynomial_classifier import ReducedPolynomialClassifier
from modpart.efficiency._polynomial_features import ReducedPolynomialFeatures
from modpart.efficiency._som import SOM

__all__ = [
    "DEA",
    "SOM",
    "ClusterCount",
    "EfficiencyClassifier",
    "ReducedPolynomialClassifier",
    "ReducedPolynomialFeatures",
    "cross_validate_classes",
]
