"""The sequences on which the printed form of Lemma 5.1 is tried: long, and read with errors."""

from math import log, sqrt

import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from properties.claim import search
from properties.claims.potential import CONSTANT, growing, potential, printed_length
from properties.strategies import Potential


@pytest.mark.parametrize("constant", [0, 1, CONSTANT])
def test_they_are_longer_than_d_and_meet_the_threshold(constant):
    @settings(max_examples=60, deadline=None)
    @given(growing(constant))
    def check(p):
        w, d = len(p.v), p.dimension
        assert w > d
        assert p.error == 1
        logarithm = log(sqrt(p.b2) * sqrt(p.r2) * w)
        assert float(p.threshold) >= 0.999 * constant * sqrt(d * logarithm)
        assert potential(p).holds()
        found = printed_length(p, max(1, constant), far_enough=constant > 0)  # not assumed away
        assert found.measured.exact == w
        assert float(found.bound) == pytest.approx(max(1, constant) * d * logarithm)

    check()


@pytest.mark.parametrize(("length", "refuted"), [(8, False), (9, True)])
def test_equal_vectors_go_on_for_ever_below_the_threshold(length, refuted):
    """All inner products are 1 = e and g = 2: W = 9 > 4 log 9, which g >= 4 e sqrt(..) forbids."""
    alike = Potential(((fmpq(1),),) * length, ((fmpq(1),),) * length)
    found = search(st.just(alike), lambda p: printed_length(p, far_enough=False), 1, 0)
    assert found.tried
    assert found.refuted == refuted


@pytest.mark.parametrize("start", range(5))
def test_the_condition_on_g_is_needed(start):
    assert search(growing(0), lambda p: printed_length(p, far_enough=False), 1000, start).refuted
