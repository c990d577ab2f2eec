"""Best practice of decision-making units: data envelopment analysis and what surrounds it."""

from modpart.efficiency._dea import DEA

__all__ = ["DEA"]
