"""Noisy oracles: fixed functions of the prefix, centred, and never off by more than xi nats."""

from __future__ import annotations

from fractions import Fraction
from hashlib import blake2b
from itertools import product
from random import Random

import mpmath
import pytest
from flint import fmpq

from llr.errors import InputError
from llr.numbers.perturbations import largest_error
from llr.numbers.units import NAT, LogitUnit
from llr.oracles.noise import NOISES, NoisyOracle
from llr.oracles.protocol import FunctionOracle

KINDS = ["random", "adversarial", "rounding"]
UNITS = {"nat": NAT, "ln 2": LogitUnit(fmpq(2)), "ln 10/9": LogitUnit(fmpq(10, 9))}
XI = fmpq(3, 1000)


def truth(k):
    """An oracle whose rows are neither centred nor multiples of any noise."""

    def row(prefix):
        rng = Random(f"{k}:{prefix}")
        return [fmpq(rng.randrange(-3000, 3000), 997) for _ in range(k)]

    return FunctionOracle(row)


def prefixes(k, length=5):
    return [p for n in range(length) for p in product(range(k), repeat=n)][:200]


def as_fractions(row):
    return [Fraction(int(x.p), int(x.q)) for x in row]


def centred(row):
    mean = sum(row, Fraction(0)) / len(row)
    return [x - mean for x in row]


def errors(oracle, k, seed_prefixes=None):
    """Return, per prefix, the centred noisy row less the centred truth."""
    asked = seed_prefixes or prefixes(k)
    pairs = zip(oracle.logits(asked), truth(k).logits(asked), strict=True)
    return [
        [x - y for x, y in zip(as_fractions(noisy), centred(as_fractions(exact)), strict=True)]
        for noisy, exact in pairs
    ]


def amplitude_of(oracle):
    return Fraction(int(oracle.amplitude.p), int(oracle.amplitude.q))


def test_the_kinds_are_these():
    assert sorted(NOISES) == sorted(KINDS)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", KINDS)
def test_amplitude_is_at_most_xi_nats_and_close_to_it(kind, unit):
    amplitude = amplitude_of(NoisyOracle(truth(2), kind, XI, UNITS[unit]))
    if unit == "nat":
        assert amplitude == Fraction(3, 1000)
        return
    with mpmath.workdps(60):
        base = {"ln 2": mpmath.mpf(2), "ln 10/9": mpmath.mpf(10) / 9}[unit]
        nats = mpmath.mpf(amplitude.numerator) / amplitude.denominator * mpmath.log(base)
        xi = mpmath.mpf(3) / 1000
        assert nats <= xi
        assert nats > xi * (1 - mpmath.mpf(2) ** -55)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_centred_and_off_by_at_most_the_amplitude(kind, unit, k):
    oracle = NoisyOracle(truth(k), kind, XI, UNITS[unit])
    amplitude = amplitude_of(oracle)
    found = errors(oracle, k)
    assert all(sum(e) == 0 for e in found)
    assert max(abs(x) for e in found for x in e) <= amplitude
    assert any(x != 0 for e in found for x in e)


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_adversarial_noise_reaches_the_amplitude_at_every_prefix(k):
    oracle = NoisyOracle(truth(k), "adversarial", XI, UNITS["ln 2"])
    a = amplitude_of(oracle)
    half = k // 2
    patterns = {
        tuple(sign * x for x in [a] * half + [Fraction(0)] * (k % 2) + [-a] * half)
        for sign in (1, -1)
    }
    found = {tuple(e) for e in errors(oracle, k)}
    assert found == patterns  # both sides occur, nothing else does


def test_adversarial_sides_are_balanced_and_have_no_low_rank():
    oracle = NoisyOracle(truth(2), "adversarial", XI, NAT)
    asked = list(product((0, 1), repeat=10))
    signs = [1 if e[0] > 0 else -1 for e in errors(oracle, 2, asked)]
    assert abs(sum(signs)) < 200  # six standard deviations of 1024 fair signs
    # the 32 x 32 matrix of signs would have rank 1 if the side were a product over positions
    rows = {tuple(signs[32 * i : 32 * i + 32]) for i in range(32)}
    assert len(rows) == 32


def test_random_noise_spreads_over_its_range():
    oracle = NoisyOracle(truth(2), "random", XI, NAT)
    first = [
        e[0] / amplitude_of(oracle) for e in errors(oracle, 2, list(product((0, 1), repeat=9)))
    ]
    assert len(set(first)) > 400
    assert min(first) < Fraction(-2, 5)
    assert max(first) > Fraction(2, 5)
    assert abs(sum(first)) < 60  # 512 draws of variance below 1/4: over five standard deviations


@pytest.mark.parametrize("k", [2, 3, 5])
def test_random_noise_can_be_computed_again_from_seed_and_prefix(k):
    """Differences of errors are those of draws from a grid of 2^17 + 1 numbers, on any machine."""
    oracle = NoisyOracle(truth(k), "random", XI, NAT, seed=7)
    box = Fraction(3, 1000) * Fraction(k, 2 * (k - 1))
    for prefix, found in zip(prefixes(k), errors(oracle, k), strict=True):
        drawn = []
        for token in range(k):
            message = ",".join(map(str, (7, token, *prefix)))
            digest = blake2b(message.encode(), digest_size=8).digest()
            drawn.append(int.from_bytes(digest, "big") % (2**17 + 1))
        for token in range(1, k):
            expected = box * Fraction(drawn[token] - drawn[0], 2**16)
            assert found[token] - found[0] == expected


def test_the_side_of_adversarial_noise_is_a_bit_of_the_prefix():
    oracle = NoisyOracle(truth(2), "adversarial", XI, NAT, seed=7)
    for prefix, found in zip(prefixes(2), errors(oracle, 2), strict=True):
        digest = blake2b(",".join(map(str, (7, 0, *prefix))).encode(), digest_size=8).digest()
        assert (found[0] > 0) == bool(digest[-1] & 1)


def test_rounding_leaves_differences_that_are_multiples_of_the_amplitude():
    oracle = NoisyOracle(truth(3), "rounding", XI, NAT)
    amplitude = amplitude_of(oracle)
    for row in oracle.logits(prefixes(3)):
        values = as_fractions(row)
        assert all(((x - values[0]) / amplitude).denominator == 1 for x in values)


def test_rounding_by_hand():
    oracle = NoisyOracle(
        FunctionOracle(lambda p: [fmpq(7, 10), fmpq(-7, 10)]), "rounding", fmpq(1), NAT
    )
    # 7/10 rounds to 1, -7/10 to -1
    assert [as_fractions(r) for r in oracle.logits([()])] == [[1, -1]]
    half = NoisyOracle(
        FunctionOracle(lambda p: [fmpq(1, 2), fmpq(-1, 2)]), "rounding", fmpq(1), NAT
    )
    # halves go up: 1 and 0, whose mean is 1/2
    assert [as_fractions(r) for r in half.logits([()])] == [[Fraction(1, 2), Fraction(-1, 2)]]


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_a_fixed_function_of_the_prefix(kind):
    asked = prefixes(3)
    oracle = NoisyOracle(truth(3), kind, XI, NAT, seed=4)
    first = dict(zip(asked, map(as_fractions, oracle.logits(asked)), strict=True))
    shuffled = asked[:]
    Random(1).shuffle(shuffled)
    again = dict(zip(shuffled, map(as_fractions, oracle.logits(shuffled)), strict=True))
    other = NoisyOracle(truth(3), kind, XI, NAT, seed=4)
    alone = {p: as_fractions(other.logits([p])[0]) for p in asked}
    assert first == again == alone


@pytest.mark.parametrize(("kind", "differs"), [("random", 1), ("adversarial", 1), ("rounding", 0)])
def test_the_seed_fixes_the_noise(kind, differs):
    one, two = (errors(NoisyOracle(truth(2), kind, XI, NAT, seed=s), 2) for s in (1, 2))
    assert (one != two) == bool(differs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_added_by_the_oracle_changes_nothing(kind):
    def moved(prefix):
        return [x + 7 + len(prefix) for x in truth(3).logits([prefix])[0]]

    still = NoisyOracle(truth(3), kind, XI, NAT).logits(prefixes(3))
    assert NoisyOracle(FunctionOracle(moved), kind, XI, NAT).logits(prefixes(3)) == still


def test_prefixes_that_read_alike_get_their_own_noise():
    oracle = NoisyOracle(FunctionOracle(lambda p: [fmpq(0)] * 12), "random", XI, NAT)
    one, two = oracle.logits([(1, 1), (11,)])
    assert one != two


@pytest.mark.parametrize("kind", ["none", "gauss", ""])
def test_unknown_kind(kind):
    with pytest.raises(
        InputError,
        match=rf"^noise must be one of none, random, adversarial, rounding, not '{kind}'$",
    ):
        NoisyOracle(truth(2), kind, XI, NAT)


def test_unknown_kind_of_a_model_s_noise():
    with pytest.raises(
        InputError, match=r"^noise must be one of random, adversarial, rounding, not 'none'$"
    ):
        largest_error("none", XI, NAT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("xi", "shown"), [(fmpq(0), "0"), (fmpq(-1, 2), "-1/2")])
def test_xi_that_is_not_positive(kind, xi, shown):
    with pytest.raises(
        InputError, match=rf"^xi must be positive for noise {kind}, not '?{shown}'?$"
    ):
        NoisyOracle(truth(2), kind, xi, NAT)
