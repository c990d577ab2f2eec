"""Causal graphs with hidden confounders, and what can be concluded from them."""

from modpart.causal._counterfactual import CounterfactualIdentification
from modpart.causal._dcm.answers import Effect
from modpart.causal._dcm.guests import TrainedModule
from modpart.causal._graph import CausalGraph
from modpart.causal._identification import Identification
from modpart.causal._identify.worlds import Event
from modpart.causal._model import DiscreteModel
from modpart.causal._modular_dcm import ModularDCM
from modpart.causal._modules import Module, training_order
from modpart.causal._plugin import PluginEstimator

__all__ = [
    "CausalGraph",
    "CounterfactualIdentification",
    "DiscreteModel",
    "Effect",
    "Event",
    "Identification",
    "ModularDCM",
    "Module",
    "PluginEstimator",
    "TrainedModule",
    "training_order",
]
