"""Claims about the elliptic potential (Lemma 5.1) and the size of factors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

from flint import fmpq, fmpz_poly
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.potential import (
    elliptic_potential,
    elliptic_potential_exact,
    elliptic_potential_printed,
    sequence_refuted,
)
from bounds.theorem import factor_length, rational_root_above, shorter_factor_length
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import Real, log, sqrt, total
from llr.numbers.rational import RationalRow, rational
from properties import checkers
from properties.claim import Claim, Measurement, Twin
from properties.measure import worst
from properties.strategies import (
    Potential,
    low_rank_matrices,
    potentials,
    witness_sequences,
)


def any_sequences() -> SearchStrategy[Potential]:
    """Return small vectors, and what is found in tables that are read exactly or with errors."""
    return st.one_of(potentials(), witness_sequences(), witness_sequences(xi="1/70"))


def exact_sequences() -> SearchStrategy[Potential]:
    """Return sequences with e = 0: small vectors, and what is found in tables."""
    return st.one_of(potentials(exact=True), witness_sequences())


def _sides(p: Potential, d: int) -> Measurement:
    found = []
    for exponent in (-6, -2, 0, 2, 6):
        left, right = elliptic_potential(
            len(p.v), d, p.b2, p.r2, p.error, p.threshold, fmpq(2) ** exponent
        )
        found.append(Measurement(left, right))
    return worst(found)


def potential(p: Potential) -> Measurement:
    """Measure both sides of Lemma 5.1 for five values of lam."""
    return _sides(p, p.dimension)


def potential_without_error(p: Potential) -> Measurement:
    """Assumption dropped: e = 0, though the vectors are not orthogonal."""
    found = elliptic_potential(len(p.v), p.dimension, p.b2, p.r2, 0, p.gain, fmpq(1, 1 << 16))
    return Measurement(*found)


def never_forbidden(p: Potential) -> Measurement:
    """Count sequences that exist although :func:`sequence_refuted` forbids their length."""
    return _forbidden(p, p.gain)


def forbidden_beyond_gain(p: Potential) -> Measurement:
    """Sabotage: claim eight times the gain that the sequence has."""
    return _forbidden(p, 8 * p.gain)


def _forbidden(p: Potential, gain: fmpq) -> Measurement:
    found = sequence_refuted(len(p.v), p.dimension, p.b2, p.r2, p.error, p.error + gain)
    return Measurement.of(int(found))


def exact_length(p: Potential) -> Measurement:
    """Measure the length of a sequence with e = 0."""
    assume(p.error == 0)
    return Measurement.of(len(p.v), elliptic_potential_exact(p.dimension))


def exact_length_tightened(p: Potential) -> Measurement:
    """Tightened: d - 1."""
    found = exact_length(p)
    return Measurement(found.measured, found.bound - 1)


CONSTANT = 4
"""The C with which the printed form is tried."""


def growing(constant: int = CONSTANT) -> SearchStrategy[Potential]:
    """Return sequences longer than d with e = 1, and with a g that the printed form asks for.

    They step along axes, each of which they take up again where they left it.

    Args:
        constant: the C of the printed form; 0 for no condition on g.
    """

    @st.composite
    def drawn(draw: DrawFn) -> Potential:
        d = draw(st.integers(1, 3))
        axes = [draw(st.integers(0, d - 1)) for _ in range(draw(st.integers(d + 1, d + 11)))]
        sides = [[draw(st.sampled_from([0, 1, -1])) for _ in range(d)] for _ in axes]
        growth = fmpq(draw(st.sampled_from([1, 2, 3])))
        while not _far_enough(_stepping(axes, sides, growth), constant):
            growth *= 2
        return _stepping(axes, sides, growth)

    return drawn()


def _stepping(axes: list[int], sides: list[list[int]], growth: fmpq) -> Potential:
    """Return a sequence that steps along axes, its phi longer by ``growth`` at every step.

    On its axis a v falls as the phi grow: it reads ``growth`` times as much of its own phi as of
    the last one before.  Across its axis a phi is as large as all later v may read, or 0.

    Args:
        axes: of the steps.
        sides: for each step the signs of what is across; that on the axis plays no part.
        growth: at least 1.
    """
    reached = [fmpq(1)] * len(sides[0])  # later v have entries of at most growth / reached
    v, phi = [], []
    for axis, signs in zip(axes, sides, strict=True):
        v.append(tuple(growth / x * int(i == axis) for i, x in enumerate(reached)))
        across = [sign * x / growth for sign, x in zip(signs, reached, strict=True)]
        phi.append((*across[:axis], reached[axis], *across[axis + 1 :]))
        reached[axis] *= growth
    return Potential(tuple(v), tuple(phi))


def _far_enough(p: Potential, constant: int) -> bool:
    """True if e > 0 and g >= C e sqrt(d log(R B W / e)) of a sequence."""
    error, threshold = p.error, p.threshold
    if error == 0:
        return False
    square = log(sqrt(p.b2) * sqrt(p.r2) * len(p.v) / error) * (p.dimension * constant**2)
    return square * (error * error) <= threshold * threshold


def printed_length(p: Potential, constant: int = CONSTANT, far_enough: bool = True) -> Measurement:
    """Measure the length of a sequence with e > 0 and g >= C e sqrt(d log(R B W / e)).

    Args:
        p: the sequence.
        constant: C.
        far_enough: False to drop the condition on g.
    """
    assume(_far_enough(p, constant if far_enough else 0))
    w = len(p.v)
    bound = elliptic_potential_printed(w, p.dimension, sqrt(p.b2), sqrt(p.r2), p.error, constant)
    return Measurement(Measurement.of(w).measured, bound)


# -- factors ------------------------------------------------------------------------------------


def factors(rows: list[RationalRow]) -> Measurement:
    """Measure (max |C_h| max |R_f|)^2 against (d Lam)^2 for factors from a unit-box basis.

    Beside that, count a rational in the place of sqrt(Lam) that is below it, or 2^-19 above it.
    """
    basis = _unit_basis(rows)
    exact = checkers.as_fractions(rows)
    chosen = [exact[i] for i in basis]
    coefficients = [checkers.coordinates(chosen, row) for row in exact]
    lengths = [sum((c * c for c in row), start=type(row[0])(0)) for row in coefficients if row]
    columns = [
        sum((row[j] ** 2 for row in chosen), start=exact[0][0] * 0) for j in range(len(exact[0]))
    ]
    largest = max(abs(x) for row in rows for x in row)
    alpha_squared = factor_length(len(basis), largest)
    product = rational(max(lengths, default=exact[0][0] * 0) * max(columns))
    root = rational_root_above(largest)
    wrong = (root**2 < largest) + (max(fmpq(0), root - fmpq(1, 1 << 19)) ** 2 > largest)
    return worst([Measurement.of(wrong), Measurement.of(product, alpha_squared * alpha_squared)])


def _unit_basis(rows: list[RationalRow]) -> list[int]:
    """Return a basis in which every row has coefficients in [-1, 1], by exchange."""
    exact = checkers.as_fractions(rows)
    basis = list(EXACT.independent_rows(EXACT.matrix(rows, len(rows[0]))))
    while True:
        chosen = [exact[i] for i in basis]
        for i, row in enumerate(exact):
            found = checkers.coordinates(chosen, row)
            assert found is not None
            outside = [j for j, c in enumerate(found) if abs(c) > 1]
            if outside:
                basis[outside[0]] = i
                break
        else:
            return basis


def nonzero_matrices() -> SearchStrategy[list[RationalRow]]:
    """Return matrices of low rank, not zero."""
    return low_rank_matrices().filter(lambda rows: any(any(row) for row in rows))


@dataclass(frozen=True)
class Weighted:
    """A matrix of rank 1 to 4, and weights of its rows and columns."""

    rows: list[RationalRow]
    left: list[fmpq]
    right: list[fmpq]


@st.composite
def weighted_matrices(draw: DrawFn) -> Weighted:
    """Return a matrix of rank 1 to 4, or of signs, with weights, not all zero on either side."""
    low = low_rank_matrices(rows=(1, 4), columns=(1, 4), ranks=(1, 4))
    rows = draw(st.one_of(low.filter(lambda rows: any(any(row) for row in rows)), signs()))

    def weights(many: int) -> list[fmpq]:
        found = draw(st.lists(st.integers(-3, 3), min_size=many, max_size=many).filter(any))
        return [fmpq(x) for x in found]

    return Weighted(rows, weights(len(rows)), weights(len(rows[0])))


def signs() -> SearchStrategy[list[RationalRow]]:
    """Return matrices of four rows of four signs, whose trace norm is large."""
    row = st.tuples(*[st.sampled_from([fmpq(1), fmpq(-1)])] * 4)
    return st.lists(row, min_size=4, max_size=4)


def trace_norm(
    w: Weighted,
    rank: Callable[[int], int] = int,
    length: Callable[[int, fmpq], Real] = shorter_factor_length,
) -> Measurement:
    """Measure (trace norm of p_h L(h, f) q_f)^2 against alpha^4 |p|^2 |q|^2.

    No factors are shorter than that ratio says, whatever they are.

    Args:
        w: the matrix and the weights p, q.
        rank: changes the rank.
        length: returns alpha^4.
    """
    weighted = [
        [p * x * q for x, q in zip(row, w.right, strict=True)]
        for p, row in zip(w.left, w.rows, strict=True)
    ]
    largest = max(abs(x) for row in w.rows for x in row)
    lengths = total(p * p for p in w.left) * total(q * q for q in w.right)
    d = checkers.rank(checkers.as_fractions(w.rows))
    return Measurement(_squared_trace_norm(weighted), length(rank(d), largest) * lengths)


def simple_length(rank: int, largest: fmpq) -> Real:
    """Return alpha^4 for factors from rows of maximum volume."""
    squared = factor_length(rank, largest)
    return squared * squared


def _squared_trace_norm(rows: list[list[fmpq]]) -> Real:
    """Return (sum of m_i s_i)^2 for the singular values s_i, m_i times each.

    Their squares are the roots of the characteristic polynomial of B' B: rationals, or enclosures.
    """
    b = EXACT.matrix(rows, len(rows[0]))
    _, parts = (b.transpose() * b).charpoly().numer().factor()
    squares: list[tuple[Real, int]] = []
    for part, many in parts:
        if part.degree() == 1:
            squares.append((Real(fmpq(-part[0], part[1])), many))
        else:
            squares += [(_root(part, i), many) for i in range(part.degree())]
    found = total(s * many * many for s, many in squares)
    crossed = total(m * n * sqrt(s * t) for (s, m), (t, n) in combinations(squares, 2))
    return found + 2 * crossed


def _root(polynomial: fmpz_poly, i: int) -> Real:
    """Return the i-th root of an irreducible polynomial whose roots are real."""
    return Real(lambda: polynomial.complex_roots()[i][0].real)  # type: ignore[index]


CLAIMS = (
    Claim(
        "lemma-5.1",
        "prod_j (1 + (g-e)^2 / (lam B^2 + (j-1) e^2)) <= (1 + W R^2 / (d lam))^d",
        "[P] Lemma 5.1, explicit",
        "sharpened",
        any_sequences,
        potential,
        (Twin("e left out", potential_without_error),),
        statements=("lemma-5.1",),
        examples=200,
    ),
    Claim(
        "lemma-5.1-forbids",
        "no sequence exists that the lemma forbids for some lam on the grid",
        "[P] Lemma 5.1, explicit",
        "sharpened",
        potentials,
        never_forbidden,
        (Twin("eight times the gain", forbidden_beyond_gain),),
        statements=("lemma-5.1",),
        examples=60,
    ),
    Claim(
        "lemma-5.1-exact",
        "e = 0: W <= d",
        "[P] Lemma 5.1, exact case",
        "sharpened",
        exact_sequences,
        exact_length,
        (Twin("W <= d - 1", exact_length_tightened),),
        statements=("lemma-5.1-exact",),
        examples=150,
    ),
    Claim(
        "lemma-5.1-printed",
        "g >= C e sqrt(d log(R B W / e)): W <= C d log(R B W / e), tried with C = 4",
        "[P] Lemma 5.1, constant as an argument",
        "printed",
        growing,
        printed_length,
        (
            Twin("any g > e", lambda p: printed_length(p, far_enough=False), lambda: growing(0)),
            Twin("C = 2", lambda p: printed_length(p, 2), lambda: growing(2)),
        ),
        statements=("lemma-5.1-printed",),
        examples=150,
    ),
    Claim(
        "alpha",
        "|L| <= Lam, rank d <= 4: L = <u_h, v_f> with |u_h|^2, |v_f|^2 <= d Lam, by their dual",
        "[P] Def 4.2; [M], maximum-volume rows",
        "sharpened",
        weighted_matrices,
        lambda w: trace_norm(w, length=simple_length),
        (Twin("rank one less", lambda w: trace_norm(w, lambda d: d - 1, simple_length)),),
        statements=("alpha",),
        examples=150,
    ),
    Claim(
        "alpha-rows",
        "coefficients in rows of maximum volume give factors with |u_h|^2, |v_f|^2 <= d Lam",
        "[P] Def 4.2; [M], maximum-volume rows",
        "sharpened",
        nonzero_matrices,
        factors,
        statements=("alpha",),
        examples=150,
        sharp=True,
    ),
    Claim(
        "alpha-gamma-2",
        "|L| <= Lam, rank d <= 4: factors of length^4 <= d Lam^2, by their dual",
        "[P] Def 4.2; John's theorem",
        "printed",
        weighted_matrices,
        trace_norm,
        (
            Twin("rank one less", lambda w: trace_norm(w, lambda d: d - 1)),
            Twin("d = 2 for larger ranks", lambda w: trace_norm(w, lambda d: min(d, 2))),
        ),
        statements=("alpha-gamma-2",),
        examples=150,
    ),
)
