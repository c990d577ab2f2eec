"""Causal graphs with hidden confounders, and what can be concluded from them."""

from modpart.causal._graph import CausalGraph
from modpart.causal._identification import Identification

__all__ = ["CausalGraph", "Identification"]
