"""Query counts: Lemma 5.10, the counting limit, and what no learner can avoid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from flint import fmpq

from bounds.statement import require, statement
from llr.numbers import balls
from llr.numbers.balls import Number, Real


@dataclass(frozen=True)
class QueryCount:
    """What Algorithm 1 asks at most.

    Attributes:
        spanner_entries: logit entries read by spanners.
        validation_entries: logit entries read by residual tests.
        validation_prefixes: distinct prefixes behind them.
        table_entries: entries stored in the end.
        words: words drawn.
    """

    spanner_entries: int
    validation_entries: int
    validation_prefixes: int
    table_entries: int
    words: int

    @property
    def entries(self) -> int:
        """Entries asked in all, repeats included, as the lemma counts them."""
        return self.spanner_entries + self.validation_entries + self.table_entries


def residual_triples(horizon: int) -> int:
    """Return (T-1)(T-2)(T+3)/6: triples (s, r, t), 2 <= s <= t <= T-1, s <= r <= t+1, per word."""
    return (horizon - 1) * (horizon - 2) * (horizon + 3) // 6


def validation_prefixes_per_word(horizon: int, basis: int) -> int:
    """Return w (T-1)(T+2)/2: distinct prefixes h_{s,i}.y_{s:r-1} that one word's tests touch.

    For s = 1..T-1 there are T - s + 1 values of r, and at most w basis histories.
    """
    return basis * (horizon - 1) * (horizon + 2) // 2


@statement(
    "lemma-5.10",
    mark="reconstructed",
    source="[P] Lemma 5.10, explicit",
    summary="K epochs: K(T-2)N w + K n (T-1)(T-2)(T+3)/6 . 2 w k + (T-1) w^2 entries at most",
)
def query_count(
    horizon: int, alphabet_size: int, epochs: int, draws: int, words: int, width: int
) -> QueryCount:
    """Bound what Algorithm 1 asks in ``epochs`` epochs.

    Spanners read N rows of at most w entries at each of T - 2 cuts; each word's tests read, per
    triple (s, r, t), two sums of at most w rows for k tokens; the table holds at most w rows of
    at most w entries at T - 1 cuts.

    Args:
        horizon: T >= 1.
        alphabet_size: k >= 2.
        epochs: K.
        draws: N, words per cut and epoch for spanners.
        words: n, fresh words per epoch.
        width: w >= |Ft_s| at every cut, hence also at least every basis size.

    Raises:
        HypothesisError: an argument is out of range.
    """
    identifier = "lemma-5.10"
    require(
        horizon >= 1 and alphabet_size >= 2, identifier, "T >= 1, k >= 2", (horizon, alphabet_size)
    )
    require(
        min(epochs, draws, words, width) >= 0,
        identifier,
        "K, N, n, w >= 0",
        (epochs, draws, words, width),
    )
    inner = max(0, horizon - 2)
    return QueryCount(
        spanner_entries=epochs * inner * draws * width,
        validation_entries=epochs * words * residual_triples(horizon) * 2 * width * alphabet_size
        if inner
        else 0,
        validation_prefixes=epochs * words * validation_prefixes_per_word(horizon, width)
        if inner
        else 0,
        table_entries=max(1, horizon - 1) * width * width,
        words=epochs * (inner * draws + words) if inner else 0,
    )


@statement(
    "counting-limit",
    mark="sharpened",
    source="dimension count of time-varying ISANs",
    summary="calls >= (sum_{t<T} k r_t r_{t+1} + sum_t (k-1) r_t - sum_{t>=2} r_t^2) / (k-1)",
)
def counting_limit(alphabet_size: int, cut_ranks: Sequence[int]) -> fmpq:
    """Return free parameters over numbers per call: about how many calls any learner needs.

    A time-varying ISAN with cut ranks r_1 = 1, r_2, ..., r_T has
    sum_{t<T} k r_t r_{t+1} + sum_t (k-1) r_t - sum_{t>=2} r_t^2 free parameters: transitions and
    readouts, less a change of basis at every cut but the first.  One call returns k - 1 numbers.

    Args:
        alphabet_size: k >= 2.
        cut_ranks: r_1..r_T.

    Raises:
        HypothesisError: an argument is out of range.
    """
    k = alphabet_size
    require(k >= 2 and len(cut_ranks) >= 1, "counting-limit", "k >= 2, T >= 1", (k, cut_ranks))
    pairs = pairwise(cut_ranks)
    free = sum(k * a * b for a, b in pairs) + sum((k - 1) * r for r in cut_ranks)
    return fmpq(free - sum(r * r for r in cut_ranks[1:]), k - 1)


@statement(
    "needle",
    mark="sharpened",
    source="needle lower bound",
    summary="rank 1, TV to uniform 2^-m (sigma(2) - 1/2), seen only by a query at one prefix",
)
def needle_distance(length: int) -> Real:
    """Return the TV from uniform of the model with logits +-1 after one secret prefix (k = 2).

    The secret has ``length`` = m tokens; every other next token is a fair coin.  Its cut ranks are
    at most 1, and of the 2^m secrets a query rules out one: fewer than 2^m - 1 queries cannot tell
    all of them from uniform, so Omega(1/epsilon) queries are needed already at rank 1.

    Args:
        length: m >= 0.

    Raises:
        HypothesisError: m < 0.
    """
    require(length >= 0, "needle", "m >= 0", length)
    sigma = 1 / (1 + balls.exp(-2))
    return (sigma - fmpq(1, 2)) * fmpq(1, 1 << length)


@statement(
    "scalar-lower-bound",
    mark="sharpened",
    source="[M], proposition on sampling access",
    summary="accurate within xi <= 1/6 on all rank-1 models: more than e^(2T)/(30 xi^2) samples",
)
def root_samples_needed(horizon: int, xi: Number) -> Real:
    """Return e^{2T} / (30 xi^2), below which no sampler serves every model of cut rank 1.

    Any estimator that is accurate within xi with probability .99 on every model of cut rank 1
    makes, in expectation, more root queries than this on the rank-1 spike.  A logit oracle answers
    in one call.

    Args:
        horizon: T >= 32.
        xi: in (0, 1/6].

    Raises:
        HypothesisError: an argument is out of range.
    """
    error = Real.of(xi)
    require(horizon >= 32, "scalar-lower-bound", "T >= 32", horizon)
    require(error > 0 and error <= fmpq(1, 6), "scalar-lower-bound", "0 < xi <= 1/6", xi)
    return balls.exp(2 * horizon) / (30 * error * error)
