"""Fixtures of the torch tests."""

import numpy as np
import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "gpu: needs a CUDA device; skipped where there is none")


@pytest.fixture
def table() -> tuple[np.ndarray, np.ndarray]:
    """120 standardised rows of a smooth law in two columns."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 2))
    y = np.sin(2 * X[:, 0]) + X[:, 1]
    return X, (y - y.mean()) / y.std()
