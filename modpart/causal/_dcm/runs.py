"""Run the networks of a fitted model: rebuilt from arrays, values in and out as the user knows them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd

from modpart._utils.parallel import one_thread
from modpart._utils.seeds import check_rng, child_seeds
from modpart.causal._dcm.columns import Column
from modpart.causal._dcm.guests import TrainedModule
from modpart.causal._dcm.plan import node_list
from modpart.causal._dcm.support import Support
from modpart.causal._graph import CausalGraph
from modpart.causal._modules import Module
from modpart.exceptions import InputDataError, ModpartWarning, PositivityWarning

__all__ = ["Runs"]

CHUNK = 100_000  # rows that are drawn at a time
FEWEST = 100  # effective draws below which evidence is warned of


class Runs:
    """What a fitted model keeps, and how it is run."""

    graph_: CausalGraph
    regimes_: list[list[str]]
    columns_: dict[str, Column]
    weights_: dict[str, dict[str, np.ndarray]]
    priors_: dict[int, np.ndarray]
    support_: dict[str, Support]
    n_states_: dict[int, int]
    modules: Mapping[str, Any] | None

    def _settings(self) -> Any:
        raise NotImplementedError

    def _regimes(self) -> list[frozenset[str]]:
        return [frozenset(regime) for regime in self.regimes_]

    def _networks(self) -> dict[str, Any]:
        """A user's networks, by variable."""
        found: dict[str, Any] = {}
        for name, module in (self.modules or {}).items():
            found |= module.networks if isinstance(module, TrainedModule) else {name: module}
        return found

    @contextmanager
    def _ready(self, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
        """The networks, and numbers to draw with."""
        import torch

        from modpart._torch.dcm.system import Draw
        from modpart._torch.dcm.training import build
        from modpart._torch.init import new_generator

        with one_thread(), torch.no_grad():
            settings = self._settings()
            system = build(
                node_list(self.graph_, self.columns_),
                self.graph_.order,
                self.n_states_,
                self.weights_,
                self.priors_,
                self._networks(),
                settings,
                new_generator(0),
            ).to(settings.device)
            system.eval()
            yield system, Draw(new_generator(child_seeds(rng, 1)[0]), settings.device)

    def _spread(self, system: Any, name: str, value: Any, count: int, draw: Any) -> Any:
        """A value that is set or seen, in each of `count` rows."""
        import torch

        column = self.columns_[name]
        array = np.asarray(value)
        single = array.shape == column.shape if column.kind == "tensor" else array.ndim == 0
        encoded = torch.from_numpy(column.encode([value] if single else value))
        if not single and len(encoded) != count:
            raise InputDataError(
                f"{name!r} is set to {len(encoded)} values for {count} rows; pass one value or {count}."
            )
        return (encoded.expand(count, *encoded.shape[1:]).clone() if single else encoded).to(draw.device)

    def _draw(
        self, system: Any, draw: Any, count: int, do: dict[str, Any], given: dict[str, Any]
    ) -> tuple[dict[str, Any], float]:
        """Values of all variables, and how many independent rows they are worth."""
        import torch

        from modpart._torch.dcm.sampling import draw_noise, run

        if given:
            values, _, effective = self._abduct(system, draw, count, given, do)
            return values, effective
        parts = []
        for start in range(0, count, CHUNK):
            size = min(CHUNK, count - start)
            here = {
                name: self._spread(
                    system,
                    name,
                    value if np.ndim(value) == 0 or self._is_entry(name, value) else value[start : start + size],
                    size,
                    draw,
                )
                for name, value in do.items()
            }
            parts.append(run(system, draw_noise(system, size, draw), here))
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}, float(count)

    def _is_entry(self, name: str, value: Any) -> bool:
        return self.columns_[name].kind == "tensor" and np.shape(value) == self.columns_[name].shape

    def _abduct(
        self, system: Any, draw: Any, count: int, seen: dict[str, Any], do: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], Any, float]:
        """Rows and their noise given what was seen: weighted draws, then as many of them as are wanted."""
        import torch

        from modpart._torch.dcm.sampling import weigh

        tensors = [name for name in seen if self.columns_[name].kind == "tensor"]
        if tensors:
            raise InputDataError(f"{tensors[0]!r} is a tensor; its probability is not known, so it cannot be evidence.")
        listed = [name for name, value in (do or {}).items() if np.ndim(value) and not self._is_entry(name, value)]
        if listed:
            raise InputDataError(f"{listed[0]!r} is set to several values; with `given`, pass one value for all rows.")
        size = min(max(4 * count, 10_000), 4 * CHUNK)
        spread = {name: self._spread(system, name, value, size, draw) for name, value in seen.items()}
        set_to = {name: self._spread(system, name, value, size, draw) for name, value in (do or {}).items()}
        values, noise, log_weight = weigh(system, size, spread, set_to, draw)
        weight = (log_weight - log_weight.max()).double().exp()
        effective = float(weight.sum().square() / weight.square().sum())
        if effective < FEWEST:
            warn(
                f"The evidence {', '.join(map(str, seen))} is met by draws worth {effective:.0f} independent rows of "
                f"{count}; the answer is rough. Ask for more n_samples.",
                ModpartWarning,
                stacklevel=4,
            )
        self._warn_of_unlikely(seen, float(log_weight.double().exp().mean()))
        places = (torch.arange(count, device=weight.device) + float(draw.uniform(1)[0])) / count
        chosen = torch.searchsorted((weight.cumsum(0) / weight.sum()).clamp(max=1.0), places.double())
        chosen = chosen.clamp(max=size - 1)[draw.order(count)]
        return {name: x[chosen] for name, x in values.items()}, noise.take(chosen), min(effective, float(count))

    def _warn_of_unlikely(self, seen: Iterable[str], probability: float) -> None:
        """Tell of states that were seen together and that the data hardly ever hold together."""
        counts = [self.columns_[name].counts for name in seen]
        if any(count is None for count in counts):
            return  # numbers have a density, not a probability
        rows = int(counts[0].sum())
        if probability * rows < 1.0:
            warn(
                f"The evidence {', '.join(map(str, seen))} has a probability of {probability:.1g}, too small to be met "
                f"in {rows:,} rows of data: what follows from it is mostly guesswork.",
                PositivityWarning,
                stacklevel=5,
            )

    def _encode(self, table: Mapping[str, Any]) -> dict[str, np.ndarray]:
        return {name: self.columns_[name].encode(values) for name, values in table.items()}

    def _log_density(
        self, system: Any, draw: Any, values: Mapping[str, np.ndarray], names: Iterable[str]
    ) -> np.ndarray:
        import torch

        from modpart._torch.dcm.sampling import log_density

        kinds = {name: np.int64 if self.columns_[name].states is not None else np.float64 for name in values}
        tensors = {name: torch.from_numpy(np.asarray(x, kinds[name])).to(draw.device) for name, x in values.items()}
        return log_density(system.double(), tensors, sorted(names)).cpu().numpy()

    def _overlap(
        self, module: Module, data: Mapping[frozenset[str], Mapping[str, np.ndarray]]
    ) -> tuple[float, list[str]]:
        """Share covered of what a module is asked about, and the context that it was learned in; 1 without one."""
        from modpart._torch.dcm.overlap import overlap

        found: list[tuple[float, list[str]]] = [(1.0, [])]
        for regime, context in module.contexts.items():
            if context:
                with self._ready(check_rng(0)) as (system, draw):
                    share = overlap(system, data[regime], module.nodes - regime, context, draw)
                found.append((share, [v for v in self.graph_.order if v in context]))
        return min(found, key=lambda pair: -np.inf if np.isnan(pair[0]) else pair[0])

    def _thinnest(self, module: Iterable[str]) -> tuple[float, str]:
        """Share covered of the combinations of causes that a module is asked about, and the one most missed."""
        found = [(self.support_[v], *self.support_[v].least()) for v in module if v in self.support_]
        found = [entry for entry in found if entry[2]]
        if not found:
            return 1.0, ""
        support, covered, name, code, rows = min(found, key=lambda entry: entry[1])
        return covered, f"{support.words(code, self.columns_, name)}: {rows} rows"

    def _frame(self, values: Mapping[str, Any]) -> Any:
        decoded = {name: self.columns_[name].decode(x.cpu().numpy()) for name, x in values.items()}
        if any(self.columns_[name].kind == "tensor" for name in decoded):
            return {name: np.asarray(x) for name, x in decoded.items()}
        return pd.DataFrame(decoded)
