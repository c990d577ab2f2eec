"""Maximum mean discrepancy between real and generated rows."""

from collections.abc import Mapping

import torch
from torch import nn

from modpart._torch.dcm.adversarial import COOLEST, HOTTEST, Rivals

__all__ = ["Discrepancy"]

RATES = (0.1, 0.5, 2.0)  # of the kernels exp(-rate |a - b|^2 / 2)


class Discrepancy(nn.Module):
    """The unbiased squared discrepancy under a sum of Gaussian kernels (Gretton et al., JMLR 13, 2012).

    For two rows of states the kernel is a product over variables, smaller by a fixed factor for each that differs.

    Parameters
    ----------
    rivals : Rivals
    batch_size : int
    """

    def __init__(self, rivals: Rivals, batch_size: int) -> None:
        super().__init__()
        self.rivals, self.batch_size = rivals, batch_size

    def loss(self, progress: float) -> torch.Tensor:
        """Sum over the regimes of the discrepancy of one batch."""
        total: torch.Tensor = torch.zeros(())
        for comparison in self.rivals.comparisons:
            real = comparison.real(2 * self.batch_size, self.rivals.draw)
            first = {name: x[: self.batch_size] for name, x in real.items()}
            second = {name: x[self.batch_size :] for name, x in real.items()}
            fake = self.rivals.fake(comparison, second, max(COOLEST, HOTTEST - progress))
            total = total + _discrepancy(_flat(first, real), _flat(fake, real))
        return total


def _flat(rows: Mapping[str, torch.Tensor], names: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([rows[name].flatten(1) for name in names], 1)


def _discrepancy(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    count = len(real)
    both = torch.cat([real, fake])
    squares = both.square().sum(1)
    distances = (squares[:, None] + squares[None] - 2 * both @ both.T).clamp(min=0.0)
    kernel = torch.stack([torch.exp(distances * (-0.5 * rate)) for rate in RATES]).sum(0)
    within = kernel[:count, :count].sum() + kernel[count:, count:].sum() - 2 * count * len(RATES)
    return within / (count * (count - 1)) - 2 * kernel[:count, count:].mean()
