"""Let skorch nets be experts like any scikit-learn regressor."""

import sys
from typing import Any

from sklearn.base import is_classifier

__all__ = ["as_expert"]


def as_expert(estimator: Any) -> Any:
    """Return `estimator`; a regressor that is or holds a skorch net in an adapter for plain data and own randomness."""
    if "skorch" not in sys.modules or is_classifier(estimator):  # then there can be no net that predicts numbers
        return estimator
    from modpart._torch.guests import NetExpert, nets_in

    return NetExpert(estimator) if nets_in(estimator) and not isinstance(estimator, NetExpert) else estimator
