"""ModularDCM: a deep causal generative model that is trained one module at a time."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.params import boolean, integer, nothing, number, one_of, where, workers
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng
from modpart.causal._dcm.answers import Answers
from modpart.causal._dcm.columns import Column, learn_column
from modpart.causal._dcm.guests import TrainedModule, exported, read_guests, replaced
from modpart.causal._dcm.learning import ModuleFit, fingerprint, learn_modules
from modpart.causal._dcm.plan import modules_for, node_list, states_of_causes
from modpart.causal._dcm.reading import check_variables, complete_graph, read_regimes
from modpart.causal._dcm.support import learn_support
from modpart.causal._graph import CausalGraph
from modpart.exceptions import ModpartError, ModpartWarning, ParameterError, PositivityWarning

__all__ = ["ModularDCM"]

ENOUGH = 500  # steps from which a fit is worth a warning
COVERED = 0.8  # of what a module is asked about; less is warned of
LOSSES = ("wgan-gp", "mmd", "likelihood", "auto")
widths = where("a tuple of positive integers", lambda v: isinstance(v, tuple) and all(integer(1).accepts(w) for w in v))
mapping = where("a mapping by column", lambda value: isinstance(value, Mapping))
text = where("a column's name", lambda value: isinstance(value, str))
several = where(
    "a sequence of such", lambda value: isinstance(value, Sequence) and all(isinstance(v, str) for v in value)
)
graphs = where(
    "a CausalGraph or what one is made from: text, edges, a networkx graph",
    lambda value: isinstance(value, CausalGraph | str | Iterable) or hasattr(value, "directed"),
)


class ModularDCM(Answers, Estimator):
    """Deep causal generative model: learn a data set's mechanisms, then sample what an intervention would bring.

    The causal graph says which variables cause which, and which share hidden causes. Each variable gets a small network
    that draws it from its causes, its own noise and the states of its hidden causes. They are trained module by module
    in the order of :func:`training_order`: what hidden causes tie together is learned together, against what has been
    learned before and stays as it is. A model that reproduces the data and obeys the graph gives the true answer to
    every query that the graph makes identifiable; all other queries are refused.

    Parameters
    ----------
    graph : CausalGraph, anything it is made from, or None, default=None
        Its nodes are the columns of the data. None takes every column as a cause of all later ones, nothing hidden.
    loss : {"wgan-gp", "mmd", "likelihood", "auto"}, default="wgan-gp"
        How a module is fitted: adversarially by a critic with a gradient penalty [3]_; by the maximum mean
        discrepancy; by maximum likelihood, summed exactly over the hidden states, of columns (their parents may be
        images). "auto" takes the likelihood for modules of columns, where it is faster and nearer to the truth, and the
        critic where an image is drawn. For numbers that share hidden causes take "auto": the critic is several times
        farther off there, and warns.
    mode : {"modular", "joint"}, default="modular"
        "joint" trains all networks at once, for comparison.
    column_types : mapping of str to str or None, default=None
        Kind of a column: "boolean", "categorical", "ordinal", "integer", "continuous" or "infer", which is the default.
    outcome : str, int or None, default=None
        Column that :meth:`predict` predicts, by name or position.
    modules : mapping of str to nn.Module or TrainedModule, or None, default=None
        Networks to start from, by the variable they draw. A torch module is called with a list of its parents' features
        (indicators of states, columns of numbers, images), in causal order, and noise of shape (n, module.noise_dim);
        it returns an image, or for a discrete variable the logits of its states. What :meth:`export_module` gave stands
        for all variables of that module.
    frozen : str or sequence of str, default=()
        Variables of `modules` whose networks are used as they are; the others are trained further.
    hidden, critic_hidden : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    n_hidden_states : int, default=8
        States of each hidden cause, there being one for each largest set of variables that are pairwise connected by
        bidirected edges; fewer where a variable has several.
    noise_dim : int, default=16
        Noise of an image.
    critic_iters : int, default=2
        Steps of the critic for each step of the mechanisms.
    gp_weight : float, default=10.0
        Weight of the gradient penalty.
    lr : float, default=0.003
        Learning rate of Adam; the likelihood of tables takes four times as much.
    batch_size : int, default=512
        Rows of one step.
    max_steps : int or "auto", default="auto"
        Steps for each module of several variables; a module of one takes half. "auto" is 1000 by likelihood, 1600
        where all combinations of states are compared, and 3000 otherwise.
    n_restarts : int, default=1
        Starts of each module, of which the one closest to the data is kept.
    on_unidentifiable : {"raise", "warn"}, default="raise"
        What happens when a query has no answer in the data.
    callbacks : sequence of skorch callbacks or None, default=None
        Copied for each module's training.
    random_state : int, Generator, RandomState or None, default=None
        Seeds weights, batches and noise.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where networks are trained and run; "auto" takes a GPU for images, when there is one: the small networks of
        tables are faster on the processor.
    n_jobs : int or None, default=None
        Modules of one level that are trained at the same time. The fit is the same to the last bit.
    verbose : int, default=0
        Whether a line is printed for each module.

    Attributes
    ----------
    graph_ : CausalGraph
    regimes_ : list of list of str
        What was set in each data set.
    columns_ : dict of str to Column
        What is known of each variable's values.
    modules_ : list of ModuleFit
        The modules in training order, with their history and fit.
    weights_ : dict of str to dict of str to ndarray
        Weights of each variable's network.
    priors_ : dict of int to ndarray
        Logits of the states of each hidden cause.
    support_ : dict of str to Support
        For each variable with several discrete causes, the rows of the data for each combination of their states.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when the columns have names.

    Raises
    ------
    NotIdentifiableError
        When a query does not follow from the data and the graph; the error carries the witness.

    See Also
    --------
    training_order : The modules and their order.
    CausalGraph.identify : Whether a query has an answer.

    Notes
    -----
    A step of a module takes time linear in `batch_size`, in its variables and in the squares of `hidden`. The
    likelihood grows with the product of the states of the hidden causes of one variable, at most 512.

    Where a module and what it is compared on are discrete, with at most 8192 combinations of states, the critic and the
    mechanisms are trained on exact expectations over all of them; elsewhere on `batch_size` sampled rows, through
    which gradients of states pass straight. In expectations, what a module is run with and does not learn is drawn as
    in the data half the time, and by itself, as if it were set, the other half: interventions ask about combinations
    that the data hold rarely.

    Different from the paper: the training order comes from a closure rule that is complete; a hidden cause is a
    variable of finitely many states rather than a normal vector, so that densities are sums; a variable's own noise is
    one uniform number, so that what it must have been can be recovered from the value; and the gradient penalty is
    centred at zero [4]_, with which training settles.

    References
    ----------
    .. [1] Rahman & Kocaoglu, "Modular learning of deep causal generative models for high-dimensional causal inference",
       ICML (2024), arXiv:2401.01426.
    .. [2] Xia, Lee, Bengio & Bareinboim, "The causal-neural connection", NeurIPS (2021).
    .. [3] Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, "Improved training of Wasserstein GANs", NeurIPS (2017).
    .. [4] Mescheder, Geiger & Nowozin, "Which training methods for GANs do actually converge?", ICML (2018).

    Examples
    --------
    >>> from modpart.causal import CausalGraph, ModularDCM
    >>> from modpart.datasets import DiscreteSCM
    >>> graph = CausalGraph("smoking -> tar -> cancer; smoking <-> cancer")
    >>> data = DiscreteSCM(graph, random_state=0).sample(2000, random_state=0)
    >>> model = ModularDCM(graph, loss="likelihood", max_steps=200, random_state=0).fit(data)
    >>> [module.nodes for module in model.modules_]
    [['tar'], ['smoking', 'cancer']]
    >>> sorted(model.sample(3, variables="cancer", do={"smoking": 1}, random_state=0))
    ['cancer']
    """

    _rules = {
        "graph": (nothing, graphs),
        "loss": (one_of(*LOSSES),),
        "mode": (one_of("modular", "joint"),),
        "column_types": (mapping, nothing),
        "outcome": (
            nothing,
            text,
            where("the position of one", lambda v: isinstance(v, int) and not isinstance(v, bool)),
        ),
        "modules": (mapping, nothing),
        "frozen": (text, several),
        "hidden": (widths,),
        "critic_hidden": (widths,),
        "n_hidden_states": (integer(1, 512),),
        "noise_dim": (integer(1),),
        "critic_iters": (integer(1),),
        "gp_weight": (number(0.0),),
        "lr": (number(0.0, open_low=True),),
        "batch_size": (integer(2),),
        "max_steps": (integer(1), one_of("auto")),
        "n_restarts": (integer(1),),
        "on_unidentifiable": (one_of("raise", "warn"),),
        "callbacks": (nothing, where("a sequence of skorch callbacks", lambda v: isinstance(v, Sequence))),
        "device": (one_of("auto", "cpu", "cuda"),),
        "n_jobs": (workers, nothing),
        "verbose": (integer(0), boolean),
    }

    def __init__(
        self,
        graph: Any = None,
        *,
        loss: str = "wgan-gp",
        mode: str = "modular",
        column_types: Mapping[str, str] | None = None,
        outcome: str | int | None = None,
        modules: Mapping[str, Any] | None = None,
        frozen: str | Sequence[str] = (),
        hidden: tuple[int, ...] = (64, 64),
        critic_hidden: tuple[int, ...] = (64, 64),
        n_hidden_states: int = 8,
        noise_dim: int = 16,
        critic_iters: int = 2,
        gp_weight: float = 10.0,
        lr: float = 3e-3,
        batch_size: int = 512,
        max_steps: int | str = "auto",
        n_restarts: int = 1,
        on_unidentifiable: str = "raise",
        callbacks: Sequence[Any] | None = None,
        random_state: Any = None,
        device: str = "auto",
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.graph = graph
        self.loss = loss
        self.mode = mode
        self.column_types = column_types
        self.outcome = outcome
        self.modules = modules
        self.frozen = frozen
        self.hidden = hidden
        self.critic_hidden = critic_hidden
        self.n_hidden_states = n_hidden_states
        self.noise_dim = noise_dim
        self.critic_iters = critic_iters
        self.gp_weight = gp_weight
        self.lr = lr
        self.batch_size = batch_size
        self.max_steps = max_steps
        self.n_restarts = n_restarts
        self.on_unidentifiable = on_unidentifiable
        self.callbacks = callbacks
        self.random_state = random_state
        self.device = device
        self.n_jobs = n_jobs
        self.verbose = verbose

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> "ModularDCM":
        """Learn the mechanisms.

        Parameters
        ----------
        X : DataFrame, array of shape (n_samples, n_features), mapping of str to array, or mapping of regimes
            A column for each node of the graph. An array of more than two dimensions in a mapping is an image or other
            tensor, of shape (n_samples, ...). For several data sets a mapping such as ``{(): observed, "Z":
            experiment}``, whose keys say what was set there.
        y : ignored

        Returns
        -------
        self : ModularDCM

        Raises
        ------
        InputDataError
            When a value is missing or infinite, or a column of the graph is not there.
        GraphError
            When a column is no node of the graph.
        """
        self._check_params()
        tables = read_regimes(self, X)
        names = list(next(iter(tables.values())))
        graph = complete_graph(names) if self.graph is None else CausalGraph(self.graph)
        check_variables(graph, names)
        self.graph_, self.regimes_ = graph, [sorted(regime) for regime in tables]
        self.outcome_ = self._outcome(names)
        rng = check_rng(self.random_state)
        guests = read_guests(graph, self.modules or {}, self.frozen)
        self.columns_ = {**self._columns(names, tables), **guests.columns}
        nodes = node_list(graph, self.columns_)
        guests.check(nodes)
        data = {
            regime: {name: self._encoded(name, values, rng) for name, values in table.items()}
            for regime, table in tables.items()
        }
        self.weights_: dict[str, dict[str, np.ndarray]] = {name: dict(w) for name, w in guests.weights.items()}
        self.n_states_ = states_of_causes(graph, self.n_hidden_states) | guests.n_states
        self.priors_: dict[int, np.ndarray] = {
            cause: np.zeros(count, np.float32) for cause, count in self.n_states_.items()
        } | guests.priors
        modules, losses = self._modules(graph, list(data))
        progress = Progress(self, X, y, total=len(modules))
        before = {name: fingerprint(self.weights_[name]) for name in guests.frozen}
        self.modules_ = learn_modules(
            graph,
            nodes,
            modules,
            data,
            losses,
            self._settings(),
            n_states=self.n_states_,
            weights=self.weights_,
            priors=self.priors_,
            prototypes=guests.prototypes,
            frozen=guests.frozen,
            max_steps=self.max_steps,
            n_restarts=self.n_restarts,
            rng=rng,
            n_jobs=self.n_jobs,
            report=lambda part: progress.step("module", f"{', '.join(part.nodes)} by {part.loss}"),
        )
        progress.finish()
        self.support_ = learn_support(graph, self.columns_, data)
        moved = [name for name in before if fingerprint(self.weights_[name]) != before[name]]
        if moved:
            raise ModpartError(f"The frozen network of {moved[0]!r} has changed during the fit; please report this.")
        self.n_iter_ = max([1, *(len(part.history) for part in self.modules_)])
        for part, module in zip(self.modules_, modules, strict=True):
            part.misfit["overlap"], part.misfit["context"] = self._overlap(module, data)
        self._warn_of_misfits()
        return self

    def _columns(self, names: Sequence[str], tables: Mapping[frozenset[str], Mapping[str, Any]]) -> dict[str, Column]:
        kinds = dict(self.column_types or {})
        unknown = [name for name in kinds if name not in names]
        if unknown:
            raise ParameterError(f"column_types names {unknown[0]!r}, which is no column. Columns: {', '.join(names)}.")
        return {
            name: learn_column(name, _stacked([table[name] for table in tables.values()]), kinds.get(name, "infer"))
            for name in names
        }

    def _encoded(self, name: str, values: Any, rng: np.random.Generator) -> np.ndarray:
        """A column as the networks see it; whole numbers are spread over their unit interval."""
        column = self.columns_[name]
        encoded = column.encode(values)
        if column.kind == "integer":
            return encoded + (rng.uniform(-0.5, 0.5, len(encoded)) / column.scale).astype(np.float32)
        return encoded

    def _modules(
        self, graph: CausalGraph, regimes: list[frozenset[str]]
    ) -> tuple[list[Any], dict[frozenset[str], str]]:
        """Modules in training order, and the loss of each."""
        can = {
            part
            for part in graph.c_components()
            if all(self.columns_[v].kind != "tensor" for v in part)
            and not any(v in (self.modules or {}) for v in part if self.columns_[v].node_kind != "discrete")
        }
        if self.loss == "likelihood":
            barred = [sorted(part) for part in graph.c_components() if part not in can]
            frozen = {self.frozen} if isinstance(self.frozen, str) else set(self.frozen)
            barred = [part for part in barred if not set(part) <= frozen]
            if barred:
                raise ParameterError(
                    f"loss='likelihood' cannot learn {', '.join(barred[0])}: a tensor has no density here. Use "
                    "loss='auto', which takes the critic there."
                )
        if self.loss not in ("likelihood", "auto"):
            can = set()
        modules = modules_for(graph, regimes, self.mode, can)
        fallback = "wgan-gp" if self.loss in ("auto", "likelihood") else self.loss
        parts = graph.c_components()
        losses = {
            module.nodes: "likelihood" if all(part in can for part in parts if part & module.nodes) else fallback
            for module in modules
        }
        return modules, losses

    def _settings(self) -> Any:
        from modpart._torch.dcm.training import Settings
        from modpart._torch.device import resolve_device

        images = any(column.kind == "tensor" for column in self.columns_.values())
        device = "cpu" if self.device == "auto" and not images else self.device
        return Settings(
            loss=self.loss,
            hidden=tuple(self.hidden),
            critic_hidden=tuple(self.critic_hidden),
            noise_dim=self.noise_dim,
            critic_iters=self.critic_iters,
            gp_weight=self.gp_weight,
            lr=self.lr,
            batch_size=self.batch_size,
            callbacks=tuple(self.callbacks or ()),
            device=str(resolve_device(device)),
        )

    def _outcome(self, names: Sequence[str]) -> str | None:
        if self.outcome is None:
            return None
        if isinstance(self.outcome, int) and -len(names) <= self.outcome < len(names):
            return names[self.outcome]
        if self.outcome not in names:
            raise ParameterError(f"outcome={self.outcome!r} is no column. Columns: {', '.join(names)}.")
        return str(self.outcome)

    def _warn_of_misfits(self) -> None:
        if self.max_steps != "auto" and int(self.max_steps) < ENOUGH:
            return
        report = self.fit_report()
        bad = report[report["badly fitted"]]
        if len(bad):
            worst = bad.sort_values("distance").iloc[-1]
            warn(
                f"Module {worst['module']} is badly fitted: the joint law of {worst['columns']} is off by "
                f"{worst['distance']:.3f} (total variation; chance makes {worst['noise']:.3f}). Try more max_steps, "
                "n_restarts, or loss='auto'.",
                ModpartWarning,
                stacklevel=3,
            )
        rough = [part for part in self.modules_ if part.loss in ("wgan-gp", "mmd") and self._ties_numbers(part.nodes)]
        if rough and self.loss != "auto":
            warn(
                f"Module {', '.join(rough[0].nodes)} holds numbers that share hidden causes, learned by "
                f"loss={self.loss!r}: effects are several times as far off as with loss='auto', which takes the "
                "likelihood there, and on some graphs no nearer to the truth than P(y | x).",
                ModpartWarning,
                stacklevel=3,
            )
        thin = [part for part in self.modules_ if part.misfit["overlap"] < COVERED]
        if thin:
            part = min(thin, key=lambda part: part.misfit["overlap"])
            context = ", ".join(part.misfit["context"])
            warn(
                f"Module {', '.join(part.nodes)}: effects rest on combinations of it with {context} of which the data "
                f"cover {part.misfit['overlap']:.0%}, for {context} nearly follows from it; the rest is guesswork. Not "
                f"more such rows help, but rows in which {context} varies by itself.",
                PositivityWarning,
                stacklevel=3,
            )

    def _ties_numbers(self, names: Iterable[str]) -> bool:
        """Whether one of these is a number with a hidden cause, and none an image."""
        kinds = {v: self.columns_[v].node_kind for v in names}
        tied = any(kind == "numeric" and len(self.graph_.district(v)) > 1 for v, kind in kinds.items())
        return tied and "tensor" not in kinds.values()

    def fit_report(self) -> pd.DataFrame:
        """How well each module reproduces the data that it was trained on.

        Returns
        -------
        report : DataFrame
            For each module its loss, epochs and seconds; the pair of columns whose joint law is farthest from the data
            (total variation), that distance, the distance that chance alone would make, and whether the module is badly
            fitted: off by more than 0.05 above chance. The overlap is the share, of what the module is asked about in
            answers to interventions, that the data it was trained on cover; the rest is a guess. NaN beside images.
            Where causes of one of its variables hardly occur together, "thinnest" names the combination that would be
            the commonest if the first of them were set, and its rows.
        """
        check_is_fitted(self)
        thin = [self._thinnest(part.nodes) for part in self.modules_]
        rows = [
            {
                "module": ", ".join(part.nodes),
                "loss": part.loss,
                "epochs": len(part.history),
                "seconds": part.seconds,
                "columns": ", ".join(dict.fromkeys(part.misfit["columns"])),
                "distance": part.misfit["distance"],
                "noise": part.misfit["noise"],
                "badly fitted": part.misfit["distance"] > part.misfit["noise"] + 0.05,
                "overlap": float(np.minimum(part.misfit["overlap"], covered)),
                "thinnest": words,
            }
            for part, (covered, words) in zip(self.modules_, thin, strict=True)
        ]
        return pd.DataFrame(rows)

    def export_module(self, variable: str) -> Any:
        """The trained module of a variable, to be used in another model.

        Parameters
        ----------
        variable : str
            Any variable of the module.

        Returns
        -------
        module : TrainedModule
            Pass it in `modules` of another :class:`ModularDCM`, or keep it with :func:`modpart.io.save`;
            :meth:`load_module` puts it into a fitted model.
        """
        check_is_fitted(self)
        self.graph_.names(variable)
        return exported(self, variable)

    def load_module(self, variable: str, module: Any) -> "ModularDCM":
        """Put a trained module in the place of the one that was fitted, without training anything.

        Parameters
        ----------
        variable : str
            Any variable of the module.
        module : TrainedModule, str or pathlib.Path
            What :meth:`export_module` gave, or the file in which :func:`modpart.io.save` kept it; reading it runs no
            code from the file.

        Returns
        -------
        self : ModularDCM

        Raises
        ------
        ParameterError
            When the module was learned from other parents, hidden causes or values.
        UntrustedFileError
            When the file holds anything but a module.
        """
        check_is_fitted(self)
        self.graph_.names(variable)
        if isinstance(module, str | Path):
            from modpart.io import load

            module = load(module)
        if not isinstance(module, TrainedModule):
            raise ParameterError(
                f"load_module: got a {type(module).__name__}. Pass what export_module gave, or the file that keeps it."
            )
        replaced(self, variable, module)
        self.support_ = {v: support for v, support in self.support_.items() if v not in module.nodes}
        unknown = {"distance": np.nan, "noise": np.nan, "columns": (), "overlap": np.nan}
        self.modules_ = [
            ModuleFit(part.nodes, "loaded", [], unknown, 0.0) if set(part.nodes) & set(module.nodes) else part
            for part in self.modules_
        ]
        return self


def _stacked(parts: Sequence[Any]) -> Any:
    """Values of all data sets one below the other."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, pd.Series) for part in parts):
        return pd.concat(parts, ignore_index=True)
    return np.concatenate([np.asarray(part) for part in parts])
