"""Find the regimes of a regression problem by competition, train one expert on each, and route new rows to them."""

from modpart.partition._mlp import MLPExpert

__all__ = ["MLPExpert"]
