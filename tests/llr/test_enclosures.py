"""Enclosures of coefficients against an exact solution over Q."""

from __future__ import annotations

import numpy as np
import pytest
from flint import ctx, fmpq, fmpq_mat

from llr.numbers import enclosures


def exact(m):
    return fmpq_mat(*m.shape, [fmpq(*x.as_integer_ratio()) for x in m.ravel().tolist()])


def nearest_coefficients(basis, rows):
    b, m = exact(basis), exact(rows)
    return m * b.transpose() * (b * b.transpose()).inv()


@pytest.mark.parametrize(("r", "w"), [(1, 1), (3, 3), (1, 4), (3, 5)])
@pytest.mark.parametrize("bits", [30, 53, 200])
def test_balls_hold_the_exact_coefficients(r, w, bits):
    rng = np.random.default_rng(bits)
    basis = rng.normal(size=(r, w))
    rows = rng.normal(size=(8, r)).round(1) @ basis
    with ctx.workprec(bits):
        found = enclosures.coefficients(basis, rows)
        assert found is not None
        assert (found.nrows(), found.ncols()) == (8, r)
    for ball, x in zip(found.entries(), nearest_coefficients(basis, rows).entries(), strict=True):
        assert ball.lower().fmpq() <= x <= ball.upper().fmpq()
        assert ball.rad() < 1e-3


def test_balls_that_do_not_show_small_remainders_are_not_accepted():
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(3, 5))
    rows = rng.normal(size=(8, 3)).round(1) @ basis
    for bits, shown in ((16, False), (20, False), (53, True)):
        with ctx.workprec(bits):
            assert (enclosures.coefficients(basis, rows) is not None) == shown


def test_a_dependent_basis_is_not_accepted_at_any_precision():
    for basis in ([[0.1, 0.3], [0.2, 0.6]], [[0.1, 0.3, 0.0], [0.2, 0.6, 0.0]]):
        for bits in (53, 500):
            with ctx.workprec(bits):
                assert enclosures.coefficients(np.array(basis), np.array(basis)) is None


def test_a_row_outside_the_span_is_named_as_such():
    basis, rows = np.array([[1.0, 0.0]]), np.array([[1.0, 1e-3]])
    message = "^a row lies outside the span of the basis$"
    for bits in (53, 500):
        with ctx.workprec(bits), pytest.raises(ArithmeticError, match=message):
            enclosures.coefficients(basis, rows)


def test_remainders_are_compared_with_the_size_of_the_rows():
    basis = np.array([[1.0, 0.0]])
    for size, off, inside in ((1, 0.9e-7, True), (1, 1.1e-7, False), (0.1, 0.9e-7, True)):
        assert accepted(basis, np.array([[size, off]])) == inside
    for off, inside in ((0.9e-3, True), (1.1e-3, False)):
        assert accepted(basis, np.array([[-1e4, off], [1.0, 0.0]])) == inside


def accepted(basis, rows):
    try:
        return enclosures.coefficients(basis, rows) is not None
    except ArithmeticError:
        return False


def test_the_empty_basis():
    found = enclosures.coefficients(np.zeros((0, 2)), np.zeros((3, 2)))
    assert (found.nrows(), found.ncols()) == (3, 0)
    with pytest.raises(ArithmeticError):
        enclosures.coefficients(np.zeros((0, 2)), np.ones((3, 2)))
