"""Linear algebra of closed-form experts in float64 on a torch device: many small problems in few large calls."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch

__all__ = ["TorchArrays"]


class TorchArrays:
    """What :class:`modpart.partition._evidence.arrays.Arrays` does with numpy, on tensors of one device.

    Launching a product costs a GPU more than a small product itself, so groups and matrices of unequal sizes are padded
    and go in one call.

    Parameters
    ----------
    device : torch.device
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def put(self, values: np.ndarray) -> torch.Tensor:
        """A numpy array as a float64 tensor on the device."""
        return torch.tensor(np.ascontiguousarray(values), dtype=torch.float64, device=self.device)

    def get(self, values: torch.Tensor) -> np.ndarray:
        """A tensor as a numpy array of its own memory."""
        return values.cpu().numpy()

    def columns(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Columns beside one another."""
        return torch.hstack(list(parts))

    def joined(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Cells after one another, along the first axis."""
        return torch.cat(list(parts))

    def kernel(self, squares: torch.Tensor, scale: float) -> torch.Tensor:
        """Gaussian kernel of a length scale, from squared distances."""
        return torch.exp(squares * (-0.5 / scale**2))

    def squared_distances(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Of each row of the first to each of the second; the differences are squared, as products would cancel."""
        return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist").square()

    def group_grams(self, rows: torch.Tensor, groups: np.ndarray, n_groups: int) -> torch.Tensor:
        """Sums of products of the rows of each group, shape (n_groups, p, p): one product, groups padded with zeros."""
        counts = np.bincount(groups, minlength=n_groups)
        starts = np.cumsum(counts) - counts
        order = np.argsort(groups, kind="stable")
        places = np.full((n_groups, max(int(counts.max(initial=0)), 1)), len(rows))
        places[groups[order], np.arange(len(order)) - starts[groups[order]]] = order
        padded = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])
        members = padded[torch.from_numpy(places).to(self.device)]
        return members.transpose(1, 2) @ members

    def side_grams(self, rows: torch.Tensor, cuts: Sequence[tuple[np.ndarray, np.ndarray]]) -> torch.Tensor:
        """Sums of products of the rows below every cut, then of those above, shape (2 n_cuts, p, p)."""
        below, above = [], []
        for groups, after in cuts:
            sums = torch.cumsum(self.group_grams(rows, groups, int(groups.max()) + 1), dim=0)
            below.append(sums[after])
            above.append(sums[-1] - sums[after])
        return torch.cat([*below, *above])

    def with_ridge(self, matrices: torch.Tensor, ridge: np.ndarray) -> torch.Tensor:
        """A stack of matrices (n_cells, p, p) with `ridge` (p,) added to each diagonal."""
        return matrices + torch.diag(self.put(ridge))

    def pivots(self, matrices: Iterable[tuple[torch.Tensor, np.ndarray]]) -> list[np.ndarray]:
        """Diagonals of the Cholesky factors of stacks of matrices, each with its ridge (p,).

        They are padded by ones on the diagonal to one stack.
        """
        stacks = [self.with_ridge(stack, ridge) for stack, ridge in matrices]
        widest = max(stack.shape[-1] for stack in stacks)
        whole = torch.eye(widest, dtype=torch.float64, device=self.device).repeat(len(stacks), len(stacks[0]), 1, 1)
        for padded, stack in zip(whole, stacks, strict=True):
            padded[:, : stack.shape[-1], : stack.shape[-1]] = stack
        diagonals = self.get(torch.linalg.cholesky(whole).diagonal(dim1=-2, dim2=-1))
        return [diagonal[:, : stack.shape[-1]] for diagonal, stack in zip(diagonals, stacks, strict=True)]

    def cholesky(self, matrix: torch.Tensor) -> torch.Tensor:
        """Lower Cholesky factor of one matrix."""
        return torch.linalg.cholesky(matrix)

    def eigh(self, matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Eigenvalues, from the least, and eigenvectors, as columns, of one symmetric matrix."""
        values, vectors = torch.linalg.eigh(matrix)
        return values, vectors

    def solve_lower(self, factor: torch.Tensor, right: torch.Tensor, *, transposed: bool = False) -> torch.Tensor:
        """Solve with a lower triangular matrix, or with its transpose."""
        columns = right[:, None] if right.ndim == 1 else right
        solved = torch.linalg.solve_triangular(factor.mT if transposed else factor, columns, upper=transposed)
        return solved[:, 0] if right.ndim == 1 else solved
