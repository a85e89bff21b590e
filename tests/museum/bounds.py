"""Rooms of distances, bounds and parameters: constants, logarithms, roundings, one too few."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR
from itertools import pairwise

from flint import fmpq
from hypothesis import strategies as st

from bounds.access import _binary_divergence
from bounds.parameters import explicit_parameters
from bounds.potential import elliptic_potential
from bounds.queries import needle_distance
from bounds.softmax import divergence_sharp, softmax_tanh
from bounds.spanner import least_draws
from bounds.theorem import factor_length
from bounds.transfer import transfer_product
from bounds.validation import bad_mass_after_passes, words_to_pass
from llr.analysis.distance import kl_divergence
from llr.models.base import words
from llr.numbers import balls
from llr.numbers.balls import Real, _outward, sqrt, total
from llr.numbers.units import NAT
from properties.claims.potential import Weighted
from properties.claims.validation import corrected_step
from properties.scenarios import probability_of
from properties.strategies import potentials, rationals

from .piece import Piece, Size, target, whole

HERE = "properties.claims."


@dataclass(frozen=True)
class Apart:
    """A distance, as the claims read it."""

    value: Real


def ratio_forgotten(walk, ratio, *rest):
    return ratio


def not_halved(first, second):
    every = words(first.alphabet_size, first.horizon)
    return Apart(total(abs(probability_of(first, w) - probability_of(second, w)) for w in every))


def one_token_short(first, second):
    every = words(first.alphabet_size, first.horizon - 1)
    apart = (abs(probability_of(first, w) - probability_of(second, w)) for w in every)
    return Apart(total(apart) / 2)


def swapped(first, second):
    return kl_divergence(second, first)


def inwards(value, digits, rounding):
    return _outward(value, digits, ROUND_CEILING if rounding == ROUND_FLOOR else ROUND_FLOOR)


def pairs_of_models(t):
    return whole("T", smallest=(t,), measure=lambda pair: (pair[0].horizon,))


def needles(t):
    return whole("T", smallest=(t,), measure=lambda i: (i[0],))


DISTANCES = [
    Piece(
        "merged by state alone",
        "merges prefixes of equal states whatever P/Q is: differences of both signs cancel",
        "corollary-5.15-label",
        {"llr.analysis.distance._Walk._ratio": ratio_forgotten},
        pairs_of_models(2),
    ),
    Piece(
        "half forgotten",
        "sum |P - Q| called total variation: the L1 distance, twice too large",
        "needle",
        {HERE + "queries.total_variation": not_halved},
        needles(1),
    ),
    Piece(
        "words of T - 1 tokens",
        "compares the laws of prefixes: range(1, T) for T tokens",
        "needle",
        {HERE + "queries.total_variation": one_token_short},
        needles(1),
    ),
    Piece(
        "divergence the other way",
        "KL(Q || P) for KL(P || Q): two arguments of one type",
        "distances",
        {HERE + "components.kl_divergence": swapped},
        pairs_of_models(1),
    ),
    Piece(
        "rounded inwards",
        "the ends of an enclosure written with the nearer rounding: the value lies outside",
        "distances",
        {"llr.numbers.balls._outward": inwards},
        pairs_of_models(1),
    ),
]


def gap_as_range(gap, unit=NAT):
    return softmax_tanh(gap / 2, unit)


def eighth_of_square(squared_distance):
    return divergence_sharp(squared_distance) / 2


def power_forgotten(w, d, b2, r2, e, g, lam):
    left, _ = elliptic_potential(w, d, b2, r2, e, g, lam)
    return left, 1 + Real.of(w) * Real.of(r2) / (Real.of(lam) * d)


def draw_counted_twice(n, r):
    return fmpq(r, n + 2)


def words_by_log10(horizon, epochs, delta, g):
    digits = balls.log(32 * horizon * epochs / delta) / balls.log(10)
    return (digits / g).ceil()


def risk_not_split(attempt, p, delta):
    return words_to_pass(p, delta)


def one_word_more(n, delta):
    return bad_mass_after_passes(n + 1, delta)


def first_token_exact(horizon, p_bad, g, xi):
    steps = fmpq((horizon - 1) * max(0, horizon - 2), 4)
    return Real.of(p_bad) + Real.of(g) * steps + Real.of(xi) * fmpq(horizon - 1, 2)


def one_position_less(horizon, p_bad, g, xi):
    return transfer_product(max(1, horizon - 1), p_bad, g, xi)


def first_square_too(k, ranks):
    free = sum(k * a * b for a, b in pairwise(ranks)) + sum((k - 1) * r for r in ranks)
    return fmpq(free - sum(r * r for r in ranks), k - 1)


def label_counted(length):
    return needle_distance(length + 1)


def easier_side(gamma, xi, zeta):
    odds = balls.log((1 - gamma) / gamma)
    upper = _binary_divergence(odds + 2 * xi, odds)
    lower = _binary_divergence(2 * xi - odds, -odds)
    needed = balls.log(2 / zeta)
    return min((needed / upper).ceil(), (needed / lower).ceil())


def single_entries():
    entries = rationals(size=4).filter(bool).map(lambda x: [(x,)])
    return st.builds(Weighted, entries, st.just([fmpq(1)]), st.just([fmpq(1)]))


def root_taken_twice(rank, lam):
    return sqrt(factor_length(rank, lam))


def slope_at_one(label):
    sigma = 1 / (1 + balls.exp(-2))
    return Real.of(label) / (2 * sigma * (1 - sigma) * 2)


def tokens(k):
    return whole("k", smallest=(k,), measure=lambda pair: (len(pair[0]),))


def of_sizes(t, k):
    return whole("T", "K", smallest=(t, k), measure=lambda s: (s.horizon, s.epochs))


BOUNDS = [
    Piece(
        "tanh(gap / 4)",
        "the form for a range of differences with their maximum in it: half too small",
        "lemma-5.3",
        {HERE + "softmax.softmax_tanh": gap_as_range},
        tokens(2),
    ),
    Piece(
        "|u - v|^2 / 8",
        "range^2 / 8 with the square of the 2-norm in place of the range",
        "fact-b.2-sharp",
        {HERE + "softmax.divergence_sharp": eighth_of_square},
        tokens(2),
    ),
    Piece(
        "power d forgotten",
        "trace for determinant: right in one dimension",
        "lemma-5.1",
        {HERE + "potential.elliptic_potential": power_forgotten},
        Size(
            ("d",),
            lambda p: (len(p.v[0]),),
            (2,),
            [potentials(dimensions=(d, d)) for d in (1, 2)],
        ),
    ),
    Piece(
        "r / (N + 2)",
        "leave one out of N + 1 draws: the one left out is counted twice",
        "spanner-coverage",
        {HERE + "validation.expected_outside": draw_counted_twice},
        whole("draws", smallest=(1,), measure=lambda s: (s.draws,)),
    ),
    Piece(
        "mean exceeded",
        "Z in [0, 1] exceeds its mean with probability its mean: false; [P], inside Lemma 5.7",
        "lemma-5.7-printed",
        {},
        whole("values", smallest=(2,), measure=lambda z: (len(z.values),)),
        honest=lambda z: corrected_step((z, z.mean)),
    ),
    Piece(
        "log to base 10",
        "log of a calculator for ln: 2.3 times too few fresh words",
        "lemma-5.7-words",
        {HERE + "validation.validation_words": words_by_log10},
        of_sizes(1, 1),
    ),
    Piece(
        "delta for every attempt",
        "each attempt spends all of delta; right for the first one",
        "attempts",
        {HERE + "validation.passes_at_attempt": risk_not_split},
        of_sizes(1, 2),
    ),
    Piece(
        "one word more",
        "1 - delta^(1/(n+1)): counts the word that did not come",
        "lemma-5.7-sharp",
        {HERE + "validation.bad_mass_after_passes": one_word_more},
        whole("n", smallest=(1,), measure=lambda s: (s.n,)),
    ),
    Piece(
        "(T - 1) xi / 2",
        "noise at T - 1 of T tokens: the first one is read with an error, too",
        "lemma-5.9",
        {HERE + "transfer.transfer_sum": first_token_exact},
        target(1, 2, 1, noisy=True),
    ),
    Piece(
        "product to T - 2",
        "range(T - 1) for t = 0..T-1: the last token comes for nothing",
        "lemma-5.9-product",
        {HERE + "transfer.transfer_product": one_position_less},
        target(2, 2, 1, noisy=True),
    ),
    Piece(
        "r_1 squared, too",
        "subtracts a change of basis at the first cut, whose only row is given",
        "counting-limit",
        {HERE + "queries.counting_limit": first_square_too},
        whole("T", "k", smallest=(1, 2), measure=lambda m: (len(m.ranks), m.alphabet_size)),
    ),
    Piece(
        "needle one token deeper",
        "2^-(m+1): counts the token that the needle moves as part of the secret",
        "needle",
        {HERE + "queries.needle_distance": label_counted},
        needles(1),
    ),
    Piece(
        "the easier side",
        "min for max over both signs: samples for the side that is estimated more easily",
        "remark-5.8-binary",
        {HERE + "access.samples_for_binary_logit": easier_side},
        whole("k", smallest=(2,), measure=lambda coin: (2,)),
    ),
    Piece(
        "root taken twice",
        "alpha where alpha^2 is asked for",
        "alpha",
        {HERE + "potential.factor_length": root_taken_twice},
        Size(
            ("rows", "columns"),
            lambda w: (len(w.rows), len(w.rows[0])),
            (1, 1),
            [single_entries()],
        ),
    ),
    Piece(
        "slope at 1/2",
        "sigma'(1) for sigma'(2): the logistic function is flattest at the end of the range",
        "corollary-5.15",
        {HERE + "boolean.function_error": slope_at_one},
        whole("points", smallest=(1,), measure=lambda pair: (len(pair.f),)),
    ),
]


def one_draw_short(**options):
    found = explicit_parameters(**options)
    return replace(found, draws=found.draws - 1)


def delta_not_split(**options):
    found = explicit_parameters(**options)
    delta_s = found.delta / 4
    return replace(found, delta_s=delta_s, draws=least_draws(found.rank, found.eta, delta_s))


def words_rounded_down(**options):
    found = explicit_parameters(**options)
    return replace(found, words=(balls.log(2 * found.epochs / found.delta) / found.p).floor())


def no_epoch_to_accept(**options):
    found = explicit_parameters(**options)
    return replace(found, epochs=found.epochs - 1)


def parameters(t, d):
    return whole("T", "d", smallest=(t, d), measure=lambda w: (w.horizon, w.rank))


EXPLICIT = HERE + "components.explicit_parameters"

PARAMETERS = [
    Piece(
        "one draw too few",
        "N one below the least that will do; a search that returns its lower end",
        "parameters-shares",
        {EXPLICIT: one_draw_short},
        parameters(3, 1),
    ),
    Piece(
        "delta not split",
        "each of K (T-2) spanners may fail with probability delta / 4",
        "parameters-shares",
        {EXPLICIT: delta_not_split},
        parameters(3, 1),
    ),
    Piece(
        "floor for ceil",
        "n rounded down: int() of a float",
        "parameters-shares",
        {EXPLICIT: words_rounded_down},
        parameters(3, 1),
    ),
    Piece(
        "no epoch left to accept",
        "K = (T-2) W: as many epochs as witnesses, none for the one that accepts",
        "parameters-shares",
        {EXPLICIT: no_epoch_to_accept},
        parameters(3, 1),
    ),
]
