"""Maximum mean discrepancy between real and generated rows."""

from collections.abc import Mapping

import torch
from torch import nn

from modpart._torch.dcm.adversarial import Rivals, temperature
from modpart._torch.dcm.tables import Table

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
        draw, size = self.rivals.draw, self.batch_size
        for comparison in self.rivals.comparisons:
            if isinstance(comparison, Table):
                gap = comparison.fake(self.rivals.system) - comparison.real
                total = total + gap @ _kernel(torch.cat(comparison.rows, 1)) @ gap
                continue
            real = comparison.real(2 * size, draw)
            first = {name: x[:size] for name, x in real.items()}
            second = {name: x[size:] for name, x in real.items()}
            fake = comparison.fake(self.rivals.system, second, draw, temperature(progress))
            total = total + _discrepancy(_flat(first, real), _flat(fake, real))
        return total


def _flat(rows: Mapping[str, torch.Tensor], names: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([rows[name].flatten(1) for name in names], 1)


def _kernel(rows: torch.Tensor) -> torch.Tensor:
    squares = rows.square().sum(1)
    distances = (squares[:, None] + squares[None] - 2 * rows @ rows.T).clamp(min=0.0)
    return torch.stack([torch.exp(distances * (-0.5 * rate)) for rate in RATES]).sum(0)


def _discrepancy(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    count = len(real)
    kernel = _kernel(torch.cat([real, fake]))
    within = kernel[:count, :count].sum() + kernel[count:, count:].sum() - 2 * count * len(RATES)
    return within / (count * (count - 1)) - 2 * kernel[:count, count:].mean()
