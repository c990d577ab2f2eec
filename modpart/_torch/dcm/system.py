"""The variables of a causal model together: run in causal order, in training or with values that are set or seen."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from modpart._torch.dcm.images import TensorGenerator, width_of
from modpart._torch.dcm.mechanisms import Mechanism, Quantiles
from modpart._torch.dcm.nodes import DISCRETE, NUMERIC, TENSOR, Node

__all__ = ["Draw", "System", "features", "new_mechanism", "noise_of", "sizes_of"]


def new_mechanism(
    node: Node,
    parents: Sequence[Node],
    n_states: Sequence[int],
    hidden: Sequence[int],
    noise_dim: int,
    generator: torch.Generator,
) -> nn.Module:
    """A mechanism with fresh weights for this kind of node."""
    if node.kind == TENSOR:
        return TensorGenerator(node, parents, n_states, noise_dim, generator)
    return Mechanism(node, parents, n_states, hidden, generator)


def sizes_of(node: Node, parents: Sequence[Node], weights: Mapping[str, np.ndarray]) -> tuple[tuple[int, ...], int]:
    """Widths of the hidden layers and dimension of the noise of a mechanism that has these weights."""
    if node.kind == TENSOR:
        return (), weights["first.weight"].shape[1] - sum(map(width_of, parents))
    layers = sorted(name for name in weights if name.startswith("biases."))
    widths = (len(weights["bias"]), *(len(weights[f"biases.{i}"]) for i in range(len(layers))))
    return widths[:-1], 0


def noise_of(net: nn.Module) -> int:
    """How many noises a network wants for a row; a user's net may want none."""
    return int(getattr(net, "noise_dim", 0))


def features(node: Node, value: torch.Tensor) -> torch.Tensor:
    """What other mechanisms see of a value: indicators of a state, a number as a column, a tensor as it is."""
    if node.kind == DISCRETE:
        return functional.one_hot(value, node.size).float()
    return value.reshape(-1, 1) if node.kind == NUMERIC else value


class System(nn.Module):
    """Mechanisms of some variables, with the hidden causes that they share.

    Parameters
    ----------
    nodes : sequence of Node
        In causal order.
    mechanisms : sequence of nn.Module
        One for each node.
    n_states : mapping of int to int
        States of each hidden cause that one of the nodes has.
    outside : sequence of Node, default=()
        Parents of these that are given rather than drawn.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        mechanisms: Sequence[nn.Module],
        n_states: Mapping[int, int],
        outside: Sequence[Node] = (),
    ) -> None:
        super().__init__()
        self.nodes = {node.name: node for node in nodes}
        self.known = {node.name: node for node in (*nodes, *outside)}
        self.mechanisms = nn.ModuleList(mechanisms)
        self._place = {node.name: i for i, node in enumerate(nodes)}
        self.causes = tuple(sorted(n_states))
        self.priors = nn.ParameterList(torch.zeros(n_states[cause]) for cause in self.causes)

    def mechanism(self, name: str) -> Any:
        """The mechanism of a variable."""
        return self.mechanisms[self._place[name]]

    def prior(self, cause: int) -> torch.Tensor:
        """Logits of the states of a hidden cause."""
        return self.priors[self.causes.index(cause)]

    def law(
        self, name: str, seen: Mapping[str, torch.Tensor], states: Mapping[int, torch.Tensor], count: int
    ) -> torch.Tensor:
        """Law of a column in each row, from the features of its parents and the states of its hidden causes."""
        node, net = self.nodes[name], self.mechanism(name)
        parents, own = [seen[parent] for parent in node.parents], [states[cause] for cause in node.causes]
        if isinstance(net, Mechanism):
            return net(parents, own, count)
        some = next(self.parameters(), torch.zeros(()))
        noise = some.new_zeros(count, noise_of(net))  # a user's net gives logits, which need none
        return net(parents, noise, own) if own else net(parents, noise)

    def grid(self, name: str, parents: Sequence[torch.Tensor], count: int) -> torch.Tensor:
        """Law of each row for all combinations of the states of its hidden causes, (count, *n_states, n_outputs)."""
        node, net = self.nodes[name], self.mechanism(name)
        if isinstance(net, Mechanism):
            return net.grid(parents, count)
        sizes = [len(self.prior(cause)) for cause in node.causes]
        total = prod(sizes)
        seen = {parent: x.repeat_interleave(total, 0) for parent, x in zip(node.parents, parents, strict=True)}
        states, step = {}, total
        for cause, size in zip(node.causes, sizes, strict=True):
            step //= size
            states[cause] = (torch.arange(count * total, device=self.prior(cause).device) // step) % size
        return self.law(name, seen, states, count * total).reshape(count, *sizes, -1)

    def tensor(
        self, name: str, seen: Mapping[str, torch.Tensor], states: Mapping[int, torch.Tensor], noise: torch.Tensor
    ) -> torch.Tensor:
        """Values of a tensor variable."""
        node, net = self.nodes[name], self.mechanism(name)
        parents, own = [seen[parent] for parent in node.parents], [states[cause] for cause in node.causes]
        drawn = net(parents, noise, own) if own else net(parents, noise)
        return drawn.reshape(len(noise), *node.shape)

    def balanced_states(self, count: int, draw: "Draw") -> dict[int, torch.Tensor]:
        """States of every hidden cause, as often as their probabilities say up to rounding, in random order."""
        states = {}
        for cause, prior in zip(self.causes, self.priors, strict=True):
            places = (draw.order(count) + 0.5) / count
            states[cause] = (places[:, None] >= prior.detach().softmax(0).cumsum(0)[:-1]).sum(1)
        return states

    def relaxed(
        self, names: Iterable[str], seen: Mapping[str, torch.Tensor], count: int, draw: "Draw", temperature: float
    ) -> dict[str, torch.Tensor]:
        """Features of the named variables, sampled so that gradients pass: straight-through Gumbel for states.

        References
        ----------
        Jang, Gu & Poole, "Categorical reparameterization with Gumbel-softmax", ICLR (2017).
        """
        states, seen = self.balanced_states(count, draw), dict(seen)
        for name in names:
            node = self.nodes[name]
            if node.kind == TENSOR:
                net = self.mechanism(name)
                seen[name] = self.tensor(name, seen, states, draw.normal(count, noise_of(net)))
                continue
            law = self.law(name, seen, states, count)
            if node.kind == NUMERIC:
                seen[name] = Quantiles(law).value(draw.normal(count))[:, None]
                continue
            noisy = law + draw.gumbel(*law.shape)
            hard = functional.one_hot(noisy.argmax(1), node.size).to(law.dtype)
            soft = (noisy / temperature).softmax(1) if temperature else law.softmax(1)
            seen[name] = hard + (soft - soft.detach()) if soft.requires_grad else hard
        return seen


class Draw:
    """Random numbers of one fit: drawn on the CPU from its generator, so that every device gets the same."""

    def __init__(self, generator: torch.Generator, device: torch.device | str = "cpu") -> None:
        self.generator, self.device = generator, device

    def rows(self, total: int, count: int) -> torch.Tensor:
        """`count` of `total` row numbers, with replacement."""
        return torch.randint(total, (count,), generator=self.generator).to(self.device)

    def choice(self, weights: torch.Tensor, count: int) -> torch.Tensor:
        """`count` positions drawn with probabilities proportional to the weights."""
        return torch.multinomial(weights.detach().cpu(), count, True, generator=self.generator).to(self.device)

    def order(self, count: int) -> torch.Tensor:
        """The numbers below `count` in random order."""
        return torch.randperm(count, generator=self.generator).to(self.device)

    def uniform(self, *shape: int) -> torch.Tensor:
        """Numbers in [0, 1)."""
        return torch.rand(*shape, generator=self.generator).to(self.device)

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers."""
        return torch.randn(*shape, generator=self.generator).to(self.device)

    def gumbel(self, *shape: int) -> torch.Tensor:
        """Standard Gumbel numbers."""
        return -torch.empty(*shape).exponential_(generator=self.generator).log_().to(self.device)
