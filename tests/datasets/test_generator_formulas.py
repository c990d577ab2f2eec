"""Each formula against a second writing of it, row by row, and against numbers known from elsewhere."""

from math import cos, exp, floor, log10, pi, sin, sqrt

import numpy as np
import pytest
from scipy.optimize import brentq

from modpart import datasets

GENERATORS = {**datasets.labelled(), **datasets.controls()}


def three_pieces(x):
    if x < -1:
        return 0, 2 * x + 4
    return (1, sin(6 * x) - 3) if x < 1 else (2, -((x - 2) ** 2) + 4)


def four_quadrants(a, b):
    r = 2 * (a > 0) + (b > 0)
    return r, [2 * a - b - 2, sin(5 * a) + 2, 3 * b * b - 1 - 2 * a, 2 * cos(4 * a * b) - 4 * b][r]


def pipe_friction(log_re, log_e):
    re, e = 10**log_re, 10**log_e
    if re <= 2300:
        return 0, log10(64 / re)
    return 1, log10(brentq(lambda f: 1 / sqrt(f) + 2 * log10(e / 3.7 + 2.51 / (re * sqrt(f))), 1e-3, 1, xtol=1e-15))


def standard_atmosphere(h):
    layer = (h >= 11) + (h >= 20) + (h >= 32)
    return layer, [288.15 - 6.5 * h, 216.65, 216.65 + (h - 20), 228.65 + 2.8 * (h - 32)][layer]


def water_enthalpy(t):
    if t < 0:
        return 0, 2.1 * t - 333.6
    return (1, 4.19 * t) if t < 100 else (2, 2676 + 2 * (t - 100))


def mosfet(g, d):
    v = g - 1
    if v <= 0:
        return 0, 0.0
    return (1, (v * d - d * d / 2) * (1 + d / 50)) if d < v else (2, v * v / 2 * (1 + d / 50))


def column_buckling(slenderness, s):
    critical = pi * sqrt(2 * 200e3 / s)
    if slenderness <= critical:
        return 0, s * (1 - slenderness**2 / (2 * critical**2))
    return 1, pi**2 * 200e3 / slenderness**2


def load_unload(e, direction):
    if direction == -1:
        return 2, 700 * (e - 0.72)
    return (0, 700 * e) if e <= 0.2 else (1, 126 + 70 * e)


def tax_brackets(x):
    due = 0.2 * min(max(x - 10, 0), 30) + 0.42 * max(x - 40, 0)
    return (x > 10) + (x > 40), due


def hammerstein(w, u):
    push = u + 0.4 if u < -0.4 else u - 0.4 if u > 0.4 else 0
    return (u >= -0.4) + (u > 0.4), 0.7 * w + push


def five_pieces(x):
    k = floor(x)
    return k, [2 * x, sin(5 * x) + 4, 3 * x - 9, (2 * x - 7) ** 2 + 1, 6 - 2 * x][k]


def checkerboard(a, b):
    odd = (floor(a) + floor(b)) % 2
    return odd, cos(2 * b) - a - 1 if odd else sin(2 * a) + b + 2


def rare_corner(a, b):
    inside = min(a, b) > 1 - sqrt(0.1)
    return inside, 3 * b - a - 2 if inside else 2 * a + sin(3 * b)


def friedman(a, b, c, d, e, *idle):
    return 0, 10 * sin(pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e


# Takes one row, returns its regime and f.
ORACLES = {
    "two_planes": lambda a, b: (1, 3 * a - b + 1) if a + b / 2 > 0 else (0, -2 * a + 2 * b - 1),
    "sine_burst": lambda x: (1, sin(x) + 1.5 * sin(10 * x)) if 4 < x < 6 else (0, sin(x)),
    "three_pieces": three_pieces,
    "four_quadrants": four_quadrants,
    "elastoplastic": lambda x: (0, 5 * x) if x <= 0.4 else (1, 2 + 0.3 * (x - 0.4)),
    "pipe_friction": pipe_friction,
    "flat_plate": lambda re, pr: (
        (0, log10(0.332 * (10**re) ** 0.5 * (10**pr) ** (1 / 3)))
        if 10**re <= 5e5
        else (1, log10(0.0296 * (10**re) ** 0.8 * (10**pr) ** (1 / 3)))
    ),
    "standard_atmosphere": standard_atmosphere,
    "water_enthalpy": water_enthalpy,
    "mosfet": mosfet,
    "column_buckling": column_buckling,
    "load_unload": load_unload,
    "tax_brackets": tax_brackets,
    "hammerstein": hammerstein,
    "rare_corner": rare_corner,
    "nuisance_inputs": lambda a, b, *idle: (1, 2 * a * b - 2) if a > 0 else (0, sin(3 * b) + 2),
    "five_pieces": five_pieces,
    "disc": lambda a, b: (1, a - 2 * b + 3) if sqrt(a * a + b * b) < 0.6 else (0, sin(3 * a) + b),
    "curved_minority": lambda a, b, c: (1, c - 2 * a + 4) if b - a * a / 2 > 0.47 else (0, sin(2 * a) + b * c),
    "ten_inputs": lambda a, b, c, d, *idle: (1, 2 * c - a - d + 2) if a + b > c else (0, 2 * a - b + d - 2),
    "oblique_hinge": lambda a, b: (int(a + b / 2 > 0), a - b + 3 * max(0, a + b / 2)),
    "checkerboard": checkerboard,
    "exponential": lambda x: (0, exp(2 * x)),
    "friedman": friedman,
    "linear": lambda a, b, c: (0, 2 * a - b + c / 2),
    "pure_noise": lambda *idle: (0, 0.0),
    "smooth_curve": lambda x: (0, sin(1.5 * x) + x / 3),
    "student_noise": lambda x: (0, sin(x)),
    "unequal_noise": lambda x: (0, sin(4 * x)),
}
DOMAINS = {
    "two_planes": [(-1, 1)] * 2,
    "sine_burst": [(0, 10)],
    "three_pieces": [(-3, 3)],
    "four_quadrants": [(-1, 1)] * 2,
    "elastoplastic": [(0, 1)],
    "pipe_friction": [(2.7, 6), (-5, -2)],
    "flat_plate": [(4, 7), (0, 1.7)],
    "standard_atmosphere": [(0, 47)],
    "water_enthalpy": [(-50, 200)],
    "mosfet": [(0, 3)] * 2,
    "column_buckling": [(20, 200), (200, 500)],
    "load_unload": [(0, 1), (-1, 1)],
    "tax_brackets": [(0, 100)],
    "rare_corner": [(0, 1)] * 2,
    "nuisance_inputs": [(-1, 1)] * 6,
    "five_pieces": [(0, 5)],
    "disc": [(-1, 1)] * 2,
    "curved_minority": [(-1, 1)] * 3,
    "ten_inputs": [(-1, 1)] * 10,
    "oblique_hinge": [(-1, 1)] * 2,
    "checkerboard": [(0, 3)] * 2,
    "exponential": [(-1, 1)],
    "friedman": [(0, 1)] * 10,
    "linear": [(-1, 1)] * 3,
    "pure_noise": [(-1, 1)] * 3,
    "smooth_curve": [(-3, 3)],
    "student_noise": [(-3, 3)],
    "unequal_noise": [(0, 1)],
}


@pytest.mark.parametrize("name", GENERATORS)
def test_without_noise_y_is_the_documented_formula(name):
    X, y, regime = GENERATORS[name](500, noise=0, random_state=5)
    expected_regime, expected = zip(*(ORACLES[name](*map(float, row)) for row in X), strict=True)
    assert regime.tolist() == list(expected_regime)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", DOMAINS)
def test_inputs_fill_the_documented_domain(name):
    X, _, _ = GENERATORS[name](4000, random_state=1)
    low, high = np.array(DOMAINS[name], dtype=float).T
    margin = (high - low) * 0.01
    assert (low <= X).all() and (high >= X).all()
    assert (X.min(axis=0) < low + margin).all() and (X.max(axis=0) > high - margin).all()


@pytest.mark.parametrize(
    "name, spread",
    [
        ("two_planes", 1.955),
        ("sine_burst", 0.816),
        ("three_pieces", 2.843),
        ("four_quadrants", 2.057),
        ("elastoplastic", 0.648),
        ("friedman", 4.9),
    ],
)
def test_spread_of_f_is_as_documented(name, spread):
    assert GENERATORS[name](100_000, noise=0, random_state=2)[1].std() == pytest.approx(spread, rel=0.01)


@pytest.mark.parametrize(
    "name, jumps",
    [
        ("sine_burst", {4: 1.1177, 6: 0.4572}),
        ("three_pieces", {-1: -4.7206, 1: 6.2794}),
        ("elastoplastic", {0.4: 0}),
        ("standard_atmosphere", {11: 0, 20: 0, 32: 0}),
        ("water_enthalpy", {0: 333.6, 100: 2257}),
        ("tax_brackets", {10: 0, 40: 0}),
        ("five_pieces", {1: 1.0411, 2: -6.4560, 3: 2, 4: -4}),
    ],
)
def test_jumps_of_curves_are_as_documented(name, jumps):
    X, y, regime = GENERATORS[name](50_000, noise=0, random_state=3)
    order = np.argsort(X[:, 0])
    x, y, regime = X[order, 0], y[order], regime[order]
    borders = np.flatnonzero(np.diff(regime))
    assert len(borders) == len(jumps)
    for i, (place, jump) in zip(borders, jumps.items(), strict=True):
        assert x[i] <= place <= x[i + 1]
        before, after = (  # lines through three rows on either side, continued to the border
            np.polyfit(x[rows] - place, y[rows], 1)[1] for rows in (slice(i - 2, i + 1), slice(i + 1, i + 4))
        )
        assert after - before == pytest.approx(jump, abs=1e-3)


def planes(name):
    """Coefficients (intercept, a, b, ...) of the two planes, found by least squares."""
    X, y, regime = GENERATORS[name](400, noise=0, random_state=4)
    A = np.column_stack([np.ones(len(X)), X])
    return [np.linalg.lstsq(A[regime == k], y[regime == k], rcond=None)[0] for k in (0, 1)]


def test_two_planes_jump_by_2_minus_5_5_b():
    lower, upper = planes("two_planes")
    constant, a, b = upper - lower
    np.testing.assert_allclose([constant, b - a / 2], [2, -5.5], atol=1e-10)  # on the line a = -b/2


def test_the_hinge_is_continuous_along_its_line():
    lower, upper = planes("oblique_hinge")
    np.testing.assert_allclose(upper - lower, [0, 3, 1.5], atol=1e-10)  # a multiple of a + b/2


def test_the_flat_plate_jumps_by_one_factor_at_half_a_million():
    lower, upper = planes("flat_plate")
    constant, log_re, log_pr = upper - lower
    assert 10 ** (constant + log_re * log10(5e5)) == pytest.approx(4.57, abs=0.005)
    assert log_pr == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "name, least, outside, near",
    [
        ("rare_corner", 1.0, lambda a, b: 2 * a + np.sin(3 * b), lambda a, b: np.minimum(a, b) < 0.70),
        ("disc", 0.9, lambda a, b: np.sin(3 * a) + b, lambda a, b: a**2 + b**2 > 0.35),
        ("nuisance_inputs", 3.0, lambda a, b, *idle: np.sin(3 * b) + 2, lambda a, b, *idle: a < 0.02),
    ],
)
def test_the_jump_has_its_documented_least_size(name, least, outside, near):
    X, y, regime = GENERATORS[name](20_000, noise=0, random_state=5)
    rim = (regime == 1) & near(*X.T)
    assert rim.sum() > 100
    assert least - 0.05 < abs(y - outside(*X.T))[rim].min() < least + 0.3


def test_johnson_touches_euler_at_half_the_yield_stress():
    X, y, regime = datasets.make_column_buckling(20_000, noise=0, random_state=6)
    distance = X[:, 0] - pi * np.sqrt(2 * 200e3 / X[:, 1])
    near = abs(distance) < 0.2
    assert set(regime[near]) == {0, 1}
    ratio = 2 * y[near] / X[near, 1]
    np.testing.assert_allclose(ratio, 1, atol=0.006)
    slope = (ratio - 1) / distance[near] * (X[near, 0] - distance[near])  # d log f / d log L
    np.testing.assert_allclose(slope, -2, atol=0.02)


def test_mosfet_current_is_continuous_at_both_borders():
    (g, d), y, regime = (part.T for part in datasets.make_mosfet(50_000, noise=0, random_state=7))
    pinch = (abs(g - 1 - d) < 1e-3) & (g > 1)
    assert set(regime[pinch]) == {1, 2}
    np.testing.assert_allclose(y[pinch], d[pinch] ** 2 / 2 * (1 + 0.02 * d[pinch]), atol=0.003)
    assert y[(g > 1) & (g < 1.01)].max() < 1e-4


def test_laminar_friction_is_64_over_reynolds_and_rough_pipes_reach_the_moody_values():
    X, y, regime = datasets.make_pipe_friction(20_000, noise=0, random_state=8)
    reynolds, roughness, f = 10 ** X[:, 0], 10 ** X[:, 1], 10**y
    np.testing.assert_allclose((f * reynolds)[regime == 0], 64)
    order = np.argsort(X[:, 0])
    assert 10 ** np.interp(3, X[order, 0], y[order]) == pytest.approx(0.064)
    turbulent = regime == 1
    left = 1 / np.sqrt(f[turbulent])
    right = -2 * np.log10(roughness[turbulent] / 3.7 + 2.51 * left / reynolds[turbulent])
    np.testing.assert_allclose(left, right, rtol=1e-13)
    near = (abs(X[:, 0] - 5) < 0.05) & (abs(X[:, 1] + 4) < 0.05)  # Re 1e5, e 1e-4: .0185 on the Moody chart
    assert near.sum() > 10 and f[near].mean() == pytest.approx(0.0185, abs=2e-4)


def test_standard_atmosphere_has_the_values_of_the_tables():
    h, temperature, _ = datasets.make_standard_atmosphere(50_000, noise=0, random_state=9)
    again, pressure, _ = datasets.make_standard_atmosphere(50_000, noise=0, random_state=9, quantity="pressure")
    assert np.array_equal(h, again)
    order = np.argsort(h[:, 0])
    h, temperature, pressure = h[order, 0], temperature[order], pressure[order]
    at = [0, 5, 11, 20, 32, 47]
    np.testing.assert_allclose(
        np.interp(at, h, temperature), [288.15, 255.65, 216.65, 216.65, 228.65, 270.65], atol=0.01
    )
    found = np.exp(np.interp(at, h, np.log(pressure)))
    np.testing.assert_allclose(found, [101325, 54019.9, 22632.06, 5474.89, 868.02, 110.91], rtol=3e-4)


def test_loading_and_unloading_meet_at_the_peak_and_end_without_stress():
    X, y, regime = datasets.make_load_unload(20_000, noise=0, random_state=10)
    peak = X[:, 0] > 0.9995
    assert set(regime[peak]) == {1, 2}
    np.testing.assert_allclose(y[peak], 196, atol=0.4)
    unloading = regime == 2
    assert 0 <= y[unloading].min() < 0.1 and X[unloading, 0].min() == pytest.approx(0.72, abs=1e-3)
    assert abs(y[abs(X[:, 0] - 0.2) < 1e-4] - 140).max() < 0.1


def test_hammerstein_rows_are_one_trajectory_from_rest():
    X, y, _ = datasets.make_hammerstein(300, noise=0, random_state=11)
    assert X[0, 0] == 0
    np.testing.assert_allclose(y[:-1], X[1:, 0], rtol=1e-12, atol=1e-15)


def test_special_errors_have_unit_variance_and_their_shape():
    n_samples = 100_000
    X, y, _ = datasets.make_unequal_noise(n_samples, noise=1, random_state=12)
    f = np.sin(4 * X[:, 0])
    errors = (y - f) / f.std()
    assert np.mean(errors**2) == pytest.approx(1, abs=0.03)
    left, right = X[:, 0] < 0.02, X[:, 0] > 0.98
    assert errors[right].std() / errors[left].std() == pytest.approx(9.91 / 1.09, rel=0.1)
    X, y, _ = datasets.make_student_noise(n_samples, noise=1, random_state=12)
    errors = (y - np.sin(X[:, 0])) / np.sin(X[:, 0]).std()
    assert np.quantile(abs(errors), 0.5) == pytest.approx(0.7649 / sqrt(3), abs=0.01)  # quartile of t3
    assert abs(errors).max() > 8
