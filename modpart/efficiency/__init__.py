"""Best practice of decision-making units: their frontier, their clusters, and the class of a new unit."""

from modpart.efficiency._classes.evaluation import cross_validate_classes
from modpart.efficiency._clusters.cluster_count import ClusterCount
from modpart.efficiency._clusters.som import SOM
from modpart.efficiency._dea import DEA
from modpart.efficiency._efficiency_classifier import EfficiencyClassifier
from modpart.efficiency._indices.andrews_pregibon import andrews_pregibon
from modpart.efficiency._indices.bootstrap import ReturnsTest, bootstrap_dea, rts_test
from modpart.efficiency._indices.cross import CrossEfficiency, cross_efficiency
from modpart.efficiency._indices.economic import economic_efficiency
from modpart.efficiency._indices.environment import EnvironmentEffects, environment_effects
from modpart.efficiency._indices.malmquist import malmquist, malmquist_luenberger
from modpart.efficiency._indices.order_m import order_alpha, order_m
from modpart.efficiency._indices.outliers import leverage
from modpart.efficiency._indices.window import WindowAnalysis, window_analysis
from modpart.efficiency._polynomial.classifier import ReducedPolynomialClassifier
from modpart.efficiency._polynomial.features import ReducedPolynomialFeatures
from modpart.efficiency._units.scores import dea_scores

__all__ = [
    "DEA",
    "SOM",
    "ClusterCount",
    "CrossEfficiency",
    "EfficiencyClassifier",
    "EnvironmentEffects",
    "ReducedPolynomialClassifier",
    "ReducedPolynomialFeatures",
    "ReturnsTest",
    "WindowAnalysis",
    "andrews_pregibon",
    "bootstrap_dea",
    "cross_efficiency",
    "cross_validate_classes",
    "dea_scores",
    "economic_efficiency",
    "environment_effects",
    "leverage",
    "malmquist",
    "malmquist_luenberger",
    "order_alpha",
    "order_m",
    "rts_test",
    "window_analysis",
]
