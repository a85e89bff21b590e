"""Sample oracles: the same integers give the same words, thresholds are correctly rounded."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, floor

import mpmath
import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from llr.models.base import TabulatedModel
from llr.models.families import noisy_parity, random_isan, spike
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.units import NAT, LogitUnit
from llr.oracles import sampling
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import FloatOracle, ModelOracle
from llr.oracles.sampling import ModelWords, OracleWords, Thresholds, draw_tree, split

TOP = 1 << 64


def rng(seed=0):
    return np.random.default_rng(seed)


def integers(generator, n):
    """Return the next n 64-bit integers, one at a time."""
    return [int(generator.integers(0, TOP, dtype=np.uint64)) for _ in range(n)]


def fractions(row):
    return [Fraction(int(x.p), int(x.q)) for x in row]


def mpmath_thresholds(logits, base=None):
    """Return rounded cumulative softmax in units of 2^-64, at 60 digits; ``base`` of the unit."""
    with mpmath.workdps(60):
        nats = (
            mpmath.mpf(1)
            if base is None
            else mpmath.log(mpmath.mpf(base.numerator)) - (mpmath.log(mpmath.mpf(base.denominator)))
        )
        weights = [mpmath.exp(nats * x.numerator / x.denominator) for x in map(Fraction, logits)]
        total, partial, found = mpmath.fsum(weights), mpmath.mpf(0), []
        for w in weights[:-1]:
            partial += w
            found.append(min(int(mpmath.floor(partial / total * TOP + 0.5)), TOP - 1))
        return found


def naive_words(n, length, thresholds, generator):
    """Draw words token by token: layer by layer, prefixes in lexicographic order."""
    layer = {(): n}
    for _ in range(length):
        following = {}
        for prefix in sorted(layer):
            cuts = thresholds(prefix)
            for draw in integers(generator, layer[prefix]):
                word = (*prefix, sum(draw >= c for c in cuts))
                following[word] = following.get(word, 0) + 1
        layer = following
    return layer


# -- thresholds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "logits", "expected"),
    [
        (NAT, ["0", "0"], [1 << 63]),
        (NAT, ["7/3", "7/3", "7/3"], [TOP // 3, (2 * TOP + 1) // 3]),  # 2^64 = 1 mod 3
        (NAT, ["0"] * 4, [1 << 62, 1 << 63, 3 << 62]),
        (LogitUnit(fmpq(3)), ["1/2", "-1/2"], [3 << 62]),
        (LogitUnit(fmpq(3)), ["-1/2", "1/2"], [1 << 62]),
        (LogitUnit(fmpq(9)), ["1/2", "-1/2"], [floor(Fraction(9 * TOP, 10) + Fraction(1, 2))]),
        # weights 9/4, 1, 3/2: cumulative 9/19, 13/19
        (
            LogitUnit(fmpq(3, 2)),
            ["2", "0", "1"],
            [floor(Fraction(c * TOP, 19) + Fraction(1, 2)) for c in (9, 13)],
        ),
    ],
)
def test_thresholds_by_hand(unit, logits, expected):
    assert list(Thresholds(unit, EXACT)(tuple(map(EXACT.scalar, logits)))) == expected


def test_a_threshold_halfway_between_integers_goes_up():
    # 1 / (1 + 2^64 + ... ): weight 1 against 2^65 - 1 gives the cumulative 2^-65, half a unit
    unit = LogitUnit(fmpq(2**65 - 1))
    assert list(Thresholds(unit, EXACT)((fmpq(0), fmpq(1)))) == [1]
    assert list(Thresholds(LogitUnit(fmpq(2**65)), EXACT)((fmpq(0), fmpq(1)))) == [0]


bases = st.sampled_from([None, Fraction(2), Fraction(9), Fraction(10, 9), Fraction(3, 2)])
logit_rows = st.lists(
    st.fractions(min_value=-12, max_value=12, max_denominator=50), min_size=2, max_size=5
)


@settings(deadline=None)
@given(bases, logit_rows)
def test_thresholds_are_correctly_rounded(base, logits):
    unit = NAT if base is None else LogitUnit(fmpq(base.numerator, base.denominator))
    row = tuple(fmpq(x.numerator, x.denominator) for x in logits)
    found = list(Thresholds(unit, EXACT)(row))
    assert found == mpmath_thresholds(logits, base)
    assert found == sorted(found)
    assert len(found) == len(logits) - 1
    assert all(type(x) is int and 0 <= x < TOP for x in found)


@settings(deadline=None)
@given(st.lists(st.floats(-12, 12), min_size=2, max_size=4))
def test_thresholds_of_floats_are_those_of_the_dyadic_rationals(logits):
    assert list(Thresholds(NAT, FLOAT64)(tuple(logits))) == mpmath_thresholds(logits)


@pytest.mark.parametrize(
    ("horizon", "below_top"), [(6, 113340016431241), (20, 78), (21, 11), (22, 1), (23, 1), (40, 1)]
)
def test_the_rare_token_of_a_spike_keeps_at_least_one_integer(horizon, below_top):
    # P(1) = 1 / (1 + e^(2 T)); below 2^-65 it is not rounded to nothing
    model = spike(horizon)
    (threshold,) = Thresholds(NAT, EXACT)(model.read(model.start()))
    assert TOP - threshold == below_top
    assert threshold == mpmath_thresholds([horizon, -horizon])[0]


def test_thresholds_are_remembered_and_forgotten_without_a_trace(monkeypatch):
    monkeypatch.setattr(Thresholds, "MAX_REMEMBERED", 2)
    thresholds = Thresholds(NAT, EXACT)
    rows = [(fmpq(i, 7), fmpq(-i, 7)) for i in range(8)]
    first = [list(thresholds(r)) for r in rows]
    assert [list(thresholds(r)) for r in reversed(rows)] == first[::-1]
    assert first == [mpmath_thresholds(fractions(r)) for r in rows]
    assert len(thresholds._known) <= 4


# -- split ----------------------------------------------------------------------------------------


nodes = st.integers(2, 4).flatmap(
    lambda k: st.lists(
        st.tuples(
            st.integers(0, 12),
            st.lists(
                st.sampled_from([0, 1, TOP // 5, TOP // 2, TOP - TOP // 9, TOP - 1]),
                min_size=k - 1,
                max_size=k - 1,
            ).map(sorted),
        ),
        max_size=6,
    ).map(lambda found: (k, found))
)


@settings(deadline=None)
@given(nodes, st.integers(0, 2**32))
def test_split_is_the_naive_loop(case, seed):
    k, found = case
    generator = rng(seed)
    expected = []
    for many, cuts in found:
        row = [0] * k
        for draw in integers(generator, many):
            row[sum(draw >= c for c in cuts)] += 1
        expected.append(row)
    assert split([n for n, _ in found], [c for _, c in found], rng(seed)) == expected


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_split_does_not_depend_on_its_chunks(monkeypatch, chunk):
    counts, cuts = [50, 0, 33, 1], [[TOP // 3], [TOP // 2], [TOP - 1], [0]]
    whole = split(counts, cuts, rng(3))
    monkeypatch.setattr(sampling, "_CHUNK", chunk)
    assert split(counts, cuts, rng(3)) == whole
    assert [sum(row) for row in whole] == counts
    assert whole[1:] == [[0, 0], [33, 0], [0, 1]]


def test_split_of_nothing():
    assert split([], [], rng()) == []


def test_many_draws_are_counted_by_one_multinomial_per_node(monkeypatch):
    monkeypatch.setattr(sampling, "_MANY", 1000)
    counts = [700, 0, 600]
    cuts = [[TOP // 4, TOP // 2], [1, 2], [0, TOP - 1]]
    found = split(counts, cuts, rng(1))
    assert found == split(counts, cuts, rng(1))
    assert [sum(row) for row in found] == counts
    for many, p in zip(found[0], (Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)), strict=True):
        assert tail(700, p, many) > Fraction(1, 10**7)
    assert found[2] == [0, 600, 0]  # between 0 and 2^64 - 1 lies all but 2^-64
    # 1000 draws are not too many: integer by integer
    few = split([1000], [[TOP // 2]], rng(2))
    above = sum(x >= TOP // 2 for x in integers(rng(2), 1000))
    assert few == [[1000 - above, above]]


def test_the_law_of_very_many_words():
    n = 5_000_000  # beyond 2^22
    model = noisy_parity(2, "11", "1/10")
    found = ModelWords(model).draw(n, 3, rng(3))
    assert sum(found.values()) == n
    for x in product((0, 1), repeat=3):
        p = Fraction(9, 40) if x[0] ^ x[1] == x[2] else Fraction(1, 40)
        # six standard deviations
        assert (found[x] - n * p) ** 2 < 36 * n * p * (1 - p)


class Scripted:
    """A generator that returns given integers."""

    def __init__(self, draws):
        self.draws = np.array(draws, dtype=np.uint64)

    def integers(self, low, high, size, dtype):
        assert (low, high, dtype) == (0, TOP, np.uint64)
        found, self.draws = self.draws[:size], self.draws[size:]
        return found


def test_split_compares_with_the_threshold_itself():
    cut = 1 << 60
    assert split([4], [[cut]], Scripted([0, cut - 1, cut, TOP - 1])) == [[2, 2]]
    assert split([2], [[TOP - 1]], Scripted([TOP - 2, TOP - 1])) == [[1, 1]]
    assert split([3], [[5, 5]], Scripted([4, 5, 6])) == [[1, 0, 2]]


# -- words of a model -----------------------------------------------------------------------------


PARITY_WORDS = {
    (0, 0, 0, 0): 6,
    (0, 0, 1, 1): 5,
    (0, 1, 0, 0): 3,
    (1, 0, 0, 0): 1,
    (1, 0, 0, 1): 5,
    (1, 0, 1, 0): 4,
    (1, 1, 0, 0): 1,
    (1, 1, 0, 1): 4,
    (1, 1, 1, 0): 1,
}


def test_a_seed_fixes_the_words():
    model = noisy_parity(3, "101", "1/10")
    assert ModelWords(model).draw(30, 4, rng(11)) == PARITY_WORDS


def parity_thresholds(prefix):
    if len(prefix) < 3:
        return [1 << 63]
    right = prefix[0] ^ prefix[2]
    zero = Fraction(1, 10) if right else Fraction(9, 10)
    return [floor(zero * TOP + Fraction(1, 2))]


def test_the_words_of_parity_by_a_loop_over_tokens():
    assert naive_words(30, 4, parity_thresholds, rng(11)) == PARITY_WORDS


@pytest.mark.parametrize("length", [0, 1, 2, 4])
def test_the_words_of_an_isan_by_a_loop_over_tokens(length):
    model = random_isan(4, 3, 2, seed=5)
    found = ModelWords(model).draw(100, length, rng(7))
    expected = naive_words(100, length, lambda p: mpmath_thresholds(model.logits(p)), rng(7))
    assert dict(found) == expected
    assert list(found) == sorted(found)
    assert sum(found.values()) == 100
    assert all(len(w) == length for w in found)


@pytest.mark.parametrize("n", [0, 1, 999])
def test_counts_sum_to_n(n):
    found = ModelWords(random_isan(5, 2, 3)).draw(n, 5, rng(1))
    assert sum(found.values()) == n
    assert all(many > 0 for many in found.values())


def test_no_words_are_no_words():
    assert ModelWords(random_isan(3, 2, 1)).draw(0, 3, rng()) == {}


def test_a_multiset_of_a_million_draws_is_small():
    found = ModelWords(noisy_parity(2, "11", "1/4")).draw(1_000_000, 3, rng(2))
    assert len(found) == 8
    assert sum(found.values()) == 1_000_000


def test_the_generator_moves_on():
    words, generator = ModelWords(random_isan(6, 2, 2)), rng(5)
    assert words.draw(50, 6, generator) != words.draw(50, 6, generator)


def test_what_is_remembered_between_draws_changes_nothing(monkeypatch):
    model = random_isan(5, 2, 3, seed=1)
    words = ModelWords(model)
    first = [words.draw(60, length, rng(9)) for length in (5, 2, 5)]
    monkeypatch.setattr(ModelWords, "MAX_REMEMBERED", 0)
    forgetful = ModelWords(model)
    assert [forgetful.draw(60, length, rng(9)) for length in (5, 2, 5)] == first
    assert [ModelWords(model).draw(60, length, rng(9)) for length in (5, 2, 5)] == first
    assert first[0] == first[2]


def test_the_states_of_a_model_are_read_once():
    class Counting(TabulatedModel):
        reads = 0

        def read(self, state):
            Counting.reads += 1
            return super().read(state)

    table = {p: [0, len(p)] for n in range(4) for p in product((0, 1), repeat=n)}
    words = ModelWords(Counting(2, 4, table))
    for seed in range(5):
        words.draw(1000, 4, rng(seed))
    assert Counting.reads <= 15


def tail(n, p, x):
    """Return min(P(X <= x), P(X >= x)) for X ~ Bin(n, p), exactly; p is a Fraction."""
    a, b = p.numerator, p.denominator - p.numerator
    low = sum(comb(n, i) * a**i * b ** (n - i) for i in range(x + 1))
    at = comb(n, x) * a**x * b ** (n - x)
    whole = p.denominator**n
    return min(Fraction(low, whole), Fraction(whole - low + at, whole))


@pytest.mark.parametrize("seed", range(3))
def test_the_law_of_the_words_of_parity(seed):
    n = 600
    found = ModelWords(noisy_parity(2, "11", "1/10")).draw(n, 3, rng(seed))
    for x in product((0, 1), repeat=3):
        p = Fraction(1, 4) * (Fraction(9, 10) if x[0] ^ x[1] == x[2] else Fraction(1, 10))
        # 24 counts, each in its central 1 - 2e-7
        assert tail(n, p, found.get(x, 0)) > Fraction(1, 10**7), x


def test_the_law_of_the_words_of_an_isan():
    model, n = random_isan(3, 2, 2, seed=2), 40_000
    found = ModelWords(model).draw(n, 3, rng(4))
    for word in product((0, 1), repeat=3):
        p = mpmath.mpf(1)
        for t, token in enumerate(word):
            weights = [
                mpmath.exp(mpmath.mpf(x.numerator) / x.denominator) for x in model.logits(word[:t])
            ]
            p *= weights[token] / sum(weights)
        assert abs(found[word] - n * p) < 6 * mpmath.sqrt(n * p * (1 - p)), word


# -- words through an oracle ----------------------------------------------------------------------


class Batches:
    """An oracle that counts batches."""

    def __init__(self, oracle):
        self.oracle, self.sent = oracle, []

    def logits(self, prefixes):
        self.sent.append(list(prefixes))
        return self.oracle.logits(prefixes)


@pytest.mark.parametrize("length", [0, 1, 3, 5])
def test_oracle_words_are_the_model_s_and_cost_at_most_their_prefixes(length):
    model = random_isan(5, 2, 3, seed=3)
    oracle = Batches(ModelOracle(model))
    ledger = Ledger(oracle, 2, 5, EXACT)
    found = OracleWords(ledger, NAT, EXACT).draw(25, length, rng(6))
    assert found == ModelWords(model).draw(25, length, rng(6))
    prefixes = {w[:t] for w in found for t in range(length)}
    assert ledger.counts.distinct_prefixes == len(prefixes) <= length * len(found)
    assert set(ledger.log) == prefixes
    assert len(oracle.sent) == length  # a layer is one batch
    assert all(len({len(p) for p in batch}) == 1 for batch in oracle.sent)


def test_oracle_words_drawn_again_cost_nothing_new():
    model = noisy_parity(3, "110", "1/5")
    ledger = Ledger(ModelOracle(model), 2, 4, EXACT)
    words = OracleWords(ledger, model.unit, EXACT)
    first = words.draw(40, 4, rng(1))
    asked = ledger.counts.distinct_prefixes
    assert words.draw(40, 4, rng(1)) == first
    assert ledger.counts.distinct_prefixes == asked
    assert words.draw(0, 4, rng(1)) == {}


def test_oracle_words_in_float64():
    model = random_isan(4, 3, 2)
    ledger = Ledger(FloatOracle(ModelOracle(model), model), 3, 4, FLOAT64)
    found = OracleWords(ledger, NAT, FLOAT64).draw(200, 4, rng(8))
    # floats move a threshold by far less than the gap to the nearest of 800 integers
    assert found == ModelWords(model).draw(200, 4, rng(8))


def test_a_tree_asks_for_each_layer_in_order():
    asked = []

    def thresholds(prefixes):
        asked.append(list(prefixes))
        return [[1 << 63]] * len(prefixes)

    draws = [0, TOP - 1, TOP - 1, 0, 0, TOP - 1]
    assert draw_tree(3, 2, thresholds, Scripted(draws)) == {(0, 0): 1, (1, 0): 1, (1, 1): 1}
    assert asked == [[()], [(0,), (1,)]]
