"""What the networks need to know of a variable; free of torch, so that tables can be described without it."""

from dataclasses import dataclass

__all__ = ["DISCRETE", "NUMERIC", "TENSOR", "Node"]

DISCRETE, NUMERIC, TENSOR = "discrete", "numeric", "tensor"


@dataclass(frozen=True)
class Node:
    """A variable: its kind, its size, and what it is a function of.

    Parameters
    ----------
    name : str
    kind : {"discrete", "numeric", "tensor"}
    size : int
        Number of states, 1 for a number, number of entries for a tensor.
    parents : tuple of str
    causes : tuple of int
        Positions of the hidden common causes.
    shape : tuple of int
        Shape of a tensor, empty otherwise.
    """

    name: str
    kind: str
    size: int
    parents: tuple[str, ...] = ()
    causes: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
