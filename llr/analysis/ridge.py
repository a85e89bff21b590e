"""Ridge regression of one row on many, from normal equations that are summed block by block."""

from __future__ import annotations

import numpy as np

from llr.numbers import floats

STRENGTHS = tuple(10.0**e for e in range(-12, 3))
"""The strengths that compete, in units of the mean diagonal entry of the Gram matrix."""


class NormalEquations:
    """The sums that a quadratic loss needs: Gram matrix, moments, and the target's own square.

    Args:
        size: m, the number of rows that are combined.
    """

    def __init__(self, size: int) -> None:
        self.gram = np.zeros((size, size))
        self.moments = np.zeros(size)

    def add(self, rows: floats.Array, target: floats.Array) -> None:
        """Add equations.

        Args:
            rows: m x w, the columns scaled by the roots of their weights.
            target: the w entries to be met, scaled alike.

        Complexity: O(m^2 w).
        """
        self.gram += rows @ rows.T
        self.moments += rows @ target

    def add_all(self, other: NormalEquations) -> None:
        """Add the equations of another sum."""
        self.gram += other.gram
        self.moments += other.moments

    def solve(self, size: int, strength: float) -> floats.Array:
        """Return the coefficients of the first ``size`` rows: see :func:`path`."""
        found: floats.Array = path(self, size, (strength,))[0]
        return found

    def loss(self, coefficients: floats.Array) -> float:
        """Return the weighted squared error of coefficients, less a constant."""
        m = len(coefficients)
        image = self.gram[:m, :m] @ coefficients
        return float(coefficients @ image - 2 * self.moments[:m] @ coefficients)


def path(
    equations: NormalEquations, size: int, strengths: tuple[float, ...] = STRENGTHS
) -> floats.Array:
    """Return ridge coefficients, one row per strength.

    The penalty is on what the coefficients differ from the mean of the rows, ``1 / size`` each:
    a strong ridge ends at the mean of the histories' logits, not at the uniform law.

    Args:
        equations: of at least ``size`` rows.
        size: m', how many rows take part.
        strengths: in units of the mean diagonal entry of their Gram matrix.

    Complexity: O(m'^3), one eigendecomposition.
    """
    gram = equations.gram[:size, :size]
    mean = np.full(size, 1 / size)
    values, vectors = np.linalg.eigh(gram)
    scale = max(float(np.trace(gram)) / size, np.finfo(float).tiny)
    residual = vectors.T @ (equations.moments[:size] - gram @ mean)
    values = np.maximum(values, 0)
    return np.array([mean + vectors @ (residual / (values + s * scale)) for s in strengths])


def chosen_strength(fitted: NormalEquations, held_out: NormalEquations, size: int) -> float:
    """Return the strength whose coefficients, fitted on one sum, have the least loss on another."""
    losses = [held_out.loss(row) for row in path(fitted, size)]
    return STRENGTHS[int(np.argmin(losses))]
