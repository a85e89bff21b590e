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
    summary=(
        "K epochs: K(T-2)N w + K n (T-1)(T-2)(T+3)/6 . 2 w k + max(1, T-1) w^2 entries at most"
    ),
)
def query_count(
    horizon: int, alphabet_size: int, epochs: int, draws: int, words: int, width: int
) -> QueryCount:
    """Bound what Algorithm 1 asks in ``epochs`` epochs.

    Spanners read N rows of at most w entries at each of T - 2 cuts; each word's tests read, per
    triple (s, r, t), two sums of at most w rows for k tokens; the table holds at most w rows of
    at most w entries at T - 1 cuts, or at cut 1 alone for T = 1: the model's first token is drawn
    from that cut's row, whatever T is.

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
    summary=(
        "logits of cut ranks r_t: in k - 1 times as many dimensions at most as"
        " (sum_{t<T} k r_t r_{t+1} + sum_t (k-1) r_t - sum_{t>=2} r_t^2) / (k-1)"
    ),
)
def counting_limit(alphabet_size: int, cut_ranks: Sequence[int]) -> fmpq:
    """Bound the dimension of the logits of these cut ranks, over the numbers that a call returns.

    About so many calls any learner needs.

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


@dataclass(frozen=True)
class Ranks:
    """Logit rank and probability rank of a separating instance, at their largest cuts."""

    logit: int
    probability: int


@statement(
    "copy-ranks",
    mark="sharpened",
    source="[M], recall",
    summary="copy of n tokens: logit rank n (k-1) at the largest cut, probability rank k^n",
)
def copy_ranks(tokens: int, alphabet_size: int) -> Ranks:
    """Return the largest cut rank and probability rank of a copy model.

    Proof.  After n tokens the rows of logits are affine in the n (k-1) centred indicators, which
    the copies read one by one; before, the constant counts too, but a place is missing.  The
    probabilities of the k^n copies, given x, are a product of nonsingular k x k matrices.

    Args:
        tokens: n >= 1.
        alphabet_size: k >= 2.

    Raises:
        HypothesisError: an argument is out of range.
    """
    require(
        tokens >= 1 and alphabet_size >= 2, "copy-ranks", "n >= 1, k >= 2", (tokens, alphabet_size)
    )
    return Ranks(max(1, tokens * (alphabet_size - 1)), alphabet_size**tokens)


@statement(
    "cauchy-ranks",
    mark="sharpened",
    source="[M], Cauchy teacher",
    summary="Cauchy teacher on n + n bits: logit rank 2, probability rank 2^n",
)
def cauchy_ranks(bits: int) -> Ranks:
    """Return the largest cut rank and probability rank of a Cauchy teacher.

    Proof.  The label's logit s(x) - s(f) is a sum of a function of x and one of f.  Its
    probabilities 1 / (1 + q^{s(f) - s(x)}) form a Cauchy matrix up to scaling of rows, with 2^n
    different nodes on either side.

    Args:
        bits: n >= 1.

    Raises:
        HypothesisError: n < 1.
    """
    require(bits >= 1, "cauchy-ranks", "n >= 1", bits)
    return Ranks(2, 2**bits)


@statement(
    "hard-teacher-rank",
    mark="sharpened",
    source="[M], hard teacher",
    summary="hard teacher on n bits: cut rank <= n + 7",
)
def hard_teacher_rank(bits: int) -> int:
    """Bound the cut ranks of a hard teacher by n + 7.

    Proof.  Its state is (1, X, C, v): a constant, n bits, a counter, and one of five positions.

    Args:
        bits: n >= 1.

    Raises:
        HypothesisError: n < 1.
    """
    require(bits >= 1, "hard-teacher-rank", "n >= 1", bits)
    return bits + 7


@statement(
    "lingen",
    mark="sharpened",
    source="[S], LINGEN, exact case",
    summary="independent histories, as many as the cut's rank: LINGEN's logits are exact",
)
def lingen_histories(cut_rank: int) -> int:
    """Return how many histories make LINGEN exact at a cut: its rank.

    With that many histories of the target's own length, their rows independent on the futures F,
    the coefficients that reproduce the target's row on F reproduce it on every future.

    Proof.  Independent on F, the rows are a basis of the cut's row space, and restriction to F is
    one to one on it.

    Args:
        cut_rank: d_s >= 0.

    Raises:
        HypothesisError: d_s < 0.
    """
    require(cut_rank >= 0, "lingen", "d_s >= 0", cut_rank)
    return cut_rank
