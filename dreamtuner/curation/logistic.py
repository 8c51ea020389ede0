"""Logistic regression with an L2 penalty, by Newton's method: deterministic, and fitted in well under a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STEPS, ENOUGH = 30, 1e-8


def fit_logistic(x: Array, y: Array, penalty: Array, start: Array | None = None) -> Array:
    """Return the coefficients (D) that minimise the weighted log loss of x (N, D) and y (N, 0 or 1).

    Both classes weigh the same, whatever their share. `penalty` (D, >= 0): half of it times the square of a coefficient
    is added; 0 for a constant column. `start` (D): coefficients near those sought, which saves steps.
    Raises ValueError unless both classes are there.
    """
    ones = y.sum()
    if not 0 < ones < len(y):
        raise ValueError("y: both classes have to be there; give decisions of both kinds")
    weight = np.where(y > 0, len(y) / (2 * ones), len(y) / (2 * (len(y) - ones)))
    coefficients = np.zeros(x.shape[1]) if start is None else start
    loss = _loss(x, y, weight, penalty, coefficients)
    for _ in range(STEPS):
        p = probabilities(x, coefficients)
        gradient = x.T @ (weight * (p - y)) + penalty * coefficients
        curvature = (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        scale = 1.0
        while (better := _loss(x, y, weight, penalty, coefficients - scale * step)) > loss and scale > 1e-4:
            scale /= 2
        coefficients, before, loss = coefficients - scale * step, loss, better
        if before - loss < ENOUGH * max(loss, 1.0):
            break
    return coefficients


def probabilities(x: Array, coefficients: Array) -> Array:
    """Return the probability of class 1 for x (N, D), 0..1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x @ coefficients, -40, 40))))


def _loss(x: Array, y: Array, weight: Array, penalty: Array, coefficients: Array) -> float:
    z = x @ coefficients
    return float((weight * (np.logaddexp(0, z) - y * z)).sum() + (penalty * coefficients**2).sum() / 2)
