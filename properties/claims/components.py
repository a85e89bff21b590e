"""Claims about components that every run rests on: logits, ledger, noise, programs, parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq
from hypothesis import assume, reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bounds.parameters import CoarseOracleError, Parameters, explicit_parameters
from bounds.spanner import spanner_failure
from bounds.validation import binomial_tail
from llr.analysis.distance import kl_divergence, total_variation
from llr.errors import InputError, OracleError
from llr.learning.table import Table
from llr.models.base import LanguageModel, TabulatedModel, Word, words
from llr.numbers import balls
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.balls import Real, total
from llr.numbers.rational import RationalRow
from llr.numbers.units import LN2, NAT
from llr.oracles.ledger import Counts, Ledger
from properties import checkers
from properties.claim import Claim, Measurement, Twin
from properties.claims.spanners import whole_program_feasible
from properties.measure import worst
from properties.scenarios import Scenario, inner_prefixes, probability_of, run, scenarios
from properties.strategies import (
    ApproximateOracle,
    Span,
    isans,
    noisy_oracles,
    tabulated_models,
)

TINY = fmpq(1, 10**30)


# -- Def 1.2 ------------------------------------------------------------------------------------


def any_models() -> st.SearchStrategy[LanguageModel]:
    """Return small models of up to eight tokens with logits in nats or in units of ln 2."""
    units = (LN2, NAT)
    return st.one_of(
        isans(horizons=(1, 3), units=units),
        tabulated_models(horizons=(1, 2)),
        isans(horizons=(1, 2), alphabet_sizes=(4, 8), dimensions=(1, 2), units=units),
    )


def mean_centred(model: LanguageModel, *, by_first: bool = False) -> Measurement:
    """Measure |L(h.a) - (log M(a|h) - mean_b log M(b|h))| and |sum_a L(h.a)| over all h.

    Args:
        model: with few prefixes.
        by_first: sabotage: subtract the first token's logarithm in place of the mean.
    """
    found = []
    for length in range(model.horizon):
        for prefix in words(model.alphabet_size, length):
            row = model.read(model.state_of(prefix))
            found.append(Measurement.of(abs(sum(row, fmpq(0)))))
            logs = [balls.log(p) for p in model.probabilities(prefix)]
            middle = logs[0] if by_first else total(logs) / len(logs)
            for x, y in zip(row, logs, strict=True):
                error = abs(model.unit.in_nats(x) - (y - middle))
                found.append(Measurement(error, Real.of(TINY)))
    return worst(found)


# -- the ledger ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """Batches of prefixes, in the order in which they are asked; T = 4, k = 2."""

    batches: tuple[tuple[Word, ...], ...]


class Recorder:
    """An oracle that keeps what it was asked, and answers with rows that are not centred."""

    def __init__(self) -> None:
        self.asked: list[Word] = []

    def logits(self, prefixes: Sequence[Word]) -> list[RationalRow]:
        """Return (n, n^2 + 1) for a prefix that is the binary digits of n after a one."""
        self.asked.extend(prefixes)
        return [self.answer(p) for p in prefixes]

    @staticmethod
    def answer(prefix: Word) -> RationalRow:
        """Return the row at one prefix."""
        n = int("1" + "".join(map(str, prefix)), 2)
        return fmpq(n), fmpq(n * n + 1)


@st.composite
def batches(draw: DrawFn) -> Asked:
    """Return up to four batches of up to four prefixes; repeats are common."""
    prefix = st.lists(st.integers(0, 1), max_size=3).map(tuple)
    batch = st.lists(prefix, max_size=4).map(tuple)
    return Asked(tuple(draw(st.lists(batch, max_size=4))))


def ledger_counts(asked: Asked, *, repeats: bool = True) -> Measurement:
    """Count wrong figures and wrong rows of a ledger, against a recount of what it was asked.

    Args:
        asked: the batches.
        repeats: False as sabotage: expect that nothing is ever asked twice.
    """
    oracle = Recorder()
    ledger = Ledger(oracle, 2, 4, EXACT)
    wrong = 0
    for batch in asked.batches:
        for prefix, row in zip(batch, ledger.rows(batch), strict=True):
            x, y = checkers.as_fractions([oracle.answer(prefix)])[0]
            wrong += checkers.as_fractions([row])[0] != [(x - y) / 2, (y - x) / 2]
    every = [p for batch in asked.batches for p in batch]
    different = set(every)
    expected = Counts(
        calls=len(every),
        distinct_prefixes=len(different),
        cache_hits=len(every) - len(different) if repeats else 0,
        tokens=sum(map(len, different)),
    )
    wrong += ledger.counts != expected
    wrong += sorted(oracle.asked) != sorted(different)
    wrong += sorted(ledger.log) != sorted(different)
    return Measurement.of(wrong)


FAULTS: dict[str, Callable[[list[Any]], Any]] = {
    "a logit less": lambda row: row[:-1],
    "a logit more": lambda row: [*row, row[-1]],
    "no row": lambda row: None,
    "not a number": lambda row: [*row[:-1], float("nan")],
    "infinite": lambda row: [*row[:-1], float("-inf")],
    "a word": lambda row: [*row[:-1], "high"],
}
"""What an oracle may wrongly answer in place of a row."""


@dataclass(frozen=True)
class Fault:
    """Prefixes that a ledger is asked for, and the one that goes wrong.

    Attributes:
        prefixes: different ones of at most two tokens, k = 2.
        at: number of the one that goes wrong.
        kind: one of ``FAULTS``, "a row less", "changed" when asked again, or "long": asked for
            although it has T tokens.
        exact: arithmetic of the ledger.
    """

    prefixes: tuple[Word, ...]
    at: int
    kind: str
    exact: bool


def faults() -> st.SearchStrategy[Fault]:
    """Return one to four prefixes and what goes wrong at one of them."""
    prefix = st.lists(st.integers(0, 1), max_size=2).map(tuple)

    def of(prefixes: list[Word]) -> st.SearchStrategy[Fault]:
        return st.builds(
            Fault,
            st.just(tuple(prefixes)),
            st.integers(0, len(prefixes) - 1),
            st.sampled_from([*FAULTS, "a row less", "changed", "long"]),
            st.booleans(),
        )

    return st.lists(prefix, min_size=1, max_size=4, unique=True).flatmap(of)


class Faulty:
    """An oracle that answers wrongly at one prefix."""

    def __init__(self, fault: Fault, honest: bool) -> None:
        self._fault = fault
        self._honest = honest
        self._calls = 0

    def logits(self, prefixes: Sequence[Word]) -> list[Any]:
        """Return rows of two logits, but one."""
        self._calls += 1
        bad, kind = self._fault.prefixes[self._fault.at], self._fault.kind
        rows: list[Any] = [[fmpq(len(p)), fmpq(-1 - sum(p))] for p in prefixes]
        if not self._fault.exact:
            rows = [[float(int(x)) for x in row] for row in rows]
        if self._honest or bad not in prefixes:
            return rows
        place = prefixes.index(bad)
        if kind in FAULTS:
            rows[place] = FAULTS[kind](rows[place])
        elif kind == "a row less":
            del rows[place]
        elif kind == "changed" and self._calls > 1:
            rows[place] = rows[place][::-1]
        return rows


def refused(fault: Fault, honest: bool = False) -> Measurement:
    """Count the faults that a ledger takes without an error, or counts as asked.

    Args:
        fault: what goes wrong.
        honest: sabotage: nothing does.
    """
    arithmetic = EXACT if fault.exact else FLOAT64
    ledger = Ledger(Faulty(fault, honest), 2, 3, arithmetic)
    prefixes = list(fault.prefixes)
    if fault.kind == "long" and not honest:
        prefixes[fault.at] = (1, 0, 1)
    try:
        ledger.rows(prefixes)
        if fault.kind == "changed":
            ledger.recheck()
    except InputError:
        return Measurement.of(int(fault.kind != "long") + ledger.counts.calls)
    except OracleError:
        counted = 0 if fault.kind == "changed" else ledger.counts.calls
        return Measurement.of(int(fault.kind == "long") + counted)
    return Measurement.of(1)


# -- Def 4.1 ------------------------------------------------------------------------------------


def noisy_models(
    *, horizons: Span = (1, 3), alphabet_sizes: Span = (2, 3)
) -> st.SearchStrategy[ApproximateOracle]:
    """Return small models behind every kind of noise."""
    return noisy_oracles(
        models=isans(
            horizons=horizons, alphabet_sizes=alphabet_sizes, dimensions=(1, 2), units=(LN2, NAT)
        ),
        xis=(1, "1/7", "1/7000"),
    )


def all_noisy_models() -> st.SearchStrategy[ApproximateOracle]:
    """Return small models of up to eight tokens behind every kind of noise."""
    return st.one_of(noisy_models(), noisy_models(horizons=(1, 2), alphabet_sizes=(4, 8)))


def noise_bounded(oracle: ApproximateOracle, factor: fmpq = fmpq(1)) -> Measurement:
    """Measure the largest error of a noisy oracle's centred answers against xi.

    One answer that differs when all are asked again, in the opposite order, counts as an error of
    2 xi.
    """
    model, xi = oracle.model, oracle.xi
    fresh = replace(oracle)  # an instance may have been asked before
    asked = [p for n in range(model.horizon) for p in words(model.alphabet_size, n)]
    first, second = fresh.logits(asked), fresh.logits(asked[::-1])[::-1]
    if first != second:
        return Measurement.of(2 * xi, xi)
    largest = Fraction(0)
    for prefix, row in zip(asked, first, strict=True):
        answer, truth = checkers.as_fractions([row, model.read(model.state_of(prefix))])
        mean = sum(answer, Fraction(0)) / len(answer)
        errors = [abs(x - mean - y) for x, y in zip(answer, truth, strict=True)]
        largest = max([largest, *errors])
    error = fmpq(largest.numerator, largest.denominator)
    return Measurement(model.unit.in_nats(error), Real.of(xi * factor))


# -- distances ----------------------------------------------------------------------------------


def model_pairs() -> st.SearchStrategy[tuple[TabulatedModel, TabulatedModel]]:
    """Return two models of one size, T <= 2 and k <= 3, that are not everywhere equal."""

    @st.composite
    def drawn(draw: DrawFn) -> tuple[TabulatedModel, TabulatedModel]:
        horizon, k = draw(st.integers(1, 2)), draw(st.integers(2, 3))
        unit = draw(st.sampled_from([LN2, NAT]))
        one, two = (
            TabulatedModel(
                k,
                horizon,
                {
                    p: [draw(st.integers(-2, 2)) for _ in range(k)]
                    for length in range(horizon)
                    for p in words(k, length)
                },
                unit,
            )
            for _ in range(2)
        )
        prefixes = [p for length in range(horizon) for p in words(k, length)]
        assume(any(one.read(p) != two.read(p) for p in prefixes))
        return one, two

    return drawn()


def distances(pair: tuple[TabulatedModel, TabulatedModel], *, swapped: bool = False) -> Measurement:
    """Measure |TV - sum| and |KL - sum|, with plain sums over all words.

    The enclosure of TV, written out with three digits, must hold the sum.

    Args:
        pair: P and Q.
        swapped: sabotage: the divergence of P from Q against the sum for Q from P.
    """
    p, q = pair
    both = [(probability_of(p, w), probability_of(q, w)) for w in words(p.alphabet_size, p.horizon)]
    apart = total(abs(x - y) for x, y in both) / 2
    found = total_variation(p, q)
    assert found.value is not None
    written = [Fraction(end) for end in found.enclosure.as_strings(3)]
    ordered = [(y, x) for x, y in both] if swapped else both
    divergence = total(x * (balls.log(x) - balls.log(y)) for x, y in ordered)
    return worst(
        [
            Measurement(abs(found.value - apart), Real.of(TINY)),
            Measurement(Real.of(found.enclosure.lower), apart),
            Measurement(apart, Real.of(found.enclosure.upper)),
            Measurement(Real.of(written[0]), apart),
            Measurement(apart, Real.of(written[1])),
            Measurement(abs(kl_divergence(p, q) - divergence), Real.of(TINY)),
        ]
    )


# -- chain programs and Algorithm 2 -------------------------------------------------------------


def order_of_calls(scenario: Scenario) -> Measurement:
    """Count the prefixes whose solution or prediction depends on what was solved before."""
    return _reordered(scenario, lambda table: table)


def order_of_bases(scenario: Scenario) -> Measurement:
    """Sabotage: list every basis in the opposite order, and expect the same coefficients."""

    def reversed_bases(table: Table) -> Table:
        cuts = (replace(c, histories=c.histories[::-1], rows=c.rows[::-1]) for c in table.cuts)
        return replace(table, cuts=tuple(cuts))

    return _reordered(scenario, reversed_bases)


def _reordered(scenario: Scenario, change: Callable[[Table], Table]) -> Measurement:
    done = run(scenario)
    prefixes = inner_prefixes(scenario.target)
    wrong = 0
    for epoch in done.epochs:
        one = done.model(epoch)
        two = type(one)(change(epoch.table), one.unit)
        forwards = {p: (one.program.solution(p), one.read(one.state_of(p))) for p in prefixes}
        for p in reversed(prefixes):
            wrong += forwards[p] != (two.program.solution(p), two.read(two.state_of(p)))
    return Measurement.of(wrong)


def uniform_tail(scenario: Scenario, *, everywhere: bool = False) -> Measurement:
    """Count the infeasible prefixes, each program taken whole, where Q is not uniform.

    Args:
        scenario: a run.
        everywhere: sabotage: expect the same of feasible prefixes.
    """
    done = run(scenario)
    found = [
        len(set(q.logits(p))) > 1
        for epoch in done.epochs
        for q in [done.model(epoch)]
        for p in inner_prefixes(scenario.target)
        if everywhere or not whole_program_feasible(epoch.table, p)
    ]
    return Measurement.of(sum(found), cases=len(found))


# -- the explicit parameters --------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What the explicit parameters are asked for; alpha plays no part if xi = 0."""

    horizon: int
    alphabet_size: int
    rank: int
    epsilon: fmpq
    delta: fmpq
    tolerant: bool
    xi: fmpq = fmpq(0)
    alpha: fmpq = fmpq(1)


@st.composite
def wanted(draw: DrawFn) -> Wanted:
    """Return small sizes, with exact oracles and with noisy ones."""
    return Wanted(
        draw(st.integers(3, 5)),
        draw(st.integers(2, 3)),
        draw(st.integers(1, 3)),
        fmpq(1, draw(st.sampled_from([2, 10, 20]))),
        fmpq(1, draw(st.sampled_from([2, 4, 20]))),
        draw(st.booleans()),
        draw(st.sampled_from([fmpq(0), *(fmpq(1, 10**i) for i in (9, 6, 5))])),
        draw(st.sampled_from([fmpq(1), fmpq(1, 10), fmpq(3)])),
    )


def _unchanged(parameters: Parameters) -> Parameters:
    return parameters


def _allowed_witnesses(w: Wanted, g: fmpq) -> int:
    """Return the least W such that Lemma 5.1 forbids W + 1 witnesses, in floats; -1 for none."""
    if w.xi == 0:
        return w.rank
    lam = 2.0 ** (np.arange(-400, 401) / 4)
    size, xi, gap = (balls.nearest_float(Real.of(x)) for x in (w.alpha, w.xi, g))
    many = 0
    while True:
        width = (w.alphabet_size + 1) * (w.alphabet_size + many + 1)
        b, e = 4 * width * size, 4 * width * xi
        if gap <= e:
            return -1
        gained = [np.log1p((gap - e) ** 2 / (lam * b**2 + j * e**2)) for j in range(many + 1)]
        room = w.rank * np.log1p((many + 1) * size**2 / (w.rank * lam))
        largest = (sum(gained) / room).max()
        assume(abs(largest - 1) > 1e-9)
        if largest > 1:
            return many
        many += 1


class Demanded:
    """The explicit parameters for what is wanted, and what the proof says of them.

    Args:
        w: what is wanted.
        adjust: changes the parameters.
    """

    def __init__(self, w: Wanted, adjust: Callable[[Parameters], Parameters]) -> None:
        try:
            found = explicit_parameters(
                horizon=w.horizon,
                alphabet_size=w.alphabet_size,
                rank=w.rank,
                epsilon=w.epsilon,
                delta=w.delta,
                tolerant=w.tolerant,
                xi=w.xi,
                alpha=w.alpha,
            )
        except CoarseOracleError:
            reject()
        self.parameters = p = adjust(found)
        assert p.g is not None
        assert p.eta is not None
        assert p.delta_s is not None
        self.risk = p.delta_s
        self.g, self.eta, self.inner = p.g, p.eta, w.horizon - 2
        self.witnesses = _allowed_witnesses(w, p.g)
        self.width = (w.alphabet_size + 1) * (w.alphabet_size + self.witnesses + 1)
        self.rank = min(self.width, w.rank) if w.xi == 0 else self.width
        epochs = max(1, p.epochs)
        self.risk_of_words = w.delta / 2 / epochs
        self.risk_of_spanner = w.delta / 4 / (epochs * self.inner)

    def missed_words(self, words: int) -> Real:
        """Return the probability that so many fresh words all miss a mass of p."""
        return balls.exp(-self.parameters.p * words)

    def missed_spanner(self, draws: int) -> Real:
        """Return the probability that a spanner of so many draws is none; at most 1."""
        return spanner_failure(draws, self.rank, self.eta) if draws > self.rank else Real.of(1)


def shares_of_risk(
    w: Wanted, adjust: Callable[[Parameters], Parameters] = _unchanged
) -> Measurement:
    """Measure every share of the risk and of the error against what the proof allots to it.

    Beside that, the witnesses that Lemma 5.1 allows against W, and (k+1)(k+W+1) against w.
    """
    d = Demanded(w, adjust)
    p, needed = d.parameters, d.inner * d.parameters.witnesses
    measured = [
        Measurement.of(int(d.witnesses < 0)),
        Measurement.of(d.width, p.width),
        Measurement.of(d.witnesses, p.witnesses),
        Measurement.of(2 * p.p + w.horizon * w.xi / 2, w.epsilon),
        Measurement.of((w.horizon - 1) * d.inner * d.g / 4, p.p),
        Measurement.of(d.missed_words(p.words), d.risk_of_words),
        Measurement.of(d.missed_spanner(p.draws), d.risk),
        Measurement.of(d.risk, d.risk_of_spanner),
    ]
    if w.tolerant:
        measured += [
            Measurement.of(p.words * d.inner * d.eta, fmpq(1, 2)),
            Measurement(binomial_tail(p.epochs, needed, fmpq(1, 2)), Real.of(w.delta / 4)),
        ]
    else:
        measured += [
            Measurement.of(p.epochs * p.words * d.inner * d.eta, w.delta / 4),
            Measurement.of(needed + 1, p.epochs),
        ]
    return worst(measured)


def least_of_all(w: Wanted, adjust: Callable[[Parameters], Parameters] = _unchanged) -> Measurement:
    """Count which of n, N, W by Lemma 5.1, and w = (k+1)(k+W+1) could be less."""
    d = Demanded(w, adjust)
    p = d.parameters
    return Measurement.of(
        (d.missed_words(p.words - 1) <= d.risk_of_words)
        + (d.missed_spanner(p.draws - 1) <= d.risk_of_spanner)
        + (p.witnesses > d.witnesses)
        + (p.width > d.width)
    )


def _with(**more: int) -> Callable[[Parameters], Parameters]:
    """Return what adds to some of the parameters."""

    def adjusted(p: Parameters) -> Parameters:
        return replace(p, **{name: getattr(p, name) + x for name, x in more.items()})

    return adjusted


def _riskier(p: Parameters) -> Parameters:
    """Double the risk of a spanner, in name only."""
    assert p.delta_s is not None
    return replace(p, delta_s=2 * p.delta_s)


CLAIMS = (
    Claim(
        "def-1.2",
        "sum_a L(h.a) = 0 and L(h.a) = log M(a|h) - mean_b log M(b|h)",
        "[P] Def 1.2",
        "printed",
        any_models,
        mean_centred,
        (Twin("the first token's logarithm subtracted", lambda m: mean_centred(m, by_first=True)),),
        examples=60,
    ),
    Claim(
        "ledger",
        "a ledger's counts and log are those of a recount; its rows are centred",
        "[P] Def 1.7 and Eq. 11",
        "printed",
        batches,
        ledger_counts,
        (Twin("no repeats expected", lambda a: ledger_counts(a, repeats=False)),),
    ),
    Claim(
        "ledger-refuses",
        "rows of another shape or not finite, changed answers, long prefixes: errors, not counted",
        "counts at the ledger",
        "sharpened",
        faults,
        refused,
        (Twin("nothing wrong", lambda f: refused(f, honest=True)),),
        examples=200,
    ),
    Claim(
        "def-4.1",
        "a noisy oracle is a fixed function within xi of the centred logits",
        "[P] Def 4.1",
        "reconstructed",
        all_noisy_models,
        noise_bounded,
        (Twin("within 99/100 xi", lambda i: noise_bounded(i, fmpq(99, 100))),),
    ),
    Claim(
        "distances",
        "TV and KL are their sums over all words; the enclosure of TV holds it",
        "TV and KL over the prefix tree",
        "sharpened",
        model_pairs,
        distances,
        (Twin("KL of Q from P", lambda pair: distances(pair, swapped=True)),),
        examples=60,
    ),
    Claim(
        "program-order",
        "the solution of a chain program is fixed by the prefix and the stored rows",
        "[P] program (10)",
        "corrected",
        lambda: scenarios(noisy=True),
        order_of_calls,
        (Twin("basis in the opposite order", order_of_bases),),
        examples=60,
    ),
    Claim(
        "algorithm-2-uniform",
        "after an infeasible prefix Q emits uniform tokens to the end",
        "[P] Algorithm 2",
        "printed",
        lambda: scenarios(noisy=True),
        uniform_tail,
        (Twin("after every prefix", lambda s: uniform_tail(s, everywhere=True)),),
        examples=60,
    ),
    Claim(
        "parameters-shares",
        "the explicit parameters keep each share of the risk and the error that the proof allots",
        "[P] Theorem 5.11, explicit",
        "sharpened",
        wanted,
        shares_of_risk,
        (
            Twin("one spanner word fewer", lambda w: shares_of_risk(w, _with(draws=-1))),
            Twin("one fresh word fewer", lambda w: shares_of_risk(w, _with(words=-1))),
            Twin("twice the risk of a spanner", lambda w: shares_of_risk(w, _riskier)),
            Twin("one witness fewer", lambda w: shares_of_risk(w, _with(witnesses=-1, width=-3))),
        ),
        statements=("parameters",),
        examples=60,
    ),
    Claim(
        "parameters-least",
        "n, N and W of the explicit parameters are the least that keep these shares",
        "[P] Theorem 5.11, explicit",
        "sharpened",
        wanted,
        least_of_all,
        (
            Twin("one spanner word more", lambda w: least_of_all(w, _with(draws=1))),
            Twin("one fresh word more", lambda w: least_of_all(w, _with(words=1))),
            Twin("one witness more", lambda w: least_of_all(w, _with(witnesses=1, width=3))),
        ),
        statements=("parameters",),
        examples=60,
        sharp=True,
    ),
)
