"""Total variation and divergence against sums over all words, in Fractions or by mpmath."""

from __future__ import annotations

import time
from decimal import Decimal
from fractions import Fraction
from itertools import product

import mpmath
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from llr.analysis.distance import DEFAULT_WIDTH, kl_divergence, mass, total_variation
from llr.errors import InputError, TooLargeError
from llr.learning.api import learn
from llr.models.base import TabulatedModel, UniformModel
from llr.models.families import copy, noisy_parity, random_isan, spike
from llr.models.isan import Isan
from llr.models.realization import realize
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.units import LN2, NAT, LogitUnit

LN4 = LogitUnit(fmpq(4))
ZERO = (Fraction(0), Fraction(0))

# -- sums over all words --------------------------------------------------------------------------


def words(k, length):
    return product(range(k), repeat=length)


def prefixes(k, horizon):
    return [p for t in range(horizon) for p in words(k, t)]


def base_of(model):
    return Fraction(int(model.unit.base.p), int(model.unit.base.q))


def rational_law(model):
    """Return {word: probability} for unit ln q and logits that differ by integers."""
    law = {(): Fraction(1)}
    for _ in range(model.horizon):
        longer = {}
        for prefix, p in law.items():
            row = model.logits(prefix)
            weights = [base_of(model) ** int(x - row[0]) for x in row]
            for a, w in enumerate(weights):
                longer[*prefix, a] = p * w / sum(weights)
        law = longer
    return law


def real_law(model):
    """Return {word: probability} by mpmath at its current precision, for any model."""
    unit = mpmath.mpf(1)
    if model.unit != NAT:
        base = base_of(model)
        unit = mpmath.log(mpmath.mpf(base.numerator) / base.denominator)
    law = {(): mpmath.mpf(1)}
    for _ in range(model.horizon):
        longer = {}
        for prefix, p in law.items():
            row = [Fraction(x) for x in model.logits(prefix)]
            weights = [mpmath.exp(unit * x.numerator / x.denominator) for x in row]
            for a, w in enumerate(weights):
                longer[*prefix, a] = p * w / mpmath.fsum(weights)
        law = longer
    return law


def variation(p, q):
    return sum(abs(p[w] - q[w]) for w in p) / 2


def divergence(p, q):
    return mpmath.fsum(x * mpmath.log(x / q[w]) for w, x in p.items())


def mp(x):
    return mpmath.mpf(x.numerator) / x.denominator


def assert_encloses(enclosure, value, width):
    """``value`` is an mpmath number known to 50 digits."""
    assert 0 <= enclosure.upper - enclosure.lower <= width
    assert mp(enclosure.lower) - mpmath.mpf(10) ** -45 <= value
    assert value <= mp(enclosure.upper) + mpmath.mpf(10) ** -45


# -- rational distances ---------------------------------------------------------------------------


@st.composite
def integer_pairs(draw):
    """Two models with rational probabilities; they agree on some prefixes."""
    k, horizon = draw(st.sampled_from([(2, 1), (2, 2), (2, 3), (3, 2)]))
    row = st.lists(st.integers(-3, 3), min_size=k, max_size=k)
    first = {p: draw(row) for p in prefixes(k, horizon)}
    second = {p: r if draw(st.booleans()) else draw(row) for p, r in first.items()}
    units = draw(st.sampled_from([(LN2, LN2), (LN2, LogitUnit(fmpq(3, 2)))]))
    return tuple(
        TabulatedModel(k, horizon, table, unit)
        for table, unit in zip((first, second), units, strict=True)
    )


@settings(deadline=None, max_examples=50)
@given(integer_pairs())
def test_rational_total_variation_is_exact(pair):
    first, second = pair
    expected = variation(rational_law(first), rational_law(second))
    for one, two in (pair, pair[::-1]):
        found = total_variation(one, two)
        assert (found.enclosure.lower, found.enclosure.upper) == (expected, expected)
        assert found.method == "exact"


@settings(deadline=None, max_examples=50)
@given(integer_pairs())
def test_divergence_of_rational_models(pair):
    with mpmath.workdps(50):
        p, q = (real_law(m) for m in pair)
        found = kl_divergence(*pair)
        expected = divergence(p, q)
        assert_encloses(found.enclosure(Fraction(1, 10**30)), expected, Fraction(1, 10**30))
        if all(pair[0].logits(h) == pair[1].logits(h) for h in prefixes(2, 1)) and p == q:
            assert expected < mpmath.mpf(10) ** -45


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # labels agree on half of all inputs and differ by 4/5 on the others
        (noisy_parity(4, "1011", "1/10"), noisy_parity(4, "1010", "1/10"), Fraction(2, 5)),
        # one secret, two noises: |1/10 - 1/4| at every input
        (noisy_parity(4, "1011", "1/10"), noisy_parity(4, "1011", "1/4"), Fraction(3, 20)),
        (noisy_parity(5, "10110", "1/3"), UniformModel(2, 6), Fraction(1, 6)),
        # each copied bit is right with probability 4/5 or 2/3
        (copy(1, 2, 2), copy(1, 2, 1), Fraction(4, 5) - Fraction(2, 3)),
    ],
)
def test_total_variation_by_hand(first, second, expected):
    found = total_variation(first, second)
    assert (found.enclosure.lower, found.enclosure.upper, found.method) == (
        expected,
        expected,
        "exact",
    )
    assert found.as_json() == {
        "lower": str(expected),
        "upper": str(expected),
        "method": "exact",
    }
    assert found.value.exact == fmpq(expected.numerator, expected.denominator)


@pytest.mark.parametrize("other", [copy(2, 2, 1), UniformModel(2, 4), UniformModel(2, 4, LN4)])
def test_copy_by_enumeration(other):
    model = copy(2, 2, 3)
    q = (
        {w: Fraction(1, 16) for w in words(2, 4)}
        if isinstance(other, UniformModel)
        else rational_law(other)
    )
    expected = variation(rational_law(model), q)
    assert total_variation(model, other).enclosure.lower == expected
    assert total_variation(other, model).enclosure.upper == expected


# -- real distances -------------------------------------------------------------------------------


def float_isan(seed):
    """A float64 model whose entries are no nice numbers."""
    exact = random_isan(3, 2, 2, seed=seed)

    def grid(m):
        return [[float(int(x.p) / int(x.q)) for x in row] for row in m.tolist()]

    return Isan(
        2,
        3,
        [float(int(x.p) / int(x.q)) for x in exact.initial_state],
        [[grid(a) for a in step] for step in exact.transitions],
        [grid(b) for b in exact.readouts],
        arithmetic=FLOAT64,
    )


def halves(unit=LN2):
    """Logits that differ by odd halves of the unit: irrational probabilities."""
    table = {p: [Fraction(len(p) + 1, 2), Fraction(sum(p))] for p in prefixes(2, 3)}
    return TabulatedModel(2, 3, table, unit)


REAL_PAIRS = {
    "nat, nat": (random_isan(4, 2, 2, seed=1), random_isan(4, 2, 3, seed=2)),
    "three tokens": (random_isan(3, 3, 2, seed=1), random_isan(3, 3, 2, seed=2)),
    "nat, uniform": (random_isan(4, 2, 2), UniformModel(2, 4)),
    "nat, rational": (random_isan(4, 2, 2), copy(2, 2, 1)),
    "halves": (halves(), UniformModel(2, 3)),
    "two units": (halves(), halves(LogitUnit(fmpq(10, 9)))),
    "floats": (float_isan(0), float_isan(1)),
    "float, exact": (float_isan(0), random_isan(3, 2, 2, seed=1)),
    "one token": (random_isan(1, 3, 2, seed=1), random_isan(1, 3, 1, seed=2)),
}


@pytest.mark.parametrize("name", REAL_PAIRS)
@pytest.mark.parametrize("digits", [3, 30, 40])
def test_total_variation_is_enclosed(name, digits):
    first, second = REAL_PAIRS[name]
    width = Fraction(1, 10**digits)
    with mpmath.workdps(50):
        expected = variation(real_law(first), real_law(second))
        for one, two in ((first, second), (second, first)):
            found = total_variation(one, two, width=width)
            assert_encloses(found.enclosure, expected, width)
            assert found.method == "enclosed"


@pytest.mark.parametrize("name", REAL_PAIRS)
def test_divergence_is_enclosed(name):
    first, second = REAL_PAIRS[name]
    with mpmath.workdps(50):
        p, q = real_law(first), real_law(second)
        for one, two, expected in (
            (first, second, divergence(p, q)),
            (second, first, divergence(q, p)),
        ):
            found = kl_divergence(one, two).enclosure(Fraction(1, 10**40))
            assert_encloses(found, expected, Fraction(1, 10**40))
            assert found.lower > 0


@st.composite
def real_pairs(draw):
    row = st.lists(st.fractions(-3, 3, max_denominator=6), min_size=2, max_size=2)
    tables = [{p: draw(row) for p in prefixes(2, 2)} for _ in range(2)]
    unit = draw(st.sampled_from([NAT, LN2, LogitUnit(fmpq(9))]))
    return tuple(TabulatedModel(2, 2, table, unit) for table in tables)


@settings(deadline=None, max_examples=50)
@given(real_pairs())
def test_small_models_by_enumeration(pair):
    with mpmath.workdps(50):
        p, q = (real_law(m) for m in pair)
        width = Fraction(1, 10**25)
        assert_encloses(total_variation(*pair, width=width).enclosure, variation(p, q), width)
        assert_encloses(kl_divergence(*pair).enclosure(width), divergence(p, q), width)


def test_the_default_width():
    assert Fraction(1, 10**30) == DEFAULT_WIDTH
    found = total_variation(*REAL_PAIRS["nat, nat"]).enclosure
    assert 0 < found.upper - found.lower <= DEFAULT_WIDTH


def test_enclosures_as_json_are_rounded_outwards():
    first, second = REAL_PAIRS["nat, nat"]
    found = total_variation(first, second)
    value = found.as_json()
    assert value["method"] == "enclosed"
    lower, upper = Fraction(Decimal(value["lower"])), Fraction(Decimal(value["upper"]))
    assert lower <= found.enclosure.lower <= found.enclosure.upper <= upper
    assert upper - lower < Fraction(1, 10**10)


# -- zero -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        random_isan(6, 2, 3),
        random_isan(4, 3, 2),
        noisy_parity(5, "10110", "1/10"),
        copy(2, 3),
        spike(4),
        halves(),
        UniformModel(3, 4),
    ],
    ids=["isan", "isan3", "parity", "copy", "spike", "halves", "uniform"],
)
def test_equal_logits_are_at_distance_exactly_zero(model):
    for other in (model, realize(model)):
        found = total_variation(model, other)
        assert (found.enclosure.lower, found.enclosure.upper) == ZERO
        assert found.method == "exact"
        assert kl_divergence(model, other).exact == 0


def test_a_distance_of_zero_can_be_compared_with_zero():
    # a ball around zero never decides that; a distance known exactly must not raise UndecidedError
    model = random_isan(4, 2, 2)
    found = total_variation(model, model)
    assert found.method == "exact"
    assert found.value.exact == 0
    assert found.value <= 0


def test_a_float_model_is_at_distance_exactly_zero_from_itself():
    found = total_variation(float_isan(0), float_isan(0))
    assert (found.enclosure.lower, found.enclosure.upper) == ZERO
    assert kl_divergence(float_isan(0), float_isan(0)).exact == 0


def test_all_uniform_models_agree_whatever_their_units():
    for one, two in ((UniformModel(2, 5), UniformModel(2, 5, LN4)), (copy(1, 2), copy(1, 2))):
        assert total_variation(one, two).enclosure.upper == 0
        assert kl_divergence(one, two).exact == 0


def scaled(unit, factor):
    table = {
        p: [Fraction(factor * (sum(p) + 1), 1), Fraction(-factor * len(p), 2)]
        for p in prefixes(2, 3)
    }
    return TabulatedModel(2, 3, table, unit)


def test_one_law_in_two_units_is_enclosed_around_zero():
    # logits x in units of ln 4 and 2 x in units of ln 2; x differ by halves
    found = total_variation(scaled(LN4, 1), scaled(LN2, 2))
    assert found.enclosure.lower == 0  # a distance is not negative
    assert 0 <= found.enclosure.upper <= DEFAULT_WIDTH
    enclosure = kl_divergence(scaled(LN4, 1), scaled(LN2, 2)).enclosure(Fraction(1, 10**30))
    assert enclosure.lower <= 0 <= enclosure.upper


def test_one_rational_law_in_two_units_is_at_distance_exactly_zero():
    found = total_variation(scaled(LN4, 2), scaled(LN2, 4))
    assert (found.enclosure.lower, found.enclosure.upper, found.method) == (*ZERO, "exact")


def test_a_rare_difference_is_not_zero():
    # the models differ after a prefix of probability 1 / (1 + e^40)
    table = {p: [20, -20] if not p else [0, 0] for p in prefixes(2, 2)}
    other = table | {(1,): [1, -1]}
    with mpmath.workdps(60):
        rare = 1 / (1 + mpmath.exp(40))
        expected = rare * abs(1 / (1 + mpmath.exp(-2)) - mpmath.mpf(1) / 2)
        found = total_variation(TabulatedModel(2, 2, table), TabulatedModel(2, 2, other))
        assert_encloses(found.enclosure, expected, DEFAULT_WIDTH)
        assert found.enclosure.lower > 0


# -- merging --------------------------------------------------------------------------------------


def test_a_long_spike_is_quick():
    start = time.process_time()
    found = total_variation(spike(40), UniformModel(2, 40))
    divergent = kl_divergence(spike(40), UniformModel(2, 40)).enclosure(Fraction(1, 10**30))
    assert time.process_time() - start < 1
    assert found.nodes < 2000
    with mpmath.workdps(50):
        rare = 1 / (1 + mpmath.exp(80))
        assert_encloses(found.enclosure, mpmath.mpf(1) / 2 - rare, DEFAULT_WIDTH)
        expected = mpmath.log(2) + rare * mpmath.log(rare) + (1 - rare) * mpmath.log(1 - rare)
        assert_encloses(divergent, expected, Fraction(1, 10**30))


def test_two_long_spikes():
    found = total_variation(spike(40), spike(40))
    assert found.enclosure.upper == 0
    assert found.nodes < 200


def test_long_parities_merge():
    n = 48
    first = noisy_parity(n, "10" * (n // 2), "1/10")
    second = noisy_parity(n, "01" * (n // 2), "1/10")
    found = total_variation(first, second)
    assert found.enclosure.lower == found.enclosure.upper == Fraction(2, 5)
    assert found.nodes <= 4 * (n + 1) + 4
    with mpmath.workdps(50):
        # half of the inputs: (9/10) ln 9 + (1/10) ln(1/9)
        expected = mpmath.log(9) * 4 / 10
        divergent = kl_divergence(first, second).enclosure(Fraction(1, 10**30))
        assert_encloses(divergent, expected, Fraction(1, 10**30))


def chain(first, second, unit):
    """Two tokens that do not depend on each other."""
    readouts = [[[first], [0]], [[second], [0]]]
    return Isan(2, 2, [1], [[[[1]], [[1]]]], readouts, unit)


def test_likelihood_ratios_keep_merged_prefixes_apart():
    # one state after the first token in both models, but P/Q is 3/2 after 0 and 1/2 after 1; merged
    # by state alone, 01 would cancel a part of 11
    one, two = chain(1, 1, LogitUnit(fmpq(3))), UniformModel(2, 2)
    found = total_variation(one, two)
    assert found.enclosure.lower == found.enclosure.upper == Fraction(9, 16) - Fraction(1, 4)
    for one, two in ((chain(1, 1, NAT), chain(0, 0, NAT)), (chain(1, 2, NAT), chain(2, -1, NAT))):
        with mpmath.workdps(50):
            expected = variation(real_law(one), real_law(two))
            assert_encloses(total_variation(one, two).enclosure, expected, DEFAULT_WIDTH)


# -- what is too large ----------------------------------------------------------------------------


def test_too_many_prefixes_of_one_length():
    first, second = random_isan(6, 2, 3), random_isan(6, 2, 3, seed=1)
    for found in (
        total_variation(first, second, max_nodes=7),
        mass(first, second, lambda state: False, max_nodes=7),
    ):
        assert (found.enclosure.lower, found.enclosure.upper) == (0, 1)
        assert found.method == "too large"
        assert found.value is None
        assert found.as_json() == {"lower": "0", "upper": "1", "method": "too large"}


def test_a_divergence_that_is_too_large_is_refused_at_once():
    first, second = random_isan(6, 2, 3), random_isan(6, 2, 3, seed=1)
    with pytest.raises(TooLargeError, match="more than 7 prefixes of one length"):
        kl_divergence(first, first, max_nodes=7)
    # not only when the number that comes back is first evaluated
    with pytest.raises(TooLargeError, match="more than 7 prefixes of one length"):
        kl_divergence(first, second, max_nodes=7)


def test_the_limit_itself_is_allowed():
    # equal models: one group per state, 8 states of length 3
    table = {p: [i, 0] for i, p in enumerate(prefixes(2, 4))}
    model = TabulatedModel(2, 4, table, LN2)
    assert total_variation(model, model, max_nodes=8).method == "exact"
    assert total_variation(model, model, max_nodes=7).method == "too large"
    assert kl_divergence(model, model, max_nodes=8).exact == 0


# -- mass -----------------------------------------------------------------------------------------


def marked_mass(law, marks, horizon):
    return sum(p for w, p in law.items() if any(marks(w[:t]) for t in range(horizon)))


MARKS = {
    "nothing": lambda p: False,
    "everything": lambda p: True,
    "one prefix": lambda p: p == (0, 1),
    "nested": lambda p: p in ((1,), (1, 0)),
    "a layer": lambda p: len(p) == 2,
    "words": lambda p: len(p) == 3,  # prefixes have at most T - 1 tokens
    "two ones": lambda p: sum(p) == 2,
}


@pytest.mark.parametrize("name", MARKS)
def test_mass_of_a_rational_model(name):
    table = {p: [sum(p) - len(p), 1] for p in prefixes(2, 3)}
    model = TabulatedModel(2, 3, table, LN2)
    # states of a tabulated model are its prefixes; its own logits do not matter
    other = TabulatedModel(2, 3, {p: [0, 0] for p in table})
    found = mass(model, other, MARKS[name])
    expected = marked_mass(rational_law(model), MARKS[name], 3)
    assert (found.enclosure.lower, found.enclosure.upper, found.method) == (
        expected,
        expected,
        "exact",
    )


@pytest.mark.parametrize("name", ["one prefix", "nested", "two ones"])
@pytest.mark.parametrize("width", [Fraction(1, 10**3), Fraction(1, 10**40)])
def test_mass_of_a_real_model(name, width):
    model = random_isan(3, 2, 2, seed=3)
    other = TabulatedModel(2, 3, {p: [1, 0] for p in prefixes(2, 3)})
    with mpmath.workdps(50):
        expected = marked_mass(real_law(model), MARKS[name], 3)
        assert_encloses(mass(model, other, MARKS[name], width=width).enclosure, expected, width)


def test_the_mass_that_a_learned_model_does_not_represent_explains_its_distance():
    # the copies of words that no draw showed: few words are drawn, so some histories are missing
    target = copy(2, 3, 2)
    result = learn(target, epsilon="0.3", delta="0.3", samples=4, seed=1, algorithm="printed")
    assert result.accepted
    learned = result.model
    bad = mass(target, learned, lambda state: not learned.represents(state)).enclosure
    distance = total_variation(target, learned).enclosure
    assert bad.exact
    assert distance.exact
    law = rational_law(target)
    unrepresented = Fraction(0)
    for word, p in law.items():
        states = [learned.start()]
        for token in word[:-1]:
            states.append(learned.step(states[-1], token))
        unrepresented += p * any(not learned.represents(s) for s in states)
    assert bad.lower == unrepresented
    assert distance.lower == variation(law, rational_law(learned))
    assert distance.lower <= bad.lower


# -- arguments ------------------------------------------------------------------------------------


MEASURES = [
    total_variation,
    kl_divergence,
    lambda one, two: mass(one, two, lambda state: False),
]


@pytest.mark.parametrize("measure", MEASURES, ids=["variation", "divergence", "mass"])
def test_models_of_different_shapes(measure):
    with pytest.raises(InputError, match=r"^second model's alphabet_size must be 2, not 3$"):
        measure(UniformModel(2, 4), UniformModel(3, 4))
    with pytest.raises(InputError, match=r"^second model's horizon must be 4, not 5$"):
        measure(UniformModel(2, 4), UniformModel(2, 5))
