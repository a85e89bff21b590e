"""Claims about the theorem: its promise at its own constants, and approximate rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement

from flint import fmpq
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.parameters import CoarseOracleError, Parameters, explicit_parameters
from bounds.theorem import factor_length, rank_error, rational_root_above
from llr.learning.printed import Epoch
from llr.models.base import LanguageModel, TabulatedModel, Word, words
from llr.models.isan import Isan
from llr.models.logits import cut_ranks
from llr.models.perturbed import PerturbedModel
from llr.models.realization import realize
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import Real
from llr.numbers.units import LN2
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import LogitOracle
from properties.claim import Claim, Measurement, Twin
from properties.procedures import SpanLaws, mean_error
from properties.scenarios import bad_mass
from properties.strategies import copies, fourier_sparse, isans, noisy_parities, seeds, spikes
from properties.theorem import TheoremRun, largest_logit, run_theorem


@dataclass(frozen=True)
class Promise:
    """A target and the accuracy that the theorem is asked for."""

    target: Isan
    epsilon: fmpq
    delta: fmpq
    xi: fmpq
    tolerant: bool
    seed: int


@st.composite
def promises(draw: DrawFn) -> Promise:
    """Return small targets of every family, both sets of parameters, oracles exact to coarse."""
    target = draw(
        st.one_of(
            isans(horizons=(1, 4), alphabet_sizes=(2, 2), dimensions=(1, 2)),
            isans(horizons=(1, 3), dimensions=(1, 2)),
            noisy_parities(bits=(1, 3)),
            fourier_sparse(bits=(1, 3), terms=(1, 2)),
            copies(tokens=(1, 2), alphabet_sizes=(2, 2)),
            spikes(horizons=(1, 4)),
        )
    )
    epsilon = draw(st.sampled_from([fmpq(1, 2), fmpq(1, 10), fmpq(1, 50)]))
    xi = draw(st.sampled_from([fmpq(0), fmpq(1, 10**9), None]))
    return Promise(
        target,
        epsilon,
        draw(st.sampled_from([fmpq(1, 4), fmpq(1, 100)])),
        coarsest(target, epsilon) if xi is None else xi,
        draw(st.booleans()),
        draw(seeds()),
    )


def copying() -> SearchStrategy[Promise]:
    """Return copies of two tokens, which have to be learned from witnesses, and small errors."""
    return st.builds(
        Promise,
        copies(tokens=(2, 2), alphabet_sizes=(2, 2)),
        st.just(fmpq(1, 10)),
        st.just(fmpq(1, 4)),
        st.just(fmpq(1, 10**9)),
        st.booleans(),
        seeds(),
    )


def inexact_promises() -> SearchStrategy[Promise]:
    """Return those whose oracle has an error, and targets whose logits g hardly tells from 0."""

    @st.composite
    def slight(draw: DrawFn) -> Promise:
        quarters = st.integers(0, 4).map(lambda n: fmpq(n, 4))
        rows = {p: [draw(quarters), 0] for t in range(3) for p in words(2, t)}
        target, epsilon = realize(TabulatedModel(2, 3, rows)), fmpq(1, 2)
        xi = coarsest(target, epsilon)
        return Promise(target, epsilon, fmpq(1, 4), xi, draw(st.booleans()), draw(seeds()))

    return st.one_of(promises().filter(lambda p: p.xi > 0), slight())


def coarsest(target: Isan, epsilon: fmpq) -> fmpq:
    """Return nearly the largest error of the oracle with which the explicit parameters exist."""
    rank, too_much = max(1, *cut_ranks(target)), 2 * epsilon
    try:
        explicit_parameters(
            horizon=target.horizon,
            alphabet_size=target.alphabet_size,
            rank=rank,
            epsilon=epsilon,
            delta=fmpq(1, 2),  # plays no part
            alpha=_alpha(rank, largest_logit(target) + too_much),
            xi=too_much,
        )
    except CoarseOracleError as error:
        return error.works
    raise AssertionError("an error of 2 epsilon leaves nothing to promise")


def _alpha(rank: int, largest: fmpq) -> fmpq:
    """Return a bound on the factors of a matrix of this rank and largest entry."""
    square = factor_length(rank, largest).exact
    assert square is not None
    return max(rational_root_above(square), fmpq(1, 1000))


def unchanged(parameters: Parameters) -> Parameters:
    """Return the parameters as they are."""
    return parameters


def promise(
    p: Promise,
    adjust: Callable[[Parameters], Parameters] = unchanged,
    target: LanguageModel | None = None,
) -> Measurement:
    """Measure TV(M, Q) of a literal run against epsilon; 1 if it does not accept within K.

    Of a run that had the bad luck that the theorem allows with probability delta, nothing.

    Args:
        p: the target and what it is asked for.
        adjust: changes the parameters.
        target: the true model, if it is another, with an exact oracle.
    """
    epochs: list[Epoch] = []
    asked: list[LogitOracle] = []

    def through(oracle: LogitOracle) -> LogitOracle:
        asked.append(oracle)
        return oracle

    truth = target or p.target
    found = run_theorem(
        truth,
        epsilon=p.epsilon,
        delta=p.delta,
        xi=p.xi if target is None else None,
        tolerant=p.tolerant,
        seed=p.seed,
        adjust=adjust,
        through=through,
        on_epoch=epochs.append,
    )
    assert found.distance.value is not None
    measured = found.distance.value if found.accepted else Real.of(1)
    result = Measurement(measured, Real(p.epsilon))
    if result.holds() or not unlucky(found, asked[0], epochs, truth):
        return result
    return Measurement.of(0, p.epsilon)


def unlucky(
    run: TheoremRun, oracle: LogitOracle, epochs: Sequence[Epoch], target: LanguageModel
) -> bool:
    """True if fresh words missed a bad mass above p, or too many epochs were infeasible.

    That is, more than leave, of the K, one for each witness and one to accept.

    Args:
        run: a literal run.
        oracle: the one that it asked.
        epochs: its epochs.
        target: the true model.
    """
    parameters = run.parameters
    if not run.accepted:
        needed = max(0, parameters.horizon - 2) * parameters.witnesses + 1
        return run.outcomes.count("infeasible") > max(0, parameters.epochs - needed)
    if parameters.g is None:
        return False
    ledger = Ledger(oracle, target.alphabet_size, target.horizon, EXACT)
    return bad_mass(target, ledger, epochs[-1], parameters.g) > parameters.p


def lax(parameters: Parameters) -> Parameters:
    """Sabotage: a hundred times the threshold."""
    g = parameters.g
    return parameters if g is None else replace(parameters, g=100 * g)


def _one_epoch(parameters: Parameters) -> Parameters:
    """Sabotage: one epoch."""
    return replace(parameters, epochs=1)


def nearly_of_rank(
    p: Promise, adjust: Callable[[Parameters], Parameters] = unchanged
) -> Measurement:
    """Measure the same for a truth that is within xi of the target's rank, with an exact oracle.

    The parameters are those for xi there and no distance from the truth.

    Args:
        p: what is asked for; xi is the distance to the target's rank.
        adjust: changes the parameters.
    """
    target = p.target
    rank = max(1, *cut_ranks(target))
    parameters = explicit_parameters(
        horizon=target.horizon,
        alphabet_size=target.alphabet_size,
        rank=rank,
        epsilon=p.epsilon,
        delta=p.delta,
        alpha=_alpha(rank, largest_logit(target)),
        xi=p.xi,
        xi_true=0,
        tolerant=p.tolerant,
    )
    truth = PerturbedModel(target, "adversarial", p.xi, p.seed)
    return promise(p, lambda other: adjust(parameters), truth)


# -- approximate rank ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Approximate:
    """A model whose logits are of low rank but for errors in a few entries.

    Attributes:
        target: the model, with rational word probabilities.
        delta: risk.
        spots: the entries that are off: (s, h.f) for entry (h, f) of the matrix for |h| = s.  The
            errors at one (s, t), t = |h.f|, are equal, and such that the mean of Def 1.6 over its
            entries is 1/k^2 if the spots have one pair of tokens.
    """

    target: Isan
    delta: fmpq
    spots: tuple[tuple[int, Word], ...]

    def errors(self, laws: SpanLaws) -> dict[tuple[int, Word], fmpq]:
        """Return the errors of all entries that are off."""
        masses: dict[tuple[int, int], fmpq] = {}
        for s, entry in self.spots:
            place = s, len(entry)
            masses[place] = masses.get(place, fmpq(0)) + laws.mass(s, entry)
        return {(s, entry): 1 / masses[s, len(entry)] for s, entry in self.spots}


_PAIR = 2  # words drawn


@st.composite
def uneven_words(draw: DrawFn) -> Isan:
    """Return models of independent tokens, some of them rare: no row of logits has a memory."""
    horizon, k = draw(st.sampled_from([(4, 2), (3, 2), (3, 3)]))
    many = 1 if draw(st.booleans()) else horizon  # one law for all tokens, or one each
    laws = [[[0], *([draw(st.integers(0, 10))] for _ in range(k - 1))] for _ in range(many)]
    readouts = laws * (horizon // many)
    return Isan(k, horizon, [1], [[[[1]]] * k] * (horizon - 1), readouts, LN2)


def approximate() -> SearchStrategy[Approximate]:
    """Return small models whose errors are where an adversary puts them.

    For each s and t they sit on as many (prefix, segment) pairs as have a mass just below
    delta / (N_all T)^2: errors there are above the bound.  Or they sit everywhere, where any bound
    much too small meets them.  One pair of tokens has them all.
    """
    generic = isans(
        horizons=(2, 4), alphabet_sizes=(2, 2), dimensions=(1, 2), units=(LN2,), integers=True
    )
    targets, skips = st.one_of(uneven_words(), generic), st.integers(0, 2)

    @st.composite
    def drawn(draw: DrawFn) -> Approximate:
        target = draw(targets)
        entries = _all_entries(SpanLaws(target))
        share = (_PAIR * target.horizon) ** 2
        deltas = {share * m * fmpq(65, 64) for found in entries.values() for m, _ in found}
        below = sorted((x for x in deltas if x < 1), reverse=True)
        delta = draw(st.sampled_from([*below, fmpq(1, 2)]))
        if draw(st.booleans()):
            return Approximate(target, delta, _filled(entries, fmpq(2)))
        offered = {place: found[draw(skips) :] for place, found in entries.items()}
        return Approximate(target, delta, _filled(offered, delta / share))

    return drawn()


Entries = dict[tuple[int, int], list[tuple[fmpq, Word]]]
"""(s, t) -> an entry per (prefix, segment) with its mass, heaviest first."""


def _all_entries(laws: SpanLaws) -> Entries:
    """Return the entries of all s and t of Def 1.6."""
    places = combinations(range(1, laws.model.horizon + 1), 2)
    return {place: _entries(laws, *place) for place in places}


def _filled(entries: Entries, room: fmpq) -> tuple[tuple[int, Word], ...]:
    """Return for each s and t entries of less mass than ``room`` together, heavy ones first."""
    spots = []
    for (s, _), found in entries.items():
        left = room
        for mass, entry in found:
            if mass < left:
                spots.append((s, entry))
                left -= mass
    return tuple(spots)


def _entries(laws: SpanLaws, s: int, t: int) -> list[tuple[fmpq, Word]]:
    """Return an entry per (prefix, segment) at s and t with its mass, heaviest first."""
    found = [
        (p * q, (*head, 0, *tail, 0))
        for head, p in laws.span(0, s - 1).items()
        for tail, q in laws.span(s, t - 1).items()
    ]
    return sorted(found, key=lambda pair: (-pair[0], pair[1]))


def rank_errors(
    instance: Approximate, *, over_cuts: bool = True, with_itself: bool = False
) -> Measurement:
    """Measure, for two words, Pr(some entry of the asked shape exceeds the bound) against delta.

    The words are a sample of the target each; the entries are (prefix of the one).(token).(aligned
    segment of the other).(token), both ways, at every s and t of Def 1.6 and for all tokens.  All
    pairs of words are enumerated.

    Args:
        instance: the target and its errors.
        over_cuts: False for the bound without T^2: no union over s and t.
        with_itself: sabotage: prefix and segment may come from the same word.
    """
    laws = SpanLaws(instance.target)
    horizon = instance.target.horizon
    errors = instance.errors(laws)
    average = mean_error(laws, errors)
    k = instance.target.alphabet_size
    bound = rank_error(_PAIR, horizon, k, average, instance.delta)
    if not over_cuts:
        bound = bound / horizon**2
    large = {
        (s, len(entry), entry[: s - 1], entry[s : len(entry) - 1])
        for (s, entry), error in errors.items()
        if bound < error
    }
    places = sorted({(s, t) for s, t, _, _ in large})

    def exceeds(x: Word, y: Word) -> bool:
        return any((s, t, x[: s - 1], y[s : t - 1]) in large for s, t in places)

    missed = fmpq(0)
    for (x, p), (y, q) in combinations_with_replacement(laws.words.items(), 2):
        asked = [(x, y), (y, x), *([(x, x), (y, y)] if with_itself else [])]
        if any(exceeds(*pair) for pair in asked):
            missed += p * q * (1 if x == y else 2)
    return Measurement.of(missed, instance.delta)


@st.composite
def crowded(draw: DrawFn) -> Approximate:
    """Return words of independent tokens, each rarely 1; errors at many places where one is.

    At each s and t they have a mass just below delta / (c N_all^2), as the bound with c in the
    place of T^2 allows.
    """
    rare, horizon, c = draw(st.integers(2, 8)), draw(st.integers(3, 5)), draw(st.integers(1, 5))
    target = Isan(2, horizon, [1], [[[[1]]] * 2] * (horizon - 1), [[[0], [-rare]]] * horizon, LN2)
    laws = SpanLaws(target)
    room = laws.span(0, 1)[(1,)] * fmpq(65, 64)
    delta = c * _PAIR**2 * room
    assume(delta < 1)
    return Approximate(target, delta, _filled(_all_entries(laws), room))


@st.composite
def recalling(draw: DrawFn) -> Approximate:
    """Return words of four tokens whose third repeats the first; errors where both are rare."""
    rare, told = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    keep = [[1, 0], [0, 1]]
    coin, recall, fair = [[0, 0], [0, -rare]], [[0, 0], [told, 0]], [[0, 0], [0, 0]]
    mark = [[0, 1], [0, 1]]
    steps = [[[[0, -1], [0, 1]], mark], [keep, keep], [keep, keep]]
    target = Isan(2, 4, [0, 1], steps, [coin, fair, recall, fair], LN2)
    spot = (1, 0, 1, 0)
    share = (_PAIR * target.horizon) ** 2
    delta = share * SpanLaws(target).mass(2, spot) * fmpq(65, 64)
    assume(delta < 1)
    return Approximate(target, delta, ((2, spot),))


CLAIMS = (
    Claim(
        "parameters",
        "p_bad <= p, few epochs infeasible: explicit parameters accept in K, with TV <= epsilon",
        "[P] Theorem 5.11, explicit",
        "sharpened",
        promises,
        promise,
        (
            Twin("100 g", lambda p: promise(p, lax)),
            Twin("one epoch", lambda p: promise(p, _one_epoch)),
        ),
        statements=("parameters",),
        examples=60,
        tightening=fmpq(11, 20),
    ),
    Claim(
        "theorem-5.14-run",
        "truth within xi of rank d, exact oracle: the parameters for xi, xi_true = 0, keep epsilon",
        "[P] Theorem 5.14, its last step",
        "sharpened",
        inexact_promises,
        nearly_of_rank,
        (
            Twin("100 g", lambda p: nearly_of_rank(p, lax), copying),
            Twin("one epoch", lambda p: nearly_of_rank(p, _one_epoch), copying),
        ),
        statements=("parameters",),
        examples=40,
        tightening=fmpq(11, 20),
    ),
    Claim(
        "theorem-5.14",
        "asked entries are within N_all^2 T^2 k^2 eps_avg / delta of rank d but for delta",
        "[P] Theorem 5.14, by Lemma 5.12, Markov and a union bound",
        "reconstructed",
        lambda: st.one_of(approximate(), crowded()),
        rank_errors,
        (
            Twin(
                "no union over s and t",
                lambda i: rank_errors(i, over_cuts=False),
                crowded,
            ),
            Twin(
                "a word paired with itself",
                lambda i: rank_errors(i, with_itself=True),
                recalling,
            ),
        ),
        statements=("theorem-5.14",),
        examples=60,
        grade="exact law",
    ),
)
