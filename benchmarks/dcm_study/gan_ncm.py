"""A small re-implementation of GAN-NCM: all mechanisms against one critic, trained at once.

After Xia, Pan & Bareinboim, "Neural causal models for counterfactual identification and estimation", ICLR (2023): one
normal noise vector for each largest set of variables that share a hidden cause, one network with layer norm for each
variable, a Wasserstein critic with gradient penalty on whole rows. States are relaxed straight-through, as in ours.
"""

from time import process_time

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from modpart.causal import CausalGraph

__all__ = ["GanNcm"]


def network(inputs: int, outputs: int, *, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in ((inputs, 64), (64, 64)):
        layers += [nn.Linear(a, b), *([nn.LayerNorm(b)] if norm else []), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(64, outputs))


class GanNcm:
    """Joint adversarial causal model of discrete variables.

    Parameters
    ----------
    graph : CausalGraph
    seconds : float
        Processor time that the training may take.
    lr : float
    noise_dim : int
        Of each hidden cause.
    random_state : int
    """

    def __init__(
        self, graph: CausalGraph, seconds: float, lr: float, noise_dim: int = 4, random_state: int = 0
    ) -> None:
        self.graph, self.seconds, self.lr, self.noise_dim = graph, seconds, lr, noise_dim
        self.random_state = random_state

    def fit(self, data: pd.DataFrame, batch_size: int = 512) -> "GanNcm":
        with torch.random.fork_rng():
            torch.manual_seed(self.random_state)
            self.sizes = {v: int(data[v].max()) + 1 for v in self.graph.order}
            self.parents = {v: [p for p in self.graph.order if p in self.graph.parents(v)] for v in self.graph.order}
            self.causes = {v: [i for i, c in enumerate(self.graph.cliques) if v in c] for v in self.graph.order}
            self.nets = {
                v: network(
                    sum(self.sizes[p] for p in self.parents[v]) + self.noise_dim * (1 + len(self.causes[v])),
                    self.sizes[v],
                    norm=True,
                )
                for v in self.graph.order
            }
            rows = torch.cat(
                [functional.one_hot(torch.tensor(data[v].to_numpy()), self.sizes[v]) for v in self.graph.order], 1
            ).float()
            critic = network(rows.shape[1], 1, norm=False)
            parameters = [p for net in self.nets.values() for p in net.parameters()]
            steps = torch.optim.Adam(parameters, self.lr, betas=(0.5, 0.9), fused=True)
            critics = torch.optim.Adam(critic.parameters(), self.lr, betas=(0.5, 0.9), fused=True)
            mean = [p.detach().clone() for p in parameters]
            start, self.n_steps = process_time(), 0
            while (spent := (process_time() - start) / self.seconds) < 1.0:
                rate = self.lr * min(1.0, max(0.01, 2 * (1 - spent)))
                for group in (*steps.param_groups, *critics.param_groups):
                    group["lr"] = rate
                for _ in range(3):
                    with torch.no_grad():
                        fake = self._rows(batch_size, spent)
                    real = rows[torch.randint(len(rows), (batch_size,))]
                    between = torch.lerp(real, fake, torch.rand(batch_size, 1)).requires_grad_()
                    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
                    penalty = ((slope.norm(dim=1) - 1) ** 2).mean()
                    loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
                    critics.zero_grad()
                    loss.backward()
                    critics.step()
                loss = -critic(self._rows(batch_size, spent)).mean()
                steps.zero_grad()
                loss.backward()
                steps.step()
                self.n_steps += 1
                torch._foreach_lerp_(mean, [p.detach() for p in parameters], max(0.002, 1 / self.n_steps))
            with torch.no_grad():
                for parameter, value in zip(parameters, mean, strict=True):
                    parameter.copy_(value)
        return self

    def _values(self, count: int, spent: float, do: dict[str, int]) -> dict[str, torch.Tensor]:
        shared = [torch.randn(count, self.noise_dim) for _ in self.graph.cliques]
        seen: dict[str, torch.Tensor] = {}
        for v in self.graph.order:
            if v in do:
                seen[v] = functional.one_hot(torch.full((count,), do[v]), self.sizes[v]).float()
                continue
            parts = [seen[p] for p in self.parents[v]] + [shared[i] for i in self.causes[v]]
            law = self.nets[v](torch.cat([*parts, torch.randn(count, self.noise_dim)], 1))
            seen[v] = functional.gumbel_softmax(law, max(0.3, 1 - spent), hard=True)
        return seen

    def _rows(self, count: int, spent: float) -> torch.Tensor:
        values = self._values(count, spent, {})
        return torch.cat([values[v] for v in self.graph.order], 1)

    def law(self, outcome: str, do: dict[str, int], count: int = 100_000) -> np.ndarray:
        """Shares of the outcome's states after an intervention."""
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(1)
            return self._values(count, 1.0, do)[outcome].mean(0).numpy()
