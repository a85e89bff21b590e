"""Linear algebra in double precision; every tolerance of the float path is named here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from flint import fmpq
from numpy.typing import NDArray

from llr.errors import InputError
from llr.numbers import balls
from llr.numbers.rational import RationalRow, Vector
from llr.numbers.units import LogitUnit

Array: TypeAlias = NDArray[Any]

RANK_TOLERANCE = 1e-9
"""A row whose remainder is below this fraction of the largest entry (or of 1) is dependent."""

TIE = 2.0**-32
"""Squared lengths that differ by a smaller share count as equal: machines round differently."""

LOST = 2.0**-20
"""An updated square below this fraction of the largest one when computed afresh is inaccurate."""

CENTRED = 2.0**-50
"""A mean below this fraction of the largest entry is rounding."""

BOX_TOLERANCE = 1e-7
"""How far a coefficient may leave its box before it counts as outside."""


def finite(value: object, argument: str = "value") -> float:
    """Return ``value`` as a finite float.

    Raises:
        InputError: it is not a number, or NaN or infinite.
    """
    if isinstance(value, bool | str):
        raise InputError(argument, value, "a finite number")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InputError(argument, value, "a finite number") from None
    if not math.isfinite(number):
        raise InputError(argument, value, "a finite number")
    return number


def vector(row: Sequence[float]) -> Array:
    """Return the row as an array."""
    return np.array(row, dtype=np.float64)


def matrix(rows: Sequence[Sequence[float]], columns: int) -> Array:
    """Return the ``len(rows) x columns`` array."""
    return np.array(rows, dtype=np.float64).reshape(len(rows), columns)


def centred(row: Sequence[float]) -> tuple[float, ...]:
    """Return the row less its mean; a row that is centred up to rounding is returned as it is.

    Raises:
        InputError: the row is too large for float64 to centre.
    """
    try:
        mean = math.fsum(row) / len(row)
    except OverflowError:
        mean = math.fsum(x / len(row) for x in row)
    if abs(mean) <= CENTRED * max(abs(x) for x in row):
        return tuple(row)
    found = tuple(x - mean for x in row)
    if any(map(math.isinf, found)):
        raise InputError("logits", max(row, key=abs), "small enough for float64 to centre")
    return found


def centred_rows(m: Array, shape: tuple[int, int]) -> Array | None:
    """Return an array of finite rows less their means; None if it is not one of that shape."""
    if m.shape != shape or m.dtype.kind not in "fiu":
        return None
    rows = m.astype("float64")
    if not np.isfinite(rows).all():
        return None
    means = rows.mean(axis=1, keepdims=True)
    means[np.abs(means) <= CENTRED * np.abs(rows).max(axis=1, keepdims=True)] = 0.0
    found: Array = rows - means
    return found if np.isfinite(found).all() else None


def from_rational(row: RationalRow, unit: LogitUnit) -> tuple[float, ...]:
    """Return rational logits in the given unit as floats in nats, correctly rounded."""
    return tuple(balls.nearest_float(unit.in_nats(x)) for x in row)


def softmax(m: Array) -> Array:
    """Return the softmax of every row."""
    weights = np.exp(m - m.max(axis=1, keepdims=True))
    found: Array = weights / weights.sum(axis=1, keepdims=True)
    return found


def log_softmax(m: Array) -> Array:
    """Return the logarithm of the softmax of every row."""
    moved = m - m.max(axis=1, keepdims=True)
    found: Array = moved - np.log(np.exp(moved).sum(axis=1, keepdims=True))
    return found


def scaled(row: Sequence[float], unit: LogitUnit) -> tuple[float, ...]:
    """Return float logits in the given unit as floats in nats."""
    size = balls.nearest_float(unit.nats)
    return tuple(x * size for x in row)


def to_rational(row: Sequence[float]) -> RationalRow:
    """Return the dyadic rationals that the floats of a row stand for.

    Raises:
        InputError: a float is NaN or infinite.
    """
    return Vector(fmpq(*finite(x, "logit").as_integer_ratio()) for x in row)


def independent_rows(m: Array) -> tuple[int, ...]:
    """Return rows that span the row space up to the tolerance, largest remainder first.

    Complexity: O(n w r) for n rows, w columns and rank r (pivoted Gram-Schmidt, done twice; the
    sizes of the remainders are updated, and computed afresh once they have lost digits).
    """
    remainder = m
    scale = float(np.abs(m).max()) if m.size else 0.0
    directions = np.zeros((min(m.shape), m.shape[1]))
    chosen: list[int] = []
    squares = _squares(remainder)
    fresh = float(squares.max(initial=0.0))
    while len(chosen) < min(m.shape):
        known = directions[: len(chosen)]
        best = _first_largest(squares)
        if squares[best] <= LOST * fresh:
            remainder = remainder - (remainder @ known.T) @ known
            squares = _squares(remainder)
            best = _first_largest(squares)
            fresh = float(squares[best])
        if math.sqrt(squares[best]) <= RANK_TOLERANCE * max(scale, 1.0):
            break
        direction = remainder[best]
        for _ in range(2):
            direction = direction - (known @ direction) @ known
            direction = direction / np.linalg.norm(direction)
        squares = squares - (remainder @ direction) ** 2
        directions[len(chosen)] = direction
        chosen.append(best)
    return tuple(sorted(chosen))


def _first_largest(values: Array) -> int:
    """Return the first index of the largest number; what roundings tell apart counts as equal."""
    largest = values.max()
    return int((values >= largest - TIE * abs(largest)).argmax())


def _squares(m: Array) -> Array:
    """Return the squared length of every row."""
    found: Array = np.einsum("ij,ij->i", m, m)
    return found


def coordinates(basis: Array, rows: Array) -> Array | None:
    """Return least-squares coefficients of ``rows`` in ``basis``, whose rows are independent.

    Returns None where some remainder exceeds the rank tolerance.
    """
    if basis.shape[0] == 0:
        found = np.zeros((rows.shape[0], 0))
    else:
        directions, triangle = np.linalg.qr(basis.T)
        found = np.linalg.solve(triangle, (rows @ directions).T).T
    scale = float(np.abs(rows).max()) if rows.size else 0.0
    error = float(np.abs(found @ basis - rows).max()) if rows.size else 0.0
    return found if error <= remainder_tolerance(scale) else None


def remainder_tolerance(scale: float) -> float:
    """Return how large an entry of a remainder counts as none, for rows of entries to ``scale``."""
    return 100 * RANK_TOLERANCE * max(scale, 1.0)


def largest(m: Array) -> tuple[float, int, int]:
    """Return the largest absolute value of an entry, with its row and column; (0, 0, 0) if none.

    Of equals it is the first, row by row.
    """
    if not m.size:
        return 0.0, 0, 0
    sizes = np.abs(m)
    i, j = divmod(int(sizes.argmax()), m.shape[1])
    return float(sizes[i, j]), i, j


def exchange(m: Array, i: int, j: int) -> Array:
    """Return coefficients after the row of ``m``'s row i took the place of basis row j.

    Args:
        m: n x r, the coefficients of n rows in a basis of r rows.
        i: a row with ``m[i, j] != 0``.
        j: the place in the basis.

    Complexity: O(n r).
    """
    change = m[i].copy()
    change[j] -= 1
    found: Array = m - np.outer(m[:, j] / m[i, j], change)
    found[i] = 0
    found[i, j] = 1
    return found


def fit(basis: Array, rows: Array) -> Array:
    """Return the least-squares coefficients of ``rows`` in ``basis``."""
    if basis.shape[0] == 0:
        return np.zeros((rows.shape[0], 0))
    found: Array = np.linalg.lstsq(basis.T, rows.T, rcond=None)[0].T
    return found


def extension(basis: Array, rows: Array, slack: float, most: int | None = None) -> tuple[int, ...]:
    """Return indices of rows that the basis needs besides its own.

    As long as some row's fit is off by more than ``slack * (1 + sum of |coefficients|)`` in the
    mean (the root of the mean square), the row with the largest remainder joins.  Where the truth
    is dependent and every entry is off by at most the slack, the true combination is that near in
    every entry; the fit, which is best in the mean, need not be, but is no worse in the mean.

    Args:
        basis: r x w.
        rows: n x w.
        slack: > 0; the tolerance of the rank decision.
        most: how many rows may join.

    Complexity: one least-squares problem per row that joins.
    """
    chosen: list[int] = []
    while len(rows) and (most is None or len(chosen) < most):
        here = np.concatenate([basis, rows[chosen]])
        coefficients = fit(here, rows)
        error = np.sqrt(((rows - coefficients @ here) ** 2).sum(axis=1) / max(1, rows.shape[1]))
        excess = error - slack * (1 + np.abs(coefficients).sum(axis=1))
        if not (excess > 0).any() or len(here) >= rows.shape[1]:
            break
        chosen.append(int(np.where(excess > 0, error, -1.0).argmax()))
    return tuple(chosen)


def spectral_rank(m: Array, error: float) -> int:
    """Return the least r whose best rank-r approximation is off by ``error`` in the mean.

    The mean is the root of the mean square over all entries: the tail of the singular values.
    """
    if m.size == 0:
        return 0
    values = np.linalg.svd(m, compute_uv=False)
    tails = np.sqrt(np.append(np.cumsum((values**2)[::-1])[::-1], 0.0) / m.size)
    return int(np.argmax(tails <= error))
