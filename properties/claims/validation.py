"""Claims about draws: validation (Lemma 5.7), spanners of samples (Lemma 5.2), by exact laws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise, product
from math import comb

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bounds.spanner import (
    draws_in_closed_form,
    draws_printed,
    expected_outside,
    least_draws,
    pool_additions,
    spanner_failure,
    spanner_failure_simple,
)
from bounds.validation import (
    bad_mass_after_passes,
    clopper_pearson,
    mean_bounded,
    mean_exceeded_printed,
    passes_at_attempt,
    validation_words,
)
from llr.learning.spanner import barycentric_spanner
from llr.numbers.arithmetic import EXACT
from llr.numbers.balls import Real, log, sqrt
from llr.numbers.rational import RationalRow, fraction
from properties import checkers
from properties.claim import Claim, Measurement, Twin
from properties.measure import worst

RISKS = (fmpq(1, 2), fmpq(1, 4), fmpq(1, 10), fmpq(1, 100))


@st.composite
def laws(draw: DrawFn, atoms: int) -> list[fmpq]:
    """Return probabilities of a few atoms: small integer weights, normalised."""
    weights = draw(st.lists(st.integers(1, 6), min_size=1, max_size=atoms))
    return [fmpq(w, sum(weights)) for w in weights]


# -- means and tails ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Variable:
    """A variable Z in [0, 1]: values with their probabilities."""

    values: tuple[fmpq, ...]
    law: tuple[fmpq, ...]

    @property
    def mean(self) -> fmpq:
        """Return E Z."""
        return sum((z * p for z, p in zip(self.values, self.law, strict=True)), fmpq(0))

    def tail(self, g: fmpq, *, reached: bool) -> fmpq:
        """Return Pr(Z >= g) if ``reached``, else Pr(Z > g)."""
        pairs = zip(self.values, self.law, strict=True)
        return sum((p for z, p in pairs if z > g or (reached and z == g)), fmpq(0))


@st.composite
def variables(draw: DrawFn) -> Variable:
    """Return variables with values in quarters of [0, 1]; they shrink to integers, then halves."""
    law = draw(laws(4))
    quarters = st.sampled_from([fmpq(n, 4) for n in (0, 4, 2, 1, 3)])
    values = draw(st.lists(quarters, min_size=len(law), max_size=len(law)))
    return Variable(tuple(values), tuple(law))


def printed_step(z: Variable) -> Measurement:
    """Measure the claim Pr(Z >= E Z) >= E Z."""
    return Measurement(mean_exceeded_printed(z.mean), Real(z.tail(z.mean, reached=True)))


def thresholded() -> SearchStrategy[tuple[Variable, fmpq]]:
    """Return a variable with a threshold g."""
    return st.tuples(variables(), st.integers(0, 8).map(lambda n: fmpq(n, 8)))


def corrected_step(instance: tuple[Variable, fmpq]) -> Measurement:
    """Measure E Z <= g + Pr(Z > g)."""
    z, g = instance
    return Measurement(Real(z.mean), mean_bounded(g, z.tail(g, reached=False)))


def corrected_step_tightened(instance: tuple[Variable, fmpq]) -> Measurement:
    """Tightened: g / 2 + Pr(Z > g)."""
    z, g = instance
    return Measurement(Real(z.mean), mean_bounded(g / 2, z.tail(g, reached=False)))


@dataclass(frozen=True)
class Sizes:
    """Sizes of a validation: T, K, delta, g, n and a true mass of bad words."""

    horizon: int
    epochs: int
    delta: fmpq
    g: fmpq
    n: int
    mass: fmpq


@st.composite
def sizes(draw: DrawFn) -> Sizes:
    """Return small sizes; rates are rationals with small denominators."""
    return Sizes(
        draw(st.integers(1, 8)),
        draw(st.integers(1, 8)),
        draw(st.sampled_from(RISKS)),
        fmpq(1, draw(st.integers(2, 12))),
        draw(st.integers(1, 12)),
        fmpq(draw(st.integers(0, 24)), 24),
    )


def words_catch(s: Sizes) -> Measurement:
    """Measure (1 - g)^n against delta / (32 T K) for the corrected number n of words."""
    n = validation_words(s.horizon, s.epochs, s.delta, s.g)
    return Measurement.of((1 - s.g) ** n, s.delta / (32 * s.horizon * s.epochs))


def words_catch_halved(s: Sizes) -> Measurement:
    """Tightened: half as many words."""
    n = validation_words(s.horizon, s.epochs, s.delta, s.g) // 2
    return Measurement.of((1 - s.g) ** n, s.delta / (32 * s.horizon * s.epochs))


def passing_coverage(s: Sizes, factor: fmpq = fmpq(1)) -> Measurement:
    """Measure Pr(all pass and p_bad exceeds the bound) against delta, exactly."""
    bound = bad_mass_after_passes(s.n, s.delta) * factor
    missed = (1 - s.mass) ** s.n if bound < s.mass else fmpq(0)
    return Measurement.of(missed, s.delta)


@st.composite
def passes(draw: DrawFn) -> tuple[int, fmpq]:
    """Return n, up to thousands, and delta."""
    return draw(st.integers(1, 12)) * draw(st.sampled_from([1, 1000])), draw(
        st.integers(1, 99).map(lambda n: fmpq(n, 100))
    )


def simpler_bad_mass(instance: tuple[int, fmpq], more: int = 0, kept: bool = True) -> Measurement:
    """Measure 1 - delta^(1/n) against log(1/delta) / n.

    Args:
        instance: n and delta.
        more: tightened, n more so much.
        kept: False, sabotage: the confidence in the place of the risk.
    """
    n, delta = instance
    bound = log(1 / delta if kept else 1 / (1 - delta)) / (n + more)
    return Measurement(bad_mass_after_passes(n, delta), bound)


def failing_coverage(s: Sizes, shift: int = 0) -> Measurement:
    """Measure Pr(p_bad exceeds the Clopper-Pearson limit) against delta, exactly.

    p_bad is the given mass, and every limit and 2^-41.

    Args:
        s: n, delta and the mass.
        shift: sabotage: the limit of so many failures fewer.
    """
    limits = [clopper_pearson(s.n, max(0, f - shift), s.delta) for f in range(s.n + 1)]
    found = []
    for mass in (s.mass, *(min(fmpq(1), limit + fmpq(1, 1 << 41)) for limit in limits)):
        missed = fmpq(0)
        for f, limit in enumerate(limits):
            if limit < mass:
                missed += comb(s.n, f) * mass**f * (1 - mass) ** (s.n - f)
        found.append(Measurement.of(missed, s.delta))
    return worst(found)


# -- spanners of samples ------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """A law on a few rows, a number of draws, and eta."""

    rows: tuple[RationalRow, ...]
    law: tuple[fmpq, ...]
    draws: int
    eta: fmpq

    @property
    def rank(self) -> int:
        """Return the rank of the support."""
        return checkers.rank(checkers.as_fractions(self.rows))

    def probability(self, drawn: tuple[int, ...]) -> fmpq:
        """Return the probability of a sequence of draws."""
        found = fmpq(1)
        for i in drawn:
            found *= self.law[i]
        return found

    def outside(self, basis: list[int], bound: int) -> fmpq:
        """Return the mass of rows that leave the box of the given size."""
        exact = checkers.as_fractions(self.rows)
        chosen = [exact[i] for i in basis]
        return sum(
            (
                p
                for row, p in zip(exact, self.law, strict=True)
                if not checkers.in_box(chosen, row, bound)
            ),
            fmpq(0),
        )


@st.composite
def samples(draw: DrawFn, columns: tuple[int, int] = (1, 2)) -> Sample:
    """Return laws on at most four rows with at most four draws."""
    law = draw(laws(4))
    width = draw(st.integers(*columns))
    entries = st.sampled_from([0, 1, -1, 2, 3, 9, 27]).map(fmpq)
    rows = tuple(tuple(draw(st.lists(entries, min_size=width, max_size=width))) for _ in law)
    eta = draw(st.sampled_from([fmpq(1, 10), fmpq(1, 4), fmpq(1, 3), fmpq(1, 2), fmpq(3, 4)]))
    return Sample(rows, tuple(law), draw(st.integers(1, 4)), eta)


def spanner_law(s: Sample) -> fmpq:
    """Return the exact probability that the spanner of N draws misses more than eta."""
    missed = fmpq(0)
    for drawn in product(range(len(s.rows)), repeat=s.draws):
        indices = list(dict.fromkeys(drawn))
        rows = [s.rows[i] for i in indices]
        found = barycentric_spanner(rows, len(rows[0]), EXACT)
        if s.outside([indices[i] for i in found.indices], 2) > s.eta:
            missed += s.probability(drawn)
    return missed


def _against(s: Sample, bound: Callable[[int, int, fmpq], Real]) -> Measurement:
    if s.draws < max(1, s.rank):
        return Measurement.of(0, 1)
    return Measurement(Real(spanner_law(s)), bound(s.draws, s.rank, s.eta))


def compression(s: Sample) -> Measurement:
    """Measure the failure probability against the compression bound."""
    return _against(s, spanner_failure)


def compression_simple(s: Sample) -> Measurement:
    """Measure the failure probability against the simpler bound."""
    return _against(s, spanner_failure_simple)


@dataclass(frozen=True)
class Rates:
    """m, eta and delta of Lemma 5.2."""

    m: int
    eta: fmpq
    delta: fmpq


@st.composite
def rates(draw: DrawFn) -> Rates:
    """Return sizes for Lemma 5.2."""
    return Rates(
        draw(st.integers(1, 6)),
        fmpq(1, draw(st.sampled_from([2, 3, 5, 10, 30, 100]))),
        draw(st.sampled_from(RISKS)),
    )


FURTHER = 25
"""So many numbers of draws after the least are tried one by one, and then its doubles."""


@st.composite
def ranks_and_rates(draw: DrawFn) -> tuple[int, fmpq, fmpq]:
    """Return r, eta and delta of Lemma 5.2, for which tens to hundreds of draws suffice."""
    eta = fmpq(1, draw(st.sampled_from([2, 3, 5, 10, 20])))
    return draw(st.integers(0, 4)), eta, draw(st.sampled_from(RISKS))


def upward_closed(r: int, eta: fmpq, limit: fmpq, n: int) -> list[Measurement]:
    """Measure the compression bound at n draws, at the next numbers and at doubles."""
    following = [*range(n, n + FURTHER), 2 * n, 4 * n]
    return [Measurement(spanner_failure(m, r, eta), Real(limit)) for m in following]


def draws_from_the_least(instance: tuple[int, fmpq, fmpq], fewer: int = 0) -> Measurement:
    """Measure the bound at the least N and at larger ones against delta; one draw fewer fails.

    Args:
        instance: r, eta and delta.
        fewer: tightened, from so many draws fewer on.
    """
    r, eta, delta = instance
    n = least_draws(r, eta, delta)
    least = max(r, 1)
    found = upward_closed(r, eta, delta, max(least, n - fewer))
    if n > least:
        before = spanner_failure(n - 1, r, eta)
        found.append(Measurement.of(delta if before > delta else delta + 1, before))
    return worst(found)


def draws_for_no_probability(instance: tuple[int, fmpq, fmpq]) -> Measurement:
    """Drop delta < 1: from the first N with a bound of at most 2 on."""
    r, eta, _ = instance
    n = max(r, 1)
    while spanner_failure(n, r, eta) > 2:
        n += 1
    return worst(upward_closed(r, eta, fmpq(2), n))


def closed_form(r: Rates) -> Measurement:
    """Measure the compression bound at [M]'s number of draws against delta."""
    return _failing(r, draws_in_closed_form(r.m, r.eta, r.delta))


def _failing(r: Rates, n: int) -> Measurement:
    """Measure the compression bound at n draws against delta; fewer than m count as m.

    With m draws it is (2 - eta)^m, above every delta.
    """
    return Measurement(spanner_failure(max(n, r.m), r.m, r.eta), Real(r.delta))


def closed_form_tightened(r: Rates) -> Measurement:
    """Tightened: a quarter of [M]'s draws."""
    return _failing(r, draws_in_closed_form(r.m, r.eta, r.delta) // 4)


def printed_draws(r: Rates, constant: fmpq = fmpq(8)) -> Measurement:
    """Measure the compression bound at the printed number of draws, C = 8, against delta."""
    return _failing(r, draws_printed(r.m, r.eta, r.delta, constant))


def printed_draws_tightened(r: Rates) -> Measurement:
    """Tightened: C = 1/4."""
    return printed_draws(r, fmpq(1, 4))


def maximum_volume(rows: list[RationalRow]) -> list[int]:
    """Return the subset of maximum volume; among equals the first in the order of the vectors."""
    exact = checkers.as_fractions(rows)
    size = checkers.rank(exact)
    order = sorted(range(len(rows)), key=lambda i: exact[i])
    best: list[int] = []
    largest = Fraction(0)
    for subset in combinations(order, size):
        volume = checkers.gram([exact[i] for i in subset])
        if volume > largest:
            best, largest = list(subset), volume
    return best


def coverage(s: Sample) -> Measurement:
    """Measure the expected mass outside the unit box of a maximum-volume basis against r/(N+1)."""
    expected = fmpq(0)
    for drawn in product(range(len(s.rows)), repeat=s.draws):
        indices = list(dict.fromkeys(drawn))
        basis = maximum_volume([s.rows[i] for i in indices])
        expected += s.probability(drawn) * s.outside([indices[i] for i in basis], 1)
    return Measurement.of(expected, expected_outside(s.draws, s.rank))


def attempts(s: Sizes, fixed: bool = False) -> Measurement:
    """Measure the chance that a bad model passes some of K attempts against delta.

    The model's bad mass is g, just what may not pass; with ``fixed`` every attempt uses the number
    of words of the first.
    """
    missed = fmpq(0)
    for j in range(1, s.epochs + 1):
        missed += (1 - s.g) ** passes_at_attempt(1 if fixed else j, s.g, s.delta)
    return Measurement.of(missed, s.delta)


def grown(rows: list[RationalRow], afresh: bool = False) -> list[tuple[int, Fraction]]:
    """Return the rank of a counterexample-guided pool and the squared volume of its basis.

    A row is added if it leaves the box of the pool's spanner, and the pool is spanned again, from
    the basis that stands.

    Args:
        rows: in the order in which they come.
        afresh: sabotage: span the pool from its first independent rows, whatever the basis was.

    Returns:
        One pair per row that is added.
    """
    pool: list[RationalRow] = []
    basis: list[RationalRow] = []
    found = []
    for row in rows:
        exact = checkers.as_fractions([row])[0]
        if checkers.in_box(checkers.as_fractions(basis), exact):
            continue
        pool.append(row)
        listed = pool if afresh else [*basis, *pool]
        basis = [listed[i] for i in barycentric_spanner(listed, len(row), EXACT).indices]
        found.append((len(basis), checkers.gram(checkers.as_fractions(basis))))
    return found


def additions(rows: list[RationalRow], shift: int = 0) -> Measurement:
    """Measure how many rows are added to a pool against the bound on them.

    Args:
        rows: in the order in which they come.
        shift: tightened, so much less per rank.
    """
    volumes: dict[int, list[Fraction]] = {}
    for rank, volume in grown(rows):
        volumes.setdefault(rank, []).append(volume)
    ratios = [sqrt(max(found) / found[0]) for found in volumes.values()]
    count = sum(map(len, volumes.values()))
    return Measurement.of(count, pool_additions(ratios) - shift * len(ratios))


def powers_added(many: int, base: int = 3) -> Measurement:
    """Measure n against how many of the n rows base^-n, ..., 1/base are added to a pool.

    Args:
        many: n.
        base: 3; with 2, every other row has coefficient 2 and stays in the box.
    """
    rows: list[RationalRow] = [(fmpq(1, base**j),) for j in range(many, 0, -1)]
    return Measurement.of(many, len(grown(rows)))


def growth(rows: list[RationalRow], factor: fmpq = fmpq(2), afresh: bool = False) -> Measurement:
    """Measure the factor, squared, against the least growth of the squared volume at one rank.

    A row that multiplies the volume by the factor or less fails.
    """
    steps = pairwise(grown(rows, afresh))
    ratios = [after / before for (old, before), (new, after) in steps if old == new]
    if not ratios:
        return Measurement.of(0)
    least, square = min(ratios), fraction(factor * factor)
    return Measurement.of(square if least > square else square + least, least)


def few_rows() -> SearchStrategy[list[RationalRow]]:
    """Return up to six rows of two small integers."""
    row = st.tuples(*[st.integers(-5, 5).map(fmpq)] * 2)
    return st.lists(row, min_size=3, max_size=6)


def doubling_rows() -> SearchStrategy[list[RationalRow]]:
    """Return six rows of two integers, each row twice as large as the one before: pools grow."""
    row = st.tuples(*[st.integers(-2, 2)] * 2)
    return st.lists(row, min_size=6, max_size=6).map(
        lambda rows: [tuple(fmpq(x * 2**i) for x in row) for i, row in enumerate(rows)]
    )


def growing_rows() -> SearchStrategy[list[RationalRow]]:
    """Return rows of many sizes, so that pools grow, or rows of small integers."""
    powers = st.integers(-4, 4).map(lambda n: fmpq(3) ** n)
    signs = st.sampled_from([fmpq(0), fmpq(1), fmpq(-1)])
    entry = st.builds(lambda x, y: x * y, powers, signs)
    row = st.lists(entry, min_size=2, max_size=2).map(tuple)
    return st.one_of(st.lists(row, min_size=1, max_size=8), few_rows())


CLAIMS = (
    Claim(
        "lemma-5.7-printed",
        "Z in [0, 1]: Pr(Z >= E Z) >= E Z",
        "[P] inside Lemma 5.7; false",
        "printed",
        variables,
        printed_step,
        (),
        statements=("lemma-5.7-printed",),
        examples=300,
        expected="refuted",
    ),
    Claim(
        "lemma-5.7",
        "Z in [0, 1]: E Z <= g + Pr(Z > g)",
        "[P] inside Lemma 5.7, corrected by [M]",
        "corrected",
        thresholded,
        corrected_step,
        (Twin("g / 2 + Pr(Z > g)", corrected_step_tightened),),
        statements=("lemma-5.7",),
    ),
    Claim(
        "lemma-5.7-words",
        "log(32 T K / delta) / g words miss a mass g with probability <= delta / (32 T K)",
        "[P] Lemma 5.7, corrected by [M]",
        "corrected",
        sizes,
        words_catch,
        (Twin("half as many words", words_catch_halved),),
        statements=("lemma-5.7-words",),
    ),
    Claim(
        "lemma-5.7-sharp",
        "n fresh words all pass: p_bad <= 1 - delta^(1/n) with confidence 1 - delta",
        "[P] Lemma 5.7, sharpened (exact binomial)",
        "sharpened",
        sizes,
        passing_coverage,
        (Twin("half the bound", lambda s: passing_coverage(s, fmpq(1, 2))),),
        statements=("lemma-5.7-sharp",),
        grade="exact law",
    ),
    Claim(
        "lemma-5.7-simpler",
        "1 - delta^(1/n) <= log(1/delta) / n",
        "[P] Lemma 5.7, sharpened",
        "sharpened",
        passes,
        simpler_bad_mass,
        (
            Twin("log(1/delta) / (n + 1)", lambda i: simpler_bad_mass(i, 1)),
            Twin("log(1/(1 - delta)) / n", lambda i: simpler_bad_mass(i, kept=False)),
        ),
    ),
    Claim(
        "clopper-pearson",
        "f of n fresh words fail: p_bad is below the limit with confidence 1 - delta",
        "exact binomial upper limit",
        "sharpened",
        sizes,
        failing_coverage,
        (Twin("one failure fewer", lambda s: failing_coverage(s, 1)),),
        statements=("clopper-pearson",),
        examples=60,
        grade="exact law",
    ),
    Claim(
        "lemma-5.2",
        "N draws: no (eta, 2)-spanner with probability <= sum_{i<=r} C(N,i) (1-eta)^(N-i)",
        "[P] Lemma 5.2, by sample compression after [M]",
        "sharpened",
        samples,
        compression,
        statements=("lemma-5.2",),
        examples=120,
        grade="exact law",
    ),
    Claim(
        "lemma-5.2-simple",
        "N draws: no (eta, 2)-spanner with probability <= (r+1) N^r exp(-eta (N-r))",
        "[P] Lemma 5.2, simpler and larger",
        "sharpened",
        samples,
        compression_simple,
        statements=("lemma-5.2-simple",),
        examples=120,
        grade="exact law",
    ),
    Claim(
        "lemma-5.2-least",
        "sum_{i<=r} C(N,i) (1-eta)^(N-i) <= delta from the least such N on, and not one before",
        "[P] Lemma 5.2, by sample compression after [M]",
        "sharpened",
        ranks_and_rates,
        draws_from_the_least,
        (
            Twin("from one draw fewer on", lambda i: draws_from_the_least(i, 1)),
            Twin("delta = 2", draws_for_no_probability),
        ),
        statements=("lemma-5.2",),
        sharp=True,
        examples=60,
    ),
    Claim(
        "lemma-5.2-mausberg",
        "N = ceil((2/eta)(m ceil(log2(2m/eta)) + ceil(log2((m+1)/delta)))) draws suffice",
        "[P] Lemma 5.2 in [M]'s closed form",
        "sharpened",
        rates,
        closed_form,
        (Twin("a quarter of the draws", closed_form_tightened),),
        statements=("lemma-5.2-mausberg",),
        examples=100,
    ),
    Claim(
        "lemma-5.2-printed",
        "N = C (m^2 + log(1/delta)) / eta^2 draws suffice, tried with C = 8",
        "[P] Lemma 5.2, constant as an argument",
        "printed",
        rates,
        printed_draws,
        (Twin("C = 1/4", printed_draws_tightened),),
        statements=("lemma-5.2-printed",),
        examples=100,
    ),
    Claim(
        "spanner-coverage",
        "maximum-volume basis of N draws: E[mass outside its unit box] <= r / (N + 1)",
        "expected form of [P] Lemma 5.2",
        "sharpened",
        samples,
        coverage,
        statements=("spanner-coverage",),
        examples=120,
        grade="exact law",
    ),
    Claim(
        "attempts",
        "attempt j on ceil(log(j (j+1) / delta) / p) words: all risks sum to at most delta",
        "validation over an unknown number of attempts",
        "sharpened",
        sizes,
        attempts,
        (Twin("as many words as the first attempt", lambda s: attempts(s, fixed=True)),),
        statements=("attempts",),
        grade="exact law",
    ),
    Claim(
        "pool-additions",
        "rows added at a cut <= sum over ranks of (1 + log2(largest volume / first volume))",
        "counterexample-guided spanners",
        "sharpened",
        growing_rows,
        additions,
        (Twin("rises of the rank not counted", lambda rows: additions(rows, 1)),),
        statements=("pool-additions",),
        examples=150,
    ),
    Claim(
        "pool-powers",
        "rows 3^-n, ..., 1/3 at a cut of rank 1: each of them has to be added",
        "counterexample-guided spanners",
        "sharpened",
        lambda: st.integers(1, 60),
        powers_added,
        (Twin("rows 2^-n, ..., 1/2", lambda n: powers_added(n, 2)),),
        examples=30,
    ),
    Claim(
        "pool-growth",
        "a row added to a pool raises its rank or multiplies its basis's volume by more than 2",
        "counterexample-guided spanners",
        "sharpened",
        few_rows,
        growth,
        (
            Twin("by more than 5/2", lambda rows: growth(rows, fmpq(5, 2))),
            Twin("spanned afresh", lambda rows: growth(rows, afresh=True), doubling_rows),
        ),
    ),
)
