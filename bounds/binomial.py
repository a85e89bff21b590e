"""Sums of binomial terms in integers."""

from __future__ import annotations

from collections.abc import Iterator

from flint import fmpz


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
