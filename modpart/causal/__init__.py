"""Causal graphs with hidden confounders, and what can be concluded from them."""

from modpart.causal._counterfactual import CounterfactualIdentification, Event
from modpart.causal._graph import CausalGraph
from modpart.causal._identification import Identification
from modpart.causal._modules import Module, training_order
from modpart.causal._plugin import PluginEstimator

__all__ = [
    "CausalGraph",
    "CounterfactualIdentification",
    "Event",
    "Identification",
    "Module",
    "PluginEstimator",
    "training_order",
]
