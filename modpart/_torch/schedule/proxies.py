"""Losses of hidden modules that need no layer above: rows of one class shall look alike, and those of two not."""

from collections.abc import Callable

import torch
from torch import nn

__all__ = ["PROXIES", "KernelProxy", "gram", "pairs_of"]


def gram(z: torch.Tensor) -> torch.Tensor:
    """Cosines of all pairs of rows, (B, B); rows of zeros have cosine 0."""
    unit = nn.functional.normalize(z.flatten(1), dim=1)
    return unit @ unit.T


def pairs_of(z: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine of each pair of different rows, and 1.0 where both are of one class, else 0.0."""
    one, two = torch.triu_indices(len(z), len(z), offset=1, device=z.device)
    return gram(z)[one, two], (y[one] == y[two]).to(z.dtype)


def _cosine(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first * second).sum() / (first.norm() * second.norm()).clamp_min(1e-12)


def _alignment(values: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    return 1.0 - _cosine(values - values.mean(), same - same.mean())


def _plain_alignment(values: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    return 1.0 - _cosine(values, same)


def _contrastive(values: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    alike = values[same > 0]
    return values.logsumexp(0) - alike.logsumexp(0) if len(alike) else values.sum() * 0.0


def _negatives(values: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    apart = values[same == 0]
    return apart.logsumexp(0) - torch.log(values.new_tensor(float(len(apart)))) if len(apart) else values.sum() * 0.0


def _squared(values: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    return (values - same).square().mean()


# Each takes the cosines of the pairs and their likeness, and is smallest for the ideal kernel (1 same, 0 different).
PROXIES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "alignment": _alignment,
    "contrastive": _contrastive,
    "negatives": _negatives,
    "plain_alignment": _plain_alignment,
    "squared": _squared,
}


class KernelProxy(nn.Module):
    """A proxy of the cosines between the rows of a batch; the target is a column of class codes."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, z: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if len(z) < 2:  # no pair, nothing to learn from
            return z.sum() * 0.0
        return PROXIES[self.kind](*pairs_of(z, target[:, 0]))
