"""Contestants that are networks: alone, one per regime, a soft mixture, and the paper's own rule.

They get the same number of trials on the same held-out rows, and no more parameters than one net of two layers of
`WIDTH` for each expert.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from modpart.partition import ActivePartitioner, MLPExpert, PartitionedRegressor

WIDTH = 16
# Share of the width, learning rate, steps of full-batch Adam.
TRIALS = ((1.0, 1e-2, 1000), (1.0, 3e-2, 300), (1.0, 1e-2, 100), (0.5, 1e-2, 1000))
Trial = tuple[float, float, int]


def n_parameters(n_features: int, width: int) -> int:
    """Weights and biases of two hidden layers of `width` and one output."""
    return (n_features + 1) * width + (width + 1) * width + width + 1


def width_of(n_wanted: int, n_features: int) -> int:
    """Greatest width with at most `n_wanted` parameters."""
    width = 1
    while n_parameters(n_features, width + 1) <= n_wanted:
        width += 1
    return width


def search(fit: Callable[[Trial, np.ndarray], Any], X: np.ndarray, y: np.ndarray, held_out: np.ndarray) -> Any:
    """Fit every trial on the other rows, and the best one again on all rows."""
    losses = [np.mean((fit(trial, ~held_out).predict(X[held_out]) - y[held_out]) ** 2) for trial in TRIALS]
    return fit(TRIALS[int(np.argmin(losses))], np.ones(len(X), dtype=bool))


def network(trial: Trial, width: int, seed: int) -> MLPExpert:
    share, lr, steps = trial
    size = max(1, round(share * width))
    return MLPExpert((size, size), lr=lr, max_epochs=steps, device="cpu", random_state=seed)


class Routed:
    """One model per regime, blended by the shares of the gate."""

    def __init__(self, partitioner: ActivePartitioner, models: list[Any]) -> None:
        self.partitioner, self.models = partitioner, models

    def predict(self, X: np.ndarray) -> np.ndarray:
        answers = np.column_stack([model.predict(X) for model in self.models])
        return (self.partitioner.predict_proba(X) * answers).sum(axis=1)


def one_network(problem: Any, n_experts: int) -> MLPExpert:
    """A single net with as many parameters as `n_experts` nets of width WIDTH."""
    d = problem.X.shape[1]
    width = width_of(n_experts * n_parameters(d, WIDTH), d)
    return search(
        lambda trial, rows: network(trial, width, problem.seed).fit(problem.X[rows], problem.y[rows]),
        problem.X,
        problem.y,
        problem.held_out,
    )


def networks_by_regime(problem: Any, partitioner: ActivePartitioner) -> Routed:
    """A net for each regime that the competition found, the same settings for all of them."""
    winners = partitioner.winner_labels_

    def fit(trial: Trial, rows: np.ndarray) -> Routed:
        models = []
        for k in range(partitioner.n_partitions_):
            own = rows & (winners == k)
            own = own if own.sum() >= 2 else winners == k
            models.append(network(trial, WIDTH, problem.seed).fit(problem.X[own], problem.y[own]))
        return Routed(partitioner, models)

    return search(fit, problem.X, problem.y, problem.held_out)


def paper_rule(problem: Any) -> PartitionedRegressor:
    """Free nets compete, winner takes all: no vote of neighbours, no evidence, no way back to a single model.

    The gate is the one that all our partitions choose; the paper's support-vector machine, at its defaults, did worse.
    """
    options = {"init": "random"} if "init" in ActivePartitioner().get_params() else {}
    expert = MLPExpert((WIDTH, WIDTH), device="cpu")
    partitioner = ActivePartitioner(expert, vote_weight=0.0, n_init=len(TRIALS), **options)
    model = PartitionedRegressor(partitioner, fallback=False, routing="hard", random_state=problem.seed)
    return model.fit(problem.X, problem.y)


class SoftMixture:
    """Mixture of experts trained jointly by gradient on its likelihood.

    Jacobs, Jordan, Nowlan & Hinton, "Adaptive mixtures of local experts", Neural Computation 3 (1991), with Gaussian
    experts of learned noise and a gate that is a net with one hidden layer of WIDTH.
    """

    def __init__(self, n_experts: int, trial: Trial, seed: int) -> None:
        share, self.lr, self.steps = trial
        self.n_experts, self.width, self.seed = n_experts, max(1, round(share * WIDTH)), seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> "SoftMixture":
        sd = X.std(axis=0)
        self.mean, self.sd, self.level, self.scale = X.mean(axis=0), np.where(sd > 0, sd, 1), y.mean(), y.std()
        generator = torch.Generator().manual_seed(self.seed)

        def start(*shape: int) -> torch.Tensor:
            bound = shape[-2] ** -0.5
            return (torch.rand(shape, generator=generator) * 2 * bound - bound).requires_grad_()

        K, d, w = self.n_experts, X.shape[1], self.width
        self.experts = [start(K, d + 1, w), start(K, w + 1, w), start(K, w + 1, 1)]
        self.gate = [start(d + 1, WIDTH), start(WIDTH + 1, K)]
        log_sd = torch.zeros(K, requires_grad=True)
        inputs = self._inputs(X)
        target = torch.as_tensor((y - self.level) / self.scale, dtype=torch.float32)
        optimizer = torch.optim.Adam([*self.experts, *self.gate, log_sd], lr=self.lr, fused=True)
        for _ in range(self.steps):
            means, log_shares = self._forward(inputs)
            log_density = -0.5 * ((target - means) / log_sd[:, None].exp()) ** 2 - log_sd[:, None]
            loss = -torch.logsumexp(log_shares + log_density, dim=0).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                log_sd.clamp_(min=-5.0)  # an expert that owns one row would shrink its noise to nothing
        return self

    def _inputs(self, X: np.ndarray) -> torch.Tensor:
        return torch.as_tensor((X - self.mean) / self.sd, dtype=torch.float32)

    def _forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Means of the experts and logarithms of the gate's shares, each of shape (experts, rows)."""
        hidden = inputs.expand(self.n_experts, *inputs.shape)
        for layer, weights in enumerate(self.experts):
            hidden = torch.baddbmm(weights[:, -1:], hidden, weights[:, :-1])
            hidden = hidden if layer == 2 else torch.tanh(hidden)
        first, last = self.gate
        logits = torch.addmm(last[-1], torch.tanh(torch.addmm(first[-1], inputs, first[:-1])), last[:-1])
        return hidden[:, :, 0], torch.log_softmax(logits, dim=1).T

    def predict(self, X: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            means, log_shares = self._forward(self._inputs(X))
        return (means * log_shares.exp()).sum(dim=0).double().numpy() * self.scale + self.level


def soft_mixture(problem: Any, n_experts: int) -> SoftMixture:
    """As many experts as the competition found, two at least."""
    return search(
        lambda trial, rows: SoftMixture(max(2, n_experts), trial, problem.seed).fit(problem.X[rows], problem.y[rows]),
        problem.X,
        problem.y,
        problem.held_out,
    )
