"""Enclosures of coefficients in a basis, for float rows read as the dyadic rationals they are."""

from __future__ import annotations

from flint import arb, arb_mat

from llr.numbers.floats import Array, remainder_tolerance


def coefficients(basis: Array, rows: Array) -> arb_mat | None:
    """Return balls around the least-squares coefficients, at flint's current precision.

    Args:
        basis: r x w floats, r <= w.
        rows: n x w floats.

    Returns:
        n x r balls; or None where this precision does not show that the basis rows are independent
        and every entry of ``rows - coefficients @ basis`` is within the tolerance of the floats.
        For r = w that remainder is zero.

    Raises:
        ArithmeticError: a remainder exceeds the tolerance.

    Complexity: O(n r w + r^3) ball operations.
    """
    r, w = basis.shape
    b, m = _balls(basis), _balls(rows)
    try:
        if r == w:
            return m * b.inv()
        found = m * (b.transpose() * (b * b.transpose()).inv())
    except ZeroDivisionError:
        return None
    tolerance = arb(remainder_tolerance(float(abs(rows).max(initial=0.0))))
    sizes = [abs(x) for x in (found * b - m).entries()]
    if any(x > tolerance for x in sizes):
        raise ArithmeticError("a row lies outside the span of the basis")
    return found if all(x <= tolerance for x in sizes) else None


def _balls(m: Array) -> arb_mat:
    """Return the floats as balls of radius zero."""
    return arb_mat(m.shape[0], m.shape[1], m.ravel().tolist())
