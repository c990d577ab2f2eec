"""Layers of small vision transformers, and the unit vectors that local training compares."""

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["LogitScale", "Patches", "Positions", "SelfAttention", "TokenMean", "UnitLength"]


class Patches(nn.Module):
    """Cut flat images into patches: (B, C H W) to (B, n_patches, C patch^2), row by row."""

    def __init__(self, channels: int, height: int, width: int, patch: int) -> None:
        super().__init__()
        self.channels, self.height, self.width, self.patch = channels, height, width, patch

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        size, down, across = self.patch, self.height // self.patch, self.width // self.patch
        image = X.reshape(len(X), self.channels, down, size, across, size)
        return image.permute(0, 2, 4, 1, 3, 5).reshape(len(X), down * across, -1)


class Positions(nn.Module):
    """Add a learned vector to each place of a sequence."""

    def __init__(self, length: int, features: int) -> None:
        super().__init__()
        self.length, self.features = length, features
        self.places = nn.Parameter(torch.zeros(length, features))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X + self.places


class SelfAttention(nn.Module):
    """Attention of several heads between the tokens of a row.

    Heads may have keys and values of any size; a head with keys of size 0 looks at all tokens alike. `scale` is what
    products of queries and keys are multiplied by: it stays what it was when keys get shorter.
    """

    def __init__(
        self,
        query: nn.Sequential,
        key: nn.Sequential,
        value: nn.Sequential,
        out: nn.Sequential,
        key_sizes: Sequence[int],
        value_sizes: Sequence[int],
        scale: float,
    ) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = query, key, value, out
        self.key_sizes, self.value_sizes, self.scale = list(key_sizes), list(value_sizes), scale

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        sides = self.query(X), self.key(X), self.value(X)
        if len(set(self.key_sizes)) == len(set(self.value_sizes)) == 1:
            shape = (*X.shape[:2], len(self.key_sizes), -1)
            answers = self._attend(*(side.reshape(shape).transpose(1, 2) for side in sides)).transpose(1, 2).flatten(2)
            return self.out(answers)
        sizes = self.key_sizes, self.key_sizes, self.value_sizes
        heads = zip(*(side.split(own, dim=2) for side, own in zip(sides, sizes, strict=True)), strict=True)
        return self.out(torch.cat([self._attend(*head) for head in heads], dim=2))

    def _attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Take (..., T, key size) twice and (..., T, value size)."""
        return (query @ key.transpose(-2, -1) * self.scale).softmax(-1) @ value


class TokenMean(nn.Module):
    """Mean over the tokens of a row: (B, T, D) to (B, D)."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X.mean(1)


class UnitLength(nn.Module):
    """Rows scaled to length one; a row of zeros stays what it is."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(X.flatten(1), dim=1)


class LogitScale(nn.Module):
    """Multiply by a fixed number: unit vectors alone make logits too small for a cross-entropy."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X * self.factor
