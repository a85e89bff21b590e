"""Exact sequential tests of claims "fails with probability at most delta".

A player bets on failures of independent runs.  At *stake* s in [0, 1] a success takes the share s
of the capital away, and a failure multiplies it by 1 + s (1 - delta) / delta: a fair game if runs
fail with probability delta, a losing one below.  So the capital, averaged over a few stakes, is a
nonnegative supermartingale that starts at 1, and by Ville's inequality it ever reaches 1 / alpha
with probability at most alpha.  Rejecting "Pr(failure) <= delta" when it does keeps the rate of
false alarms at alpha, however often one looks.  All numbers are rational; the capital is a function
of the number of runs and of failures alone, so what the test does is a boundary on the count of
failures, and its power against any rate is computed and not simulated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, arb_poly, ctx, fmpq, fmpz_poly

from llr.errors import InputError, ShownAs
from llr.numbers import balls
from llr.numbers.rational import text

ERROR_BUDGET = fmpq(1, 10**9)
"""Probability that a whole run of the harness rejects some statistical claim that is true."""

STAKES = (fmpq(1, 32), fmpq(1, 8), fmpq(1, 3), fmpq(2, 3))
"""Shares of the capital at risk; stake s gains most where runs fail at delta + s (1 - delta)."""

POWER = fmpq(999, 1000)
"""Probability with which the detectable rate is rejected."""

MOST_RUNS = 5
"""A profile runs at most this many times a claim's own number of runs."""

_GRID = 1000
_BITS = 128


@dataclass(frozen=True)
class Trials:
    """What makes a claim statistical: each run may fail, with probability at most delta.

    Attributes:
        delta: in (0, 1).
        runs: how many independent runs to watch at profile ci.
        share: of the error budget, in (0, 1]; the shares of all declared tests sum to 1.
    """

    delta: fmpq
    runs: int
    share: fmpq = fmpq(1)

    def test(self, effort: float, error_budget: fmpq) -> SequentialTest:
        """Return the test for ``effort`` times the runs, at this claim's share of the budget.

        Raises:
            InputError: the budget is not in (0, 1), or so small that not even runs that all fail
                would be rejected.
        """
        if not 0 < error_budget < 1:
            raise InputError(
                "error budget", ShownAs(text(error_budget)), "a rational number in (0, 1)"
            )
        runs = max(1, int(self.runs * min(effort, MOST_RUNS)))
        found = SequentialTest(self.delta, error_budget * self.share, runs)
        if found.capital(runs, runs) * found.alpha < 1:
            raise InputError(
                "error budget",
                ShownAs(f"{float(error_budget):.4g}"),
                f"large enough for {runs} runs that all fail to be rejected",
            )
        return found


@dataclass(frozen=True)
class SequentialTest:
    """A test of H0 "each run fails with probability at most delta, whatever came before".

    Args:
        delta: rational in (0, 1).
        alpha: probability of a false alarm, rational in (0, 1).
        runs: how many runs are watched at most.
        stakes: rationals in [0, 1].

    Raises:
        InputError: an argument is out of range.

    Source: J. Ville, Etude critique de la notion de collectif (1939), the inequality for
    nonnegative supermartingales; betting on a bounded mean after Waudby-Smith and Ramdas,
    Estimating means of bounded random variables by betting (2024).
    """

    delta: fmpq
    alpha: fmpq
    runs: int
    stakes: tuple[fmpq, ...] = STAKES

    def __post_init__(self) -> None:
        for name, value in (("delta", self.delta), ("alpha", self.alpha)):
            if not 0 < value < 1:
                raise InputError(name, ShownAs(text(value)), "a rational in (0, 1)")
        if self.runs < 1:
            raise InputError("runs", self.runs, "at least 1")
        if not self.stakes or not all(0 <= s <= 1 for s in self.stakes):
            shown = ", ".join(text(s) for s in self.stakes)
            raise InputError("stakes", ShownAs(shown), "rationals in [0, 1], at least one")

    def capital(self, runs: int, failures: int) -> fmpq:
        """Return the capital after so many runs with so many failures, exactly."""
        odds = (1 - self.delta) / self.delta
        powers = [(1 + s * odds) ** failures * (1 - s) ** (runs - failures) for s in self.stakes]
        return sum(powers, fmpq(0)) / len(powers)

    @cached_property
    def boundary(self) -> tuple[int, ...]:
        """The least number of failures that rejects, after 1, 2, ..., ``runs`` runs.

        Never falling, since a success only costs capital; n + 1 where n failures are too few.
        """
        found = []
        least, wanted = 0, 1 / self.alpha
        for n in range(1, self.runs + 1):
            while least <= n and self.capital(n, least) < wanted:
                least += 1
            found.append(least)
        return tuple(found)

    def rejection_probability(self, rate: fmpq) -> fmpq:
        """Return the exact probability of rejecting within ``runs`` if each run fails at a rate.

        Args:
            rate: rational in [0, 1].
        """
        return crossing_probability(self.boundary, rate)

    @cached_property
    def detectable_rate(self) -> fmpq:
        """The least multiple of 1/1000 that is rejected with probability ``POWER`` or more.

        Raises:
            InputError: even a run that always fails would not be rejected.
        """
        low, high = int((self.delta * _GRID).floor()), _GRID
        if not _reaches(self.boundary, fmpq(1), POWER):
            raise InputError("runs", self.runs, "enough to reject what always fails")
        while high - low > 1:
            middle = (low + high) // 2
            if _reaches(self.boundary, fmpq(middle, _GRID), POWER):
                high = middle
            else:
                low = middle
        return fmpq(high, _GRID)


def crossing_probability(boundary: Sequence[int], rate: fmpq) -> fmpq:
    """Return the exact probability that the count of failures ever reaches a boundary.

    Args:
        boundary: entry n - 1 is the least count after n runs that crosses.
        rate: of failure of each independent run, rational in [0, 1].

    Complexity: O(n) products of a polynomial by a linear one; coefficients grow by the bits of the
    rate's denominator per run.
    """
    failing, whole = int(rate.p), int(rate.q)
    step = fmpz_poly([whole - failing, failing])
    # coefficient f of ``alive`` is whole^n Pr(f failures after n runs, not crossed so far)
    alive, crossed = fmpz_poly([1]), 0
    for level in boundary:
        alive, crossed = alive * step, crossed * whole
        for count in range(level, alive.degree() + 1):
            crossed += int(alive[count])
            alive[count] = 0
    return fmpq(crossed, whole ** len(boundary))


def _reaches(boundary: Sequence[int], rate: fmpq, power: fmpq) -> bool:
    """Return whether :func:`crossing_probability` is at least ``power``.

    Decided by balls, whose digits do not grow with the runs; exactly where they leave it open.
    """
    with ctx.workprec(_BITS):
        step = arb_poly([arb(1 - rate), arb(rate)])
        alive, crossed = arb_poly([1]), arb(0)
        for level in boundary:
            alive = alive * step
            for count in range(level, alive.length()):
                crossed += alive[count]
            alive = alive.truncate(level)
        if crossed >= power:
            return True
        if crossed < power:
            return False
    return crossing_probability(boundary, rate) >= power


@dataclass(frozen=True)
class Evidence:
    """What a sequential test saw.

    Attributes:
        test: what was tested.
        runs: runs watched; fewer than the test's if it rejected.
        failures: how many of them failed.
        rejected: whether the capital reached 1 / alpha.
    """

    test: SequentialTest
    runs: int
    failures: int
    rejected: bool

    @property
    def capital(self) -> fmpq:
        """The capital when the test ended."""
        return self.test.capital(self.runs, self.failures)

    @property
    def log10_capital(self) -> float:
        """The decimal logarithm of the capital, correctly rounded."""
        return float(balls.log(self.capital) / balls.log(10))

    @property
    def frequency(self) -> float:
        """Failures per run, as a multiple of delta."""
        return float(fmpq(self.failures, self.runs) / self.test.delta)

    def __str__(self) -> str:
        return f"{self.failures} of {self.runs} runs failed"

    def as_json(self) -> dict[str, Any]:
        """Return the evidence as a JSON value; rationals as strings."""
        return {
            "delta": text(self.test.delta),
            "share_of_error_budget": text(self.test.alpha),
            "most_runs": self.test.runs,
            "runs": self.runs,
            "failures": self.failures,
            "log10_capital": self.log10_capital,
            "detectable_rate": text(self.test.detectable_rate),
            "power": text(POWER),
        }


def watch(
    test: SequentialTest, fails: Callable[[np.random.Generator], bool], name: str, start: int
) -> Evidence:
    """Watch runs until the test rejects or its runs are used up.

    Run n has a generator of its own, seeded by (start, a hash of the name, n): the same runs in
    whatever order and process the tests are made.

    Args:
        test: decides when to stop.
        fails: makes one run; True if it failed.
        name: of the test; different names see independent runs.
        start: seed, >= 0.
    """
    stream = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    failures = 0
    for n in range(1, test.runs + 1):
        failures += bool(fails(np.random.default_rng([start, stream, n])))
        if failures >= test.boundary[n - 1]:
            return Evidence(test, n, failures, True)
    return Evidence(test, test.runs, failures, False)
