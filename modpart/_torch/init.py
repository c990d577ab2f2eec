"""Initial weights drawn from an explicit generator; the global one is neither read nor moved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import sqrt
from threading import RLock

import torch

__all__ = ["draw_layers", "new_generator", "own_randomness"]

_torch_generator = RLock()  # torch has one global generator for all threads: nets that draw from it train in turn


def new_generator(seed: int) -> torch.Generator:
    """Return a CPU generator with this seed; all devices draw from it, so that they start from the same weights."""
    return torch.Generator().manual_seed(seed)


def draw_layers(sizes: Sequence[int], generator: torch.Generator) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Draw the weights and biases of a feed-forward net, each uniform on (-1, 1) / sqrt(inputs of its layer).

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output, ``len(sizes) - 1`` layers.
    generator : torch.Generator
        CPU generator; it is advanced by one draw per weight and bias, layer by layer.

    Returns
    -------
    list of (weight, bias)
        float32 tensors of shapes (inputs, outputs) and (outputs,).

    Examples
    --------
    >>> (weight, bias), (last, _) = draw_layers([4, 3, 1], new_generator(0))
    >>> weight.shape, bias.shape, last.shape
    (torch.Size([4, 3]), torch.Size([3]), torch.Size([3, 1]))
    >>> bool(weight.abs().max() <= 0.5)
    True
    """

    def uniform(*shape: int, fan_in: int) -> torch.Tensor:
        return (torch.rand(*shape, generator=generator) * 2 - 1) / sqrt(fan_in)

    return [
        (uniform(inputs, outputs, fan_in=inputs), uniform(outputs, fan_in=inputs))
        for inputs, outputs in pairwise(sizes)
    ]


@contextmanager
def own_randomness(seed: int | None) -> Iterator[None]:
    """Seed torch's global generators inside, for modules of others that draw from them; put back what was found.

    None means that nothing inside draws from them, and does nothing.
    """
    if seed is None:
        yield
        return
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with _torch_generator, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
