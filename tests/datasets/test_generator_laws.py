"""Laws that every generator obeys."""

import inspect

import numpy as np
import pytest

from modpart import datasets
from modpart.exceptions import ParameterError

GENERATORS = {**datasets.labelled(), **datasets.controls()}
SHARES = {
    "two_planes": [1 / 2, 1 / 2],
    "sine_burst": [0.8, 0.2],
    "three_pieces": [1 / 3] * 3,
    "four_quadrants": [1 / 4] * 4,
    "elastoplastic": [0.4, 0.6],
    "pipe_friction": [0.201, 0.799],
    "flat_plate": [0.566, 0.434],
    "standard_atmosphere": [11 / 47, 9 / 47, 12 / 47, 15 / 47],
    "water_enthalpy": [0.2, 0.4, 0.4],
    "mosfet": [1 / 3, 2 / 9, 4 / 9],
    "column_buckling": [0.494, 0.506],
    "load_unload": [0.1, 0.4, 0.5],
    "tax_brackets": [0.1, 0.3, 0.6],
    "hammerstein": [0.3, 0.4, 0.3],
    "rare_corner": [0.9, 0.1],
    "nuisance_inputs": [1 / 2, 1 / 2],
    "five_pieces": [1 / 5] * 5,
    "disc": [0.717, 0.283],
    "curved_minority": [0.818, 0.182],
    "ten_inputs": [1 / 2, 1 / 2],
    "oblique_hinge": [1 / 2, 1 / 2],
    "checkerboard": [5 / 9, 4 / 9],
}
# Generators of other things than regimes, each with tests of its own.
OTHERS = {"bank_branches", "causal_graph", "frontier", "modular_addition", "sliding_signals", "symbolic_task"}
# Uniform draws per row where they are not one per column.
DRAWS = {"hammerstein": 1}

every_generator = pytest.mark.parametrize("name", GENERATORS)


def test_every_public_generator_is_in_one_of_the_two_lists():
    public = {name.removeprefix("make_") for name in datasets.__all__ if name.startswith("make_")}
    assert public - OTHERS == set(GENERATORS) | set(datasets.labelled_classes())
    assert set(SHARES) == set(datasets.labelled())
    assert not set(datasets.labelled()) & set(datasets.controls())


@every_generator
@pytest.mark.parametrize("n_samples", [1, 2, 257])
def test_shapes_and_dtypes(name, n_samples):
    X, y, regime = GENERATORS[name](n_samples, random_state=0)
    assert X.ndim == 2 and len(X) == n_samples and y.shape == regime.shape == (n_samples,)
    assert (X.dtype, y.dtype, regime.dtype) == (np.float64, np.float64, np.int64)
    assert np.isfinite(X).all() and np.isfinite(y).all()


@every_generator
def test_signature_and_documented_parameters_agree(name):
    generator = GENERATORS[name]
    parameters = inspect.signature(generator).parameters
    assert list(parameters)[:3] == ["n_samples", "noise", "random_state"]
    assert all(p.kind is p.KEYWORD_ONLY for p in list(parameters.values())[1:])
    section = generator.__doc__.split("Parameters\n")[1].split("Returns\n")[0]
    entries = [line.strip() for line in section.splitlines() if " : " in line]
    assert [entry.split(" : ")[0] for entry in entries] == list(parameters)
    for entry, parameter in zip(entries, parameters.values(), strict=True):
        assert entry.endswith(f"default={parameter.default!r}".replace("'", '"'))


@every_generator
def test_same_seed_gives_the_same_bits_and_another_seed_does_not(name):
    first, again, other = (GENERATORS[name](50, random_state=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0]) and not np.array_equal(first[1], other[1])


@every_generator
@pytest.mark.parametrize("random_state", [None, 0, "RandomState"])
def test_global_random_state_is_neither_read_nor_written(name, random_state):
    if random_state == "RandomState":
        random_state = np.random.RandomState(0)
    before = np.random.get_state()
    GENERATORS[name](20, random_state=random_state)
    after = np.random.get_state()
    assert before[0] == after[0] and np.array_equal(before[1], after[1]) and before[2:] == after[2:]


@every_generator
def test_a_generator_is_used_where_it_stands(name):
    rng = np.random.default_rng(7)
    first, second = (GENERATORS[name](30, random_state=rng) for _ in range(2))
    assert np.array_equal(first[0], GENERATORS[name](30, random_state=7)[0])
    assert not np.array_equal(first[0], second[0])


@every_generator
def test_noise_is_the_stated_fraction_of_the_spread_of_f(name):
    n_samples, noise, seed = 400, 0.3, 11
    X, f, regime = GENERATORS[name](n_samples, noise=0, random_state=seed)
    noisy_X, y, noisy_regime = GENERATORS[name](n_samples, noise=noise, random_state=seed)
    assert np.array_equal(X, noisy_X) and np.array_equal(regime, noisy_regime)
    rng = np.random.default_rng(seed)
    rng.random(n_samples * DRAWS.get(name, X.shape[1]))
    student = name == "student_noise"
    errors = rng.standard_t(3, n_samples) / np.sqrt(3) if student else rng.standard_normal(n_samples)
    if name == "unequal_noise":
        errors *= (1 + 9 * X[:, 0]) / np.sqrt(37)
    unit = 1 if name == "pure_noise" else np.sqrt(np.mean((f - f.mean()) ** 2))
    np.testing.assert_allclose(y, f + noise * unit * errors, rtol=1e-12, atol=1e-12 * unit)


@pytest.mark.parametrize("name", SHARES)
def test_regime_shares_are_as_documented(name):
    n_samples = 40_000
    _, _, regime = GENERATORS[name](n_samples, random_state=0)
    shares = np.array(SHARES[name])
    found = np.bincount(regime, minlength=len(shares)) / n_samples
    assert len(found) == len(shares)
    assert (abs(found - shares) < 4 * np.sqrt(shares * (1 - shares) / n_samples) + 0.0005).all()


@pytest.mark.parametrize("name", datasets.controls())
def test_controls_have_one_regime(name):
    assert not GENERATORS[name](100, random_state=0)[2].any()


@every_generator
@pytest.mark.parametrize(
    "argument, value",
    [
        ("n_samples", 0),
        ("n_samples", 10.0),
        ("n_samples", True),
        ("noise", -0.1),
        ("noise", np.nan),
        ("noise", "much"),
        ("random_state", -1),
        ("random_state", "seed"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(name, argument, value):
    with pytest.raises(ParameterError, match=rf"{argument}={value!r}"):
        GENERATORS[name](**{argument: value})


@pytest.mark.parametrize(
    "name, argument, value",
    [
        ("nuisance_inputs", "n_nuisance", -1),
        ("friedman", "n_nuisance", 1.5),
        ("pure_noise", "n_features", 0),
        ("standard_atmosphere", "quantity", "density"),
    ],
)
def test_a_bad_particular_argument_is_named_with_its_value(name, argument, value):
    with pytest.raises(ParameterError, match=rf"make_{name}: {argument}={value!r}"):
        GENERATORS[name](**{argument: value})


@pytest.mark.parametrize("name, active", [("nuisance_inputs", 2), ("friedman", 5)])
@pytest.mark.parametrize("n_nuisance", [0, 3])
def test_nuisance_columns_are_counted(name, active, n_nuisance):
    assert GENERATORS[name](10, random_state=0, n_nuisance=n_nuisance)[0].shape == (10, active + n_nuisance)
