"""Textbook laws of flow and heat that change with the regime: pipe, plate, atmosphere, and water."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from modpart._utils.params import one_of, validate
from modpart.datasets._sampling import Sample, box, draw, shared_sections

__all__ = ["make_flat_plate", "make_pipe_friction", "make_standard_atmosphere", "make_water_enthalpy"]


def _colebrook(reynolds: np.ndarray, roughness: np.ndarray) -> np.ndarray:
    """Darcy friction factor of turbulent pipe flow: 1/sqrt(f) = -2 log10(roughness/3.7 + 2.51/(reynolds sqrt(f)))."""
    s = np.full(np.shape(reynolds), 7.0)  # s = 1/sqrt(f)
    for _ in range(30):  # the map shrinks errors by .87/s < .26 wherever f < .09, so 30 rounds reach the last bit
        s = -2 * np.log10(roughness / 3.7 + 2.51 * s / reynolds)
    return s**-2


@shared_sections
def make_pipe_friction(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """The Moody chart: friction factor of a pipe, laminar or turbulent.

    Columns: log10 of the Reynolds number Re in [2.7, 6] and log10 of the relative roughness e (wall roughness over
    diameter) in [-5, -2]. f is log10 of the Darcy friction factor: 64 / Re in regime 0, Re <= 2300 (laminar), and the
    solution of Colebrook's equation in regime 1 (turbulent). All are dimensionless. Shares .201 and .799. The
    friction factor jumps up at the border; real pipes are in transition between Re 2300 and 4000, left out here.

    References
    ----------
    C. F. Colebrook, "Turbulent flow in pipes, with particular reference to the transition region between the smooth
    and rough pipe laws", Journal of the Institution of Civil Engineers 11 (1939).

    Examples
    --------
    >>> import numpy as np
    >>> from modpart.datasets import make_pipe_friction
    >>> X, y, regime = make_pipe_friction(500, noise=0, random_state=0)
    >>> laminar = regime == 0
    >>> bool(np.allclose(10 ** y[laminar] * 10 ** X[laminar, 0], 64))
    True
    """
    return draw(
        "make_pipe_friction",
        n_samples,
        noise,
        random_state,
        domain=box((2.7, 6), (-5, -2)),
        regime=lambda log_re, log_e: log_re > np.log10(2300),
        laws=(
            lambda log_re, log_e: np.log10(64) - log_re,
            lambda log_re, log_e: np.log10(_colebrook(10**log_re, 10**log_e)),
        ),
    )


@shared_sections
def make_flat_plate(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Local heat transfer along a flat plate, laminar or turbulent.

    Columns: log10 of the local Reynolds number Re in [4, 7] and log10 of the Prandtl number Pr in [0, 1.7]. f is log10
    of the local Nusselt number: .332 Re^(1/2) Pr^(1/3) in regime 0, Re <= 5e5 (laminar), and .0296 Re^(4/5) Pr^(1/3)
    in regime 1 (turbulent). All are dimensionless. Shares .566 and .434. On these axes both laws are planes; the
    jump is log10 of 4.57 everywhere on the border.

    References
    ----------
    F. P. Incropera, D. P. DeWitt, "Fundamentals of Heat and Mass Transfer", chapter on external flow.

    Examples
    --------
    >>> from modpart.datasets import make_flat_plate
    >>> X, y, regime = make_flat_plate(500, random_state=0)
    >>> bool(10 ** X[regime == 0, 0].max() <= 5e5)
    True
    """
    return draw(
        "make_flat_plate",
        n_samples,
        noise,
        random_state,
        domain=box((4, 7), (0, 1.7)),
        regime=lambda log_re, log_pr: log_re > np.log10(5e5),
        laws=(
            lambda log_re, log_pr: np.log10(0.332) + log_re / 2 + log_pr / 3,
            lambda log_re, log_pr: np.log10(0.0296) + 0.8 * log_re + log_pr / 3,
        ),
    )


class _Layer(NamedTuple):
    """A layer of the standard atmosphere, by the state at its base."""

    altitude: float  # km
    lapse: float  # K/km
    temperature: float  # K
    pressure: float  # Pa


def _temperature(altitude: Any, layer: _Layer) -> Any:
    return layer.temperature + layer.lapse * (altitude - layer.altitude)


def _pressure(altitude: Any, layer: _Layer) -> Any:
    hydrostatic = 9.80665 / 287.05287 * 1000  # g / R, in K/km
    if layer.lapse == 0:
        return layer.pressure * np.exp(-hydrostatic * (altitude - layer.altitude) / layer.temperature)
    return layer.pressure * (_temperature(altitude, layer) / layer.temperature) ** (-hydrostatic / layer.lapse)


def _stacked_layers() -> list[_Layer]:
    """The layers up to 47 km, each starting from the state at the top of the one below."""
    layers = [_Layer(0.0, -6.5, 288.15, 101325.0)]
    for altitude, lapse in ((11.0, 0.0), (20.0, 1.0), (32.0, 2.8)):
        below = layers[-1]
        layers.append(_Layer(altitude, lapse, _temperature(altitude, below), _pressure(altitude, below)))
    return layers


@shared_sections
def make_standard_atmosphere(
    n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None, quantity: str = "temperature"
) -> Sample:
    """Temperature or pressure of the standard atmosphere, layer by layer.

    One column: geopotential altitude h in km, in [0, 47]. The borders of the layers are 11, 20 and 32 km, belonging to
    the upper layer; the temperature changes by -6.5, 0, 1 and 2.8 K/km in regimes 0 to 3, from 288.15 K at the ground;
    the pressure follows from hydrostatic balance, from 101325 Pa. Shares 11/47, 9/47, 12/47 and 15/47. The temperature
    has kinks; the pressure has neither jump nor kink, so its regimes are hard to see.

    Parameters
    ----------
    quantity : {"temperature", "pressure"}, default="temperature"
        Which of the two f is, in K or Pa.

    References
    ----------
    ISO 2533:1975, "Standard Atmosphere"; "U.S. Standard Atmosphere, 1976", NOAA-S/T 76-1562.

    Examples
    --------
    >>> from modpart.datasets import make_standard_atmosphere
    >>> X, y, regime = make_standard_atmosphere(500, noise=0, random_state=0)
    >>> sorted({round(t, 2) for t in y[regime == 1].tolist()})
    [216.65]
    """
    rules = {"quantity": (one_of("temperature", "pressure"),)}
    validate("make_standard_atmosphere", {"quantity": quantity}, rules)
    law = _temperature if quantity == "temperature" else _pressure
    layers = _stacked_layers()
    return draw(
        "make_standard_atmosphere",
        n_samples,
        noise,
        random_state,
        domain=box((0, 47)),
        regime=lambda h: np.digitize(h, [layer.altitude for layer in layers[1:]]),
        laws=[partial(law, layer=layer) for layer in layers],
    )


@shared_sections
def make_water_enthalpy(n_samples: int = 1000, *, noise: float = 0.05, random_state: Any = None) -> Sample:
    """Specific enthalpy of water at one atmosphere: ice, liquid, steam.

    One column: temperature T in degrees Celsius, in [-50, 200]. With constant specific heats and the liquid at 0 as
    reference, f in kJ/kg is 2.1 T - 333.6 in regime 0, T < 0 (ice), 4.19 T in regime 1, 0 <= T < 100 (liquid), and
    419 + 2257 + 2 (T - 100) in regime 2 (steam). Shares .2, .4 and .4. The jumps are the heats of fusion, 333.6, and
    of vaporisation, 2257.

    References
    ----------
    M. J. Moran, H. N. Shapiro, "Fundamentals of Engineering Thermodynamics", tables of water; rounded values.

    Examples
    --------
    >>> from modpart.datasets import make_water_enthalpy
    >>> X, y, regime = make_water_enthalpy(500, noise=0, random_state=0)
    >>> bool((y[regime == 1] == 4.19 * X[regime == 1, 0]).all())
    True
    """
    return draw(
        "make_water_enthalpy",
        n_samples,
        noise,
        random_state,
        domain=box((-50, 200)),
        regime=lambda t: np.digitize(t, [0, 100]),
        laws=(
            lambda t: 2.1 * t - 333.6,
            lambda t: 4.19 * t,
            lambda t: 419 + 2257 + 2 * (t - 100),
        ),
    )
