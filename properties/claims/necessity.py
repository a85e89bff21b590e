"""What each claim needs: its assumptions, dropped one by one.

Algorithm 1 runs on targets with few nonzero logits, and on words that the instance lists instead of
drawing them, so that a counterexample can be read and followed by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np
from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.access import samples_for_binary_logit
from bounds.potential import elliptic_potential, witnesses_at_cut
from bounds.spanner import infeasibility, spanner_failure
from bounds.theorem import rank_error
from bounds.transfer import next_logit_error, transfer_product
from bounds.validation import bad_mass_after_passes
from llr.analysis.distance import total_variation
from llr.learning.printed import CORRECTED, Corrections, Epoch, PrintedLearner, Residuals, Schedule
from llr.learning.program import ExactChainProgram, Solution, chain_program
from llr.learning.spanner import barycentric_spanner
from llr.learning.table import Table
from llr.models.base import LanguageModel, TabulatedModel, Word, futures_up_to, words
from llr.models.logits import cut_ranks, logit_matrix
from llr.numbers.arithmetic import EXACT, Row
from llr.numbers.balls import Real, total
from llr.numbers.rational import rank
from llr.oracles.ledger import Ledger
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import LogitOracle, ModelOracle
from llr.oracles.sampling import Words
from properties import checkers
from properties.claim import Claim, Measurement, Twin
from properties.claims.access import Coin, coins, estimated_binary, failure
from properties.claims.boolean import (
    Functions,
    Pair,
    apart,
    labelled_pairs,
    labels_apart,
    labels_exactly,
    values,
)
from properties.claims.potential import exact_length_tightened
from properties.claims.slips import (
    ONE_FUTURE,
    SparseTarget,
    run_on_every_word,
    sparse_targets,
)
from properties.claims.spanners import whole_program_feasible
from properties.claims.validation import (
    Sample,
    Sizes,
    compression,
    passing_coverage,
    sizes,
)
from properties.measure import worst
from properties.necessity import Necessity
from properties.scenarios import beyond, inner_prefixes, mass_of, probability_of
from properties.strategies import Potential, potentials

# -- runs on listed words -----------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Listed:
    """A target, the words of every epoch, and what the epochs tolerate.

    Attributes:
        target: the true model.
        spanning: words whose prefixes are the histories of the spanners.
        fresh: words to validate on.
        g: threshold in nats.
        xi: error of the oracle in nats; 0 for an exact one.
        seed: of the error.
    """

    target: SparseTarget
    spanning: tuple[Word, ...]
    fresh: tuple[Word, ...]
    g: fmpq
    xi: fmpq
    seed: int

    def __repr__(self) -> str:
        noise = f", xi={self.xi}, seed={self.seed}" if self.xi > 0 else ""
        drawn = f"spanning={self.spanning}, fresh={self.fresh}"
        return f"Listed({self.target}, {drawn}, g={self.g}{noise})"


class ListedWords:
    """A sample oracle that gives listed words; whole ones are the fresh words."""

    def __init__(self, listed: Listed) -> None:
        self._listed = listed

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Words:
        """Return the first n listed words, cut to a length."""
        whole = length == self._listed.target.horizon
        given = self._listed.fresh if whole else self._listed.spanning
        found: dict[Word, int] = {}
        for word in sorted(w[:length] for w in given[:n]):
            found[word] = found.get(word, 0) + 1
        return found


EPOCHS = 4


@dataclass(frozen=True)
class ListedRun:
    """The epochs of a run on listed words, with the oracle that they asked."""

    listed: Listed
    ledger: Ledger
    epochs: list[Epoch]

    @property
    def model(self) -> LanguageModel:
        """The true model."""
        return self.listed.target.model


def oracle_of(listed: Listed, xi: fmpq | None = None, shift: int = 0) -> Ledger:
    """Return the oracle of an instance.

    Args:
        listed: the instance.
        xi: error in nats; default its own.
        shift: added to the seed of the error.
    """
    model = listed.target.model
    oracle: LogitOracle = ModelOracle(model)
    error = listed.xi if xi is None else xi
    if error > 0:
        oracle = NoisyOracle(oracle, "adversarial", error, model.unit, listed.seed + shift)
    return Ledger(oracle, model.alphabet_size, model.horizon, EXACT)


@lru_cache(maxsize=8)
def listed_run(
    listed: Listed, corrections: Corrections = CORRECTED, xi: fmpq | None = None
) -> ListedRun:
    """Run Algorithm 1 on an instance, for at most ``EPOCHS`` epochs.

    Args:
        listed: the instance.
        corrections: those in force.
        xi: error of the oracle in nats; default the instance's own.
    """
    model, ledger = listed.target.model, oracle_of(listed, xi)
    learner = PrintedLearner(
        ledger,
        ListedWords(listed),
        alphabet_size=model.alphabet_size,
        horizon=model.horizon,
        unit=model.unit,
        arithmetic=EXACT,
        schedule=Schedule(
            listed.g if model.horizon > 2 else None,
            lambda infeasible: len(listed.spanning),
            lambda epoch: len(listed.fresh),
            EPOCHS,
        ),
        rng=np.random.default_rng(0),
        corrections=corrections,
    )
    return ListedRun(listed, ledger, list(learner.epochs()))


def listed_runs(
    *,
    horizons: tuple[int, int] = (1, 4),
    alphabet_sizes: tuple[int, int] = (2, 3),
    values: tuple[int, ...] = (1, -1, 2),
    xis: tuple[fmpq, ...] = (fmpq(0),),
    thresholds: tuple[fmpq, ...] = (fmpq(1, 1000), fmpq(1, 10), fmpq(1)),
) -> SearchStrategy[Listed]:
    """Return instances with at most three words of either kind."""

    @st.composite
    def found(draw: DrawFn) -> Listed:
        target = draw(
            sparse_targets(horizons=horizons, alphabet_sizes=alphabet_sizes, values=values)
        )
        word = st.sampled_from(list(words(3, 4))).map(
            lambda w: tuple(min(a, target.alphabet_size - 1) for a in w[: target.horizon])
        )
        some = st.lists(word, min_size=1, max_size=3).map(tuple)
        return Listed(
            target,
            draw(some),
            draw(some),
            draw(st.sampled_from(thresholds)),
            draw(st.sampled_from(xis)),
            draw(st.integers(0, 15)),
        )

    return found()


# -- other ways to solve the chain program ------------------------------------------------------

Solve = Callable[[Word], Solution | None]
MANY = fmpq(10**6)


def as_written(table: Table) -> Solve:
    """Return the chain programs of the algorithm."""
    return chain_program(table).solution


class Unboxed(ExactChainProgram):
    """Chain programs with the box 10^6 times as large: rows scaled up, solutions too."""

    def __init__(self, table: Table) -> None:
        cuts = [table.cut(1)] + [
            replace(c, rows=tuple(tuple(MANY * x for x in row) for row in c.rows))
            for c in table.cuts[1:]
        ]
        super().__init__(replace(table, cuts=tuple(cuts)))

    def solution(self, prefix: Word) -> Solution | None:
        """Return the solution in terms of the table's own rows, or None where infeasible."""
        found = super().solution(prefix)
        if found is None:
            return None
        first, *rest = found.coefficients
        return Solution((first, *(EXACT.row([MANY * x for x in c]) for c in rest)))


def without_box(table: Table) -> Solve:
    """Return chain programs without a box."""
    return Unboxed(table).solution


def other_order(table: Table) -> Solve:
    """Return the same chain programs with their unknowns in reverse order at every cut."""
    cuts = [replace(c, histories=c.histories[::-1], rows=tuple(c.rows[::-1])) for c in table.cuts]
    solve = chain_program(replace(table, cuts=tuple(cuts))).solution

    def solution(prefix: Word) -> Solution | None:
        found = solve(prefix)
        if found is None:
            return None
        return Solution(tuple(EXACT.row(list(c)[::-1]) for c in found.coefficients))

    return solution


# -- the transfer bound -------------------------------------------------------------------------

Bound = Callable[[int, Real, fmpq, fmpq], Real]


def learned(model: LanguageModel, ledger: Ledger, table: Table, solve: Solve) -> TabulatedModel:
    """Return the learned model of a table; the values of the last cut are read off the oracle.

    Args:
        model: the true model.
        ledger: the oracle.
        table: of an epoch.
        solve: the chain programs that Q uses.
    """
    residuals = Residuals(ledger, table, EXACT)
    rows: dict[Word, Row] = {(): ledger.row(())}
    for prefix in inner_prefixes(model):
        solution, t = solve(prefix), len(prefix)
        rows[prefix] = (
            (fmpq(0),) * model.alphabet_size
            if solution is None
            else residuals.estimate(prefix, solution, t, t + 1)
        )
    return TabulatedModel(model.alphabet_size, model.horizon, rows, model.unit)


def bad_prefixes(
    run: ListedRun,
    table: Table,
    solve: Solve,
    *,
    longest: int | None = None,
    only_last_cut: bool = False,
) -> set[Word]:
    """Return the prefixes that are infeasible, or have a residual with r = t + 1 above g.

    Args:
        run: the run.
        table: of one of its epochs.
        solve: the chain programs.
        longest: length of the longest prefixes looked at; default T - 1.
        only_last_cut: test the residual at s = t alone.
    """
    model = run.model
    residuals = Residuals(run.ledger, table, EXACT)
    found = set()
    for prefix in inner_prefixes(model):
        if longest is not None and len(prefix) > longest:
            continue
        solution = solve(prefix)
        if solution is None or any(
            beyond(delta, model.unit, run.listed.g)
            for s, _, delta in residuals.at(prefix, solution)
            if s == len(prefix) or not only_last_cut
        ):
            found.add(prefix)
    return found


def transfer(
    run: ListedRun,
    bad: Callable[[Table], set[Word]],
    output: Callable[[Table], Solve] = as_written,
    bound: Bound = transfer_product,
) -> Measurement:
    """Measure TV(M, Q) against the transfer bound at every epoch.

    Args:
        run: the run.
        bad: maps a table to the prefixes that count as bad.
        output: the chain programs that Q uses.
        bound: maps T, p_bad, g, xi to the right side.
    """
    found = []
    for epoch in run.epochs:
        q = learned(run.model, run.ledger, epoch.table, output(epoch.table))
        distance = total_variation(run.model, q).value
        assert distance is not None
        mass = mass_of(run.model, bad(epoch.table))
        found.append(
            Measurement(distance, bound(run.model.horizon, mass, run.listed.g, run.listed.xi))
        )
    return worst(found)


def transfer_kept(listed: Listed) -> Measurement:
    """Measure the transfer bound as it stands."""
    run = listed_run(listed)
    return transfer(run, lambda table: bad_prefixes(run, table, as_written(table)))


def transfer_without_bad_mass(listed: Listed) -> Measurement:
    """Control: p_bad left out."""
    return transfer(listed_run(listed), lambda table: set())


def transfer_without_noise(listed: Listed) -> Measurement:
    """Control: the xi-term left out."""
    run = listed_run(listed)
    return transfer(
        run,
        lambda table: bad_prefixes(run, table, as_written(table)),
        bound=lambda t, p, g, xi: transfer_product(t, p, g, 0),
    )


def transfer_without_box(listed: Listed) -> Measurement:
    """Drop |c| <= 2, in validation and in Q."""
    run = listed_run(listed)
    return transfer(run, lambda table: bad_prefixes(run, table, without_box(table)), without_box)


def transfer_other_order(listed: Listed) -> Measurement:
    """Drop fixed tie-breaking: Q solves the validated programs with the unknowns reversed."""
    run = listed_run(listed)
    return transfer(run, lambda table: bad_prefixes(run, table, as_written(table)), other_order)


def transfer_one_future(listed: Listed) -> Measurement:
    """Drop the one-token futures: Fh_s starts as {y_s}."""
    run = listed_run(listed, ONE_FUTURE)
    return transfer(run, lambda table: bad_prefixes(run, table, as_written(table)))


def transfer_coarser_oracle(listed: Listed) -> Measurement:
    """Drop the oracle's accuracy: it is off by 4 xi."""
    run = listed_run(listed, xi=4 * listed.xi)
    return transfer(run, lambda table: bad_prefixes(run, table, as_written(table)))


def transfer_short_loop(listed: Listed) -> Measurement:
    """Drop the last t: the prefixes of T - 1 tokens are not validated."""
    run, longest = listed_run(listed), listed.target.horizon - 2
    return transfer(run, lambda table: bad_prefixes(run, table, as_written(table), longest=longest))


def transfer_last_cut(listed: Listed) -> Measurement:
    """Drop the residuals of all cuts but the last of each prefix."""
    run = listed_run(listed)
    return transfer(
        run, lambda table: bad_prefixes(run, table, as_written(table), only_last_cut=True)
    )


# -- noise --------------------------------------------------------------------------------------


def logit_errors(listed: Listed, shift: int = 0, noise: int = 1) -> Measurement:
    """Measure every predicted row against (t-1) g + xi, g the largest residual behind it.

    Args:
        listed: the instance.
        shift: of the seed of the error in the answers that the residuals are computed from; with 0
            they are the answers that the table was made of.
        noise: how often xi is allowed for.
    """
    run, exact = listed_run(listed), oracle_of(listed, fmpq(0))
    ledger = oracle_of(listed, shift=shift) if shift else run.ledger
    xi = Real.of(noise * listed.xi) / run.model.unit.nats
    found = [Measurement.of(0)]
    for epoch in run.epochs:
        solve = as_written(epoch.table)
        q = learned(run.model, run.ledger, epoch.table, solve)
        residuals = Residuals(ledger, epoch.table, EXACT)
        for prefix in inner_prefixes(run.model):
            solution = solve(prefix)
            if solution is None:
                continue
            g = max([fmpq(0), *(abs(d) for _, _, d in residuals.at(prefix, solution))])
            error = max(abs(x - y) for x, y in zip(q.read(prefix), exact.row(prefix), strict=True))
            found.append(Measurement(Real.of(error), next_logit_error(len(prefix), g, xi)))
    return worst(found)


def residual_noise(
    listed: Listed, solver: Callable[[Table], Solve] = as_written, factor: fmpq = fmpq(2)
) -> Measurement:
    """Measure how far noise moves residuals against 2 (m_{s-1} + m_s) xi, in nats.

    The noiseless residual has the same coefficients and the exact oracle's rows.
    """
    run, exact = listed_run(listed), oracle_of(listed, fmpq(0))
    unit = run.model.unit
    found = [Measurement.of(0)]
    for epoch in run.epochs:
        table, solve = epoch.table, solver(epoch.table)
        noisy, clean = Residuals(run.ledger, table, EXACT), Residuals(exact, table, EXACT)
        sizes_ = table.basis_sizes
        for prefix in inner_prefixes(run.model):
            solution = solve(prefix)
            if solution is None:
                continue
            pairs = zip(noisy.at(prefix, solution), clean.at(prefix, solution), strict=True)
            for (s, _, x), (_, _, y) in pairs:
                bound = factor * (sizes_[s - 2] + sizes_[s - 1]) * listed.xi
                found.append(Measurement(unit.in_nats(abs(x - y)), Real(bound)))
    return worst(found)


def noisy_runs() -> SearchStrategy[Listed]:
    """Return runs with a noisy oracle and logits of very different sizes."""
    return listed_runs(
        horizons=(3, 3), alphabet_sizes=(2, 2), values=(1, 8, -1), xis=(fmpq(1, 7), fmpq(1, 70))
    )


# -- counts -------------------------------------------------------------------------------------


def one_token_ranks(model: LanguageModel) -> list[int]:
    """Return the rank of the one-token columns at every cut."""
    k, futures = model.alphabet_size, futures_up_to(model.alphabet_size, 1)
    return [rank(logit_matrix(model, list(words(k, s)), futures)) for s in range(model.horizon)]


def witness_count(
    listed: Listed, corrections: Corrections = CORRECTED, xi: fmpq = fmpq(0), less: int = 0
) -> Measurement:
    """Measure the witnesses at each cut against d_s - rank(one-token columns)."""
    run = listed_run(listed, corrections, xi)
    counts = [0] * run.model.horizon
    for epoch in run.epochs:
        if epoch.witness is not None:
            counts[epoch.witness.cut - 1] += 1
    ranks = zip(cut_ranks(run.model), one_token_ranks(run.model), strict=True)
    allowed = [witnesses_at_cut(d, r) for d, r in ranks]
    return worst(
        [Measurement.of(n, max(0, a - less)) for n, a in zip(counts, allowed, strict=True)]
    )


def witnessing_runs(k: int, xi: fmpq = fmpq(0)) -> SearchStrategy[Listed]:
    """Return runs on k tokens with a low threshold."""
    return listed_runs(
        horizons=(3, 3), alphabet_sizes=(k, k), xis=(xi,), thresholds=(fmpq(1, 1000),)
    )


def epochs_needed(target: SparseTarget, promised: int, spare: int = 1) -> Measurement:
    """Measure the epochs of a run on every word, xi = 0 and g = 0, against K = (T-2) d + 1."""
    found = len(run_on_every_word(target.model))
    return Measurement.of(found, max(1, max(0, target.horizon - 2) * promised + spare))


def true_rank(target: SparseTarget) -> int:
    """Return the largest cut rank, at least 1."""
    return max(1, *cut_ranks(target.model))


# -- the promise on short words -----------------------------------------------------------------


@dataclass(frozen=True)
class Short:
    """A target of one or two tokens, a promised epsilon and the oracle's seed."""

    target: SparseTarget
    epsilon: fmpq
    seed: int


@st.composite
def shorts(draw: DrawFn) -> Short:
    """Return targets of one or two tokens."""
    return Short(
        draw(sparse_targets(horizons=(1, 2))),
        draw(st.sampled_from([fmpq(1, 10), fmpq(1, 100)])),
        draw(st.integers(0, 15)),
    )


def short_promise(short: Short, share: fmpq, demanded: fmpq = fmpq(1)) -> Measurement:
    """Measure TV(M, Q) against epsilon for an oracle with xi = share * 2 epsilon / T."""
    xi = share * 2 * short.epsilon / short.target.horizon
    run = listed_run(Listed(short.target, (), (), fmpq(1), xi, short.seed))
    table = run.epochs[-1].table
    q = learned(run.model, run.ledger, table, as_written(table))
    distance = total_variation(run.model, q).value
    assert distance is not None
    return Measurement(distance, Real(short.epsilon * demanded))


# -- spanners at every cut ----------------------------------------------------------------------


def feasible_prefixes(listed: Listed, cuts: int | None = None, less: int = 0) -> Measurement:
    """Measure Pr(y_{1:t} infeasible) against (t-1) eta at every epoch and t.

    Args:
        listed: the instance.
        cuts: the last cut whose spanner counts for eta; default t.
        less: taken from t - 1.
    """
    run = listed_run(listed)
    model, k = run.model, run.model.alphabet_size
    found = [Measurement.of(0)]
    for epoch in run.epochs:
        etas = [fmpq(0)]
        for t in range(2, model.horizon):
            if cuts is None or t <= cuts:
                etas.append(_outside(run, epoch.table, t))
            missed = [p for p in words(k, t) if not whole_program_feasible(epoch.table, p)]
            mass = total(probability_of(model, p) for p in missed)
            found.append(Measurement(mass, infeasibility(max(1, t - less), max(etas))))
    return worst(found)


def _outside(run: ListedRun, table: Table, s: int) -> fmpq:
    """Return the mass of histories whose row at cut s leaves the box of the basis."""
    cut, model = table.cut(s), run.model
    basis = checkers.as_fractions(cut.rows)
    found = fmpq(0)
    for h in words(model.alphabet_size, s - 1):
        row = [run.ledger.row(h + f[:-1])[f[-1]] for f in cut.columns]
        if not checkers.in_box(basis, checkers.as_fractions([tuple(row)])[0]):
            p = probability_of(model, h).exact
            assert p is not None
            found += p
    return found


# -- validation ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Validation:
    """A target of three tokens, n words for the spanner and n fresh ones, and delta."""

    target: SparseTarget
    n: int
    delta: fmpq


@st.composite
def validations(draw: DrawFn) -> Validation:
    """Return targets of three tokens, the second with logits of its own after each first one."""
    k = draw(st.integers(2, 3))
    second = st.sampled_from([(0, 0), (0, 1), (1, 1), (0, 8), (1, 8)])
    rows = [draw(second) for _ in range(3)]
    logits = (((((a,), token), value)) for a, (token, value) in enumerate(rows[:k]) if value)
    return Validation(
        SparseTarget(3, k, tuple(logits)),
        draw(st.integers(1, 3)),
        draw(st.sampled_from([fmpq(1, 2), fmpq(1, 3), fmpq(1, 4)])),
    )


def false_passes(v: Validation, *, fresh: bool, share: fmpq = fmpq(1)) -> Measurement:
    """Measure Pr(all n words pass, and p_bad exceeds the bound) against delta: an exact law.

    The words are fresh, or those whose first tokens were the histories of the spanner.

    Args:
        v: the instance.
        fresh: validate on fresh words.
        share: of the bound on p_bad.
    """
    model, k = v.target.model, v.target.alphabet_size
    heads = [_exact(probability_of(model, (a,))) for a in range(k)]
    bound = bad_mass_after_passes(v.n, v.delta) * share
    missed = fmpq(0)
    for first in product(range(k), repeat=v.n):
        bad, good = _bad_and_good(v.target, frozenset(first))
        if not bound < bad:
            continue
        if fresh:
            chance = (1 - bad) ** v.n
            for a in first:
                chance *= heads[a]
        else:
            chance = fmpq(1)
            for a in first:
                chance *= good[a]
        missed += chance
    return Measurement.of(missed, v.delta)


@lru_cache(maxsize=64)
def _bad_and_good(target: SparseTarget, seen: frozenset[int]) -> tuple[fmpq, tuple[fmpq, ...]]:
    """Return p_bad, and for each token the probability of a good word that starts with it."""
    spanning = tuple((a, 0, 0) for a in sorted(seen))
    run = listed_run(Listed(target, spanning, (), fmpq(1, 1000), fmpq(0), 0))
    table = run.epochs[0].table
    bad = bad_prefixes(run, table, as_written(table))
    model = run.model
    good = [
        _exact(probability_of(model, (a,))) - _exact(mass_of(model, {p for p in bad if p[0] == a}))
        for a in range(model.alphabet_size)
    ]
    return _exact(mass_of(model, bad)), tuple(good)


def _exact(value: Real) -> fmpq:
    assert value.exact is not None
    return value.exact


def one_word_repeated(s: Sizes) -> Measurement:
    """Drop independence: one word, validated n times."""
    bound = bad_mass_after_passes(s.n, s.delta)
    return Measurement.of(1 - s.mass if bound < s.mass else 0, s.delta)


@st.composite
def two_rows(draw: DrawFn) -> Sample:
    """Return laws on two rows of one column."""
    weights = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rows = [(fmpq(draw(st.sampled_from([0, 1, 3]))),) for _ in weights]
    law = [fmpq(w, sum(weights)) for w in weights]
    eta = draw(st.sampled_from([fmpq(3, 4), fmpq(1, 2)]))
    return Sample(tuple(rows), tuple(law), draw(st.integers(1, 6)), eta)


def one_row_repeated(s: Sample) -> Measurement:
    """Drop independence: one row, drawn N times."""
    if s.draws < max(1, s.rank):
        return Measurement.of(0, 1)
    missed = fmpq(0)
    for i, p in enumerate(s.law):
        basis = barycentric_spanner([s.rows[i]], len(s.rows[i]), EXACT).indices
        if s.outside([i] if basis else [], 2) > s.eta:
            missed += p
    return Measurement(Real(missed), spanner_failure(s.draws, s.rank, s.eta))


def compression_in_eight(s: Sample) -> Measurement:
    """Control: an eighth of the bound."""
    found = compression(s)
    return Measurement(found.measured, found.bound / 8)


# -- approximate rank ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Spike:
    """Three bits that are rarely 1, mostly together, and an oracle that is off after (1, 0, 1).

    Attributes:
        rarity: token 0 comes first with odds 2^rarity.
        coupling: the next two bits repeat the first with odds 2^coupling each.
        delta: risk.
    """

    rarity: int
    coupling: int
    delta: fmpq


@st.composite
def rare_spikes(draw: DrawFn) -> Spike:
    """Return spikes of every rarity."""
    return Spike(
        draw(st.integers(0, 12)),
        draw(st.integers(0, 30)),
        draw(st.sampled_from([fmpq(1, 10), fmpq(1, 100), fmpq(1, 1000)])),
    )


def rare_bits(spike: Spike) -> LanguageModel:
    """Return the law of the first three bits."""
    logits: list[tuple[tuple[Word, int], int]] = [(((), 0), spike.rarity)]
    for first in (0, 1):
        logits.append((((first,), first), spike.coupling))
        logits += [(((first, second), first), spike.coupling) for second in (0, 1)]
    return SparseTarget(3, 2, tuple(logits)).model


def asked_errors(
    spike: Spike, *, independent: bool = True, uniform: bool = True, share: fmpq = fmpq(1)
) -> Measurement:
    """Measure Pr(some asked entry is off by more than the bound) against delta: an exact law.

    T = 4 and N_all = 2 words; the error is 1 nat after (1, 0, 1) and 0 elsewhere.  An asked entry
    is (prefix of the first word).(token).(aligned segment of the second word).(token).

    Args:
        spike: the instance.
        independent: draw the two words independently; else they are the same word.
        uniform: eps_avg is a mean over uniform tokens; else the first token is the word's own.
        share: of the bound.
    """
    model = rare_bits(spike)
    law = {w: _exact(probability_of(model, w)) for w in words(2, 3)}

    def mass(event: Callable[[Word, Word], bool], same: bool) -> fmpq:
        pairs = [(w, w, p) for w, p in law.items()]
        if not same:
            pairs = [(x, y, p * q) for (x, p), (y, q) in product(law.items(), law.items())]
        return sum((p for x, y, p in pairs if event(x, y)), fmpq(0))

    # how (1, 0, 1) is asked: the free token is its first, its second or its third
    shapes: list[Callable[[Word, Word], bool]] = [
        lambda x, y: y[1:] == (0, 1),
        lambda x, y: x[0] == 1 and y[2] == 1,
        lambda x, y: x[:2] == (1, 0),
    ]
    if uniform:
        average = max(mass(shape, same=False) for shape in shapes) / 2
    else:
        own: list[Callable[[Word, Word], bool]] = [
            lambda x, y: x[:1] + y[1:] == (1, 0, 1),
            lambda x, y: x[:2] + y[2:] == (1, 0, 1),
            lambda x, y: x == (1, 0, 1),
        ]
        average = max(mass(shape, same=False) for shape in own)
    bound = rank_error(2, 4, 2, average, spike.delta) * share
    missed = mass(lambda x, y: any(f(x, y) for f in shapes), same=not independent)
    return Measurement.of(missed if bound < 1 else 0, spike.delta)


# -- short statements ---------------------------------------------------------------------------


def lengths_of_the_first(p: Potential) -> Measurement:
    """Drop |v_j| <= B and |phi_j| <= R: B and R are the lengths of v_1 and phi_1."""
    first = Potential(p.v[:1], p.phi[:1])
    return _sides(p, first.b2, first.r2)


def common_lengths(p: Potential) -> Measurement:
    """Measure both sides of Lemma 5.1 with lam = 1."""
    return _sides(p, p.b2, p.r2)


def _sides(p: Potential, b2: fmpq, r2: fmpq) -> Measurement:
    return Measurement(
        *elliptic_potential(len(p.v), p.dimension, b2, r2, p.error, p.threshold, fmpq(1))
    )


def quarter_potential(p: Potential) -> Measurement:
    """Control: a quarter of the bound."""
    found = common_lengths(p)
    return Measurement(found.measured, found.bound / 4)


def any_length(p: Potential) -> Measurement:
    """Drop D_j(i) = 0 for i < j."""
    return Measurement.of(len(p.v), len(p.v[0]))


def orthogonal_length(p: Potential) -> Measurement:
    """Measure the length of a sequence with e = 0 against d."""
    return any_length(p) if p.error == 0 else Measurement.of(0)


def samples_for_a_fair_coin(coin: Coin) -> Measurement:
    """Drop M(a | h) >= gamma: as many samples as gamma = 1/2 needs."""
    m = samples_for_binary_logit(fmpq(1, 2), coin.xi, coin.zeta)
    return Measurement(failure(coin, m), Real(coin.zeta))


@st.composite
def wide_functions(draw: DrawFn) -> Functions:
    """Return f in [-1, 1] and fhat in [-3, 3] on one or two points."""
    size = draw(st.integers(1, 2))
    inside, beyond = st.integers(-2, 2), st.integers(-6, 6)

    def some(halves: SearchStrategy[int]) -> tuple[fmpq, ...]:
        return tuple(fmpq(draw(halves), 2) for _ in range(size))

    return Functions(some(inside), some(beyond))


def steepest(pair: Functions) -> Measurement:
    """Tightened: the slope at 0 in place of that at 2, that is 2 E|sigma - sigma|."""
    found = values(pair)
    return Measurement(found.measured, found.bound * fmpq(42, 100))


def clipped(pair: Functions) -> Functions:
    """Return the pair with fhat clipped to [-1, 1]."""
    return Functions(pair.f, tuple(max(min(x, fmpq(1)), fmpq(-1)) for x in pair.fhat))


def exchanged(pair: Functions) -> Functions:
    """Return fhat and f; the sides of the claim do not tell them apart."""
    return Functions(pair.fhat, pair.f)


def uniform_inputs(pair: Pair) -> Pair:
    """Return the pair with Q's input bits made uniform."""
    m, q = pair
    n = q.horizon - 1
    rows = {x: q.read(x) if t == n else [0, 0] for t in range(n + 1) for x in words(2, t)}
    return m, TabulatedModel(2, n + 1, rows, q.unit)


def half_the_distance(pair: Pair) -> Measurement:
    """Control: the expectation is TV(M, Q) / 2."""
    return Measurement(abs(labels_apart(pair) - apart(pair) / 2), Real.of(0))


NECESSITIES = (
    Necessity(
        "fixed tie-breaking",
        "lemma-5.9-product",
        listed_runs(horizons=(3, 3), alphabet_sizes=(2, 2), values=(1, 2, 8)),
        transfer_kept,
        transfer_other_order,
        transfer_without_bad_mass,
        "validated with one solution, Q uses another: same programs, unknowns in reverse order",
    ),
    Necessity(
        "coefficients at most 2",
        "lemma-5.9-product",
        listed_runs(),
        transfer_kept,
        transfer_without_box,
        transfer_without_bad_mass,
        "not needed by the proof: the telescope uses (10a), (10c) and that the solution which is "
        "tested is the one used, but no size of coefficients",
        expected="none found",
        examples=250,
    ),
    Necessity(
        "coefficients at most 2",
        "residual-noise",
        noisy_runs(),
        residual_noise,
        lambda i: residual_noise(i, without_box),
        lambda i: residual_noise(i, factor=fmpq(4, 5)),
        "here the box enters: it bounds the e of Lemma 5.1, hence the epochs under noise",
    ),
    Necessity(
        "one-token futures present",
        "lemma-5.9-product",
        listed_runs(),
        transfer_kept,
        transfer_one_future,
        transfer_without_bad_mass,
        "not needed by the proof: (15) tests every token a, in Fh_s or not; what Q reads off the "
        "table is another matter (slip-one-future)",
        expected="none found",
        examples=250,
    ),
    Necessity(
        "one-token futures present",
        "witness-count",
        witnessing_runs(3),
        witness_count,
        lambda i: witness_count(i, ONE_FUTURE),
        lambda i: witness_count(i, less=1),
        "Fh_s starts as {y_s}: other tokens come in as witnesses (k = 3; at k = 2 one token tells "
        "the other)",
    ),
    Necessity(
        "every t up to T - 1 validated",
        "lemma-5.9-product",
        listed_runs(horizons=(1, 3)),
        transfer_kept,
        transfer_short_loop,
        transfer_without_bad_mass,
        "the loop stops at t = T - 2",
    ),
    Necessity(
        "residuals tested at every cut",
        "lemma-5.9-product",
        listed_runs(horizons=(4, 4)),
        transfer_kept,
        transfer_last_cut,
        transfer_without_bad_mass,
        "only the residuals with s = t are tested",
    ),
    Necessity(
        "oracle within xi",
        "lemma-5.9-product",
        listed_runs(xis=(fmpq(1, 7), fmpq(1, 70))),
        transfer_kept,
        transfer_coarser_oracle,
        transfer_without_noise,
        "the oracle is off by 4 xi",
    ),
    Necessity(
        "the oracle is a function",
        "lemma-5.8",
        noisy_runs(),
        logit_errors,
        lambda i: logit_errors(i, shift=1),
        lambda i: logit_errors(i, noise=0),
        "asked again for the residuals it answers differently, within xi as before",
    ),
    Necessity(
        "xi < 2 epsilon / T",
        "parameters",
        shorts(),
        lambda i: short_promise(i, fmpq(1, 2)),
        lambda i: short_promise(i, fmpq(2)),
        lambda i: short_promise(i, fmpq(1, 2), fmpq(1, 4)),
        "xi = 4 epsilon / T; with T <= 2 nothing else is drawn or tested",
    ),
    Necessity(
        "exact oracle",
        "witness-count",
        witnessing_runs(2, fmpq(1, 7)),
        witness_count,
        lambda i: witness_count(i, xi=i.xi),
        lambda i: witness_count(i, less=1),
        "the threshold lies below the noise",
    ),
    Necessity(
        "rank at most d",
        "parameters",
        sparse_targets(horizons=(3, 4), alphabet_sizes=(2, 2)),
        lambda i: epochs_needed(i, true_rank(i)),
        lambda i: epochs_needed(i, max(1, true_rank(i) - 1)),
        lambda i: epochs_needed(i, true_rank(i), 0),
        "K = (T-2) d + 1 epochs, d one less than the largest cut rank",
    ),
    Necessity(
        "spanners at every cut",
        "lemma-5.5",
        listed_runs(horizons=(4, 4), alphabet_sizes=(2, 2)),
        feasible_prefixes,
        lambda i: feasible_prefixes(i, cuts=2),
        lambda i: feasible_prefixes(i, less=1),
        "eta is that of cut 2 alone",
    ),
    Necessity(
        "fresh words",
        "lemma-5.7-sharp",
        validations(),
        lambda v: false_passes(v, fresh=True),
        lambda v: false_passes(v, fresh=False),
        lambda v: false_passes(v, fresh=True, share=fmpq(0)),
        "validated on the words that gave the spanner its histories",
    ),
    Necessity(
        "independent words",
        "lemma-5.7-sharp",
        sizes(),
        passing_coverage,
        one_word_repeated,
        lambda s: passing_coverage(s, fmpq(1, 2)),
        "one word, n times",
    ),
    Necessity(
        "independent rows",
        "lemma-5.2",
        two_rows(),
        compression,
        one_row_repeated,
        compression_in_eight,
        "one row, N times",
    ),
    Necessity(
        "the two words of an entry independent",
        "theorem-5.14",
        rare_spikes(),
        asked_errors,
        lambda i: asked_errors(i, independent=False),
        lambda i: asked_errors(i, share=fmpq(1, 256)),
        "prefix and segment come from one word, so that rare events meet in it",
    ),
    Necessity(
        "eps_avg a mean over uniform tokens",
        "theorem-5.14",
        rare_spikes(),
        asked_errors,
        lambda i: asked_errors(i, uniform=False),
        lambda i: asked_errors(i, share=fmpq(1, 256)),
        "a mean over the tokens of M's own words; every token is asked, the rare ones too",
    ),
    Necessity(
        "vectors no longer than alpha",
        "lemma-5.1",
        potentials(dimensions=(1, 2)),
        common_lengths,
        lengths_of_the_first,
        quarter_potential,
        "B and R are the lengths of the first vectors alone; lam = 1",
    ),
    Necessity(
        "D_j(i) = 0 for i < j",
        "lemma-5.1-exact",
        potentials(dimensions=(1, 1)),
        orthogonal_length,
        any_length,
        exact_length_tightened,
        "a witness that stays visible may be found again",
    ),
    Necessity(
        "every token has probability >= gamma",
        "remark-5.8-binary",
        coins(most=8),
        estimated_binary,
        samples_for_a_fair_coin,
        lambda c: estimated_binary(c, 4),
        "full support in figures: as many samples as a fair coin needs",
        examples=200,
    ),
    Necessity(
        "fhat clipped to [-1, 1]",
        "corollary-5.15",
        wide_functions(),
        lambda p: values(clipped(p)),
        values,
        lambda p: steepest(clipped(p)),
        "sigma is flat outside",
    ),
    Necessity(
        "f in [-1, 1]",
        "corollary-5.15",
        wide_functions().map(exchanged),
        lambda p: values(clipped(exchanged(p))),
        values,
        lambda p: steepest(clipped(exchanged(p))),
        "sigma is flat outside, and clipping fhat does not make up for it",
    ),
    Necessity(
        "Q's input bits uniform",
        "corollary-5.15-uniform",
        labelled_pairs(),
        lambda pair: labels_exactly(uniform_inputs(pair)),
        labels_exactly,
        lambda pair: half_the_distance(uniform_inputs(pair)),
        "an exact oracle makes them so; a noisy one need not",
    ),
)

CLAIMS = (
    Claim(
        "residual-noise",
        "oracle within xi, |c| <= 2: noise moves Delta_s(f) by at most 2 (m_{s-1} + m_s) xi",
        "[P] Lemma 5.6, the error e of the elliptic potential",
        "sharpened",
        noisy_runs,
        residual_noise,
        (
            Twin("two fifths of it", lambda i: residual_noise(i, factor=fmpq(4, 5))),
            Twin("no box", lambda i: residual_noise(i, without_box)),
        ),
        examples=100,
    ),
)
