"""Named graphs whose answers are known, for tests, documentation and first steps.

Every entry asks for P(Y | do(X)) unless it says otherwise; ``IDENTIFIABLE`` and ``NOT_IDENTIFIABLE`` hold observational
questions, ``EXPERIMENTS`` such that need data from interventions. The graphs are textbook material: Pearl, *Causality*
(2009), chapter 3; Shpitser & Pearl, AAAI (2006), figures 1 and 2; Lee, Correa & Bareinboim, UAI (2019).
"""

from types import MappingProxyType

__all__ = ["EXPERIMENTS", "IDENTIFIABLE", "NOT_IDENTIFIABLE"]

IDENTIFIABLE = MappingProxyType(
    {
        "back-door": "Z -> X; Z -> Y; X -> Y",
        "front-door": "X -> Z -> Y; X <-> Y",
        "napkin": "W -> R -> X -> Y; W <-> X; W <-> Y",
        "m-graph": "X -> Y; Z <-> X; Z <-> Y",
        "verma": "X -> B -> C -> Y; B <-> Y",
        "conditional front-door": "W -> X; W -> Z; W -> Y; X -> Z -> Y; X <-> Y",
        "two mediators": "X -> A -> Y; X -> B -> Y; X <-> Y",
        "long front-door": "X -> W -> Z -> Y; X <-> Y",
        "front-door with a confounder": "X -> Z -> Y; W -> X; W -> Y; X <-> Y",
        "confounded mediator": "X -> Y; X -> Z -> Y; Y <-> Z",
        "confounded covariate": "X -> Y; Z -> X; Z -> Y; Y <-> Z",
        "covariate and treatment confounded": "X -> Y; Z -> X; Z -> Y; X <-> Z",
        "confounded chain": "X -> Y; X -> Z1; Z1 -> Y; Z1 -> Z2; Z2 -> Y; X <-> Z2; Z1 <-> Y",
        "four hidden causes": (
            "X -> Z1 -> Y; Z2 -> X; Z2 -> Z1; Z2 -> Z3; Z3 -> Y; X <-> Y; X <-> Z2; X <-> Z3; Y <-> Z2"
        ),
    }
)

NOT_IDENTIFIABLE = MappingProxyType(
    {
        "bow": "X -> Y; X <-> Y",
        "confounded first step": "X -> Z -> Y; X <-> Z",
        "confounded first step and direct effect": "X -> Z -> Y; X -> Y; X <-> Z",
        "confounded covariate on both sides": "X -> Y; Z -> Y; X <-> Z; Z <-> Y",
        "confounded instrument": "Z -> X -> Y; X <-> Z; Z <-> Y",
        "confounded second step": "X -> Z -> Y; X <-> Y; Z <-> Y",
        "hidden chain": "X -> Z1 -> Y; Z2 -> Y; X <-> Z2; Z1 <-> Z2",
        "four nodes": "Z -> X -> W -> Y; X <-> Z; X <-> Y; W <-> Z; Y <-> Z",
        "instrument": "Z -> X -> Y; X <-> Y",
        "front-door with a leak": "X -> Z -> Y; X <-> Y; X <-> Z",
    }
)

_TWO = "X1 -> W; X2 -> Y; W -> Y; W <-> X1; X1 <-> X2; X2 <-> Y"

# name: (graph, outcomes, do, regimes at hand, identifiable)
EXPERIMENTS = MappingProxyType(
    {
        "two experiments": (_TWO, "Y", ("X1", "X2"), ("X1", "X2"), True),
        "two experiments, W <-> X2": (f"{_TWO}; W <-> X2", "Y", ("X1", "X2"), ("X1", "X2"), True),
        "two experiments, W <-> Y": (f"{_TWO}; W <-> Y", "Y", ("X1", "X2"), ("X1", "X2"), False),
        "two experiments, X1 <-> Y": (f"{_TWO}; X1 <-> Y", "Y", ("X1", "X2"), ("X1", "X2"), False),
        "surrogate": ("Z -> X; X -> Y; W -> X; W -> Y; Z <-> X; Z <-> Y", "Y", "X", ((), "Z"), True),
        "surrogate and a bow": ("Z -> X; X -> Y; W -> X; W -> Y; X <-> Y; Z <-> Y", "Y", "X", ((), "Z"), False),
        "surrogate with an effect": ("Z -> Y; X -> Y; W -> X; W -> Y; Z <-> X; Z <-> Y", "Y", "X", ((), "Z"), False),
    }
)
