"""The lean learner: what it asks, where it looks, what it returns."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import fmpq

import llr
from llr.analysis.counting import counting_limit
from llr.analysis.distance import total_variation
from llr.errors import InputError, OracleError
from llr.learning.api import lean_schedule
from llr.learning.certificate import mean_limit
from llr.learning.lean import LeanLearner, LeanSchedule, Repairs, localise
from llr.learning.learned import LearnedModel
from llr.learning.nested import SPECTRUM, NestedTable
from llr.models.base import TabulatedModel, UniformModel
from llr.models.isan import Isan
from llr.models.targets import family_target
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.rational import fraction, rational
from llr.numbers.units import NAT
from llr.oracles.ledger import Ledger
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import ModelOracle, model_oracle

GOOD = {"epsilon": "0.02", "delta": "0.02"}

TARGETS = [
    "isan:T=1,k=2,d=1",
    "isan:T=2,k=3,d=2",
    "isan:T=6,k=2,d=3",
    "isan:T=4,k=3,d=3,seed=1",
    "isan:T=5,k=2,d=3,kind=nilpotent",
    "isan:T=5,k=2,d=3,kind=permutation",
    "parity:n=6,secret=101101,nu=1/10",
    "parity:n=3,secret=000,nu=1/3",
    "fourier:n=5,terms=11000:1/2;00110:-1/4",
    "copy:n=2,k=3,c=2",
    "copy:n=3,k=2",
    "spike:T=5",
    "hard:n=2,L=2,c=1",
    "cauchy:n=2",
]


def table_of(model, arithmetic=EXACT, slack=None, rank=None, seed=0):
    ledger = Ledger(model_oracle(model, arithmetic), model.alphabet_size, model.horizon, arithmetic)
    slack = (fmpq(0) if arithmetic is EXACT else 1e-9) if slack is None else slack
    table = NestedTable(ledger, model.alphabet_size, model.horizon, arithmetic, slack, rank)
    table.build(np.random.default_rng(seed))
    return table, ledger


def boxed_learner(model, threshold=fmpq(0)):
    """Return an exact learner that keeps coefficients in the box, and wants 20 words to pass."""
    k, horizon = model.alphabet_size, model.horizon
    return LeanLearner(
        Ledger(ModelOracle(model), k, horizon, EXACT),
        alphabet_size=k,
        horizon=horizon,
        unit=model.unit,
        arithmetic=EXACT,
        schedule=LeanSchedule(threshold, fmpq(0), fmpq(0), True, lambda attempt: 20, 50),
        rng=np.random.default_rng(0),
    )


@pytest.mark.parametrize("target", TARGETS)
def test_targets_are_learned_exactly(target):
    model = family_target(target)
    result = llr.learn(model, **GOOD)
    assert result.accepted
    assert isinstance(result.model, Isan)
    assert total_variation(model, result.model).enclosure.upper == 0
    assert result.model.unit == model.unit
    ranks = model.cut_ranks()
    assert all(m <= max(1, r) for m, r in zip(result.basis_sizes, ranks, strict=True))
    assert result.model.dimension == max(result.basis_sizes)
    assert result.programs == 0


@pytest.mark.parametrize("target", TARGETS)
def test_counts_add_up(target):
    model = family_target(target)
    seen = []
    result = llr.learn(model, **GOOD, seed=3, on_epoch=seen.append)
    assert [e.number for e in seen] == list(range(1, result.epochs + 1))
    assert seen[-1].outcome == "accepted"
    passed = 0
    for epoch in seen:
        passed = 0 if epoch.outcome == "repaired" else passed + epoch.words
        assert (epoch.words > 0, epoch.passed) == (True, passed)
    counts = result.counts
    assert counts.distinct_prefixes == len(set(result.ledger.log)) == len(result.ledger.log)
    assert result.learning_prefixes + result.certifying_prefixes == counts.distinct_prefixes
    assert counts.words == sum(e.words for e in seen)
    assert sum(result.witnesses) == sum(len(e.stems) for e in seen)
    assert sum(many for _, many in result.certificate.words) == seen[-1].passed
    k, horizon = model.alphabet_size, model.horizon
    assert counts.distinct_prefixes <= (k**horizon - 1) // (k - 1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("target", "limit", "learning"),
    [("isan:T=16,k=2,d=4", 251, 262), ("isan:T=32,k=4,d=4", 601, 833)],
)
def test_learning_calls_near_the_counting_limit(target, limit, learning, seed):
    model = family_target(f"{target},seed={seed}")
    result = llr.learn(model, epsilon="0.1", delta="0.1", arithmetic="float")
    assert result.accepted
    assert (result.counting_limit, result.limit_source) == (limit, "target")
    assert result.learning_prefixes == learning
    assert result.basis_sizes[1:] == model.cut_ranks()[1:]


def test_words_that_are_tested_again_do_not_count_as_fresh():
    seen = []
    model = family_target("copy:n=3,k=2")
    result = llr.learn(model, **GOOD, on_epoch=seen.append)
    repaired = [i for i, e in enumerate(seen) if e.outcome == "repaired"]
    assert repaired
    assert all(seen[i].passed == 0 and seen[i].stems for i in repaired)
    after = seen[repaired[-1] + 1 :]
    assert [e.attempt for e in after] == [len(repaired) + 1] * len(after)
    assert sum(e.words for e in after) == after[-1].passed
    # everything asked up to the last change is learning, the words that showed it included
    assert result.learning_prefixes >= max(len(w) for w in result.ledger.log)


def test_a_counterexample_finds_what_generic_stems_and_zero_rows_hide():
    # all logits zero but the last, x1 (1 + 2 x2 - x3): tables that start from zero bases stay empty
    sign = {0: 1, 1: -1}
    table = {}
    for t in range(4):
        for p in product((0, 1), repeat=t):
            value = 0 if t < 3 else sign[p[0]] * (1 + 2 * sign[p[1]] - sign[p[2]])
            table[p] = [value, -value]
    model = TabulatedModel(2, 4, table)
    bare, _ = table_of(model)
    assert [len(h) for h in bare.histories] == [1, 0, 0, 0]
    result = llr.learn(model, **GOOD)
    assert result.accepted
    assert result.basis_sizes == (1, 1, 2, 1)
    assert total_variation(model, result.model).enclosure.upper == 0
    assert result.limit_source == "learned"


def test_same_seed_same_model_to_the_bit():
    model = family_target("isan:T=6,k=3,d=3")
    one, two = (llr.learn(model, **GOOD, seed=5) for _ in range(2))
    assert json.dumps(llr.storage.to_json(one.model)) == json.dumps(llr.storage.to_json(two.model))
    assert one.as_json() == two.as_json()
    assert one.ledger.log == two.ledger.log
    other = llr.learn(model, **GOOD, seed=6)
    assert other.ledger.log != one.ledger.log


def test_float64_agrees_with_exact():
    model = family_target("isan:T=8,k=3,d=3")
    exact, rough = (llr.learn(model, **GOOD, arithmetic=a) for a in ("exact", "float"))
    assert exact.learning_prefixes == rough.learning_prefixes
    assert exact.basis_sizes == rough.basis_sizes
    assert total_variation(model, rough.model).enclosure.upper < Fraction(1, 10**12)


@pytest.mark.parametrize("noise", ["random", "adversarial", "rounding"])
@pytest.mark.parametrize("arithmetic", ["exact", "float"])
def test_noise_is_not_taken_for_rank(noise, arithmetic):
    model, xi = family_target("isan:T=6,k=2,d=2"), fmpq(1, 10**6)
    oracle = NoisyOracle(ModelOracle(model), noise, xi, model.unit)
    answers = (
        oracle if arithmetic == "exact" else (lambda p: [float(x) for x in oracle.logits([p])[0]])
    )
    result = llr.learn(
        answers, alphabet_size=2, horizon=6, xi="1e-6", arithmetic=arithmetic, **GOOD
    )
    assert result.accepted
    assert all(m <= r for m, r in zip(result.basis_sizes[1:], model.cut_ranks()[1:], strict=True))
    apart = total_variation(model, result.model).enclosure
    assert apart.upper <= 6 * Fraction(1, 10**6)


def test_noise_asks_for_more_columns():
    model = family_target("isan:T=8,k=4,d=4")
    clear, noisy = (
        llr.learn(model, **GOOD, arithmetic="float", xi=xi).learning_prefixes for xi in (0, "1e-6")
    )
    assert clear < noisy


def test_exchanges_bring_coefficients_back_into_the_box():
    # at cut 2 the rows are 1/8 and 1: a basis of the small one leaves the box
    model = TabulatedModel(
        2,
        3,
        {(): [0, 0], (0,): [fmpq(1, 8), fmpq(-1, 8)], (1,): [1, -1]}
        | {p: [0, 0] for p in product((0, 1), repeat=2)},
    )
    learner = boxed_learner(model)
    epochs = list(learner.epochs())
    assert epochs[-1].outcome == "accepted"
    assert [e.exchanges for e in epochs if e.outcome == "repaired"] == [1]
    # the words that showed it are not fresh for the model that they changed
    assert [e.outcome for e in epochs].index("repaired") > 0
    assert (epochs[-1].attempt, epochs[-1].passed) == (2, 20)
    assert [e.words for e in epochs if e.attempt == 2] == [1, 2, 4, 8, 5]
    assert sum(learner.words.values()) == 20 < sum(e.words for e in epochs)
    assert learner.table.histories[1] == [(1,)]
    assert EXACT.rows(learner.table.transitions[0]) == [(fmpq(1, 8),), (fmpq(1),)]


def test_giving_up_returns_the_uniform_model():
    result = llr.learn(family_target("copy:n=2,k=2"), **GOOD, max_epochs=1)
    assert not result.accepted
    assert result.epochs == 1
    assert isinstance(result.model, UniformModel)
    assert result.certificate is None


def test_a_slack_that_cannot_be_lowered_is_the_end():
    # no float64 fit is good enough for a threshold of 0
    model = family_target("isan:T=6,k=3,d=3")
    told = []
    learner = LeanLearner(
        Ledger(model_oracle(model, FLOAT64), 3, 6, FLOAT64),
        alphabet_size=3,
        horizon=6,
        unit=model.unit,
        arithmetic=FLOAT64,
        schedule=LeanSchedule(0.0, 1e-8, 1e-9, False, lambda attempt: 20, 50),
        rng=np.random.default_rng(0),
        tell=lambda *what: told.append(what),
    )
    epochs = list(learner.epochs())
    assert told[-1] == ("fresh words to measure the model on", 0, 0)
    assert [e.outcome for e in epochs[:-2]] == ["repaired"] * (len(epochs) - 2)
    assert [e.outcome for e in epochs[-2:]] == ["stuck", "measured"]
    assert [e.passed for e in epochs[-2:]] == [0, 0]
    assert [e.number for e in epochs] == list(range(1, len(epochs) + 1))
    assert [e.attempt for e in epochs] == list(range(1, len(epochs) + 1))
    assert sum(e.tightened for e in epochs) == 2  # to 1e-8 / 4, and to 1e-9
    assert sum(learner.words.values()) == epochs[-1].words == 20


def test_after_a_lowered_slack_the_words_are_drawn_afresh():
    # a slack of 1/100 hides a rank; the first word shows it, and no stem is missing
    model = family_target("isan:T=4,k=2,d=2")
    learner = LeanLearner(
        Ledger(model_oracle(model, FLOAT64), 2, 4, FLOAT64),
        alphabet_size=2,
        horizon=4,
        unit=model.unit,
        arithmetic=FLOAT64,
        schedule=LeanSchedule(1e-6, 1e-2, 1e-9, False, lambda attempt: 20, 50),
        rng=np.random.default_rng(0),
    )
    first, *after = learner.epochs()
    assert (first.outcome, first.words, first.stems, first.tightened) == ("repaired", 1, (), 1)
    assert [e.attempt for e in after] == [2] * len(after)
    assert after[-1].outcome == "accepted"
    assert sum(e.words for e in after) == sum(learner.words.values()) == 20


@pytest.mark.parametrize(
    "found", [{"stems": [(2, (0,))]}, {"exchanges": 1}, {"tightened": 1}, {"stuck": True}]
)
def test_every_kind_of_repair_is_one(found):
    assert Repairs(**found).any
    assert not Repairs().any


@pytest.mark.parametrize("sign", [1, -1])
def test_the_cut_is_where_the_estimates_leave_their_share_of_the_threshold(sign):
    # one token of four is off: by 1/4 at cut 2, which is its share, by 3/4 at cut 3, which is not
    off = {1: 0, 2: fmpq(1, 4), 3: fmpq(3, 4), 4: fmpq(1, 2), 5: 2}
    truth = (fmpq(0),) * 4

    def estimate(s):
        return (sign * off[s], *[-sign * off[s] / fmpq(3)] * 3)

    assert localise(estimate, truth, 5, fmpq(1)) == 3
    assert localise(estimate, truth, 3, fmpq(1, 2)) == 3


def test_every_exchange_counts():
    # at cut 2 the rows are 1/8, 1 and 8, so that each leaves the box of the one before
    rows = {(a,): [x, -x, 0] for a, x in enumerate((fmpq(1, 8), fmpq(1), fmpq(8)))}
    model = TabulatedModel(3, 2, {(): [0, 0, 0]} | rows)
    learner = boxed_learner(model)
    learner.table.build(np.random.default_rng(0))
    assert learner.table.histories[1] == [(0,)]
    done = learner.repair({(1, 0): 1, (2, 0): 1})
    assert (done.exchanges, done.stems, done.tightened, done.stuck) == (2, [], 0, False)
    assert learner.table.histories[1] == [(2,)]


def test_an_exchange_is_of_the_largest_coefficient_whatever_its_sign():
    # at cut 2 the rows are u, v and u - 8 v
    rows = {(0,): [1, 0, -1], (1,): [0, 1, -1], (2,): [1, -8, 7]}
    model = TabulatedModel(3, 2, {(): [0, 0, 0]} | rows)
    learner = boxed_learner(model)
    learner.table.build(np.random.default_rng(0))
    assert learner.table.histories[1] == [(0,), (1,)]
    assert learner.repair({(2, 0): 1}).exchanges == 1
    assert learner.table.histories[1] == [(0,), (2,)]
    assert EXACT.rows(learner.table.transitions[0])[1] == (fmpq(1, 8), fmpq(-1, 8))


def test_batches_that_pass_double_until_enough_words_have_passed():
    epochs = list(boxed_learner(family_target("isan:T=4,k=2,d=2")).epochs())
    assert [e.outcome for e in epochs] == [*["passed"] * 4, "accepted"]
    assert [e.words for e in epochs] == [1, 2, 4, 8, 5]
    assert [e.passed for e in epochs] == [1, 3, 7, 15, 20]


@pytest.mark.parametrize(("off", "disproved"), [(fmpq(3, 10), False), (fmpq(31, 100), True)])
def test_a_relation_may_be_off_by_a_threshold_for_its_row_and_each_coefficient(
    monkeypatch, off, disproved
):
    learner = boxed_learner(family_target("isan:T=3,k=2,d=2"), threshold=fmpq(1, 10))
    learner.table.build(np.random.default_rng(0))
    monkeypatch.setattr(learner, "_path", lambda prefix: [(fmpq(1), fmpq(-1))])
    monkeypatch.setattr(
        learner, "_estimate", lambda s, c, prefix: [x - off for x in learner._ledger.row(prefix)]
    )
    assert learner._disproof((0,)) == ((0,) if disproved else None)


def test_batches_are_few():
    """A table of T cuts is built with a handful of calls to the oracle per cut."""
    model, batches = family_target("isan:T=12,k=2,d=3"), []

    class Counting:
        def __init__(self):
            self.inner = ModelOracle(model)

        def logits(self, prefixes):
            batches.append(len(prefixes))
            return self.inner.logits(prefixes)

    ledger = Ledger(Counting(), 2, 12, EXACT)
    NestedTable(ledger, 2, 12, EXACT, fmpq(0)).build(np.random.default_rng(0))
    assert len(batches) <= 6 * 12
    assert max(batches) >= 6


# -- approximate rank ---------------------------------------------------------------------------


def test_a_rank_is_a_limit():
    model = family_target("perturbed:T=6,k=2,d=3,xi=1/1000")
    for rank in (1, 2, 4):
        result = llr.learn(model, arithmetic="float", rank=rank, epsilon="0.2", delta="0.1")
        assert max(result.basis_sizes) <= rank
        assert isinstance(result.model, Isan)
        apart = total_variation(model, result.model).enclosure
        assert apart.upper <= fraction(result.certificate.total_variation)
        assert result.accepted is (result.certificate.total_variation <= fmpq(1, 5))


def test_more_rank_is_nearer():
    model = family_target("perturbed:T=7,k=2,d=4,xi=1/1000")
    far, near = (
        float(
            total_variation(
                model,
                llr.learn(model, arithmetic="float", rank=r, epsilon="0.3", delta="0.1").model,
            ).enclosure.upper
        )
        for r in (1, 4)
    )
    assert near < far / 10


def test_the_spectrum_chooses_the_rank():
    model = family_target("perturbed:T=8,k=2,d=3,xi=1/10000")
    result = llr.learn(
        model, arithmetic="float", rank="spectrum", xi="1e-3", epsilon="0.3", delta="0.1"
    )
    assert result.basis_sizes == (1, 2, 3, 3, 3, 3, 3, 1)
    table, _ = table_of(model, FLOAT64, 1e-9, SPECTRUM)
    assert max(len(h) for h in table.histories) > 3  # noise counts as rank at that accuracy


def test_relaxed_programs_predict_without_a_network():
    model = family_target("perturbed:T=5,k=2,d=2,xi=1/1000")
    result = llr.learn(model, arithmetic="float", rank=2, relaxed=True, epsilon="0.3", delta="0.1")
    assert isinstance(result.model, LearnedModel)
    assert result.model.relaxed
    assert total_variation(model, result.model).enclosure.upper < Fraction(1, 100)
    again = llr.storage.READERS["learned"](llr.storage.to_json(result.model))
    assert again.relaxed
    assert again.logits((0, 1, 0)) == result.model.logits((0, 1, 0))


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"rank": 0}, ["rank"]),
        ({"rank": "many"}, ["rank"]),
        ({"rank": "spectrum"}, ["arithmetic", "float", "spectrum"]),
        ({"relaxed": True}, ["relaxed", "rank"]),
        ({"relaxed": True, "rank": 2}, ["arithmetic", "float", "relaxed"]),
        ({"rank": 2, "algorithm": "printed"}, ["rank", "lean"]),
        ({"relaxed": True, "algorithm": "printed"}, ["relaxed", "lean"]),
    ],
)
def test_bad_ranks_are_refused(options, names):
    with pytest.raises(InputError) as caught:
        llr.learn(family_target("spike:T=3"), **GOOD, **options)
    assert all(name in str(caught.value) for name in names)


def test_float64_refuses_an_accuracy_below_its_own():
    # eight logits off by 1e-7 are a distance of 4e-7
    with pytest.raises(InputError) as caught:
        llr.learn(family_target("spike:T=9"), epsilon="4e-7", delta="0.1", arithmetic="float")
    refusal = caught.value
    assert (refusal.argument, refusal.expected) == ("epsilon", "above 1/2500000 in float64")


def test_what_is_no_oracle_is_shown():
    with pytest.raises(InputError) as caught:
        llr.learn(3, alphabet_size=2, horizon=3, **GOOD)
    assert (caught.value.argument, caught.value.value) == ("oracle", 3)


def test_parameters_of_the_lean_learner():
    model = family_target("isan:T=5,k=2,d=2")
    options = {"epsilon": "1/10", "delta": "1/50"}
    exact = llr.learn(model, **options).parameters
    assert exact == {
        "epsilon": fmpq(1, 10),
        "delta": fmpq(1, 50),
        "xi": fmpq(0),
        "p": fmpq(1, 10),
        "tau": fmpq(0),
    }
    # 5 xi / 2 = 1/40 goes to the noise; what is left is shared equally: p = 3/80 = 4 tau / 2
    noisy = llr.learn(model, **options, xi="1/100").parameters
    assert (noisy["xi"], noisy["p"], noisy["tau"]) == (fmpq(1, 100), fmpq(3, 80), fmpq(3, 160))
    rough = llr.learn(model, **options, arithmetic="float").parameters
    assert (rough["p"], rough["tau"]) == (fmpq(1, 10) - fmpq(2, 10**7), fmpq(1, 10**7))
    limited = llr.learn(model, **options, arithmetic="float", rank=2).parameters
    assert (limited["p"], limited["tau"]) == (None, fmpq(1, 2))
    longer = llr.learn(family_target("isan:T=11,k=2,d=2"), **options, rank=2).parameters
    assert (longer["p"], longer["tau"]) == (None, fmpq(2, 5))


@pytest.mark.parametrize("horizon", [1, 2, 3, 16])
@pytest.mark.parametrize("arithmetic", ["exact", "float"])
@pytest.mark.parametrize("epsilon", ["1/2", "1/20"])
def test_a_model_of_limited_rank_is_accepted_if_it_is_good_enough(horizon, arithmetic, epsilon):
    model = family_target(f"isan:T={horizon},k=2,d=2")
    options = {"delta": "1/10", "arithmetic": arithmetic}
    assert llr.learn(model, **options, epsilon=epsilon, rank=2).accepted
    far = family_target("isan:T=16,k=2,d=4")
    found = llr.learn(far, **options, epsilon=epsilon, rank=1)
    assert not found.accepted
    assert found.certificate.total_variation > rational(epsilon)


@pytest.mark.parametrize("horizon", [1, 2, 16])
@pytest.mark.parametrize("xi", [fmpq(0), fmpq(1, 1000)])
@pytest.mark.parametrize("epsilon", [fmpq(1, 2), fmpq(1, 20)])
def test_as_many_words_as_distances_of_half_epsilon_need(horizon, xi, epsilon):
    delta = fmpq(1, 10)
    schedule, parameters = lean_schedule(epsilon, delta, xi, horizon, NAT, FLOAT64, 1, 2)
    largest, rest = 1 + (horizon - 1) * parameters["tau"] / 2, epsilon - horizon * xi / 2
    n = schedule.validation_draws(1)

    def bound(part, words):
        return largest * mean_limit({part * rest / largest: words}, delta / 4)

    assert bound(fmpq(1, 2), n) <= rest
    assert bound(fmpq(1, 2), n * 4 // 5) > rest
    assert bound(fmpq(0), n) < rest * fmpq(7, 10)


def test_an_oracle_that_changes_its_mind_is_refused():
    calls = []

    def wavering(prefix):
        calls.append(prefix)
        return [len(calls), 0]

    with pytest.raises(OracleError):
        llr.learn(wavering, alphabet_size=2, horizon=3, **GOOD, max_epochs=3)


# -- tables -------------------------------------------------------------------------------------


def test_a_built_table_shares_rows_between_cuts():
    model = family_target("isan:T=16,k=2,d=4")
    table, ledger = table_of(model)
    # per cut: 4 candidates outside the basis on 4 stems, 4 basis histories, and one test
    assert ledger.counts.distinct_prefixes == 262
    for s in range(2, 17):
        known = {(*h, a) for h in table.histories[s - 2] for a in range(2)}
        assert set(table.histories[s - 1]) <= known
    before = ledger.counts.distinct_prefixes
    table.table()  # the chain programs need nothing new
    assert ledger.counts.distinct_prefixes == before


def test_a_table_of_one_token_has_one_cut():
    table, _ = table_of(family_target("spike:T=1"))
    (cut,) = table.table().cuts
    assert cut.histories == ((),)
    assert cut.futures == ((0,), (1,))


def test_what_stands_is_kept():
    model = family_target("copy:n=3,k=2")
    table, _ = table_of(model)
    before = [list(h) for h in table.histories], [list(g) for g in table.stems]
    table.add_stem(2, (0, 0))
    after = table.histories, table.stems
    for old, new in zip(before, after, strict=True):
        assert all(n[: len(o)] == o for o, n in zip(old, new, strict=True))


@pytest.mark.parametrize("target", ["isan:T=9,k=3,d=3", "parity:n=5,secret=10110", "copy:n=3,k=2"])
def test_counting_limit_by_hand(target):
    model = family_target(target)
    r, k = model.cut_ranks(), model.alphabet_size
    free = sum(k * r[t] * r[t + 1] for t in range(len(r) - 1))
    free += sum((k - 1) * x for x in r) - sum(x * x for x in r[1:])
    assert counting_limit(k, r) == fmpq(free, k - 1)


def test_where_noise_keeps_words_from_passing_fresh_words_decide():
    model, xi, seen = family_target("isan:T=12,k=3,d=3"), fmpq(1, 5000), []
    oracle = NoisyOracle(ModelOracle(model), "adversarial", xi, model.unit)
    result = llr.learn(
        lambda p: [float(x) for x in oracle.logits([p])[0]],
        alphabet_size=3,
        horizon=12,
        epsilon="0.01",
        delta="0.1",
        xi="1/5000",
        arithmetic="float",
        on_epoch=seen.append,
    )
    assert [e.outcome for e in seen][-2:] == ["stuck", "measured"]
    assert isinstance(result.model, Isan)
    assert result.parameters["tau"] == result.certificate.tau == 16 * xi
    # nothing asked after the table stood is learning, and the words are fresh
    assert result.certifying_prefixes > 0
    assert sum(many for _, many in result.certificate.words) == seen[-1].words
    assert result.accepted is (result.certificate.total_variation <= fmpq(1, 100))
    assert result.accepted


@pytest.mark.parametrize("last", [fmpq(1, 2), fmpq(0)])
@pytest.mark.parametrize("seed", [2, 16, 20, 21])
def test_a_prefix_that_belies_its_coefficients_is_no_exchange(last, seed):
    """Its coefficients leave the box because of a relation that fails, not because of its row."""
    rows = {
        (): [0] * 4,
        (0,): [3, -1, -1, -1],
        (1,): [-1, 3, -1, -1],
        (2,): [-1, -1, 3, -1],
        (3,): [1, 1, 1, -3],
    }
    for i, a in product(range(4), repeat=2):
        size = (3 if a == 0 else last) if i == 3 else 1
        rows[i, a] = [2 * size, 0, 0, -2 * size]
    model = TabulatedModel(4, 3, rows)
    result = llr.learn(model, epsilon="0.1", delta="0.1", xi="1/1000", seed=seed)
    assert result.accepted
    assert total_variation(model, result.model).enclosure.upper <= Fraction(1, 10)


@pytest.mark.parametrize("epsilon", ["1e-4", "1e-5"])
def test_an_accepted_model_is_certified_to_epsilon(epsilon):
    result = llr.learn(family_target("spike:T=2"), epsilon=epsilon, delta="0.01")
    assert result.accepted
    assert fraction(result.certificate.total_variation) <= Fraction(epsilon)


def test_the_limit_from_learned_ranks_counts_the_last_cut():
    model = family_target("isan:T=6,k=2,d=3")
    oracle = ModelOracle(model)
    for algorithm in ("lean", "printed"):
        result = llr.learn(oracle, alphabet_size=2, horizon=6, algorithm=algorithm, **GOOD)
        assert (result.counting_limit, result.limit_source) == (39, "learned")
