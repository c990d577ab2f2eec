"""Let skorch nets be experts like any scikit-learn regressor."""

import sys
from typing import Any

__all__ = ["as_expert"]


def as_expert(estimator: Any) -> Any:
    """Return `estimator`, inside an adapter for plain data and own randomness when it is or holds a skorch net."""
    if "skorch" not in sys.modules:  # then there can be no net
        return estimator
    from modpart._torch.guests import NetExpert, nets_in

    return NetExpert(estimator) if nets_in(estimator) and not isinstance(estimator, NetExpert) else estimator
