"""llr.models.markov against sums over all hidden paths, in Fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import mpmath
import numpy as np
import pytest
from by_hand import all_words, slow_rank
from flint import fmpq

import llr
from llr.analysis.distance import kl_divergence, mass, total_variation
from llr.errors import InputError
from llr.models.base import TabulatedModel, UniformModel
from llr.models.families import noisy_parity, random_isan
from llr.models.markov import HiddenMarkovModel, random_hidden_markov
from llr.models.targets import family_target
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.rational import fraction
from llr.numbers.units import NAT, ODDS, LogitUnit
from llr.oracles.sampling import ModelWords

SMALL = {
    "k": 2,
    "horizon": 3,
    "initial": [Fraction(1, 3), Fraction(2, 3)],
    "transitions": [[Fraction(1, 4), Fraction(3, 4)], [Fraction(1), Fraction(0)]],
    "emissions": [[Fraction(1, 5), Fraction(4, 5)], [Fraction(1, 2), Fraction(1, 2)]],
}
THREE = {
    "k": 3,
    "horizon": 4,
    "initial": [Fraction(0), Fraction(1, 2), Fraction(1, 2)],
    "transitions": [
        [Fraction(0), Fraction(1), Fraction(0)],
        [Fraction(1, 6), Fraction(1, 3), Fraction(1, 2)],
        [Fraction(1, 7), Fraction(0), Fraction(6, 7)],
    ],
    "emissions": [
        [Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)],
        [Fraction(1, 10), Fraction(1, 5), Fraction(7, 10)],
        [Fraction(5, 9), Fraction(1, 9), Fraction(1, 3)],
    ],
}
ONE = {
    "k": 2,
    "horizon": 4,
    "initial": [Fraction(1)],
    "transitions": [[Fraction(1)]],
    "emissions": [[Fraction(1, 3), Fraction(2, 3)]],
}
EXAMPLES = {"two states": SMALL, "three states": THREE, "one state": ONE}


def build(p):
    return HiddenMarkovModel(p["k"], p["horizon"], p["initial"], p["transitions"], p["emissions"])


def chance(p, word):
    """Return the probability that a word begins like this: a sum over all hidden paths."""
    states, found = range(len(p["initial"])), Fraction(0)
    for path in product(states, repeat=len(word)):
        term = Fraction(1)
        for t, (i, a) in enumerate(zip(path, word, strict=True)):
            term *= p["initial"][i] if t == 0 else p["transitions"][path[t - 1]][i]
            term *= p["emissions"][i][a]
        found += term
    return found


def parameters_of(model):
    """Return the numbers of a model as Fractions."""

    def read(rows):
        return [[fraction(x) for x in row] for row in rows]

    return {
        "k": model.alphabet_size,
        "horizon": model.horizon,
        "initial": [fraction(x) for x in model.initial],
        "transitions": read(model.transitions),
        "emissions": read(model.emissions),
    }


def law_of(model):
    p = parameters_of(model)
    return {w: chance(p, w) for w in all_words(p["k"], p["horizon"])}


def exact(reals):
    return [fraction(x.exact) for x in reals]


# -- probabilities --------------------------------------------------------------------------------


@pytest.mark.parametrize("p", EXAMPLES.values(), ids=list(EXAMPLES))
def test_probabilities_are_those_of_the_hidden_paths(p):
    model = build(p)
    for length in range(p["horizon"]):
        for prefix in all_words(p["k"], length):
            before = chance(p, prefix)
            expected = [chance(p, (*prefix, a)) / before for a in range(p["k"])]
            assert exact(model.probabilities(prefix)) == expected
            assert [fraction(x) for x in model.law(model.state_of(prefix))] == expected
            assert sum(expected) == 1


@pytest.mark.parametrize("p", EXAMPLES.values(), ids=list(EXAMPLES))
def test_states_are_laws_of_the_hidden_state(p):
    model = build(p)
    for length in range(p["horizon"]):
        for prefix in all_words(p["k"], length):
            state = model.state_of(prefix)
            assert sum(state, fmpq(0)) == 1
            assert hash(state) == hash(model.state_of(prefix))
            assert all(x >= 0 for x in state)


def test_prefixes_with_one_law_merge():
    # the second state is left for the first at once, and both emit alike at the first step
    forgetful = HiddenMarkovModel(
        2, 6, ["1/2", "1/2"], [[1, 0], [1, 0]], [["1/3", "2/3"], ["1/3", "2/3"]]
    )
    assert len({forgetful.state_of(w) for n in range(1, 6) for w in all_words(2, n)}) == 1
    assert len({build(SMALL).state_of(w) for w in all_words(2, 2)}) == 4


@pytest.mark.parametrize("p", EXAMPLES.values(), ids=list(EXAMPLES))
def test_logits_are_rounded_logarithms(p):
    model = build(p)
    for length in range(p["horizon"]):
        for prefix in all_words(p["k"], length):
            row = model.logits(prefix)
            assert all(type(x) is float for x in row)
            before = chance(p, prefix)
            with mpmath.workdps(60):
                logs = []
                for a in range(p["k"]):
                    x = chance(p, (*prefix, a)) / before
                    logs.append(mpmath.log(x.numerator) - mpmath.log(x.denominator))
                mean = mpmath.fsum(logs) / p["k"]
                balls = model.link.logits(model.law(model.state_of(prefix)))
                for x, found, ball in zip(logs, row, balls, strict=True):
                    assert abs(found - (x - mean)) <= abs(x - mean) * mpmath.mpf(2) ** -52
                    ends = ball.enclosure(Fraction(1, 10**40))
                    assert (
                        abs(mpmath.mpf(ends.lower.numerator) / ends.lower.denominator - (x - mean))
                        < mpmath.mpf(10) ** -39
                    )


def test_equal_odds_have_logit_zero():
    assert [x.exact for x in ODDS.logits([fmpq(1, 3)] * 3)] == [0, 0, 0]
    assert ODDS.logits([fmpq(1, 4), fmpq(1, 2), fmpq(1, 1)])[1].exact == 0
    assert build({**ONE, "emissions": [[Fraction(1, 2), Fraction(1, 2)]]}).logits(()) == (0.0, 0.0)


def test_its_numbers():
    model = build(SMALL)
    assert (model.alphabet_size, model.horizon, model.hidden_states) == (2, 3, 2)
    assert (model.unit, model.arithmetic, model.link) == (NAT, FLOAT64, ODDS)
    assert parameters_of(model) == SMALL
    assert repr(model) == (
        "HiddenMarkovModel(k=2, T=3, initial=[1/3 2/3], transitions=[1/4 3/4; 1 0], "
        "emissions=[1/5 4/5; 1/2 1/2])"
    )


def test_integers_strings_and_fractions_are_rationals():
    written = HiddenMarkovModel(
        2, 3, ["1/3", "2/3"], [["1/4", "3/4"], [1, 0]], [["1/5", "4/5"], ["1/2", Fraction(1, 2)]]
    )
    assert parameters_of(written) == SMALL


def test_prefixes_are_checked():
    with pytest.raises(InputError, match=r"^prefix must be at most 2 tokens long, not \(0, 0, 0\)"):
        build(SMALL).probabilities((0, 0, 0))
    with pytest.raises(InputError, match=r"^prefix must be made of tokens 0\.\.1, not \[2\]$"):
        build(SMALL).probabilities([2])


# -- distances ------------------------------------------------------------------------------------


def variation(p, q):
    return sum(abs(p[w] - q[w]) for w in p) / 2


@pytest.mark.parametrize(("seed", "other"), [(0, 1), (2, 3), (4, 4)])
@pytest.mark.parametrize(("horizon", "k", "r"), [(1, 2, 2), (3, 2, 2), (4, 2, 3), (2, 3, 2)])
def test_total_variation_between_two_is_exact(horizon, k, r, seed, other):
    first = random_hidden_markov(horizon, k, r, seed)
    second = random_hidden_markov(horizon, k, 2, other)
    found = total_variation(first, second)
    expected = variation(law_of(first), law_of(second))
    assert (found.method, found.enclosure.lower) == ("exact", expected)
    assert found.enclosure.exact


def test_models_with_equal_rounded_logits_are_not_equal():
    """Two laws so close that float64 logits cannot tell them apart."""
    tiny = Fraction(1, 10**40)
    first = build(ONE)
    second = build({**ONE, "emissions": [[Fraction(1, 3) + tiny, Fraction(2, 3) - tiny]]})
    assert first.logits(()) == second.logits(())
    found = total_variation(first, second)
    assert found.method == "exact"
    assert found.enclosure.lower == variation(law_of(first), law_of(second)) > 0
    assert kl_divergence(first, second).sign() == 1


def test_distance_to_itself_is_zero():
    model = random_hidden_markov(4, 3, 3, 1)
    assert total_variation(model, random_hidden_markov(4, 3, 3, 1)).value.exact == 0
    assert kl_divergence(model, model).exact == 0


def test_states_may_be_relabelled():
    swapped = {
        **SMALL,
        "initial": SMALL["initial"][::-1],
        "transitions": [row[::-1] for row in SMALL["transitions"][::-1]],
        "emissions": SMALL["emissions"][::-1],
    }
    assert total_variation(build(SMALL), build(swapped)).value.exact == 0


def test_distance_to_models_with_rational_probabilities_is_exact():
    for other in (UniformModel(2, 4), UniformModel(2, 4, LogitUnit(fmpq(3)))):
        model = random_hidden_markov(4, 2, 2, 5)
        expected = variation(law_of(model), dict.fromkeys(all_words(2, 4), Fraction(1, 16)))
        for pair in ((model, other), (other, model)):
            found = total_variation(*pair)
            assert (found.method, found.enclosure.lower) == ("exact", expected)
    parity = noisy_parity(2, "11", "1/10")
    flipped = {
        w: Fraction(1, 4) * (Fraction(9, 10) if sum(w) % 2 == 0 else Fraction(1, 10))
        for w in all_words(2, 3)
    }
    found = total_variation(build(SMALL), parity)
    assert (found.method, found.enclosure.lower) == (
        "exact",
        variation(law_of(build(SMALL)), flipped),
    )


def test_a_chain_that_is_an_isan_has_distance_zero_to_it():
    """Independent bits with odds 2: logits +-1/2 in the unit ln 2."""
    table = {h: [0, 1] for n in range(4) for h in all_words(2, n)}
    same = TabulatedModel(2, 4, table, LogitUnit(fmpq(2)))
    found = total_variation(build(ONE), same)
    assert (found.method, found.value.exact) == ("exact", 0)


def test_distance_to_models_in_nats_is_enclosed():
    model, other = random_hidden_markov(3, 2, 2, 1), random_isan(3, 2, 2)
    found = total_variation(model, other, Fraction(1, 10**20))
    assert found.method == "enclosed"
    with mpmath.workdps(40):
        expected = mpmath.mpf(0)
        for w, p in law_of(model).items():
            q = mpmath.mpf(1)
            for t, a in enumerate(w):
                row = [
                    mpmath.exp(mpmath.mpf(x.numerator) / x.denominator) for x in other.logits(w[:t])
                ]
                q *= row[a] / mpmath.fsum(row)
            expected += abs(mpmath.mpf(p.numerator) / p.denominator - q) / 2
        lower, upper = found.enclosure.lower, found.enclosure.upper
        assert mpmath.mpf(lower.numerator) / lower.denominator <= expected
        assert expected <= mpmath.mpf(upper.numerator) / upper.denominator


def test_divergence_between_two():
    first, second = random_hidden_markov(3, 2, 2, 1), random_hidden_markov(3, 2, 2, 2)
    p, q = law_of(first), law_of(second)
    with mpmath.workdps(40):
        expected = mpmath.fsum(
            mpmath.mpf(x.numerator)
            / x.denominator
            * mpmath.log(mpmath.mpf((x / q[w]).numerator) / (x / q[w]).denominator)
            for w, x in p.items()
        )
        ends = kl_divergence(first, second).enclosure(Fraction(1, 10**20))
        assert mpmath.mpf(ends.lower.numerator) / ends.lower.denominator <= expected
        assert expected <= mpmath.mpf(ends.upper.numerator) / ends.upper.denominator


def test_mass_of_marked_states_is_exact():
    model = build(SMALL)
    marked = model.state_of((1,))
    found = mass(model, model, lambda state: state == marked)
    assert found.value.exact == fmpq(
        *[chance(SMALL, (1,)).numerator, chance(SMALL, (1,)).denominator]
    )


def test_float_models_are_read_as_the_rationals_that_they_are():
    isan = random_isan(3, 2, 1)
    assert [fraction(x) for x in isan.law(isan.start())] == list(isan.logits(()))

    class Third(UniformModel):
        arithmetic = FLOAT64

        def read(self, state):
            return (1 / 3, -1 / 3)

    assert [fraction(x) for x in Third(2, 2).law(())] == [Fraction(1 / 3), Fraction(-1 / 3)]
    assert Fraction(1 / 3) != Fraction(1, 3)


# -- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [SMALL, THREE], ids=["two states", "three states"])
def test_sampled_words_follow_the_law(p):
    """All counts within six standard deviations; a count off by 3% of n would be seen."""
    n = 40_000
    drawn = ModelWords(build(p)).draw(n, p["horizon"], np.random.default_rng(7))
    assert sum(drawn.values()) == n
    law = law_of(build(p))
    assert sum(law.values()) == 1
    for word, q in law.items():
        assert abs(drawn.get(word, 0) - n * q) <= 6 * float(n * q * (1 - q)) ** 0.5 + 1


def test_thresholds_are_rounded_from_the_exact_law():
    source = ModelWords(build(ONE))
    thresholds = source._thresholds(build(ONE).law(build(ONE).start()))
    assert thresholds == [round(Fraction(2**64, 3))]


def test_words_begin_alike_whatever_their_length():
    model = random_hidden_markov(5, 3, 2, 3)
    long = ModelWords(model).draw(50, 5, np.random.default_rng(1))
    assert all(len(w) == 5 for w in long)
    assert sum(ModelWords(model).draw(50, 2, np.random.default_rng(1)).values()) == 50


# -- probability rank -----------------------------------------------------------------------------


def ranks_by_hand(p):
    k, horizon = p["k"], p["horizon"]
    return tuple(
        slow_rank(
            [
                [chance(p, h + f) / chance(p, h) for f in all_words(k, horizon - s)]
                for h in all_words(k, s)
            ]
        )
        for s in range(horizon)
    )


@pytest.mark.parametrize("p", EXAMPLES.values(), ids=list(EXAMPLES))
def test_probability_ranks_of_the_examples(p):
    assert build(p).probability_ranks() == ranks_by_hand(p)
    assert max(ranks_by_hand(p)) <= len(p["initial"])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("horizon", "k", "r"), [(1, 2, 3), (4, 2, 2), (4, 2, 5), (3, 3, 2)])
def test_probability_rank_is_at_most_the_number_of_hidden_states(horizon, k, r, seed):
    model = random_hidden_markov(horizon, k, r, seed)
    expected = ranks_by_hand(parameters_of(model))
    assert model.probability_ranks() == expected
    assert max(expected) <= r


def test_probability_ranks_in_polynomial_time():
    model = random_hidden_markov(64, 4, 3, 0)
    assert model.probability_ranks() == (1, *[3] * 63)


def test_a_deterministic_cycle():
    """Three states in a cycle: the first token's position in it is never forgotten."""
    cycle = [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    emissions = [["1/2", "1/2"], ["1/3", "2/3"], ["1/5", "4/5"]]
    known = HiddenMarkovModel(2, 5, [1, 0, 0], cycle, emissions)
    assert known.probability_ranks() == (1,) * 5
    unknown = HiddenMarkovModel(2, 5, ["1/3"] * 3, cycle, emissions)
    assert unknown.probability_ranks() == ranks_by_hand(parameters_of(unknown)) == (1, 2, 3, 3, 2)


# -- random models --------------------------------------------------------------------------------


def test_random_models_have_small_positive_rationals():
    for seed in range(20):
        p = parameters_of(random_hidden_markov(3, 3, 2, seed))
        for row in [p["initial"], *p["transitions"], *p["emissions"]]:
            assert sum(row) == 1
            assert all(x > 0 for x in row)
            assert all(x.denominator <= 27 for x in row)


def test_seeds_fix_random_models():
    one = parameters_of(random_hidden_markov(3, 2, 3, 8))
    assert parameters_of(random_hidden_markov(3, 2, 3, 8)) == one
    assert parameters_of(random_hidden_markov(3, 2, 3, 9)) != one
    assert parameters_of(family_target("hmm:T=3,R=3,seed=8")) == one
    longer = {**one, "horizon": 5}
    assert parameters_of(random_hidden_markov(5, 2, 3, 8)) == longer


# -- bad input ------------------------------------------------------------------------------------

HALF = [Fraction(1, 2), Fraction(1, 2)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 1}, "alphabet_size must be an integer of at least 2, not 1"),
        ({"horizon": 0}, "horizon must be an integer of at least 1, not 0"),
        ({"initial": []}, "initial must be a list of at least one rational, not a list of 0"),
        ({"initial": "11"}, "initial must be a list of at least one rational, not '11'"),
        ({"initial": [0.5, 0.5]}, r"initial\[0\] must be a rational"),
        (
            {"initial": [Fraction(1, 3), Fraction(1, 3)]},
            "initial must be nonnegative with sum 1, not '1/3 1/3'",
        ),
        ({"initial": [2, -1]}, "initial must be nonnegative with sum 1, not '2 -1'"),
        ({"initial": [1]}, r"transitions must be a 1 x 1 matrix, not a list of 2"),
        ({"transitions": [HALF]}, "transitions must be a 2 x 2 matrix, not a list of 1"),
        ({"transitions": [HALF, [1]]}, r"transitions\[1\] must be a row of 2 scalars"),
        ({"transitions": [HALF, ["x", 1]]}, r"transitions\[1\]\[0\] must be a rational string"),
        (
            {"transitions": [HALF, [Fraction(1, 2), Fraction(1, 4)]]},
            r"transitions\[1\] must be nonnegative with sum 1, not '1/2 1/4'",
        ),
        (
            {"transitions": [[Fraction(3, 2), Fraction(-1, 2)], HALF]},
            r"transitions\[0\] must be nonnegative with sum 1, not '3/2 -1/2'",
        ),
        ({"emissions": [HALF] * 3}, "emissions must be a 2 x 2 matrix, not a list of 3"),
        ({"emissions": [HALF, [1]]}, r"emissions\[1\] must be a row of 2 scalars"),
        (
            {"emissions": [HALF, [1, 0]]},
            r"emissions\[1\] must be positive with sum 1, not '1 0'",
        ),
        (
            {"emissions": [[Fraction(1, 2), Fraction(1, 3)], HALF]},
            r"emissions\[0\] must be positive with sum 1, not '1/2 1/3'",
        ),
        ({"emissions": 3}, "emissions must be a 2 x 2 matrix, not 3"),
    ],
)
def test_numbers_that_are_no_laws_are_refused(change, message):
    with pytest.raises(InputError, match=f"^{message}"):
        build({**SMALL, **change})


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("hmm:T=3", "target parameter R must be given, as in hmm:T=5,k=2,R=2,seed=0, not missing"),
        ("hmm:R=3", "target parameter T must be given"),
        ("hmm:T=0,R=2", "T must be an integer of at least 1, not 0"),
        ("hmm:T=2,R=0", "R must be an integer of at least 1, not 0"),
        ("hmm:T=2,R=2,k=1", "k must be an integer of at least 2, not 1"),
        ("hmm:T=2,R=2,seed=-1", "seed must be an integer of at least 0, not -1"),
        (
            "hmm:T=2,R=2,d=1",
            "target parameter of hmm must be NAME=VALUE with NAME in T, k, R, seed",
        ),
        ("hmm:T=2,R=1/2", "target parameter R must be an integer, not '1/2'"),
    ],
)
def test_targets_out_of_range_are_refused(target, message):
    with pytest.raises(InputError, match=f"^{message}"):
        family_target(target)


def test_what_needs_rational_logits_refuses():
    model = build(SMALL)
    message = r"^model must be exact: float64 has no exact rank, not 'float64'$"
    for refused in (llr.cut_ranks, llr.mixed_rank, llr.realize):
        with pytest.raises(InputError, match=message):
            refused(model)
    with pytest.raises(InputError, match=message):
        llr.logit_matrix(model, [()], [(0,)])
    with pytest.raises(InputError, match=r"^model must be an Isan, a learned or a uniform model"):
        llr.save(model, "model.json")


@pytest.mark.filterwarnings("ignore:.*PuLP 4.0:DeprecationWarning")
def test_it_can_be_learned_in_floats():
    model = llr.target("hmm:T=3,R=2,seed=3")
    result = llr.learn(
        model, epsilon="0.1", delta="0.1", seed=1, arithmetic="float", algorithm="printed"
    )
    assert result.accepted
    assert float(total_variation(model, result.model).enclosure.upper) < 0.1
