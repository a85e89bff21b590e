"""Explicit parameters of Algorithm 1: least integers that satisfy every inequality of the proof.

Theorem 5.11, sharpened.  With p = (epsilon - T xi / 2) / 2 and g = 4 p / ((T-1)(T-2)), the transfer
bound gives TV <= p_bad + p + T xi / 2 <= epsilon once p_bad <= p.  W bounds the witnesses at a cut,
so K epochs suffice; n words catch p_bad > p; eta, delta_s and N make infeasible epochs rare.

The *plain* set asks that no epoch be infeasible.  The *tolerant* set lets half of them be: an
epoch has feasible programs (or invalid spanners) with probability at least 1/2 given the past, so
among K' epochs, K' the least with Pr(Bin(K', 1/2) <= (T-2) W) <= delta/4, enough are not wasted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flint import fmpq

from bounds.potential import sequence_refuted
from bounds.queries import QueryCount, query_count
from bounds.spanner import least_draws
from bounds.statement import HypothesisError, require, statement
from bounds.validation import tail_exceeds
from llr.numbers import balls
from llr.numbers.balls import Number, Real
from llr.numbers.rational import rational, text

IDENTIFIER = "parameters"
MAX_WITNESSES = 1024


class CoarseOracleError(HypothesisError):
    """The oracle is too coarse for the wanted accuracy.

    Attributes:
        works: an xi, in nats, with which the parameters exist (0 if none was found).
    """

    def __init__(self, statement: str, xi: fmpq, works: fmpq, name: str = "xi") -> None:
        self.works = works
        super().__init__(
            statement,
            f"a finer oracle ({name} = {text(works)} nats would do)",
            f"{name} = {text(xi)}",
        )


@dataclass(frozen=True)
class Parameters:
    """Parameters of Algorithm 1 for one size and accuracy.

    Attributes:
        variant: "plain" or "tolerant".
        horizon, alphabet_size, rank: T, k, d.
        alpha: bound on the factors of the logit matrices; not used if xi = 0.
        xi_rank, xi_true: distance of the oracle's logits to rank d, and to the truth, in nats.
        epsilon, delta: accuracy and risk.
        p: mass of bad words allowed.
        g: residual allowed, in nats; None for T <= 2.
        witnesses: W, the most witnesses at a cut.
        epochs: K.
        words: n, fresh words per epoch.
        eta, delta_s: quality and risk of each spanner; None for T <= 2.
        draws: N, words per spanner.
        width: w >= |Ft_s|.

    Raises:
        HypothesisError: a count is negative, eta is outside (0, 1), or g, eta or delta_s is None
            though T > 2.
    """

    variant: str
    horizon: int
    alphabet_size: int
    rank: int
    alpha: fmpq
    xi_rank: fmpq
    xi_true: fmpq
    epsilon: fmpq
    delta: fmpq
    p: fmpq
    g: fmpq | None
    witnesses: int
    epochs: int
    words: int
    eta: fmpq | None
    delta_s: fmpq | None
    draws: int
    width: int

    def __post_init__(self) -> None:
        for name in ("witnesses", "epochs", "words", "draws", "width"):
            count = getattr(self, name)
            require(count >= 0, IDENTIFIER, f"{name} >= 0", count)
        if self.horizon > 2:
            for name in ("g", "eta", "delta_s"):
                require(getattr(self, name) is not None, IDENTIFIER, f"{name} for T > 2", None)
        if self.eta is not None:
            require(0 < self.eta < 1, IDENTIFIER, "0 < eta < 1", self.eta)

    @property
    def total_words(self) -> int:
        """Words drawn in all K epochs; the tolerant set shares one batch of N among all cuts."""
        if self.horizon <= 2:
            return 0
        batches = self.horizon - 2 if self.variant == "plain" else 1
        return self.epochs * (batches * self.draws + self.words)

    def queries(self) -> QueryCount:
        """Return what Lemma 5.10 counts for these parameters."""
        return query_count(
            self.horizon, self.alphabet_size, self.epochs, self.draws, self.words, self.width
        )


def _width(alphabet_size: int, witnesses: int) -> int:
    """Return w = (k+1)(k+W+1) >= |Ft_s|."""
    return (alphabet_size + 1) * (alphabet_size + witnesses + 1)


def most_witnesses(k: int, d: int, alpha: fmpq, xi_rank: fmpq, g: fmpq) -> int | None:
    """Return W: the least W such that Lemma 5.1 forbids W + 1 witnesses at a cut, or None.

    Uses w = (k+1)(k+W+1), B = 4 w alpha, R = alpha, e = 4 w xi; W = d if xi = 0.
    """
    if xi_rank == 0:
        return d
    return _first_refuted(k, d, alpha, xi_rank, g, range(MAX_WITNESSES))


def _first_refuted(
    k: int, d: int, alpha: fmpq, xi_rank: fmpq, g: fmpq, candidates: Iterable[int]
) -> int | None:
    """Return the first candidate W such that Lemma 5.1 forbids W + 1 witnesses, or None."""
    for w in candidates:
        width = _width(k, w)
        e = 4 * width * xi_rank
        if g <= e:
            return None
        if sequence_refuted(w + 1, d, (4 * width * alpha) ** 2, alpha * alpha, e, g):
            return w
    return None


def _split(epsilon: fmpq, horizon: int, xi_true: fmpq) -> tuple[fmpq, fmpq | None]:
    """Return p and g."""
    p = (epsilon - horizon * xi_true / 2) / 2
    g = 4 * p / ((horizon - 1) * (horizon - 2)) if horizon > 2 else None
    return p, g


def _largest_workable(works: Callable[[fmpq], bool], xi: fmpq) -> fmpq:
    """Return an error below ``xi`` that works, within a factor 9/8 of one that does not."""
    low = xi
    for _ in range(2000):
        low = low / 2
        if works(low):
            break
    else:
        return fmpq(0)
    high = 2 * low
    while high > low * fmpq(9, 8):
        middle = (low + high) / 2
        if works(middle):
            low = middle
        else:
            high = middle
    return low


@statement(
    IDENTIFIER,
    mark="sharpened",
    source="[P] Theorem 5.11 and sec. 5.2, explicit",
    summary="least W, K, n, N (and g, eta, delta_s) with which Algorithm 1 has TV <= epsilon",
)
def explicit_parameters(
    *,
    horizon: int,
    alphabet_size: int,
    rank: int,
    epsilon: Number,
    delta: Number,
    alpha: Number = 1,
    xi: Number = 0,
    xi_true: Number | None = None,
    tolerant: bool = False,
) -> Parameters:
    """Return the least parameters with which Algorithm 1 accepts and has TV(M, Q) <= epsilon.

    Both hold except with probability delta, for every target whose oracle is within xi of cut rank
    d (and alpha-bounded, if xi > 0).

    Proof.  Validation misses a bad table with probability at most delta/2 over K epochs.  Plain: an
    epoch is infeasible with probability at most n (T-2) eta given valid spanners (Lemma 5.5), over
    K epochs delta/4; a spanner is invalid with probability at most delta_s, over K (T-2) of them
    delta/4.  Every other epoch ends in a witness, at most W at each of T - 2 cuts, or accepts.
    Tolerant: see the head of this module.

    Args:
        horizon: T >= 1.
        alphabet_size: k >= 2.
        rank: d >= 1.
        epsilon, delta: rationals in (0, 1).
        alpha: rational > 0; plays no part if xi = 0.
        xi: distance of the oracle to rank d, in nats, >= 0.
        xi_true: distance of the oracle to the truth; default xi.
        tolerant: the set that tolerates infeasible epochs.

    Returns:
        :class:`Parameters`; for T <= 2 there are no bases and no validation, and TV <= T xi / 2.

    Raises:
        HypothesisError: an argument is out of range.
        CoarseOracleError: no parameters exist; says which xi would do.
    """
    require(horizon >= 1, IDENTIFIER, "T >= 1", horizon)
    require(alphabet_size >= 2, IDENTIFIER, "k >= 2", alphabet_size)
    require(rank >= 1, IDENTIFIER, "d >= 1", rank)
    wanted, risk, size, coarse = (rational(x) for x in (epsilon, delta, alpha, xi))
    true = coarse if xi_true is None else rational(xi_true)
    require(0 < wanted < 1, IDENTIFIER, "0 < epsilon < 1", text(wanted))
    require(0 < risk < 1, IDENTIFIER, "0 < delta < 1", text(risk))
    require(size > 0, IDENTIFIER, "alpha > 0", text(size))
    require(coarse >= 0 and true >= 0, IDENTIFIER, "xi >= 0", text(min(coarse, true)))

    k, d, inner = alphabet_size, rank, horizon - 2
    p, g = _split(wanted, horizon, true)
    w = most_witnesses(k, d, size, coarse, g) if p > 0 and g is not None else 0
    if p <= 0 or w is None:

        def works(rank_error: fmpq, true_error: fmpq) -> bool:
            mass, threshold = _split(wanted, horizon, true_error)
            if mass <= 0 or threshold is None or rank_error == 0:
                return bool(mass > 0)
            # any W that works will do
            some = sorted({*range(d + 16), *(int(1.2**j) + d for j in range(38))})
            return _first_refuted(k, d, size, rank_error, threshold, some) is not None

        if xi_true is None:
            found = _largest_workable(lambda x: works(x, x), coarse)
            raise CoarseOracleError(IDENTIFIER, coarse, found)
        if p <= 0:
            found = _largest_workable(lambda x: works(fmpq(0), x), true)
            raise CoarseOracleError(IDENTIFIER, true, found, "xi_true")
        found = _largest_workable(lambda x: works(x, true), coarse)
        raise CoarseOracleError(IDENTIFIER, coarse, found)
    variant = "tolerant" if tolerant else "plain"
    common: dict[str, Any] = {
        "variant": variant,
        "horizon": horizon,
        "alphabet_size": k,
        "rank": d,
        "alpha": size,
        "xi_rank": coarse,
        "xi_true": true,
        "epsilon": wanted,
        "delta": risk,
        "p": p,
        "g": g,
    }
    if inner <= 0:
        return Parameters(
            **common,
            witnesses=0,
            epochs=1,
            words=0,
            eta=None,
            delta_s=None,
            draws=0,
            width=_width(k, 0),
        )
    epochs = tolerant_epochs(inner * w, risk) if tolerant else inner * w + 1
    words = (balls.log(2 * epochs / risk) / p).ceil()
    eta = fmpq(1, 2 * words * inner) if tolerant else risk / (4 * epochs * words * inner)
    delta_s = risk / (4 * epochs * inner)
    width = _width(k, w)
    draws = least_draws(min(width, d) if coarse == 0 else width, eta, delta_s)
    return Parameters(
        **common,
        witnesses=w,
        epochs=epochs,
        words=words,
        eta=eta,
        delta_s=delta_s,
        draws=draws,
        width=width,
    )


def tolerant_epochs(witnesses: int, delta: fmpq) -> int:
    """Return the least K' with Pr(Bin(K', 1/2) <= ``witnesses``) <= delta / 4."""
    limit, half = Real(delta / 4), fmpq(1, 2)
    low, high = witnesses + 1, 2 * witnesses + 2
    while tail_exceeds(high, witnesses, half, limit):
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        if tail_exceeds(middle, witnesses, half, limit):
            low = middle + 1
        else:
            high = middle
    return high
