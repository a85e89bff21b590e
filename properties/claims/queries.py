"""Claims about counts: Lemma 5.10, the counting limit, the needle, the scalar lower bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bounds.access import samples_for_binary_logit
from bounds.parameters import Parameters, explicit_parameters
from bounds.potential import epochs_printed
from bounds.queries import (
    QueryCount,
    counting_limit,
    needle_distance,
    query_count,
    root_samples_needed,
)
from bounds.theorem import printed_parameters, queries_by_compression, queries_printed
from llr.analysis.distance import total_variation
from llr.learning.printed import Epoch, Residuals
from llr.models.base import TabulatedModel, UniformModel, Word, words
from llr.models.logits import cut_ranks_by_enumeration
from llr.numbers import balls
from llr.numbers.arithmetic import EXACT, Row
from llr.numbers.balls import Real
from llr.numbers.rational import matrix, rank
from llr.oracles.ledger import Ledger
from properties.claim import Claim, Measurement, Twin
from properties.measure import worst
from properties.scenarios import Run, Scenario, run, scenarios
from properties.strategies import words_of


def _allowed(done: Run, width: int) -> QueryCount:
    """Return what one epoch may ask at most, by the lemma."""
    of, model = done.scenario, done.scenario.target
    return query_count(model.horizon, model.alphabet_size, 1, of.samples, of.validation, width)


def _widest_basis(epoch: Epoch) -> int:
    return max(epoch.table.basis_sizes)


def _widest_columns(epoch: Epoch) -> int:
    return max(len(c.columns) for c in epoch.table.cuts)


def residual_entries(scenario: Scenario) -> Measurement:
    """Measure the entries behind an epoch's residuals against the lemma; w is the widest basis.

    Every distinct prefix is an entry at least: those of the whole run are measured, too, against
    the sum of what was counted, first rows and tables included.
    """
    return _residual_entries(scenario, lambda done, epoch: _allowed(done, _widest_basis(epoch)))


def residual_entries_narrow(scenario: Scenario) -> Measurement:
    """Tightened: bases of one row."""
    return _residual_entries(scenario, lambda done, epoch: _allowed(done, 1))


def _residual_entries(
    scenario: Scenario, allowed: Callable[[Run, Epoch], QueryCount]
) -> Measurement:
    done = run(scenario)
    found = [
        Measurement.of(e.validation_entries, allowed(done, e).validation_entries)
        for e in done.epochs
    ]
    counted = sum(e.spanner_entries + e.validation_entries for e in done.epochs)
    counted += sum(len(c.histories) * len(c.columns) for e in done.epochs for c in e.table.cuts)
    return worst([*found, Measurement.of(done.ledger.counts.distinct_prefixes, counted)])


def spanner_entries(scenario: Scenario, fewer: int = 0) -> Measurement:
    """Measure the entries of the rows that an epoch's spanners read; w is the widest |Ft_s|.

    The rows kept in the table are measured, too.
    """
    done = run(scenario)
    found = []
    for epoch in done.epochs:
        allowed = _allowed(done, _widest_columns(epoch))
        kept = sum(len(c.histories) * len(c.columns) for c in epoch.table.cuts)
        inner = max(1, scenario.target.horizon - 2)
        spanned = fmpq(allowed.spanner_entries * max(0, inner - fewer), inner)
        found.append(Measurement.of(epoch.spanner_entries, spanned))
        found.append(Measurement.of(kept, allowed.table_entries))
    return worst(found)


class _Again:
    """What a run was answered, as an oracle for whoever repeats a part of it."""

    def __init__(self, done: Run) -> None:
        self._ledger = done.ledger

    def logits(self, prefixes: Sequence[Word]) -> list[Row]:
        """Return the centred logits at each prefix."""
        return self._ledger.rows(prefixes)


def prefixes_needed(scenario: Scenario, longest: bool = True) -> Measurement:
    """Measure the distinct prefixes behind an epoch's residuals, those known before included.

    They are counted in a repetition of the tests with a ledger of its own.

    Args:
        scenario: what is run.
        longest: False, a sabotage, allows for none of T - 1 tokens.
    """
    done = run(scenario)
    model = scenario.target
    found = [Measurement.of(0)]
    for epoch in done.epochs:
        ledger = Ledger(_Again(done), model.alphabet_size, model.horizon, EXACT)
        residuals = Residuals(ledger, epoch.table, EXACT)
        program = done.model(epoch).program
        last = epoch.infeasible_prefix or (epoch.witness and epoch.witness.prefix)
        for prefix in (w[:t] for w in epoch.validation_words for t in range(1, model.horizon)):
            solution = program.solution(prefix)
            if solution is not None:
                list(residuals.new(prefix, solution))
            if prefix == last:
                break
        width = _widest_basis(epoch)
        most = _allowed(done, width).validation_prefixes
        if not longest and model.horizon > 2:
            most -= scenario.validation * width * (model.horizon - 1)
        found.append(Measurement.of(ledger.counts.distinct_prefixes, most))
    return worst(found)


def words_drawn(scenario: Scenario, cuts: int = 0) -> Measurement:
    """Measure the words drawn by a run against the lemma's count.

    Args:
        scenario: what is run.
        cuts: sabotage: count the spanner words of so many cuts more.
    """
    done = run(scenario)
    epochs = len(done.epochs)
    allowed = query_count(
        scenario.target.horizon, 2, epochs, scenario.samples, scenario.validation, 1
    ).words
    extra = cuts * epochs * scenario.samples if scenario.target.horizon > 2 else 0
    return Measurement.of(done.ledger.counts.words, allowed + extra)


def words_drawn_exactly(scenario: Scenario, cuts: int = 0) -> Measurement:
    """Measure by how much the words drawn differ from that count; arguments as before."""
    found = words_drawn(scenario, cuts)
    return Measurement(abs(found.measured - found.bound), Real.of(0))


def words_shared(scenario: Scenario, batches: int = 0) -> Measurement:
    """Measure by how much the words of a run with one batch for all cuts differ from K (N + n).

    Args:
        scenario: what is run.
        batches: sabotage: count so many batches of N words more.
    """
    done = run(scenario, shared_batch=True)
    per_epoch = (1 + batches) * scenario.samples + scenario.validation
    expected = len(done.epochs) * per_epoch if scenario.target.horizon > 2 else 0
    return Measurement.of(abs(done.ledger.counts.words - expected))


# -- the counting limit -------------------------------------------------------------------------


@dataclass(frozen=True)
class Layered:
    """A time-varying ISAN whose state at cut s has its own dimension r_s; r_1 = 1.

    Attributes:
        alphabet_size: k.
        ranks: r_1..r_T.
        entries: transitions (k matrices r_{t+1} x r_t per step), then readouts less the last row.
    """

    alphabet_size: int
    ranks: tuple[int, ...]
    entries: tuple[fmpq, ...]


@st.composite
def layered(draw: DrawFn) -> Layered:
    """Return layered ISANs with T <= 4, k <= 3 and dimensions that cuts can have."""
    k = draw(st.integers(2, 3))
    horizon = draw(st.integers(1, 4 if k == 2 else 3))
    ranks = [1]
    for s in range(2, horizon + 1):
        most = min(k ** min(s - 1, 3), k ** (horizon - s + 1) - 1, 3, k * ranks[-1])
        ranks.append(draw(st.integers(1, most)))
    size = sum(k * a * b for a, b in pairwise(ranks))
    size += sum((k - 1) * r for r in ranks)
    entry = st.integers(-7, 7).map(fmpq)
    return Layered(k, tuple(ranks), tuple(draw(st.lists(entry, min_size=size, max_size=size))))


def _logits(m: Layered, entries: tuple[fmpq, ...]) -> list[fmpq]:
    """Return the logits of tokens 0..k-2 (k-1 numbers fix a centred row) at every prefix."""
    k, ranks = m.alphabet_size, m.ranks
    place = 0
    steps = []
    for a, b in pairwise(ranks):
        step = []
        for _ in range(k):
            step.append([entries[place + i * a : place + (i + 1) * a] for i in range(b)])
            place += a * b
        steps.append(step)
    readouts = []
    for r in ranks:
        readouts.append([entries[place + i * r : place + (i + 1) * r] for i in range(k - 1)])
        place += (k - 1) * r
    found = []
    for length in range(len(ranks)):
        for prefix in words(k, length):
            x: tuple[fmpq, ...] = (fmpq(1),)
            for t, token in enumerate(prefix):
                x = tuple(
                    sum((c * y for c, y in zip(row, x, strict=True)), fmpq(0))
                    for row in steps[t][token]
                )
            found += [
                sum((c * y for c, y in zip(row, x, strict=True)), fmpq(0))
                for row in readouts[length]
            ]
    return found


def jacobian_rank(m: Layered) -> Measurement:
    """Measure the rank of the logits' derivative in the parameters against the limit times k-1.

    Every logit is affine in each single parameter, so its derivative is an exact difference.
    """
    start = _logits(m, m.entries)
    rows = []
    for i in range(len(m.entries)):
        moved = (*m.entries[:i], m.entries[i] + 1, *m.entries[i + 1 :])
        rows.append([a - b for a, b in zip(_logits(m, moved), start, strict=True)])
    limit = counting_limit(m.alphabet_size, m.ranks) * (m.alphabet_size - 1)
    return Measurement.of(rank(matrix(rows, len(start))), limit)


def jacobian_rank_tightened(m: Layered) -> Measurement:
    """Tightened: one less."""
    found = jacobian_rank(m)
    return Measurement(found.measured, found.bound - 1)


# -- needles ------------------------------------------------------------------------------------


@st.composite
def needles(draw: DrawFn) -> tuple[int, Word]:
    """Return a horizon and a secret prefix shorter than it."""
    horizon = draw(st.integers(1, 6))
    length = draw(st.integers(0, horizon - 1))
    return horizon, draw(words_of(alphabet_size=2, length=length))


def needle_model(horizon: int, secret: Word) -> TabulatedModel:
    """Return the uniform model, except for logits +-1 after the secret."""
    return TabulatedModel(
        2,
        horizon,
        {
            p: [1, -1] if p == secret else [0, 0]
            for length in range(horizon)
            for p in words(2, length)
        },
    )


def needle(instance: tuple[int, Word], shorter: int = 0) -> Measurement:
    """Measure |TV(needle, uniform) - formula| against 10^-30."""
    horizon, secret = instance
    apart = total_variation(needle_model(horizon, secret), UniformModel(2, horizon)).value
    assert apart is not None
    formula = needle_distance(max(0, len(secret) - shorter))
    return Measurement(abs(apart - formula), Real.of(fmpq(1, 10**30)))


def needle_rank(instance: tuple[int, Word]) -> Measurement:
    """Measure the largest cut rank of a needle against 1."""
    return Measurement.of(max(cut_ranks_by_enumeration(needle_model(*instance))), 1)


# -- sampling and leading terms -----------------------------------------------------------------


@dataclass(frozen=True)
class Root:
    """Horizon and accuracy of the rank-1 spike."""

    horizon: int
    xi: fmpq


@st.composite
def roots(draw: DrawFn) -> Root:
    """Return sizes for the scalar lower bound."""
    return Root(draw(st.integers(32, 40)), fmpq(1, draw(st.sampled_from([6, 10, 100, 1000]))))


def root_samples(r: Root) -> Measurement:
    """Measure the lower bound on samples against what our own estimator asks on the spike."""
    gamma = 1 / (1 + balls.exp(2 * r.horizon))
    ours = samples_for_binary_logit(gamma, r.xi, fmpq(1, 100))
    return Measurement(root_samples_needed(r.horizon, r.xi), Real.of(ours))


@dataclass(frozen=True)
class Size:
    """An instance size of Theorem 5.11."""

    horizon: int
    alphabet_size: int
    rank: int
    epsilon: fmpq
    delta: fmpq


@st.composite
def instance_sizes(draw: DrawFn, longest: int = 64, most_tokens: int = 64) -> Size:
    """Return instance sizes with d <= 16.

    Args:
        draw: given by Hypothesis.
        longest: largest T.
        most_tokens: largest k.
    """
    return Size(
        draw(st.integers(3, longest)),
        draw(st.integers(2, most_tokens)),
        draw(st.integers(1, 16)),
        fmpq(1, draw(st.sampled_from([2, 10, 100, 1000]))),
        fmpq(1, draw(st.sampled_from([10, 100]))),
    )


PRINTED_CONSTANT, COMPRESSION_CONSTANT = 1, 5000


def _explicit_entries(s: Size) -> int:
    return (
        explicit_parameters(
            horizon=s.horizon,
            alphabet_size=s.alphabet_size,
            rank=s.rank,
            epsilon=s.epsilon,
            delta=s.delta,
            tolerant=True,
        )
        .queries()
        .entries
    )


def below_printed(s: Size, alphabet_size: int | None = None) -> Measurement:
    """Measure the tolerant explicit count against the printed leading term with C = 1.

    Args:
        s: the size.
        alphabet_size: sabotage: k on the right.
    """
    k = alphabet_size or s.alphabet_size
    right = queries_printed(s.horizon, k, s.rank, s.epsilon, PRINTED_CONSTANT)
    return Measurement(Real.of(_explicit_entries(s)), right)


def below_compression(s: Size) -> Measurement:
    """Measure the tolerant explicit count against [M]'s leading term with C = 5000."""
    right = queries_by_compression(s.horizon, s.rank, s.epsilon, COMPRESSION_CONSTANT)
    return Measurement(Real.of(_explicit_entries(s)), right)


@dataclass(frozen=True)
class NoisySize:
    """An instance size with a noisy oracle."""

    horizon: int
    alphabet_size: int
    rank: int
    epsilon: fmpq
    xi: fmpq


@st.composite
def noisy_sizes(draw: DrawFn) -> NoisySize:
    """Return sizes for which the explicit parameters exist, alpha = 1; some with hardly less xi."""
    horizon, k, d = draw(st.integers(3, 8)), draw(st.integers(2, 8)), draw(st.integers(1, 4))
    epsilon = fmpq(1, draw(st.sampled_from([2, 10])))
    xi = epsilon / (50 * ((k + 1) * d * horizon) ** 2)
    return NoisySize(horizon, k, d, epsilon, xi / 10 ** draw(st.integers(0, 6)))


def _explicit(s: NoisySize) -> Parameters:
    return explicit_parameters(
        horizon=s.horizon,
        alphabet_size=s.alphabet_size,
        rank=s.rank,
        epsilon=s.epsilon,
        delta=fmpq(1, 10),
        alpha=1,
        xi=s.xi,
    )


def epochs_below_printed(s: NoisySize) -> Measurement:
    """Measure the explicit K against C T d log(R B W / e), C = 1."""
    found = _explicit(s)
    width, witnesses = found.width, max(1, found.witnesses)
    printed = epochs_printed(s.horizon, s.rank, witnesses, 4 * width, 1, 4 * width * s.xi, 1)
    return Measurement.of(found.epochs, printed)


def parameters_below_printed(s: NoisySize) -> Measurement:
    """Measure the explicit W, K, n, N against those of the printed shape with C = 1.

    Its g and eta are measured against the explicit ones.
    """
    found = _explicit(s)
    assert found.g is not None
    assert found.eta is not None
    printed = printed_parameters(
        horizon=s.horizon,
        alphabet_size=s.alphabet_size,
        rank=s.rank,
        epsilon=s.epsilon,
        delta=fmpq(1, 10),
        alpha=1,
        xi=s.xi,
        constant=1,
    )
    return worst(
        [
            Measurement.of(found.witnesses, printed.witnesses),
            Measurement.of(found.epochs, printed.epochs),
            Measurement.of(found.words, printed.words),
            Measurement.of(found.draws, printed.draws),
            Measurement.of(printed.g, found.g),
            Measurement.of(printed.eta, found.eta),
        ]
    )


CLAIMS = (
    Claim(
        "lemma-5.10",
        "an epoch's residuals need at most n (T-1)(T-2)(T+3)/6 . 2 w k entries, repeats included",
        "[P] Lemma 5.10, explicit",
        "reconstructed",
        lambda: scenarios(noisy=True),
        residual_entries,
        (Twin("width 1", residual_entries_narrow, shrink=False),),
        statements=("lemma-5.10",),
        examples=80,
    ),
    Claim(
        "lemma-5.10-prefixes",
        "an epoch's residuals need at most n w (T-1)(T+2)/2 distinct prefixes",
        "[P] Lemma 5.10, explicit",
        "reconstructed",
        lambda: scenarios(noisy=True),
        prefixes_needed,
        (Twin("no longest prefixes", lambda s: prefixes_needed(s, longest=False)),),
        statements=("lemma-5.10",),
        examples=60,
    ),
    Claim(
        "lemma-5.10-spanners",
        "an epoch's spanners read at most (T-2) N w entries, repeats included; its table (T-1) w^2",
        "[P] Lemma 5.10, explicit",
        "reconstructed",
        lambda: scenarios(noisy=True),
        spanner_entries,
        (Twin("one cut fewer", lambda s: spanner_entries(s, 1)),),
        statements=("lemma-5.10",),
        examples=60,
    ),
    Claim(
        "lemma-5.10-words",
        "a run of K epochs draws exactly K ((T-2) N + n) words",
        "[P] Lemma 5.10, explicit",
        "reconstructed",
        lambda: scenarios(noisy=True),
        words_drawn_exactly,
        (Twin("spanner words at cut T", lambda s: words_drawn_exactly(s, 1)),),
        statements=("lemma-5.10",),
        sharp=True,
        examples=120,
    ),
    Claim(
        "tolerant-words",
        "one batch for the spanners of all cuts: a run of K epochs draws exactly K (N + n) words",
        "[P] Theorem 5.11, tolerant variant",
        "sharpened",
        lambda: scenarios(noisy=True),
        words_shared,
        (
            Twin("a second batch", lambda s: words_shared(s, 1)),
            Twin("fresh words alone", lambda s: words_shared(s, -1)),
        ),
        examples=120,
    ),
    Claim(
        "lemma-5.10-draws",
        "a run of K epochs draws at most K ((T-2) N + n) words",
        "[P] Lemma 5.10, explicit",
        "reconstructed",
        lambda: scenarios(noisy=True),
        words_drawn,
        (Twin("one cut fewer", lambda s: words_drawn(s, -1)),),
        statements=("lemma-5.10",),
        examples=60,
    ),
    Claim(
        "counting-limit",
        "logits move in at most sum k r_t r_{t+1} + sum (k-1) r_t - sum_{t>=2} r_t^2 directions",
        "dimension count of time-varying ISANs",
        "sharpened",
        layered,
        jacobian_rank,
        (Twin("one less", jacobian_rank_tightened),),
        statements=("counting-limit",),
        examples=60,
    ),
    Claim(
        "needle",
        "TV(needle, uniform) = 2^-m (sigma(2) - 1/2)",
        "needle lower bound",
        "sharpened",
        needles,
        needle,
        (Twin("m - 1", lambda i: needle(i, 1)),),
        statements=("needle",),
        examples=60,
    ),
    Claim(
        "needle-rank",
        "a needle has cut rank at most 1",
        "needle lower bound",
        "sharpened",
        needles,
        needle_rank,
        (
            Twin(
                "rank 0",
                lambda i: Measurement.of(needle_rank(i).measured, 0),
            ),
        ),
        statements=("needle",),
        examples=60,
    ),
    Claim(
        "scalar-lower-bound",
        "e^(2T) / (30 xi^2) samples are too few; our estimator asks more on the spike",
        "[M], proposition on sampling access",
        "sharpened",
        roots,
        root_samples,
        statements=("scalar-lower-bound",),
        examples=40,
    ),
    Claim(
        "theorem-5.11-printed",
        "explicit (tolerant) entries <= k^3 T^13 d^4 / epsilon^4 for T = 3..64, k <= 64, d <= 16",
        "[P] Theorem 5.11, leading term as reported by [M]",
        "printed",
        instance_sizes,
        below_printed,
        (
            Twin(
                "k = 2 on the right",
                lambda s: below_printed(s, 2),
                lambda: instance_sizes(longest=3),
            ),
        ),
        statements=("theorem-5.11-printed",),
        examples=40,
    ),
    Claim(
        "theorem-5.11-mausberg",
        "explicit (tolerant) entries <= 5000 T^7 d^3 / epsilon^2 for 3 <= T <= 64, d <= 16, k = 2",
        "[M], leading term with compression spanners",
        "printed",
        lambda: instance_sizes(most_tokens=2),
        below_compression,
        statements=("theorem-5.11-mausberg",),
        examples=40,
    ),
    Claim(
        "lemma-5.6-printed",
        "explicit K <= C T d log(R B W / e) with C = 1, for small xi",
        "[P] Lemma 5.6, constant as an argument",
        "printed",
        noisy_sizes,
        epochs_below_printed,
        statements=("lemma-5.6-printed",),
        examples=30,
    ),
    Claim(
        "parameters-printed",
        "explicit W, K, n, N are at most those of the printed shape with C = 1; g, eta at least",
        "[P] sec. 5.2, constant as an argument",
        "reconstructed",
        noisy_sizes,
        parameters_below_printed,
        statements=("parameters-printed",),
        examples=30,
    ),
)
