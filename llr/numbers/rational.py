"""Rational numbers and exact linear algebra: the only door to python-flint's rationals.

Inside the library a rational is a ``flint.fmpq`` and a matrix is a ``flint.fmpq_mat``; at the
boundary both become ``fractions.Fraction`` or strings ``p/q``.  Never compare the two kinds: an
``fmpq`` is unequal to every ``Fraction`` without a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from numbers import Rational as AnyRational
from typing import TypeAlias

from flint import fmpq, fmpq_mat, fmpz, nmod_mat

from llr.errors import InputError

Rational: TypeAlias = fmpq
RationalRow: TypeAlias = tuple[fmpq, ...]

_PATTERN = re.compile(r"-?[0-9]+(/[0-9]+)?")

ZERO = fmpq(0)
ONE = fmpq(1)

PRIME = (1 << 61) - 1
"""Ranks modulo this prime are lower bounds of ranks."""


def parse(text: object, argument: str = "value") -> fmpq:
    """Return the rational written as ``-?digits(/digits)?``.

    Raises:
        InputError: ``text`` is no such string, or its denominator is zero.

    >>> parse("-6/4")
    -3/2
    """
    if not isinstance(text, str) or _PATTERN.fullmatch(text) is None:
        raise InputError(argument, text, 'a rational string such as "-3/2"')
    numerator, _, denominator = text.partition("/")
    bottom = fmpz(denominator) if denominator else fmpz(1)
    if bottom == 0:
        raise InputError(argument, text, "a rational with a nonzero denominator")
    return fmpq(fmpz(numerator), bottom)


def rational(value: object, argument: str = "value") -> fmpq:
    """Return ``value`` (int, Fraction, fmpq or string ``p/q``) as an exact rational.

    Floats are refused: a float is rarely the number that its writer meant.

    Raises:
        InputError: ``value`` is none of these.
    """
    if isinstance(value, fmpq):
        return value
    if isinstance(value, bool):
        raise InputError(argument, value, "a rational (int, Fraction or string p/q)")
    if isinstance(value, fmpz):
        return fmpq(value)
    if isinstance(value, AnyRational):
        return fmpq(int(value.numerator), int(value.denominator))
    if isinstance(value, str):
        return parse(value, argument)
    raise InputError(argument, value, "a rational (int, Fraction or string p/q)")


def decimal(value: object, argument: str = "value") -> fmpq:
    """Return a number that a person wrote: ``p/q``, ``0.01``, ``1e-6``, or a Python number.

    A float is read as its shortest decimal, so that ``0.01`` means 1/100.

    Raises:
        InputError: ``value`` is not a finite number.

    >>> decimal("1e-2"), decimal(0.01), decimal("3/7")
    (1/100, 1/100, 3/7)
    """
    text = float.__repr__(value) if isinstance(value, float) else value
    if isinstance(text, str) and _PATTERN.fullmatch(text) is None:
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise InputError(argument, value, 'a number such as "0.01" or "1/100"') from None
        if not number.is_finite() or abs(number.adjusted()) > 10_000:
            raise InputError(argument, value, 'a finite number such as "0.01" or "1/100"')
        return rational(Fraction(number), argument)
    return rational(text, argument)


def fraction(value: fmpq) -> Fraction:
    """Return the same number as a ``fractions.Fraction``."""
    return Fraction(int(value.p), int(value.q))


def text(value: fmpq) -> str:
    """Return ``p/q``, or ``p`` for an integer.

    >>> text(fmpq(-6, 4))
    '-3/2'
    """
    return f"{value.p}/{value.q}" if value.q != 1 else str(value.p)


class Vector(tuple[fmpq, ...]):
    """A row that remembers its hash: rows are states, and hashing a rational is slow."""

    _hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = super().__hash__()
        return self._hash


def centred(row: Sequence[fmpq]) -> RationalRow:
    """Return the row with its mean removed (Def 1.2)."""
    mean = sum(row, ZERO) / len(row)
    return tuple(row) if mean == 0 else tuple(x - mean for x in row)


def matrix(rows: Sequence[Sequence[fmpq]], columns: int) -> fmpq_mat:
    """Return the ``len(rows) x columns`` matrix with these rows."""
    return fmpq_mat(len(rows), columns, [x for row in rows for x in row])


def row_tuples(m: fmpq_mat) -> list[RationalRow]:
    """Return the rows of ``m`` as tuples."""
    width, flat = m.ncols(), m.entries()
    return [tuple(flat[i * width : (i + 1) * width]) for i in range(m.nrows())]


def take_rows(m: fmpq_mat, indices: Sequence[int]) -> fmpq_mat:
    """Return the rows ``indices`` of ``m``, in that order."""
    rows = row_tuples(m)
    return matrix([rows[i] for i in indices], m.ncols())


def take_columns(m: fmpq_mat, indices: Sequence[int]) -> fmpq_mat:
    """Return the columns ``indices`` of ``m``, in that order."""
    return matrix([[row[j] for j in indices] for row in row_tuples(m)], len(indices))


def rank(m: fmpq_mat) -> int:
    """Return the rank of ``m`` over the rationals."""
    if m.nrows() == 0 or m.ncols() == 0:
        return 0
    return int(m.rank())


def row_space(m: fmpq_mat) -> fmpq_mat:
    """Return the canonical (reduced echelon) basis of the row space of ``m``."""
    if m.nrows() == 0 or m.ncols() == 0:
        return fmpq_mat(0, m.ncols())
    reduced, r = m.rref()
    return take_rows(reduced, range(r))


def pivot_columns(m: fmpq_mat) -> tuple[int, ...]:
    """Return columns that are independent: the left-to-right pivots modulo a prime.

    They are fixed by ``m`` and cheap.  All but always they are :func:`independent_columns`; modulo
    the prime a column may depend on others by accident.
    """
    return Cleared(m).pivot_columns()


def _pivots(reduced: fmpq_mat | nmod_mat, r: int) -> tuple[int, ...]:
    """Return the pivots of a reduced echelon form of rank r."""
    pivots: list[int] = []
    for i in range(r):
        start = pivots[-1] + 1 if pivots else 0
        pivots.append(next(j for j in range(start, reduced.ncols()) if reduced[i, j] != 0))
    return tuple(pivots)


def independent_columns(m: fmpq_mat) -> tuple[int, ...]:
    """Return the left-to-right pivots: columns not spanned by those before them.

    Where the pivots modulo a prime are all columns, or as many as there are rows and the first
    ones, no others are possible.
    """
    if m.nrows() == 0 or m.ncols() == 0:
        return ()
    pivots = pivot_columns(m)
    if len(pivots) in (m.nrows(), m.ncols()) and pivots == tuple(range(len(pivots))):
        return pivots
    return _pivots(*m.rref())


def independent_rows(m: fmpq_mat) -> tuple[int, ...]:
    """Return the top-to-bottom pivots: rows not spanned by those above them."""
    return independent_columns(m.transpose())


def separating_columns(basis: fmpq_mat) -> tuple[int, ...]:
    """Return as many columns as there are rows, on which these independent rows are independent."""
    pivots = pivot_columns(basis)
    return pivots if len(pivots) == basis.nrows() else independent_columns(basis)


def coordinates(basis: fmpq_mat, rows: fmpq_mat) -> fmpq_mat | None:
    """Return C with ``C * basis == rows``, or None when some row lies outside the span.

    Args:
        basis: r x w matrix of independent rows.
        rows: n x w matrix.

    Returns:
        The n x r matrix of coefficients, checked on every column.
    """
    pivots = separating_columns(basis)
    square = take_columns(basis, pivots)
    if not pivots:
        found = fmpq_mat(rows.nrows(), basis.nrows())
    else:
        found = square.transpose().solve(take_columns(rows, pivots).transpose()).transpose()
    return found if found * basis == rows else None


class Cleared:
    """A matrix over one common denominator: rows are combined in integers.

    Args:
        m: n x w rationals.
    """

    def __init__(self, m: fmpq_mat) -> None:
        self._numerators, self._denominator = m.numer_denom()

    def pivot_columns(self) -> tuple[int, ...]:
        """Return :func:`pivot_columns` of the matrix."""
        if self._numerators.nrows() == 0 or self._numerators.ncols() == 0:
            return ()
        return _pivots(*nmod_mat(self._numerators, PRIME).rref())

    def sends(self, coefficients: Sequence[fmpq], row: Sequence[fmpq]) -> bool:
        """True if ``coefficients @ m == row``."""
        left, below = fmpq_mat(1, len(coefficients), list(coefficients)).numer_denom()
        right, scale = fmpq_mat(1, len(row), list(row)).numer_denom()
        return bool(left * self._numerators * scale == right * (below * self._denominator))

    def combine(self, coefficients: Sequence[fmpq]) -> Vector:
        """Return ``coefficients @ m``, for n coefficients."""
        row, below = fmpq_mat(1, len(coefficients), list(coefficients)).numer_denom()
        below = below * self._denominator
        return Vector(fmpq(x, below) for x in (row * self._numerators).entries())


def largest(m: fmpq_mat) -> tuple[fmpq, int, int]:
    """Return the largest absolute value of an entry, with its row and column; (0, 0, 0) if none.

    Of equals it is the first, row by row.
    """
    sizes = [abs(x) for x in m.entries()]
    if not sizes:
        return ZERO, 0, 0
    top = max(sizes)
    return (top, *divmod(sizes.index(top), m.ncols()))


def exchange(m: fmpq_mat, i: int, j: int) -> fmpq_mat:
    """Return coefficients after the row of ``m``'s row i took the place of basis row j.

    Args:
        m: n x r, the coefficients of n rows in a basis of r rows.
        i: a row with ``m[i, j] != 0``.
        j: the place in the basis.

    Complexity: O(n r).
    """
    pivot = m[i, j]
    shares = fmpq_mat(m.nrows(), 1, [m[n, j] / pivot for n in range(m.nrows())])
    change = fmpq_mat(1, m.ncols(), [m[i, c] - int(c == j) for c in range(m.ncols())])
    return m - shares * change


def reshaped(m: fmpq_mat, columns: int) -> fmpq_mat:
    """Return the entries of ``m``, row by row, as a matrix of so many columns."""
    flat = m.entries()
    return fmpq_mat(len(flat) // columns, columns, flat)


def stacked(top: fmpq_mat, bottom: fmpq_mat) -> fmpq_mat:
    """Return the rows of two matrices of one width, one below the other."""
    return fmpq_mat(top.nrows() + bottom.nrows(), top.ncols(), top.entries() + bottom.entries())


def fit(basis: fmpq_mat, rows: fmpq_mat) -> fmpq_mat:
    """Return the exact least-squares coefficients of ``rows`` in a basis of independent rows."""
    if basis.nrows() == 0:
        return fmpq_mat(rows.nrows(), 0)
    exact = coordinates(basis, rows)
    if exact is not None:
        return exact
    gram = basis * basis.transpose()
    return gram.solve(basis * rows.transpose()).transpose()


def extension(
    basis: fmpq_mat, rows: fmpq_mat, slack: fmpq, most: int | None = None
) -> tuple[int, ...]:
    """Return indices of rows that the basis needs besides its own.

    Without slack they are the first rows that are independent of the basis and of each other.
    With slack, as long as some row's fit is off by more than ``slack * (1 + sum of
    |coefficients|)`` in the mean (the root of the mean square), the row that is off most joins: see
    :func:`llr.numbers.floats.extension`.  At most ``most`` join.
    """
    if rows.nrows() == 0 or rows.ncols() == 0:
        return ()
    if slack == 0:
        pivots = independent_rows(stacked(basis, rows))
        return tuple(i - basis.nrows() for i in pivots if i >= basis.nrows())[:most]
    chosen: list[int] = []
    while most is None or len(chosen) < most:
        here = stacked(basis, take_rows(rows, chosen))
        coefficients = fit(here, rows)
        off = row_tuples(rows - coefficients * here)
        excess = [
            sum((x * x for x in error), ZERO)
            - rows.ncols() * (slack * (1 + sum(map(abs, c), ZERO))) ** 2
            for error, c in zip(off, row_tuples(coefficients), strict=True)
        ]
        worst = max(range(len(excess)), key=excess.__getitem__)
        if excess[worst] <= 0:
            break
        chosen.append(worst)
    return tuple(chosen)
