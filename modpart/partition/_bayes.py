"""The closed-form expert: Bayesian regression on a straight line plus a smooth part of unknown length scale."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from modpart._base import Estimator
from modpart._utils.checks import check_sample_weight, check_X, check_X_y
from modpart._utils.parallel import one_thread
from modpart._utils.params import one_of
from modpart._utils.progress import Progress, with_callbacks
from modpart._utils.seeds import check_rng
from modpart.partition._contest import Contest, Scaling
from modpart.partition._evidence.arrays import arrays_on
from modpart.partition._evidence.basis import SmoothBasis
from modpart.partition._evidence.law import Law
from modpart.partition._evidence.regimes import find_regimes
from modpart.partition._evidence.search import Report, ignore
from modpart.partition._rows import WeightedRows

__all__ = ["BayesianExpert", "contest_by_evidence"]

CHUNK = 5000  # rows predicted at a time: a row has hundreds of features


class BayesianExpert(RegressorMixin, Estimator):
    """Closed-form Bayesian regressor of one smooth law, the default expert of a competition.

    The law is a straight line plus, with ``law="smooth"``, a Gaussian process of unknown length scale and amplitude
    (Nystrom features on at most 100 centres); both are averaged over a small grid by their evidence, so there is
    nothing to tune. It trains in well under a second on thousands of rows and knows its own uncertainty. It assumes
    one stationary law and noise of about the same size everywhere, for each output of y its own; where a table has
    several laws, let several of these compete in an :class:`ActivePartitioner`.

    Parameters
    ----------
    law : {"smooth", "linear"}, default="smooth"
        Whether the law may be curved.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where evidence and laws are computed while fitting: in numpy, or in torch (float64) on a GPU, which pays with
        hundreds of thousands of rows; "auto" takes a GPU when torch sees one. Predictions need none.
    random_state : int, Generator, RandomState or None, default=None
        Places the centres and picks the rows that relevance is learned on.

    Attributes
    ----------
    noise_ : float or ndarray of shape (n_outputs,)
        Standard deviation of the noise, in units of y.
    relevance_ : ndarray of shape (n_features,)
        Weight of each standardised input in the smooth part, the largest 1; 0 where only the straight line uses it.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only when X has string column names.

    Notes
    -----
    Time O(n p^2) and memory O(n p) with p <= 101 + n_features; the evidence is that of Bishop, *Pattern Recognition and
    Machine Learning* (2006), eq. 3.86; relevance as in Rasmussen & Williams, *Gaussian Processes for Machine Learning*
    (2006), section 5.1. A row of weight w is w equal observations, in the evidence too, so the size of the weights
    matters and not their ratios alone. Several outputs cost about so many times as much.

    Examples
    --------
    >>> import numpy as np
    >>> from modpart.partition import BayesianExpert
    >>> X = np.linspace(0, 6, 200)[:, None]
    >>> expert = BayesianExpert(random_state=0).fit(X, np.sin(X[:, 0]))
    >>> bool(np.abs(expert.predict(X) - np.sin(X[:, 0])).max() < 0.01)
    True
    """

    _rules = {"law": (one_of("smooth", "linear"),), "device": (one_of("auto", "cpu", "cuda"),)}

    def __init__(self, law: str = "smooth", *, device: str = "cpu", random_state: Any = None) -> None:
        self.law = law
        self.device = device
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BayesianExpert":
        """Learn the law of all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,) or None
            How many observations each row stands for (>= 0); None is one each.

        Returns
        -------
        self : BayesianExpert
        """
        self._check_params()
        rng = check_rng(self.random_state)
        X, y = check_X_y(self, X, y, multi_output=True)
        rows = WeightedRows.of(X, y, check_sample_weight(self, sample_weight, X))
        progress = Progress(self, X, y, total=0)
        with one_thread():
            contest = contest_by_evidence(
                rows.X, rows.y, rng, law=self.law, device=self.device, bounds=(1, 1), weight=rows.weight
            )
        expert = contest.experts[0]
        for name in ("scaling_", "basis_", "posterior_", "noise_", "relevance_"):
            setattr(self, name, getattr(expert, name))
        progress.finish()
        return self

    @classmethod
    def _from_posterior(cls, law: str, scaling: Scaling, basis: SmoothBasis, posterior: Law) -> "BayesianExpert":
        """A fitted expert from what a competition has learned."""
        expert = cls(law)
        expert.scaling_, expert.basis_, expert.posterior_ = scaling, basis, posterior
        expert.noise_ = expert._shaped(np.sqrt(posterior.s2()) * scaling.y_sd)
        expert.relevance_ = basis.relevance
        expert.n_features_in_ = len(scaling.x_mean)
        return expert

    def _shaped(self, values: np.ndarray) -> Any:
        """Values (..., n_outputs) without the last axis where y had none."""
        return values if np.ndim(self.scaling_.y_sd) else values[..., 0]

    def predict(self, X: Any, *, return_std: bool = False) -> Any:
        """Predict the law's mean, and with `return_std` the standard deviation of a new observation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        return_std : bool, default=False

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        std : ndarray of the same shape
            Only when `return_std`.
        """
        check_is_fitted(self)
        X, law = self.scaling_.inputs(check_X(self, X)), self.posterior_
        chunks = (X[start : start + CHUNK] for start in range(0, len(X), CHUNK))
        features = (self.basis_.features(chunk, law.scales()) for chunk in chunks)
        asked = (law.predict, law.variance) if return_std else (law.predict,)
        answers = [[ask(part) for ask in asked] for part in features]
        mean, *variance = (self._shaped(np.concatenate(parts)) for parts in zip(*answers, strict=True))
        mean = self.scaling_.restore(mean)
        return (mean, self.scaling_.y_sd * np.sqrt(variance[0])) if return_std else mean


def contest_by_evidence(
    X: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    *,
    law: str = "smooth",
    device: str = "cpu",
    bounds: tuple[int, int] = (1, 10),
    min_samples: int | None = None,
    vote_weight: float = 1.0,
    weight: np.ndarray | None = None,
    report: Report = ignore,
) -> Contest:
    """Competition of closed-form experts; see :func:`~modpart.partition._evidence.regimes.find_regimes`."""
    scaling = Scaling.of(X, y, weight)
    found = find_regimes(
        scaling.inputs(X),
        scaling.target(y),
        rng,
        smooth=law == "smooth",
        bounds=bounds,
        min_samples=min_samples,
        vote_weight=vote_weight,
        weight=weight,
        report=report,
        arrays=arrays_on(device),
    )
    experts = [BayesianExpert._from_posterior(law, scaling, found.basis, p.on_host()) for p in found.posteriors]
    return Contest(found.labels, found.log_density, found.errors, experts, found.relevance, found.history)
