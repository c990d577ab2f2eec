"""What the weights of a net are worth to one class."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from modpart._torch.plans import build
from modpart._torch.state import from_numpy

__all__ = ["margin_scores"]


def margin_scores(
    plan: Any, weights: Mapping[str, np.ndarray], names: Sequence[str], X: np.ndarray, codes: np.ndarray
) -> list[dict[str, np.ndarray]]:
    """For each class, what each weight adds to the margin of the class, on its rows and on all others.

    The margin is the logit of the class minus the logarithm of the summed exponentials of the others. A weight w counts
    |w dm/dw| with m the mean margin of the rows of the class, plus the same for the other rows.
    """
    net = build(plan, weights).double().eval()
    known = dict(net.named_parameters())
    parts = [known[name] for name in names]
    logits = net(from_numpy(X, np.float64))
    found = []
    for c in range(logits.shape[1]):
        others = torch.cat([logits[:, :c], logits[:, c + 1 :]], dim=1)
        margin, own = logits[:, c] - others.logsumexp(1), torch.from_numpy(codes == c)
        scores = {name: np.zeros(tuple(part.shape)) for name, part in zip(names, parts, strict=True)}
        for rows in (own, ~own):
            if not rows.any():
                continue
            slopes = torch.autograd.grad(margin[rows].mean(), parts, retain_graph=True)
            for name, part, slope in zip(names, parts, slopes, strict=True):
                scores[name] += (part * slope).abs().detach().numpy()
        found.append(scores)
    return found
