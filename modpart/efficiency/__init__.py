"""Best practice of decision-making units: their frontier, their clusters, and the class of a new unit."""

from modpart.efficiency._bootstrap import ReturnsTest, bootstrap_dea, rts_test
from modpart.efficiency._cluster_count import ClusterCount
from modpart.efficiency._cross import CrossEfficiency, cross_efficiency
from modpart.efficiency._dea import DEA
from modpart.efficiency._economic import economic_efficiency
from modpart.efficiency._efficiency_classifier import EfficiencyClassifier
from modpart.efficiency._evaluation import cross_validate_classes
from modpart.efficiency._malmquist import malmquist, malmquist_luenberger
from modpart.efficiency._order_m import order_alpha, order_m
from modpart.efficiency._outliers import leverage
from modpart.efficiency._polynomial_classifier import ReducedPolynomialClassifier
from modpart.efficiency._polynomial_features import ReducedPolynomialFeatures
from modpart.efficiency._scores import dea_scores
from modpart.efficiency._som import SOM
from modpart.efficiency._window import WindowAnalysis, window_analysis

__all__ = [
    "DEA",
    "SOM",
    "ClusterCount",
    "CrossEfficiency",
    "EfficiencyClassifier",
    "ReducedPolynomialClassifier",
    "ReducedPolynomialFeatures",
    "ReturnsTest",
    "WindowAnalysis",
    "bootstrap_dea",
    "cross_efficiency",
    "cross_validate_classes",
    "dea_scores",
    "economic_efficiency",
    "leverage",
    "malmquist",
    "malmquist_luenberger",
    "order_alpha",
    "order_m",
    "rts_test",
    "window_analysis",
]
