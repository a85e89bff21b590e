"""Room of spanners: the defects of a public class, and some of our own invention."""

from __future__ import annotations

from flint import fmpq, fmpq_mat

from llr.learning.spanner import BOX, Spanner
from llr.numbers import rational
from llr.numbers.arithmetic import EXACT

from .piece import Piece, vectors

SUBSTITUTED = "properties.claims.spanners.barycentric_spanner"


def arms(*vectors):
    """Return a list of rational vectors."""
    return [tuple(map(fmpq, v)) for v in vectors]


def in_own_span(rows, columns):
    """Return the rows in as many columns as their rank, with the first independent ones."""
    m = EXACT.matrix(rows, columns)
    basis = list(rational.independent_rows(m))
    kept = rational.independent_columns(rational.take_rows(m, basis))
    return rational.row_tuples(rational.take_columns(m, kept)), basis


def determinant(vectors, basis, place=None, entering=None):
    """Return det of the basis vectors, one of them replaced."""
    chosen = [vectors[i] for i in basis]
    if place is not None:
        chosen[place] = entering
    return fmpq_mat(len(chosen), len(chosen), [x for v in chosen for x in v]).det()


def coefficients(vectors, basis):
    return EXACT.rows(
        EXACT.coordinates(
            EXACT.matrix([vectors[i] for i in basis], len(basis)),
            EXACT.matrix(vectors, len(basis)),
        )
    )


def finished(basis):
    return Spanner(tuple(sorted(basis)), [], 0)


def exchanged(vectors, basis, grows, resume):
    """Swap column by column while the determinant grows; after a swap go on at ``resume``."""
    place = 0
    while place < len(basis):
        for i, v in enumerate(vectors):
            if grows(determinant(vectors, basis, place, v), determinant(vectors, basis)):
                basis[place] = i
                place = resume
                break
        else:
            place += 1
    return finished(basis)


def always_verified(rows, columns, arithmetic):
    found, basis = in_own_span(rows, columns)
    verified = all(c != 0 for row in coefficients(found, basis) for c in row) >= -BOX
    assert verified  # whatever the coefficients: a truth value is 0 or 1
    return finished(basis)


def signed_determinants(rows, columns, arithmetic):
    found, basis = in_own_span(rows, columns)
    return exchanged(found, basis, lambda new, old: new > BOX * old > 0, 0)


def column_skipped(rows, columns, arithmetic):
    found, basis = in_own_span(rows, columns)
    return exchanged(found, basis, lambda new, old: abs(new) > BOX * abs(old), 1)


def singular_start(rows, columns, arithmetic):
    found, basis = in_own_span(rows, columns)
    size = len(basis)
    chosen = [[int(i == j) for j in range(size)] for i in range(size)]
    for place in range(size):

        def volume(v, place=place):
            kept = [v if i == place else row for i, row in enumerate(chosen)]
            return fmpq_mat(size, size, [x for row in kept for x in row]).det()

        chosen[place] = max(found, key=volume)
        fmpq_mat(size, size, [x for v in chosen for x in v]).inv()
    return exchanged(found, basis, lambda new, old: abs(new) > BOX * abs(old), 0)


def one_sided(rows, columns, arithmetic):
    found, basis = in_own_span(rows, columns)
    while True:
        table = coefficients(found, basis)
        outside = [(i, j) for i, row in enumerate(table) for j, c in enumerate(row) if c > BOX]
        if not outside:
            return finished(basis)
        i, j = outside[0]
        basis[j] = i


def stale(rows, columns, arithmetic):
    found, basis = in_own_span(rows, columns)
    for i, row in enumerate(coefficients(found, basis)):
        for j, c in enumerate(row):
            if abs(c) > BOX:
                basis[j] = i
    return finished(basis)


SPANNERS = [
    Piece(
        "check always true",
        "verifies with all(..) >= -C, a truth value against -2; public spanner class",
        "def-5.2",
        {SUBSTITUTED: always_verified},
        vectors(2),
        known=[arms((1, 0), (0, 1), (5, 5))],
    ),
    Piece(
        "signed determinants",
        "swaps only if det grows with its sign; public class, passes (-1,0), (0,-1), (0,3)",
        "def-5.2",
        {SUBSTITUTED: signed_determinants},
        vectors(2),
        known=[arms((-1, 0), (0, -1), (0, 3))],
    ),
    Piece(
        "column 0 skipped",
        "after a swap the index is reset to 0 and then raised to 1; public class",
        "def-5.2",
        {SUBSTITUTED: column_skipped},
        vectors(3),
    ),
    Piece(
        "singular start",
        "largest signed determinant from the identity; public class, raises on (-1,0), (0,1)",
        "def-5.2",
        {SUBSTITUTED: singular_start},
        vectors(2),
        raises=(ZeroDivisionError,),
        known=[arms((-1, 0), (0, 1))],
    ),
    Piece(
        "one side of the box",
        "exchanges while a coefficient is above 2, never below -2; the absolute value forgotten",
        "def-5.2",
        {SUBSTITUTED: one_sided},
        vectors(2),
    ),
    Piece(
        "stale coefficients",
        "one pass over coefficients that earlier exchanges have changed; saves a refactorization",
        "def-5.2",
        {SUBSTITUTED: stale},
        vectors(3),
    ),
    Piece(
        "beta 3",
        "exchanges above 3 while the programs allow 2; two constants that drifted apart",
        "def-5.2",
        {"llr.learning.spanner.BOX": 3},
        vectors(2),
    ),
]
