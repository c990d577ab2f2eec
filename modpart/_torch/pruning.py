"""Cut wires of a net that is trained on all rows at once, the cheapest first, and refit what is left."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize

__all__ = ["Pruning"]

_MOST_REFITS = 60
_REFIT = 60  # steps of L-BFGS after a cut
_FEW = 300  # wires whose price is counted one by one
_MISSES = 6  # cuts taken back in a row before the search ends

Masks = dict[str, np.ndarray]


class Pruning:
    """Wires left of a net, and refits without them.

    The objective of full batches is no draw, so a quasi-Newton method finishes what first-order steps began, and a cut
    is judged by what the loss is *after* the refit. Arithmetic is double while the block lasts.

    Parameters
    ----------
    net : ModularNet
        Trained; its last batch holds all rows.
    masks : dict of str to ndarray of bool
        Wires left, by the name of the weight.
    useful : callable
        Takes masks and returns them without wires that lead nowhere or come from nowhere.
    ridge : float >= 0
        Price of the squares of wires left, biases aside, while they are refitted. Classes that can be told apart need
        some: the cross entropy alone would send weights to infinity on the first way that it finds.
    """

    def __init__(self, net: Any, masks: Masks, useful: Callable[[Masks], Masks], ridge: float = 0.0) -> None:
        self.net, self.module, self.useful, self.ridge = net, net.module_, useful, ridge
        self.X, self.y = (tensor.double() for tensor in net.batch_)
        self.module.double().eval()
        self._thin(masks)

    def finish(self) -> Masks:
        """Give the net back as it was, in single precision, and return the wires left."""
        self.hold()
        self.module.float()
        return self.masks

    def loss(self) -> torch.Tensor:
        """Loss of the task on all rows."""
        value: torch.Tensor = self.net.criterion_(self.module(self.X), self.y)
        if self.net.heard:
            self.net.heard.clear()
        return value

    @torch.no_grad()
    def _thin(self, masks: Masks) -> None:
        """Leave the useful wires of these; what a unit that hears nobody says is constant, and biases take it over."""
        self.masks, useful, heard = masks, self.useful(masks), dict[str, torch.Tensor]()
        self.hold()
        layers = {name: self.module.get_submodule(name.removesuffix(".weight")) for name in masks}
        handles = [
            layer.register_forward_pre_hook(lambda _, given, name=name: heard.update({name: given[0]}))
            for name, layer in layers.items()
        ]
        try:
            self.loss()
        finally:
            for handle in handles:
                handle.remove()
        for name, layer in layers.items():
            weight, bias, values = layer.weight, layer.bias, heard[name]
            if bias is not None and bias.requires_grad:
                rows = (values if weight.ndim == 2 else values.movedim(1, -1)).flatten(0, -2)
                constant = torch.where(rows.amax(0) - rows.amin(0) <= 1e-9, rows[0], 0.0)
                lost = torch.from_numpy(masks[name] & ~useful[name]).to(weight.device)
                bias += (weight * lost).flatten(2).sum(2) @ constant if weight.ndim > 2 else (weight * lost) @ constant
        self.masks = useful
        self.hold()

    @torch.no_grad()
    def hold(self) -> None:
        """Put the wires that were cut to zero."""
        for name, mask in self.masks.items():
            self.module.get_parameter(name).mul_(torch.from_numpy(mask).to(self.X.device))

    def refit(self, n_iter: int) -> float:
        """Fit the wires left, and biases, by L-BFGS and return the task's loss; what was cut is no variable of it."""
        self.hold()
        free = [(name, parameter) for name, parameter in self.module.named_parameters() if parameter.requires_grad]
        parameters = [parameter for _, parameter in free]
        kept = np.concatenate(
            [self.masks[name].ravel() if name in self.masks else np.ones(value.numel(), bool) for name, value in free]
        )
        values = torch.nn.utils.parameters_to_vector(parameters).detach()
        chosen = torch.from_numpy(np.flatnonzero(kept)).to(values.device)
        prices = np.concatenate([np.full(value.numel(), self.ridge * (name in self.masks)) for name, value in free])[
            kept
        ]

        def at(x: np.ndarray) -> None:
            values[chosen] = torch.from_numpy(x).to(values.device)
            torch.nn.utils.vector_to_parameters(values, parameters)

        def loss_and_slope(x: np.ndarray) -> tuple[float, np.ndarray]:
            at(x)
            loss = self.loss()
            slopes = torch.autograd.grad(loss, parameters)
            slope = torch.cat([slope.reshape(-1) for slope in slopes])[chosen].cpu().numpy()
            return loss.item() + float(prices @ x**2), slope + 2.0 * prices * x

        settings = {"maxiter": n_iter, "maxcor": 30, "ftol": 1e-10, "gtol": 1e-8}
        start = values[chosen].cpu().numpy()
        found = minimize(loss_and_slope, start, jac=True, method="L-BFGS-B", options=settings)
        at(found.x)
        return float(found.fun) - float(prices @ found.x**2)

    def cut_while(self, budget: float) -> None:
        """Cut a tenth of the wires at a time, then single ones, as long as refits keep the loss within the budget."""
        share, misses, spared = 0.1, 0, set[tuple[str, int]]()
        for _ in range(_MOST_REFITS):
            ranked = [wire for wire in self._cheapest() if wire not in spared]
            if not ranked or misses > _MISSES:
                break
            count = max(1, int(share * len(ranked)))
            state = {name: value.clone() for name, value in self.module.state_dict().items()}
            masks = self.masks
            self.masks = {name: mask.copy() for name, mask in masks.items()}
            for name, place in ranked[:count]:
                self.masks[name].flat[place] = False
            self._thin(self.masks)
            if self.refit(_REFIT) <= budget:
                misses = 0
                continue
            self.module.load_state_dict(state)
            self.masks = masks
            if count > 1:
                share /= 2.0
            else:
                spared.add(ranked[0])
                misses += 1

    @torch.no_grad()
    def _cheapest(self) -> list[tuple[str, int]]:
        """Wires by what the loss would be without each, or, while there are many, by their absolute weight."""
        wires = [(name, int(place)) for name, mask in self.masks.items() for place in np.flatnonzero(mask)]
        prices = []
        for name, place in wires:
            weight = self.module.get_parameter(name).view(-1)
            value = float(weight[place])
            if len(wires) <= _FEW:
                weight[place] = 0.0
                prices.append(float(self.loss()))
                weight[place] = value
            else:
                prices.append(abs(value))
        return [wires[place] for place in np.argsort(prices, kind="stable")]
