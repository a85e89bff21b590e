"""Remarks 5.8 and 5.9, Corollary 5.15 and Theorem 5.14 as procedures, end to end."""

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import fmpq

import llr
from bounds.queries import root_samples_needed
from llr.errors import InputError
from llr.learning.api import learn
from llr.models.base import words
from llr.numbers.balls import Real
from llr.oracles.access import SampledOracle
from properties.claim import search
from properties.claims import theorem
from properties.claims.statistics import RANK_RISK, asked_entries
from properties.claims.theorem import (
    Approximate,
    Promise,
    crowded,
    promise,
    rank_errors,
    recalling,
)
from properties.procedures import (
    BooleanOracle,
    SpanLaws,
    fourier_transform,
    learn_boolean,
    mean_error,
    sampling_access,
    temperature_access,
)


@pytest.mark.parametrize("access", [sampling_access, temperature_access])
@pytest.mark.parametrize("name", ["parity:n=2,secret=11", "isan:T=2,k=3,d=2"])
def test_estimated_logits_are_within_xi(access, name):
    model, xi = llr.target(name), fmpq(1, 4)
    made = access(model, xi=xi, zeta=fmpq(1, 1000), seed=3)
    prefixes = [p for n in range(model.horizon) for p in words(model.alphabet_size, n)]
    for prefix, row in zip(prefixes, made.oracle.logits(prefixes), strict=True):
        assert sum(row, fmpq(0)) == 0
        truth = model.read(model.state_of(prefix))
        for estimate, logit in zip(row, truth, strict=True):
            assert abs(Real(estimate) - model.unit.in_nats(logit)) <= xi
    assert made.oracle.drawn == made.samples * len(prefixes)


def test_answers_are_a_fixed_function_of_the_prefix():
    model = llr.target("isan:T=3,k=2,d=1")
    first, second = SampledOracle(model, 50, seed=1), SampledOracle(model, 50, seed=1)
    asked = [(), (0,), (1,), (0, 1)]
    assert first.logits(asked) == [second.logits([p])[0] for p in reversed(asked)][::-1]
    assert first.logits(asked) == first.logits(asked)
    assert first.logits(asked) != SampledOracle(model, 50, seed=2).logits(asked)


def test_temperature_saves_samples_where_logits_are_large():
    model = llr.target("spike:T=4")
    plain = sampling_access(model, xi=fmpq(1, 2), zeta=fmpq(1, 10))
    hot = temperature_access(model, xi=fmpq(1, 2), zeta=fmpq(1, 10))
    assert hot.temperature == 4
    assert plain.samples > 20 * hot.samples


def test_a_token_never_seen_still_gets_a_finite_answer():
    (row,) = SampledOracle(llr.target("spike:T=9"), 5).logits([()])
    assert row[0] > row[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": 0}, "samples must be"),
        ({"samples": 1, "seed": -1}, "seed must be"),
        ({"samples": 1, "temperature": fmpq(0)}, "temperature must be a positive rational"),
    ],
)
def test_sampled_oracle_refuses_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        SampledOracle(llr.target("spike:T=2"), **arguments)


def test_learning_from_a_sampled_oracle_is_within_reach():
    model = llr.target("parity:n=2,secret=11")
    made = sampling_access(model, xi=fmpq(1, 50), zeta=fmpq(1, 1000))
    result = learn(
        made.oracle, alphabet_size=2, horizon=3, epsilon="0.2", delta="0.1", xi="1/50", samples=64
    )
    assert result.accepted
    assert llr.total_variation(model, result.model).enclosure.upper < Fraction(1, 5)


def test_the_logit_oracle_answers_the_spike_s_root_in_one_call():
    result = learn(llr.target("spike:T=32"), epsilon="0.1", delta="0.1")
    assert result.accepted
    assert result.ledger.log.count(()) == 1
    assert root_samples_needed(32, fmpq(1, 6)) > 10**26
    assert result.model.logits(()) == (32, -32)


# -- Corollary 5.15 -----------------------------------------------------------------------------


def brute_transform(bits, f):
    found = {}
    for s in product((0, 1), repeat=bits):
        value = (
            sum(
                Fraction(int(f(x).p), int(f(x).q))
                * (-1) ** sum(a * b for a, b in zip(s, x, strict=True))
                for x in product((0, 1), repeat=bits)
            )
            / 2**bits
        )
        if value:
            found[s] = fmpq(value.numerator, value.denominator)
    return found


def test_fourier_transform_against_the_definition():
    rng = np.random.default_rng(5)
    for bits in (1, 2, 4):
        table = {x: fmpq(int(rng.integers(-4, 5)), 4) for x in product((0, 1), repeat=bits)}
        assert fourier_transform(bits, table.__getitem__) == brute_transform(
            bits, table.__getitem__
        )


def test_sparse_functions_are_recovered_exactly():
    def f(x):
        first = fmpq(1, 2) if (x[0] + x[3]) % 2 == 0 else fmpq(-1, 2)
        return first + (fmpq(1, 4) if x[4] == 0 else fmpq(-1, 4))

    run = learn_boolean(5, f)
    assert (
        run.coefficients == run.truth == {(1, 0, 0, 1, 0): fmpq(1, 2), (0, 0, 0, 0, 1): fmpq(1, 4)}
    )
    assert run.error == 0
    assert run.guarantee.exact == 0
    assert 32 <= run.queries <= 32 + run.counts.rechecks


def test_the_guarantee_covers_a_function_that_is_not_learned_exactly():
    def f(x):
        return fmpq(x[0] + 2 * x[1] * x[2] - 2 * x[3], 4)

    run = learn_boolean(4, f, epsilon="0.9", delta="0.9")
    assert Real(run.error) <= run.guarantee


def test_functions_outside_the_interval_are_refused():
    with pytest.raises(InputError, match=r"f\(1,\) must be a rational in \[-1, 1\]"):
        learn_boolean(1, lambda x: fmpq(2) * x[0])


def test_the_boolean_oracle_counts_values_only():
    oracle = BooleanOracle(2, lambda x: fmpq(1, 2))
    assert oracle.logits([(), (0,), (0, 1)])[:2] == [(0, 0), (0, 0)]
    assert oracle.queries == 1


# -- Theorem 5.14 -------------------------------------------------------------------------------


def test_the_mean_of_definition_1_6_by_hand():
    uniform = llr.UniformModel(2, 2, llr.NAT)
    errors = {(1, (0, 0)): fmpq(1), (1, (1, 0)): fmpq(2)}
    # s = 1, t = 2: the first token and the next are uniform
    assert mean_error(SpanLaws(uniform), errors) == fmpq(1 + 2, 4)
    assert mean_error(SpanLaws(uniform), {}) == 0


def test_the_mean_of_definition_1_6_is_over_words_of_the_model():
    rows = {p: [0, 0] for n in range(3) for p in words(2, n)} | {(): [1, 0]}
    model = llr.TabulatedModel(2, 3, rows, llr.LogitUnit.parse("ln 2"))  # starts with 0: 2/3
    laws = SpanLaws(model)
    off = {(2, (0, *rest)): fmpq(1) for rest in words(2, 2)}
    # s = 2: a history that starts with 0, as its words do; s = 1: the token a is 0 half the time
    assert mean_error(laws, off) == fmpq(2, 3)
    moved = {(1, entry): error for (_, entry), error in off.items()}
    assert mean_error(laws, moved) == fmpq(1, 2)
    # each s and t has a mean of its own: the largest counts, not the sum
    assert mean_error(laws, off | moved) == fmpq(2, 3)


def test_prefix_and_segment_are_of_independent_words():
    """The third token repeats the first: one word shows both rare tokens far more often."""
    keep, mark = [[1, 0], [0, 1]], [[0, 1], [0, 1]]
    model = llr.Isan(
        2,
        4,
        [0, 1],
        [[[[0, -1], [0, 1]], mark], [keep, keep], [keep, keep]],
        [[[0, 0], [0, -2]], [[0, 0]] * 2, [[0, 0], [4, 0]], [[0, 0]] * 2],
        llr.LogitUnit.parse("ln 2"),
    )
    laws = SpanLaws(model)
    both = sum(p for w, p in laws.words.items() if w[0] == w[2] == 1)
    assert laws.span(0, 1) == {(0,): fmpq(4, 5), (1,): fmpq(1, 5)}
    assert both == fmpq(1, 5) * fmpq(16, 17)
    assert laws.mass(2, (1, 0, 1, 0)) == fmpq(1, 5) * laws.span(2, 3)[(1,)] < both


def test_the_mean_of_definition_1_6_needs_rational_probabilities():
    with pytest.raises(InputError, match="rational word probabilities"):
        SpanLaws(llr.target("isan:T=2,k=2,d=1"))


# -- its adversary ------------------------------------------------------------------------------


def rare_token(delta):
    """Three tokens, each 1 with probability 1/65; errors behind x_1 = 1 and before y_2 = 1."""
    target = llr.Isan(2, 3, [1], [[[[1]]] * 2] * 2, [[[0], [-6]]] * 3, llr.LogitUnit.parse("ln 2"))
    return Approximate(target, delta, ((2, (1, 0, 0)), (1, (0, 1, 0))))


def test_two_words_miss_what_concentrated_errors_allow():
    """Above the bound if delta > 36 / 65; then two words miss if x_1, y_1, x_2 or y_2 is 1."""
    missed = 1 - fmpq(64, 65) ** 4
    found = rank_errors(rare_token(fmpq(9, 10)))
    assert found.measured.exact == missed
    assert found.bound.exact == fmpq(9, 10)
    assert rank_errors(rare_token(fmpq(36, 65))).measured.exact == 0
    assert rank_errors(rare_token(fmpq(36, 65) + fmpq(1, 10**9))).measured.exact == missed


def test_without_the_union_over_cuts_the_bound_is_too_small():
    at = fmpq(4, 65) + fmpq(1, 10**9)
    assert rank_errors(rare_token(at)).measured.exact == 0
    assert rank_errors(rare_token(at), over_cuts=False).measured.exact == 1 - fmpq(64, 65) ** 4


@pytest.mark.parametrize("start", range(10))
def test_rare_tokens_at_many_cuts_need_the_union_over_cuts(start):
    found = search(crowded(), lambda i: rank_errors(i, over_cuts=False), 100, start)
    assert found.refuted
    assert rank_errors(found.counterexample).holds()
    assert found.counterexample.target.horizon > 3  # two rare events are not enough


def test_the_statement_is_false_of_a_word_paired_with_itself():
    found = search(recalling(), lambda i: rank_errors(i, with_itself=True), 200, 0)
    assert found.refuted
    assert rank_errors(found.counterexample).holds()


def test_many_words_hit_what_the_union_bound_counts():
    """8 words of 8 bytes: the number of runs that fail lies below the bound's rate, not far."""
    runs = [asked_entries(np.random.default_rng([9, n])) for n in range(600)]
    failed = sum(not found.holds() for found in runs)
    assert 0.1 < failed / 600 / float(RANK_RISK) < 0.35
    assert all(found.bound == runs[0].bound for found in runs)
    tightened = [asked_entries(np.random.default_rng([9, n]), fmpq(3, 25)) for n in range(600)]
    assert 0.3 < sum(not found.holds() for found in tightened) / 600 < 0.45


# -- Theorem 5.11 ---------------------------------------------------------------------------------


def copied(seed):
    """What the theorem promises of two copied tokens, of which one word teaches too little."""
    target = llr.target("copy:n=2,k=2")
    return Promise(target, fmpq(1, 10), fmpq(1, 4), fmpq(0), tolerant=False, seed=seed)


def one_word_each(parameters):
    return replace(parameters, words=1, draws=1)


@pytest.mark.parametrize(("seed", "accepted"), [(0, True), (1, True), (2, False)])
def test_the_promise_excuses_the_bad_luck_that_delta_is_for(monkeypatch, seed, accepted):
    assert promise(copied(seed), one_word_each).measured == 0
    monkeypatch.setattr(theorem, "unlucky", lambda *run: False)
    starved = promise(copied(seed), one_word_each)
    assert not starved.holds()
    assert (starved.measured < 1) is accepted


def test_the_promise_does_not_excuse_a_run_that_had_no_bad_luck():
    hasty = promise(copied(0), lambda parameters: replace(parameters, epochs=1))
    assert hasty.measured == 1  # it ends with a witness: no luck in that

    def every_mass_allowed(parameters):
        return replace(parameters, words=1, draws=1, p=fmpq(1))

    assert not promise(copied(0), every_mass_allowed).holds()
