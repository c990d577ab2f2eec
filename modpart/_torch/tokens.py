"""Layers of small vision transformers, and the unit vectors that local training compares."""

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
    """Attention of several heads between the tokens of a row; keys and values may be of any size per head."""

    def __init__(self, features: int, heads: int, key_size: int, value_size: int) -> None:
        super().__init__()
        self.features, self.heads, self.key_size, self.value_size = features, heads, key_size, value_size
        self.query, self.key = nn.Linear(features, heads * key_size), nn.Linear(features, heads * key_size)
        self.value, self.out = nn.Linear(features, heads * value_size), nn.Linear(heads * value_size, features)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        batch, length, _ = X.shape
        query, key, value = (
            part(X).reshape(batch, length, self.heads, -1).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        share = (query @ key.transpose(2, 3) / self.key_size**0.5).softmax(3)
        return self.out((share @ value).transpose(1, 2).reshape(batch, length, -1))


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
