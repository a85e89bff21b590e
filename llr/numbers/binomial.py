"""Sums of binomial terms: in integers, and as balls where those grow too long."""

from __future__ import annotations

from collections.abc import Iterator

from flint import arb, ctx, fmpq, fmpz


def binomials(n: int, most: int) -> Iterator[fmpz]:
    """Yield C(n, i) for i = 0..most."""
    count = fmpz(1)
    for i in range(most + 1):
        yield count
        count = count * (n - i) // (i + 1)


def binomial_sum(n: int, most: int, a: fmpz, b: fmpz) -> fmpz:
    """Return sum_{i=0..most} C(n, i) a^i b^(n - i), for most <= n."""
    found, power = fmpz(0), fmpz(1)
    for count in binomials(n, most):
        found = found * b + count * power
        power *= a
    return found * b ** (n - most)


def tail_ball(n: int, most: int, p: fmpq) -> arb:
    """Enclose Pr(Bin(n, p) <= most) at flint's current precision.

    The terms are summed from the last one down.  Before the mean each is less than r times the one
    after it, r < 1 falling, so that the rest is at most a geometric series.

    Args:
        n: >= 1.
        most: in 0..n-1.
        p: in (0, 1).

    Complexity: O(sqrt(n p (1-p))) terms below the mean.
    """
    if most == 0:
        return arb(1 - p) ** n
    odds, tiny = arb((1 - p) / p), arb(2) ** -ctx.prec
    logarithm = arb(n + 1).lgamma() - arb(most + 1).lgamma() - arb(n - most + 1).lgamma()
    term = (logarithm + most * arb(p).log() + (n - most) * arb(1 - p).log()).exp()
    found = arb(0)
    for i in range(most, -1, -1):
        found += term
        ratio = odds * i / (n - i + 1)
        term *= ratio
        if ratio < 1 and term < found * tiny:
            return found + (term / (1 - ratio)).union(arb(0))
    return found
