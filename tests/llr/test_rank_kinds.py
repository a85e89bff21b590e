"""Mixed and probability ranks, certified lower bounds, and ``llr rank --kind``.

Independent values: elimination in Fractions on matrices written down word by word.
"""

from __future__ import annotations

import time
from fractions import Fraction

import mpmath
import pytest
from by_hand import all_words, slow_rank
from click.testing import CliRunner
from commands import json_of
from flint import fmpq

import llr
from llr.cli import main
from llr.errors import InputError, TooLargeError
from llr.models.base import TabulatedModel, UniformModel
from llr.models.families import copy, fourier_sparse, noisy_parity, random_isan, spike
from llr.models.logits import (
    cut_rank_lower_bounds,
    cut_ranks,
    cut_ranks_by_enumeration,
    mixed_rank,
    mixed_rank_by_enumeration,
    mixed_rank_lower_bound,
    probability_ranks,
    probability_ranks_by_enumeration,
)
from llr.models.markov import HiddenMarkovModel, random_hidden_markov
from llr.models.perturbed import PerturbedModel, perturbed_isan
from llr.models.targets import family_target
from llr.models.teachers import cauchy_teacher, hard_teacher, random_program
from llr.numbers.arithmetic import FLOAT64
from llr.numbers.rational import fraction
from llr.numbers.units import LN2
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import ModelOracle


def mixed_by_hand(model):
    k, horizon, found = model.alphabet_size, model.horizon, []
    for longest in range(horizon):
        histories = [h for n in range(longest + 1) for h in all_words(k, n)]
        futures = [f for n in range(1, horizon - longest + 1) for f in all_words(k, n)]
        rows = [[model.logits((*h, *f[:-1]))[f[-1]] for f in futures] for h in histories]
        found.append(slow_rank(rows))
    return max(found)


def chances(model, prefix):
    """Return next-token probabilities of a model with unit ln q, from its logits alone."""
    row = model.logits(prefix)
    if len(set(row)) == 1:
        return [Fraction(1, len(row))] * len(row)
    steps = [x - row[0] for x in row]
    assert all(s.denominator == 1 for s in steps)
    weights = [fraction(model.unit.base) ** int(s) for s in steps]
    return [w / sum(weights) for w in weights]


def probability_by_hand(model):
    """Return the rank of M(h.f) per cut: scaling a row by M(h) > 0 does not change it."""
    k, horizon = model.alphabet_size, model.horizon
    law = {(): Fraction(1)}
    for _ in range(horizon):
        law = {(*p, a): x * y for p, x in law.items() for a, y in enumerate(chances(model, p))}
    return tuple(
        slow_rank([[law[h + f] for f in all_words(k, horizon - s)] for h in all_words(k, s)])
        for s in range(horizon)
    )


SMALL = {
    "isan": lambda: random_isan(4, 2, 2),
    "isan, d = 1": lambda: random_isan(3, 3, 1),
    "isan, T = 1": lambda: random_isan(1, 3, 2),
    "isan, T = 2": lambda: random_isan(2, 2, 3),
    "isan, sparse": lambda: random_isan(4, 2, 3, 3, "sparse"),
    "isan, nilpotent": lambda: random_isan(5, 2, 3, 1, "nilpotent"),
    "isan, permutation": lambda: random_isan(4, 2, 3, 2, "permutation"),
    "isan, dense": lambda: random_isan(4, 2, 2, 5, "dense"),
    "parity": lambda: noisy_parity(3, "101", "1/10"),
    "fourier": lambda: fourier_sparse(3, {"110": "1/2", "011": "-1/4"}),
    "copy": lambda: copy(2, 2, 1),
    "copy, k = 3": lambda: copy(1, 3, 2),
    "spike": lambda: spike(4),
    "hard": lambda: hard_teacher(1, random_program(1, 2), 1, 1),
    "cauchy": lambda: cauchy_teacher(2),
}


# -- mixed rank -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_mixed_rank_by_hand(name):
    model = SMALL[name]()
    expected = mixed_by_hand(model)
    assert mixed_rank(model) == model.mixed_rank() == expected
    assert mixed_rank_by_enumeration(model) == expected
    ranks = model.cut_ranks()
    assert max(ranks) <= expected <= sum(ranks) <= model.horizon * max(ranks)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["rotation", "dense", "sparse", "permutation", "nilpotent"])
def test_mixed_ranks_of_random_isans(kind, seed):
    model = random_isan(5, 2, 3, seed, kind)
    assert model.mixed_rank() == mixed_rank_by_enumeration(model)


def test_mixed_rank_sees_more_than_one_cut():
    """Two layers that look at one bit with two signs: every cut has rank 1, the mix has rank 2."""
    table = {
        (): [0, 1],
        **{(a,): [0, 3] for a in range(2)},
        **{w: [0, 7] for w in all_words(2, 2)},
    }
    model = TabulatedModel(2, 3, table)
    assert cut_ranks(model) == (1, 1, 1)
    assert mixed_rank(model) == mixed_by_hand(model) == 2


def test_mixed_rank_of_models_that_are_no_isans():
    uniform = UniformModel(3, 3)
    assert mixed_rank(uniform) == 0
    perturbed = perturbed_isan(4, 2, 1, 3)
    assert mixed_rank(perturbed) == mixed_by_hand(perturbed) == 3


def test_mixed_ranks_of_large_isans():
    start = time.process_time()
    # L = 7: rows of rank 1 + 2 + 6 * 3, below the 2^5 - 1 columns; L = 8: 2^4 - 1 columns
    assert mixed_rank(random_isan(12, 2, 3)) == 21
    assert mixed_rank(noisy_parity(30, "10" * 15, "1/10")) == 1
    assert mixed_rank(cauchy_teacher(8)) == 2
    assert time.process_time() - start < 20


def test_mixed_rank_of_a_large_model_is_refused_before_the_work():
    with pytest.raises(
        TooLargeError, match=r"^a mixed matrix of a model with k=2, T=21 is too large to enumerate$"
    ):
        mixed_rank(UniformModel(2, 21))


def test_mixed_rank_needs_an_exact_model():
    class Zero(UniformModel):
        arithmetic = FLOAT64

    with pytest.raises(InputError, match=r"^model must be exact: float64 has no exact rank"):
        mixed_rank(Zero(2, 2))


# -- probability rank -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["parity", "copy", "copy, k = 3", "hard", "cauchy"])
def test_probability_ranks_by_hand(name):
    model = SMALL[name]()
    assert probability_ranks(model) == probability_by_hand(model)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_cauchy_teacher_separates_the_two_ranks(n):
    """Logit rank 2 at most; probability rank exactly 2^n at the middle cut, over Q."""
    model = cauchy_teacher(n)
    assert max(cut_ranks(model)) == 2
    found = probability_ranks(model)
    assert found[n] == max(found) == 2**n
    assert found[: n + 1] == tuple(2**s for s in range(n + 1))
    if n <= 2:
        assert found == probability_by_hand(model)


def test_the_middle_cut_of_a_cauchy_teacher_is_a_cauchy_matrix():
    n = 3
    rows = [
        [Fraction(2**x, 2**x + 2**f) * Fraction(1, 2**n) for f in range(2**n)] for x in range(2**n)
    ]
    rows = [row + [Fraction(1, 2**n) - y for y in row] for row in rows]
    assert slow_rank(rows) == probability_ranks(cauchy_teacher(n))[n] == 8


@pytest.mark.parametrize(("n", "k"), [(1, 2), (2, 2), (3, 2), (4, 2), (1, 3), (2, 3), (1, 5)])
def test_probability_rank_of_copy_is_k_to_the_n(n, k):
    model = copy(n, k, 1)
    found = probability_ranks(model)
    assert found[n] == max(found) == k**n
    assert found == tuple(k ** min(s, 2 * n - s) for s in range(2 * n))
    assert max(cut_ranks(model)) == n * (k - 1)


def test_probability_ranks_count_states_once():
    """A model of 2^16 histories in one state is ranked at once."""
    start = time.process_time()
    assert probability_ranks(UniformModel(2, 16)) == (1,) * 16
    assert time.process_time() - start < 5


def test_probability_ranks_of_uniform_models_in_any_unit():
    assert probability_ranks(UniformModel(3, 3)) == (1, 1, 1)
    assert probability_ranks(TabulatedModel(2, 2, {(): [1, 1], (0,): [2, 2], (1,): [0, 0]})) == (
        1,
        1,
    )


def test_probability_ranks_of_tabulated_models():
    table = {
        h: [0, (3 * sum(h) + len(h) + 2 * h[0] * h[-1]) % 5 if h else 1]
        for n in range(4)
        for h in all_words(2, n)
    }
    model = TabulatedModel(2, 4, table, LN2)
    assert probability_ranks(model) == probability_by_hand(model)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("horizon", "k", "r"), [(1, 2, 2), (4, 2, 2), (3, 3, 4), (5, 2, 3)])
def test_probability_ranks_of_hidden_markov_models(horizon, k, r, seed):
    model = random_hidden_markov(horizon, k, r, seed)
    found = probability_ranks(model)
    assert found == probability_ranks_by_enumeration(model)
    assert max(found) <= r


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (lambda: spike(3), "one with logits -3 and 3 in the unit nat"),
        (
            lambda: TabulatedModel(2, 1, {(): [0, "1/2"]}, LN2),
            "one with logits -1/4 and 1/4 in the unit ln 2",
        ),
        (
            lambda: TabulatedModel(3, 1, {(): [0, 1, "1/2"]}, LN2),
            "one with logits -1/2 and 0 in the unit ln 2",
        ),
        (lambda: PerturbedModel(cauchy_teacher(1), "random", "1/10"), "one with logits"),
    ],
)
def test_irrational_probabilities_are_refused(model, shown):
    with pytest.raises(InputError) as caught:
        probability_ranks(model())
    assert str(caught.value).startswith(
        "model must be one with rational probabilities: the unit ln q, logits an integer apart, "
        f"not {shown}"
    )


def test_probability_ranks_of_a_large_model_are_refused_before_the_work():
    with pytest.raises(
        TooLargeError, match=r"^a cut of a model with k=2, T=23 is too large to enumerate$"
    ):
        probability_ranks(UniformModel(2, 23))


# -- certified lower bounds -----------------------------------------------------------------------


def logarithms(model, prefix):
    """Return the centred logits by mpmath, from the exact probabilities."""
    logs = [
        mpmath.log(int(p.exact.p)) - mpmath.log(int(p.exact.q)) for p in model.probabilities(prefix)
    ]
    mean = mpmath.fsum(logs) / len(logs)
    return [x - mean for x in logs]


@pytest.mark.parametrize(("horizon", "k", "r"), [(3, 2, 2), (4, 2, 2), (2, 3, 2), (3, 3, 3)])
def test_cut_ranks_of_hidden_markov_models(horizon, k, r):
    """Singular values by mpmath at 60 digits: as many above 1e-30 as the bound says."""
    model = random_hidden_markov(horizon, k, r, 1)
    found = cut_rank_lower_bounds(model)
    with mpmath.workdps(60):
        for s, bound in enumerate(found):
            futures = [f for n in range(1, horizon - s + 1) for f in all_words(k, n)]
            m = mpmath.matrix(
                [
                    [logarithms(model, (*h, *f[:-1]))[f[-1]] for f in futures]
                    for h in all_words(k, s)
                ]
            )
            gram = m * m.T
            values = mpmath.eigsy(gram, eigvals_only=True)
            assert sum(1 for x in values if x > mpmath.mpf(10) ** -40) == bound
    assert found == cut_rank_lower_bounds(random_hidden_markov(horizon, k, r, 1))


def test_logit_ranks_of_hidden_markov_models_exceed_their_probability_ranks():
    """A contrast case: probability rank 2, logit rank 8 (all there is, at T = 7)."""
    model = random_hidden_markov(7, 2, 2, 0)
    assert max(probability_ranks(model)) == 2
    assert cut_rank_lower_bounds(model) == (1, 2, 4, 8, 7, 3, 1)
    assert mixed_rank_lower_bound(model) >= 8


def test_lower_bounds_of_chains_of_low_logit_rank():
    """One hidden state: independent tokens, one row; uniform emissions: logits exactly 0."""
    alone = HiddenMarkovModel(2, 5, [1], [[1]], [["1/3", "2/3"]])
    assert cut_rank_lower_bounds(alone) == (1,) * 5
    assert mixed_rank_lower_bound(alone) == 1
    flat = HiddenMarkovModel(3, 3, ["1/2", "1/2"], [[0, 1], [1, 0]], [["1/3"] * 3] * 2)
    assert cut_rank_lower_bounds(flat) == (0, 0, 0)
    assert mixed_rank_lower_bound(flat) == 0
    # the hidden state is known in advance: the logits depend on the time alone
    clock = HiddenMarkovModel(2, 4, [1, 0], [[0, 1], [1, 0]], [["1/3", "2/3"], ["1/5", "4/5"]])
    assert cut_rank_lower_bounds(clock) == (1, 1, 1, 1)
    assert mixed_rank_lower_bound(clock) == 2


@pytest.mark.parametrize("name", SMALL)
def test_lower_bounds_agree_with_exact_ranks(name):
    model = SMALL[name]()
    assert cut_rank_lower_bounds(model) == cut_ranks(model)
    assert mixed_rank_lower_bound(model) == mixed_rank(model)


def test_lower_bounds_of_large_models_are_refused_before_the_work():
    message = r"is too large to enumerate$"
    with pytest.raises(TooLargeError, match=r"^a cut of a model with k=2, T=14 " + message):
        cut_rank_lower_bounds(random_hidden_markov(14, 2, 2))
    with pytest.raises(TooLargeError, match=r"^a mixed matrix of a model with k=2, T=14 "):
        mixed_rank_lower_bound(random_hidden_markov(14, 2, 2))


# -- perturbed models -----------------------------------------------------------------------------


@pytest.mark.parametrize("noise", ["random", "adversarial", "rounding"])
@pytest.mark.parametrize("k", [2, 3])
def test_perturbed_models_are_xi_close_to_their_isan(k, noise):
    isan, model = random_isan(4, k, 2, 5), perturbed_isan(4, k, 2, 5, "1/50", noise)
    assert (model.alphabet_size, model.horizon, model.unit) == (k, 4, isan.unit)
    apart = []
    for length in range(4):
        for prefix in all_words(k, length):
            row = model.logits(prefix)
            assert sum(row) == 0
            apart += [abs(x - y) for x, y in zip(row, isan.logits(prefix), strict=True)]
    assert 0 < max(apart) <= Fraction(1, 50)
    if noise == "adversarial":
        assert max(apart) == Fraction(1, 50)


def test_the_bound_is_in_nats_whatever_the_unit():
    inner = copy(1, 2, 1)
    model = PerturbedModel(inner, "adversarial", "1/10")
    with mpmath.workdps(50):
        error = abs(model.logits(())[0] - inner.logits(())[0])
        nats = mpmath.mpf(error.numerator) / error.denominator * mpmath.log(2)
        assert mpmath.mpf(1) / 10 * (1 - mpmath.mpf(2) ** -50) < nats <= mpmath.mpf(1) / 10


def test_errors_are_a_function_of_seed_and_prefix():
    def logits(model):
        return {p: model.logits(p) for n in range(4) for p in all_words(2, n)}

    one = logits(perturbed_isan(4, 2, 2, 1))
    assert logits(perturbed_isan(4, 2, 2, 1)) == one
    inner = random_isan(4, 2, 2, 1)
    assert logits(PerturbedModel(inner, "random", "1/100", 1)) == one
    assert logits(PerturbedModel(inner, "random", "1/100", 2)) != one
    assert logits(family_target("perturbed:T=4,d=2,seed=1")) == one
    assert logits(family_target("perturbed:T=4,k=2,d=2,seed=1,xi=0.01,noise=random")) == one


def test_the_errors_are_not_those_of_an_oracle_of_the_same_seed():
    """Else an oracle's error would always add to the model's."""
    inner = random_isan(5, 2, 1)
    asked = [p for n in range(5) for p in all_words(2, n)]
    xi = fmpq(1, 10)
    oracle = NoisyOracle(ModelOracle(inner), "adversarial", xi, inner.unit, 0).logits(asked)
    model = PerturbedModel(inner, "adversarial", "1/10", 0)
    same = [
        row == model.logits(p)
        for p, row in zip(asked, [tuple(map(fraction, row)) for row in oracle], strict=True)
    ]
    assert 0 < sum(same) < len(same)


def test_perturbed_models_have_full_rank():
    model = perturbed_isan(5, 2, 1, 0, "1/1000")
    assert cut_ranks(model) == cut_ranks_by_enumeration(model) == (1, 2, 4, 3, 1)
    rows = [
        [model.logits((*h, *f))[1] for n in range(3) for f in all_words(2, n)]
        for h in all_words(2, 2)
    ]
    assert slow_rank(rows) == 4


def test_distance_of_a_perturbed_model_is_at_most_t_xi_half():
    model, isan = perturbed_isan(5, 2, 2, 0, "1/100"), random_isan(5, 2, 2, 0)
    found = llr.total_variation(model, isan)
    assert found.enclosure.lower > 0
    assert found.enclosure.upper < Fraction(5, 200)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("perturbed:T=3", "target parameter d must be given, as in perturbed:T=5,k=2,d=2,seed=0"),
        ("perturbed:T=0,d=1", "T must be an integer of at least 1, not 0"),
        ("perturbed:T=2,d=0", "d must be an integer of at least 1, not 0"),
        ("perturbed:T=2,d=1,k=1", "k must be an integer of at least 2, not 1"),
        ("perturbed:T=2,d=1,seed=-1", "seed must be an integer of at least 0, not -1"),
        ("perturbed:T=2,d=1,xi=0", "xi must be positive for noise random, not '0'"),
        ("perturbed:T=2,d=1,xi=-1/2", "xi must be positive for noise random, not '-1/2'"),
        ("perturbed:T=2,d=1,xi=x", "target parameter xi must be a number such as"),
        (
            "perturbed:T=2,d=1,noise=none",
            "noise must be one of random, adversarial, rounding, not 'none'",
        ),
    ],
)
def test_perturbed_targets_out_of_range_are_refused(target, message):
    with pytest.raises(InputError, match=f"^{message}"):
        family_target(target)


def test_only_exact_models_are_perturbed():
    with pytest.raises(InputError, match=r"^model must be exact, not 'float64'$"):
        PerturbedModel(random_hidden_markov(2, 2, 2), "random", "1/10")
    with pytest.raises(InputError, match=r"^xi must be a rational string such as"):
        PerturbedModel(copy(1), "random", "0.1")
    with pytest.raises(InputError, match=r"^seed must be an integer of at least 0, not -1$"):
        PerturbedModel(copy(1), "random", "1/10", -1)


# -- the command line -----------------------------------------------------------------------------


def call(*arguments):
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_cut_ranks_are_the_default():
    expected = {
        "target": "cauchy:n=1",
        "alphabet_size": 2,
        "horizon": 3,
        "cut_ranks": [1, 2, 1],
        "exact": True,
    }
    assert json_of("rank", "cauchy:n=1") == expected
    assert json_of("rank", "cauchy:n=1", "--kind", "cut") == expected


def test_the_other_kinds():
    head = {"target": "cauchy:n=2", "alphabet_size": 2, "horizon": 5}
    assert json_of("rank", "cauchy:n=2", "--kind", "mixed") == {
        **head,
        "kind": "mixed",
        "mixed_rank": 2,
        "exact": True,
    }
    assert json_of("rank", "cauchy:n=2", "--kind", "probability") == {
        **head,
        "kind": "probability",
        "probability_ranks": [1, 2, 4, 3, 2],
        "exact": True,
    }


def test_ranks_of_a_hidden_markov_target():
    target = "hmm:T=5,k=2,R=2"
    assert json_of("rank", target)["exact"] is False
    assert json_of("rank", target)["cut_ranks"] == [1, 2, 4, 3, 1]
    found = json_of("rank", target, "--kind", "mixed")
    assert (found["mixed_rank"], found["exact"]) == (7, False)
    found = json_of("rank", target, "--kind", "probability")
    assert (found["probability_ranks"], found["exact"]) == ([1, 2, 2, 2, 2], True)


@pytest.mark.parametrize(
    ("target", "kind", "line"),
    [
        ("copy:n=2", "cut", "k = 2, T = 4, largest cut rank 2 (exact)"),
        ("copy:n=2", "mixed", "k = 2, T = 4, mixed rank 2 (exact)"),
        ("copy:n=2", "probability", "k = 2, T = 4, largest probability rank 4 (exact)"),
        ("hmm:T=3,R=2", "cut", "k = 2, T = 3, largest cut rank 2 (certified lower bound)"),
        ("hmm:T=3,R=2", "mixed", "k = 2, T = 3, mixed rank 3 (certified lower bound)"),
        ("hmm:T=3,R=2", "probability", "k = 2, T = 3, largest probability rank 2 (exact)"),
    ],
)
def test_the_last_line_says_what_was_found(target, kind, line):
    code, out, _ = call("rank", target, "--kind", kind)
    assert code == 0
    assert out.rstrip().splitlines()[-1].rstrip() == line


def test_an_unknown_kind_is_one_line_and_exit_2():
    for kind in ("other", "Cut", ""):
        code, out, err = call("rank", "copy:n=2", "--kind", kind)
        assert (code, out) == (2, "")
        assert err.splitlines()[-1] == (
            f"Error: --kind must be one of cut, mixed, probability, not {kind!r}"
        )


def test_a_target_without_rational_probabilities_is_one_line_and_exit_2():
    code, out, err = call("rank", "spike:T=3", "--kind", "probability")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == (
        "Error: model must be one with rational probabilities: the unit ln q, logits an integer "
        "apart, not one with logits -3 and 3 in the unit nat"
    )


def test_targets_too_large_for_a_kind_are_one_line_and_exit_2():
    for arguments in (["hmm:T=20,R=2"], ["copy:n=20", "--kind", "probability"]):
        code, out, err = call("rank", *arguments)
        assert (code, out) == (2, "")
        assert err.splitlines()[-1].endswith("is too large to enumerate")


@pytest.mark.parametrize("target", ["hard:n=3,L=4,c=2,pad=1,seed=0", "hard:n=2,L=6,c=1,seed=3"])
def test_hard_teachers_have_cut_rank_at_most_n_plus_7(target):
    found = json_of("rank", target)
    assert max(found["cut_ranks"]) <= int(target[7]) + 7
    assert tuple(found["cut_ranks"]) == cut_ranks_by_enumeration(family_target(target))


def test_new_families_are_listed():
    found = {f["family"]: f for f in json_of("targets")}
    assert [p["name"] for p in found["hard"]["parameters"]] == ["n", "L", "c", "pad", "seed"]
    assert [p["name"] for p in found["cauchy"]["parameters"]] == ["n"]
    assert [p["name"] for p in found["hmm"]["parameters"]] == ["T", "k", "R", "seed"]
    assert [p["name"] for p in found["perturbed"]["parameters"]] == [
        "T",
        "k",
        "d",
        "seed",
        "xi",
        "noise",
    ]
    for family in ("hard", "cauchy", "hmm", "perturbed"):
        assert json_of("rank", found[family]["example"])["cut_ranks"]


def test_distances_and_words_of_the_new_targets():
    found = json_of("distance", "hmm:T=3,R=2", "hmm:T=3,R=2,seed=1")
    assert found["total_variation"]["method"] == "exact"
    assert found["kl"]["method"] == "enclosed"
    for target in ("hard:n=2,L=2", "cauchy:n=2", "hmm:T=5,R=2", "perturbed:T=5,d=1"):
        assert {len(w) for w in json_of("sample", target, "-n", "5")["words"]} == {5}
        same = json_of("distance", target, target)
        assert same["total_variation"] == {"lower": "0", "upper": "0", "method": "exact"}


def test_a_hidden_markov_target_is_learned_in_floats_only():
    code, _, err = call("learn", "hmm:T=3,R=2")
    assert code == 2
    assert err.splitlines()[-1] == (
        "Error: --arithmetic must be float: the target has float64 logits, not 'exact'"
    )
