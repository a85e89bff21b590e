"""One interface, two arithmetics: the learner runs on either with the same code.

``EXACT`` computes over the rationals without any tolerance.  ``FLOAT64`` computes in double
precision with the tolerances of :mod:`llr.numbers.floats`.  A *row* is a tuple of scalars, a
*matrix* is opaque outside this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from flint import fmpq, fmpq_mat

from llr.errors import InputError
from llr.numbers import floats, rational
from llr.numbers.balls import Real
from llr.numbers.units import LogitUnit

Scalar: TypeAlias = Any  # fmpq or float
Row: TypeAlias = tuple[Scalar, ...]
Matrix: TypeAlias = Any  # fmpq_mat or numpy.ndarray


class Arithmetic(Protocol):
    """Scalars, rows and matrices of one kind."""

    name: str

    def scalar(self, value: object, argument: str = "value") -> Scalar:
        """Return ``value`` as a scalar, or raise InputError naming ``argument``."""

    def from_nats(self, value: fmpq, unit: LogitUnit) -> Scalar:
        """Return a number of nats in units, rounded down by very little if at all."""

    def to_json(self, value: Scalar) -> str | float:
        """Return the scalar as it is written in a JSON file."""

    def centred(self, row: Sequence[Scalar]) -> Row:
        """Return the row less its mean."""

    def row(self, scalars: Sequence[Scalar]) -> Row:
        """Return the scalars as a row: hashable, and equal rows have equal hashes."""

    def matrix(self, rows: Sequence[Sequence[Scalar]], columns: int) -> Matrix:
        """Return the ``len(rows) x columns`` matrix."""

    def rows(self, m: Matrix) -> list[Row]:
        """Return the rows of a matrix."""

    def apply(self, m: Matrix, column: Row) -> Row:
        """Return ``m @ column``."""

    def combine(self, coefficients: Row, m: Matrix) -> Row:
        """Return ``coefficients @ m``: the combination of the rows of ``m``."""

    def independent_rows(self, m: Matrix) -> tuple[int, ...]:
        """Return indices of rows that form a basis of the row space, fixed by ``m`` alone."""

    def coordinates(self, basis: Matrix, rows: Matrix) -> Matrix | None:
        """Return C with ``C @ basis == rows``, or None if some row is outside the span."""

    def largest(self, m: Matrix) -> tuple[Scalar, int, int]:
        """Return the largest ``|entry|``, its row and its column; the first of equals."""

    def exchange(self, m: Matrix, i: int, j: int) -> Matrix:
        """Return the coefficients ``m`` after row i took the place of basis row j."""

    def fit(self, basis: Matrix, rows: Matrix) -> Matrix:
        """Return the least-squares coefficients C, ``C @ basis`` nearest to ``rows``."""

    def extension(
        self, basis: Matrix, rows: Matrix, slack: Scalar, most: int | None = None
    ) -> tuple[int, ...]:
        """Return indices of rows that the basis needs besides its own.

        Together they fit every row to within ``slack * (1 + sum of |coefficients|)`` in the mean,
        unless ``most`` rows have joined before.
        """

    def product(self, left: Matrix, right: Matrix) -> Matrix:
        """Return ``left @ right``."""

    def take(self, m: Matrix, indices: Sequence[int]) -> Matrix:
        """Return these rows of a matrix, in this order."""

    def reshaped(self, m: Matrix, columns: int) -> Matrix:
        """Return the entries of a matrix, row by row, as a matrix of so many columns."""

    def first_exceeding(self, m: Matrix, bound: Scalar) -> int | None:
        """Return the first row with an entry larger than ``bound`` in size; None if none has."""

    def exceeds(self, value: Scalar, bound: int) -> bool:
        """True if ``|value| > bound`` (beyond the tolerance)."""

    def exceeds_nats(self, logit: Scalar, unit: LogitUnit, threshold: fmpq) -> bool:
        """True if ``|logit|`` in units exceeds ``threshold`` in nats."""


class ExactArithmetic:
    """Rational arithmetic: no tolerance anywhere."""

    name = "exact"

    def scalar(self, value: object, argument: str = "value") -> fmpq:
        """Return an exact rational; floats are refused."""
        return rational.rational(value, argument)

    def from_nats(self, value: fmpq, unit: LogitUnit) -> fmpq:
        """Return a rational at most ``value / unit.nats``, exact where the unit is rational."""
        return (Real(value) / unit.nats).below() if value else value

    def to_json(self, value: fmpq) -> str:
        """Return ``p/q``."""
        return rational.text(value)

    def centred(self, row: Sequence[fmpq]) -> Row:
        """Return the row less its mean."""
        return rational.centred(row)

    def row(self, scalars: Sequence[fmpq]) -> Row:
        """Return the scalars as a row that remembers its hash."""
        return rational.Vector(scalars)

    def matrix(self, rows: Sequence[Sequence[fmpq]], columns: int) -> fmpq_mat:
        """Return the ``len(rows) x columns`` matrix."""
        return rational.matrix(rows, columns)

    def rows(self, m: fmpq_mat) -> list[Row]:
        """Return the rows of a matrix."""
        return rational.row_tuples(m)

    def apply(self, m: fmpq_mat, column: Row) -> Row:
        """Return ``m @ column``."""
        return rational.Vector((m * fmpq_mat(len(column), 1, list(column))).entries())

    def combine(self, coefficients: Row, m: fmpq_mat) -> Row:
        """Return ``coefficients @ m``."""
        return rational.Vector((fmpq_mat(1, len(coefficients), list(coefficients)) * m).entries())

    def independent_rows(self, m: fmpq_mat) -> tuple[int, ...]:
        """Return the top-to-bottom pivots."""
        return rational.independent_rows(m)

    def coordinates(self, basis: fmpq_mat, rows: fmpq_mat) -> fmpq_mat | None:
        """Return C with ``C @ basis == rows``, checked on every column, or None."""
        return rational.coordinates(basis, rows)

    def largest(self, m: fmpq_mat) -> tuple[fmpq, int, int]:
        """Return the largest ``|entry|``, its row and its column; the first of equals."""
        return rational.largest(m)

    def exchange(self, m: fmpq_mat, i: int, j: int) -> fmpq_mat:
        """Return the coefficients ``m`` after row i took the place of basis row j."""
        return rational.exchange(m, i, j)

    def fit(self, basis: fmpq_mat, rows: fmpq_mat) -> fmpq_mat:
        """Return the least-squares coefficients; the basis rows must be independent."""
        return rational.fit(basis, rows)

    def extension(
        self, basis: fmpq_mat, rows: fmpq_mat, slack: fmpq, most: int | None = None
    ) -> tuple[int, ...]:
        """Return the first independent rows, or with slack always the row that fits worst."""
        return rational.extension(basis, rows, slack, most)

    def product(self, left: fmpq_mat, right: fmpq_mat) -> fmpq_mat:
        """Return ``left @ right``."""
        return left * right

    def take(self, m: fmpq_mat, indices: Sequence[int]) -> fmpq_mat:
        """Return these rows of a matrix."""
        return rational.take_rows(m, indices)

    def reshaped(self, m: fmpq_mat, columns: int) -> fmpq_mat:
        """Return the entries as a matrix of so many columns."""
        return rational.reshaped(m, columns)

    def first_exceeding(self, m: fmpq_mat, bound: fmpq) -> int | None:
        """Return the first row with an entry larger than ``bound`` in size; None if none has."""
        width = m.ncols()
        for place, x in enumerate(m.entries()):
            if abs(x) > bound:
                return place // width
        return None

    def exceeds(self, value: fmpq, bound: int) -> bool:
        """True if ``|value| > bound``."""
        return bool(abs(value) > bound)

    def exceeds_nats(self, logit: fmpq, unit: LogitUnit, threshold: fmpq) -> bool:
        """True if ``|logit|`` exceeds ``threshold`` nats; balls decide where the unit is ln q."""
        return Real(threshold) < unit.in_nats(abs(logit))


class FloatArithmetic:
    """Double precision with explicit tolerances."""

    name = "float64"

    def scalar(self, value: object, argument: str = "value") -> float:
        """Return a finite float."""
        return floats.finite(value, argument)

    def from_nats(self, value: fmpq, unit: LogitUnit) -> float:
        """Return ``value / unit.nats``."""
        return float(Real(value) / unit.nats)

    def to_json(self, value: float) -> float:
        """Return the number itself."""
        return float(value)

    def centred(self, row: Sequence[float]) -> Row:
        """Return the row less its mean."""
        return floats.centred(row)

    def row(self, scalars: Sequence[float]) -> Row:
        """Return the scalars as a tuple."""
        return tuple(scalars)

    def matrix(self, rows: Sequence[Sequence[float]], columns: int) -> Matrix:
        """Return the ``len(rows) x columns`` array."""
        return floats.matrix(rows, columns)

    def rows(self, m: Matrix) -> list[Row]:
        """Return the rows of an array."""
        return [tuple(row) for row in m.tolist()]

    def apply(self, m: Matrix, column: Row) -> Row:
        """Return ``m @ column``."""
        return tuple((m @ floats.vector(column)).tolist())

    def combine(self, coefficients: Row, m: Matrix) -> Row:
        """Return ``coefficients @ m``."""
        return tuple((floats.vector(coefficients) @ m).tolist())

    def independent_rows(self, m: Matrix) -> tuple[int, ...]:
        """Return well-conditioned independent rows, largest remainder first."""
        return floats.independent_rows(m)

    def coordinates(self, basis: Matrix, rows: Matrix) -> Matrix | None:
        """Return least-squares coefficients, or None where the remainder exceeds the tolerance."""
        return floats.coordinates(basis, rows)

    def largest(self, m: Matrix) -> tuple[float, int, int]:
        """Return the largest ``|entry|``, its row and its column; the first of equals."""
        return floats.largest(m)

    def exchange(self, m: Matrix, i: int, j: int) -> Matrix:
        """Return the coefficients ``m`` after row i took the place of basis row j."""
        return floats.exchange(m, i, j)

    def fit(self, basis: Matrix, rows: Matrix) -> Matrix:
        """Return the least-squares coefficients."""
        return floats.fit(basis, rows)

    def extension(
        self, basis: Matrix, rows: Matrix, slack: float, most: int | None = None
    ) -> tuple[int, ...]:
        """Return the rows that fit worst, one after the other; the slack is the tolerance."""
        return floats.extension(basis, rows, slack, most)

    def product(self, left: Matrix, right: Matrix) -> Matrix:
        """Return ``left @ right``."""
        return left @ right

    def take(self, m: Matrix, indices: Sequence[int]) -> Matrix:
        """Return these rows of an array."""
        return m[list(indices)]

    def reshaped(self, m: Matrix, columns: int) -> Matrix:
        """Return the entries as an array of so many columns."""
        return m.reshape(-1, columns)

    def first_exceeding(self, m: Matrix, bound: float) -> int | None:
        """Return the first row with an entry larger than ``bound`` in size; None if none has."""
        large = (abs(m) > bound).any(axis=1)
        return int(large.argmax()) if large.any() else None

    def exceeds(self, value: float, bound: int) -> bool:
        """True if ``|value|`` exceeds ``bound`` by more than the tolerance."""
        return abs(value) > bound + floats.BOX_TOLERANCE

    def exceeds_nats(self, logit: float, unit: LogitUnit, threshold: fmpq) -> bool:
        """True if ``|logit|`` exceeds ``threshold`` nats."""
        return abs(logit) * float(unit.nats) > float(rational.fraction(threshold))


EXACT = ExactArithmetic()
"""Rationals, compared without a tolerance."""
FLOAT64 = FloatArithmetic()
"""Doubles, compared with tolerances."""


def named(name: object, argument: str = "arithmetic") -> Arithmetic:
    """Return the arithmetic called ``exact``, ``float`` or ``float64``.

    Raises:
        InputError: there is no arithmetic of that name.
    """
    if name == "exact":
        return EXACT
    if name in ("float", "float64"):
        return FLOAT64
    raise InputError(argument, name, '"exact" or "float"')
