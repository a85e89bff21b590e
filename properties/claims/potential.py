"""Claims about the elliptic potential (Lemma 5.1) and the size of factors."""

from __future__ import annotations

from dataclasses import dataclass

from flint import fmpq
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.potential import (
    elliptic_potential,
    elliptic_potential_exact,
    elliptic_potential_printed,
    sequence_refuted,
)
from bounds.theorem import factor_length
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import log, sqrt
from llr.numbers.rational import RationalRow, rational
from properties import checkers
from properties.claim import Claim, Measurement, Twin
from properties.measure import worst
from properties.strategies import low_rank_matrices


@dataclass(frozen=True)
class Potential:
    """Vectors v_1..v_W and phi_1..phi_W, small where they must be orthogonal.

    The numbers D_j(i) of Lemma 5.1 are 0 for i < j and <v_j, phi_j> for i = j, up to an error e
    that is read off the vectors.
    """

    v: tuple[RationalRow, ...]
    phi: tuple[RationalRow, ...]

    @property
    def error(self) -> fmpq:
        """Return e, the largest |<v_j, phi_i>| with i < j."""
        pairs = ((j, i) for j in range(len(self.v)) for i in range(j))
        return max((abs(dot(self.v[j], self.phi[i])) for j, i in pairs), default=fmpq(0))

    @property
    def b2(self) -> fmpq:
        """Return B^2."""
        return max(dot(x, x) for x in self.v)

    @property
    def r2(self) -> fmpq:
        """Return R^2."""
        return max(dot(x, x) for x in self.phi)

    @property
    def gain(self) -> fmpq:
        """Return g - e, the least |<v_j, phi_j>|."""
        return min(abs(dot(x, y)) for x, y in zip(self.v, self.phi, strict=True))


def dot(x: RationalRow, y: RationalRow) -> fmpq:
    """Return the inner product."""
    return sum((a * b for a, b in zip(x, y, strict=True)), fmpq(0))


@st.composite
def potentials(
    draw: DrawFn,
    *,
    dimensions: tuple[int, int] = (1, 3),
    exact: bool = False,
    error: fmpq = fmpq(0),
) -> Potential:
    """Return sequences for Lemma 5.1.

    Args:
        dimensions: least and largest d.
        exact: make <v_j, phi_i> = 0 for i < j, by projecting.
        error: with ``exact``, then move every entry of v_j by up to four times this much.
    """
    d = draw(st.integers(*dimensions))
    entries = st.integers(-4, 4).map(fmpq)
    vectors = st.lists(entries, min_size=d, max_size=d).map(tuple)
    length = draw(st.integers(1, d if exact else d + 3))
    phi: list[RationalRow] = []
    v: list[RationalRow] = []
    orthogonal: list[RationalRow] = []
    for _ in range(length):
        x, y = draw(vectors), draw(vectors)
        if exact:
            for known in orthogonal:
                share = dot(x, known) / dot(known, known)
                x = tuple(a - share * b for a, b in zip(x, known, strict=True))
        if exact and error != 0:
            x = tuple(a + error * b for a, b in zip(x, draw(vectors), strict=True))
        assume(dot(x, y) != 0)
        rest = y
        for known in orthogonal:
            share = dot(y, known) / dot(known, known)
            rest = tuple(a - share * b for a, b in zip(rest, known, strict=True))
        if any(rest):
            orthogonal.append(rest)
        v.append(x)
        phi.append(y)
    return Potential(tuple(v), tuple(phi))


def _sides(p: Potential, d: int) -> Measurement:
    found = []
    for exponent in (-6, -2, 0, 2, 6):
        left, right = elliptic_potential(
            len(p.v), d, p.b2, p.r2, p.error, p.error + p.gain, fmpq(2) ** exponent
        )
        found.append(Measurement(left, right))
    return worst(found)


def potential(p: Potential) -> Measurement:
    """Measure both sides of Lemma 5.1 for five values of lam."""
    return _sides(p, len(p.v[0]))


def potential_without_error(p: Potential) -> Measurement:
    """Assumption dropped: e = 0, though the vectors are not orthogonal."""
    found = elliptic_potential(len(p.v), len(p.v[0]), p.b2, p.r2, 0, p.gain, fmpq(1, 1 << 16))
    return Measurement(*found)


def never_forbidden(p: Potential) -> Measurement:
    """Count sequences that exist although :func:`sequence_refuted` forbids their length."""
    return _forbidden(p, p.gain)


def forbidden_beyond_gain(p: Potential) -> Measurement:
    """Sabotage: claim eight times the gain that the sequence has."""
    return _forbidden(p, 8 * p.gain)


def _forbidden(p: Potential, gain: fmpq) -> Measurement:
    found = sequence_refuted(len(p.v), len(p.v[0]), p.b2, p.r2, p.error, p.error + gain)
    return Measurement.of(int(found))


def exact_length(p: Potential) -> Measurement:
    """Measure the length of a sequence with e = 0."""
    assume(p.error == 0)
    return Measurement.of(len(p.v), elliptic_potential_exact(len(p.v[0])))


def exact_length_tightened(p: Potential) -> Measurement:
    """Tightened: d - 1."""
    found = exact_length(p)
    return Measurement(found.measured, found.bound - 1)


CONSTANT = 4
"""The C with which the printed form is tried."""


def printed_length(p: Potential, constant: int = CONSTANT) -> Measurement:
    """Measure the length of a sequence with g >= C e sqrt(d log(R B W / e))."""
    assume(p.error > 0)
    d, w = len(p.v[0]), len(p.v)
    largest, longest = sqrt(p.b2), sqrt(p.r2)
    logarithm = log(largest * longest * w / p.error)
    assume(logarithm > 0)
    threshold = p.error + p.gain
    square = logarithm * d * (constant * constant) * p.error * p.error
    assume(square <= threshold * threshold)
    return Measurement(
        Measurement.of(w).measured,
        elliptic_potential_printed(w, d, largest, longest, p.error, constant),
    )


# -- factors ------------------------------------------------------------------------------------


def factors(rows: list[RationalRow]) -> Measurement:
    """Measure (max |C_h| max |R_f|)^2 against (d Lam)^2 for factors from a unit-box basis."""
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
    return Measurement.of(product, alpha_squared * alpha_squared)


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


CLAIMS = (
    Claim(
        "lemma-5.1",
        "prod_j (1 + (g-e)^2 / (lam B^2 + (j-1) e^2)) <= (1 + W R^2 / (d lam))^d",
        "[P] Lemma 5.1, explicit",
        "sharpened",
        potentials,
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
        lambda: potentials(exact=True),
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
        lambda: potentials(exact=True, error=fmpq(1, 1000)),
        printed_length,
        statements=("lemma-5.1-printed",),
        examples=150,
    ),
    Claim(
        "alpha",
        "|L| <= Lam, rank d: L = <u_h, v_f> with |u_h|, |v_f| <= sqrt(d Lam)",
        "[M], maximum-volume rows",
        "sharpened",
        nonzero_matrices,
        factors,
        statements=("alpha",),
        examples=150,
    ),
)
