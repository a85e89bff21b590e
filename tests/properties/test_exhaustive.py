"""properties.exhaustive: the list is complete, without repeats, and in a fixed order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import islice, product

import numpy as np
import pytest
from flint import fmpq

from llr.errors import InputError
from llr.models.base import words
from llr.numbers.units import NAT
from properties.claim import Claim, Measurement, Twin, measure_all, verify_claim
from properties.claims.choices import EveryPath, Trial
from properties.claims.exhaustive import (
    CLAIMS,
    EveryWord,
    OneHistory,
    every_draw,
    tabulated,
    variant,
)
from properties.exhaustive import (
    STEPS,
    one_token,
    small_isans,
    three_tokens,
    two_tokens,
)
from properties.scenarios import Scenario, run


def prefixes(horizon):
    return [p for n in range(horizon) for p in words(2, n)]


def dot(u, v):
    return sum(x * y for x, y in zip(u, v, strict=True))


def table_of(x0, transitions, readouts):
    """The logit of token 0 at every prefix, straight from the definition."""
    found = []
    for prefix in prefixes(len(readouts)):
        x = x0
        for t, token in enumerate(prefix):
            x = tuple(dot(row, x) for row in transitions[t][token])
        found.append(dot(readouts[len(prefix)], x))
    return tuple(found)


def table(small):
    """The table of a listed model, from its sums."""
    if small.horizon == 1:
        return (small.root,)
    if small.horizon == 2:
        return (small.root, *map(sum, small.states))
    middle = [dot(small.readout, x) for x in small.states]
    return (small.root, *middle, *(dot(c, x) for x in small.states for c in small.functionals))


@cache
def exchanges(horizon):
    """Per way to exchange the tokens at some positions: where each entry comes from, its sign."""
    place = {p: i for i, p in enumerate(prefixes(horizon))}
    return [
        [
            (place[tuple(a ^ s for a, s in zip(p, swaps, strict=False))], 1 - 2 * swaps[len(p)])
            for p in prefixes(horizon)
        ]
        for swaps in product(range(2), repeat=horizon)
    ]


def images(row, horizon):
    """The table under every way to exchange the tokens at some of the positions."""
    return [tuple([row[i] * sign for i, sign in way]) for way in exchanges(horizon)]


def vectors(d):
    return list(product((-1, 0, 1), repeat=d))


def all_tables(horizon, d):
    """The least image of every table, by going through all parameters."""
    matrices = list(product(vectors(d), repeat=d))
    found = set()
    for x0 in vectors(d):
        steps = {tuple(dot(row, x0) for row in a) for a in matrices}
        if horizon == 1:
            tables = {(dot(b, x0),) for b in vectors(d)}
        elif horizon == 2:
            tables = {
                (dot(b, x0), dot(c, x), dot(c, y))
                for x, y, b, c in product(steps, steps, vectors(d), vectors(d))
            }
        else:
            tables = {
                table_of(x0, ((a, b), (e, f)), readouts)
                for a, b, e, f in product(matrices, repeat=4)
                for readouts in product(vectors(d), repeat=3)
            }
        found |= {min(images(t, horizon)) for t in tables}
    return found


@pytest.fixture(scope="module")
def three():
    return list(three_tokens())


def least_images(smalls):
    return [min(images(table(s), s.horizon)) for s in smalls]


@pytest.fixture(scope="module")
def listed(three):
    return least_images(three)


def test_the_counts(three):
    assert (len(one_token()), len(two_tokens()), len(three)) == (3, 107, 124_344)
    assert sum(1 for _ in small_isans("nightly")) == 124_454
    assert Counter(s.dimension for s in three) == {1: 57, 2: 124_287}


def test_no_two_of_the_list_are_exchanges_of_each_other(listed):
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("d", [1, 2])
def test_short_words_are_complete(d):
    for horizon, smalls in ((1, one_token()), (2, two_tokens())):
        listed = least_images([s for s in smalls if s.dimension <= d])
        assert len(set(listed)) == len(listed)
        assert set(listed) == all_tables(horizon, d)


def test_dimension_one_is_complete(three):
    assert set(least_images([s for s in three if s.dimension == 1])) == all_tables(3, 1)


def test_dimension_two_contains_what_random_parameters_give(listed):
    known = set(listed)
    rng = np.random.default_rng(0)
    for x0, first, second, readouts in zip(
        rng.integers(-1, 2, (5000, 2)).tolist(),
        rng.integers(-1, 2, (5000, 2, 2, 2)).tolist(),
        rng.integers(-1, 2, (5000, 2, 2, 2)).tolist(),
        rng.integers(-1, 2, (5000, 3, 2)).tolist(),
        strict=True,
    ):
        assert min(images(table_of(x0, (first, second), readouts), 3)) in known


def test_a_listed_model_has_small_parameters_and_its_table():
    some = [*one_token(), *two_tokens(), *three_tokens(499)]
    assert len(some) == 3 + 107 + 250
    for small in some:
        model = small.isan(NAT)
        assert (model.horizon, model.dimension) == (small.horizon, small.dimension)
        for matrix in [m for step in model.transitions for m in step] + list(model.readouts):
            assert {int(x.p) for x in matrix.entries()} <= {-1, 0, 1}
        assert set(model.initial_state) <= {fmpq(-1), fmpq(0), fmpq(1)}
        wanted = dict(zip(prefixes(small.horizon), table(small), strict=True))
        for prefix, value in wanted.items():
            assert model.logits(prefix) == (value, -value)
            assert tabulated(small).logits(prefix) == (value, -value)


def test_probabilities_are_rational():
    for small in three_tokens(9999):
        model = small.isan()
        assert all(p.exact is not None for w in prefixes(3) for p in model.probabilities(w))


def test_the_order_goes_from_small_to_large(three):
    def size(small):
        row = table(small)
        return (small.dimension, sum(map(abs, row)), row)

    for smalls in (one_token(), two_tokens(), three):
        assert [s.place for s in smalls] == list(range(len(smalls)))
        sizes = [size(s) for s in smalls]
        assert sizes == sorted(sizes)


@pytest.mark.parametrize(("profile", "step"), [("quick", 1000), ("ci", 100)])
def test_profiles_take_every_nth(profile, step, three):
    assert STEPS[profile] == step
    assert list(small_isans(profile)) == [*one_token(), *two_tokens(), *three[::step]]


def test_bad_input():
    with pytest.raises(InputError, match="profile must be one of quick, ci, nightly, not 'all'"):
        next(small_isans("all"))
    with pytest.raises(InputError, match="step must be an integer of at least 1, not 0"):
        next(three_tokens(0))


# -- measuring a list ---------------------------------------------------------------------------


def test_measuring_stops_at_the_first_that_breaks():
    seen = []

    def check(n):
        seen.append(n)
        return Measurement.of(n, 5)

    found = measure_all(iter([3, 5, 1, 6, 7]), check)
    assert seen == [3, 5, 1, 6]
    assert (found.tried, found.worst, found.worst_instance) == (4, 1.0, 5)
    assert found.refuted
    assert found.counterexample == 6


def test_measuring_nothing_refutes_nothing():
    found = measure_all([], lambda n: Measurement.of(1))
    assert (found.tried, found.refuted, found.worst_instance) == (0, False, None)


def listed_claim(check, twin):
    return Claim(
        "listed",
        "n is small",
        "here",
        "printed",
        lambda: pytest.fail("a listed claim is not searched"),
        check,
        (Twin("twin", twin),),
        grade="exhaustive",
        instances=lambda profile: range({"quick": 3, "ci": 5, "nightly": 9}[profile]),
    )


def test_claims_and_twins_are_measured_on_the_list():
    claim = listed_claim(lambda n: Measurement.of(n, 8), lambda n: Measurement.of(n, 3))
    verdict = verify_claim(claim, profile="ci")
    assert (verdict.verdict, verdict.grade, verdict.tried) == ("verified", "exhaustive", 5)
    assert verdict.worst_instance == "4"
    (twin,) = verdict.twins
    assert (twin.refuted, twin.tried, twin.counterexample) == (True, 5, "4")
    assert verify_claim(claim, profile="quick").verdict == "twin survived"
    assert verify_claim(claim, profile="nightly").tried == 9


def test_the_first_that_breaks_is_reported():
    claim = listed_claim(lambda n: Measurement.of(n, 1), lambda n: Measurement.of(n, 0))
    verdict = verify_claim(claim)
    assert (verdict.verdict, verdict.counterexample, verdict.tried) == ("refuted", "2", 3)


# -- the claims ---------------------------------------------------------------------------------


def test_sources_that_draw_every_word():
    rng = np.random.default_rng(0)
    assert EveryWord(2).draw(8, 1, rng) == {(0,): 4, (1,): 4}
    assert EveryWord(2).draw(8, 3, rng) == dict.fromkeys(words(2, 3), 1)
    assert OneHistory(2).draw(8, 1, rng) == {(0,): 8}
    assert OneHistory(2).draw(8, 3, rng) == dict.fromkeys(words(2, 3), 1)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.identifier)
def test_every_claim_is_measured_on_the_list_with_all_short_words(claim):
    assert claim.grade == "exhaustive"
    assert list(islice(claim.instances("ci"), 110)) == [*one_token(), *two_tokens()]
    assert all(twin.strategy is None for twin in claim.twins)


@pytest.mark.parametrize("profile", ["quick", "ci"])
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.identifier)
def test_every_claim_says_how_many_it_leaves_out(claim, profile):
    rest = islice(claim.instances(profile), 110, None)
    assert list(rest) == list(three_tokens(claim.steps[profile]))


def test_at_night_nothing_is_left_out():
    assert {claim.steps["nightly"] for claim in CLAIMS} == {1}


def test_a_verdict_says_what_was_listed():
    claim = replace(next(c for c in CLAIMS if c.identifier == "telescope-small"), twins=())
    few = replace(claim, expected="refuted", instances=lambda profile: two_tokens())
    for profile in ("quick", "ci"):
        assert verify_claim(few, profile=profile).as_json()["every"] == STEPS[profile]
    assert "every" not in verify_claim(replace(few, steps=None)).as_json()


@pytest.mark.parametrize("step", [1, 100, 1000])
def test_no_step_makes_the_variants_alike(step):
    some = list(islice(three_tokens(step), 42))
    for size in (2, 3, 4):
        assert {variant(s) % size for s in some} == set(range(size))


def test_one_fresh_word_and_two_draws_lead_to_all_tables():
    reached = 0
    for small in three_tokens(15_000):
        few = every_draw(small, fmpq(1, 1000))
        many = EveryPath(Trial(small.isan(), fmpq(1, 2000), draws=3, words=3, epochs=4))
        for futures in many.reached():
            many.epoch_law(futures)
        assert set(few.tables) == set(many.tables)
        reached += len(few.reached())
    assert reached > 9


def test_sampled_runs_stay_among_the_tables_of_every_draw():
    target = next(islice(three_tokens(15_000), 5, None))
    paths = every_draw(target, fmpq(1, 1000))
    outcomes = set()
    for seed in range(20):
        done = run(Scenario(target.isan(), "none", fmpq(0), fmpq(1, 1000), 2, 2, seed))
        for epoch in done.epochs:
            bases = tuple(c.histories for c in epoch.table.cuts)
            futures = tuple(epoch.table.futures(s) for s in (1, 2, 3))
            assert paths.tables[bases, futures].table == epoch.table
            outcomes.add(epoch.outcome)
    assert len(outcomes) >= 2


def test_twins_are_refuted_by_every_hundredth():
    for claim in CLAIMS:
        for twin in claim.twins:
            assert measure_all(claim.instances("ci"), twin.check).refuted, twin.name
