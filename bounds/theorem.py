"""Theorem 5.11 in three forms, approximate rank (Theorem 5.14), and the size of factors (alpha)."""

from __future__ import annotations

from dataclasses import dataclass

from flint import fmpq

from bounds.potential import elliptic_potential_printed
from bounds.spanner import draws_printed
from bounds.statement import require, statement
from bounds.validation import validation_words
from llr.numbers.balls import Number, Real
from llr.numbers.rational import rational, text


def _check_size(identifier: str, horizon: int, k: int, d: int, epsilon: Real) -> None:
    require(
        horizon >= 1 and k >= 2 and d >= 1, identifier, "T >= 1, k >= 2, d >= 1", (horizon, k, d)
    )
    require(epsilon > 0, identifier, "epsilon > 0", epsilon)


@statement(
    "theorem-5.11-printed",
    mark="printed",
    source="[P] Theorem 5.11, leading term as reported by [M] (k as derived)",
    summary="queries ~ C k^3 T^13 d^4 / epsilon^4, logarithms left out",
)
def queries_printed(
    horizon: int, alphabet_size: int, rank: int, epsilon: Number, constant: Number = 1
) -> Real:
    """Return C k^3 T^13 d^4 / epsilon^4: the leading term of the printed query count.

    Reported for k = 2; the power of k is derived.  Logarithms and the constant are open.

    Raises:
        HypothesisError: an argument is out of range.
    """
    error = Real.of(epsilon)
    _check_size("theorem-5.11-printed", horizon, alphabet_size, rank, error)
    lead = alphabet_size**3 * horizon**13 * rank**4
    return Real.of(constant) * lead / (error * error * error * error)


@statement(
    "theorem-5.11-mausberg",
    mark="printed",
    source="[M], leading term with compression spanners",
    summary="queries ~ C T^7 d^3 / epsilon^2, logarithms left out",
)
def queries_by_compression(horizon: int, rank: int, epsilon: Number, constant: Number = 1) -> Real:
    """Return C T^7 d^3 / epsilon^2: the leading term of [M]'s query count (k = 2).

    Raises:
        HypothesisError: an argument is out of range.
    """
    error = Real.of(epsilon)
    _check_size("theorem-5.11-mausberg", horizon, 2, rank, error)
    return Real.of(constant) * (horizon**7 * rank**3) / (error * error)


@statement(
    "theorem-5.14",
    mark="reconstructed",
    source="[P] Theorem 5.14, by Lemma 5.12, Markov and a union bound",
    summary="N_all samples: all asked entries within N_all^2 T^2 k^2 eps_avg / delta of rank d",
)
def rank_error(
    samples: int, horizon: int, alphabet_size: int, average: Number, delta: Number
) -> Real:
    """Bound the distance to rank d over all entries that a run asks, but for probability delta.

    If every cut is within eps_avg of rank d in the mean of Def 1.6, and the run draws N_all words,
    the bound is N_all^2 T^2 k^2 eps_avg / delta.

    Proof.  By Lemma 5.12 an asked entry is given by a pair of independent words (one word, if its
    segment is empty), its two cut points and its two tokens.  For fixed pair and cut points the sum
    of the errors over both uniform tokens has mean at most k^2 eps_avg; Markov and a union bound
    over at most N_all^2 pairs and T^2 cut points do the rest.

    Args:
        samples: N_all >= 1.
        horizon: T.
        alphabet_size: k.
        average: eps_avg >= 0, nats.
        delta: in (0, 1).

    Raises:
        HypothesisError: an argument is out of range.
    """
    mean, risk = Real.of(average), Real.of(delta)
    require(samples >= 1, "theorem-5.14", "N_all >= 1", samples)
    require(
        horizon >= 1 and alphabet_size >= 2,
        "theorem-5.14",
        "T >= 1, k >= 2",
        (horizon, alphabet_size),
    )
    require(mean >= 0, "theorem-5.14", "eps_avg >= 0", average)
    require(risk > 0 and risk < 1, "theorem-5.14", "0 < delta < 1", delta)
    return mean * (samples * horizon * alphabet_size) ** 2 / risk


@statement(
    "alpha",
    mark="sharpened",
    source="[P] Def 4.2; [M], maximum-volume rows",
    summary="|L| <= Lam and cut rank d: L(h.f) = <u_h, v_f> with |u_h|^2, |v_f|^2 <= d Lam",
)
def factor_length(rank: int, lam: Number) -> Real:
    """Return alpha^2 = d Lam: the squared length of factors of a rank-d matrix bounded by Lam.

    Proof.  Rows of maximum volume give coefficients in [-1, 1], so L = C R, |C_h| <= sqrt(d) and
    columns of R of length at most sqrt(d) Lam; scale the two to equal length.

    Args:
        rank: d >= 0.
        lam: bound on |L|, >= 0.

    Returns:
        alpha squared.

    Raises:
        HypothesisError: an argument is out of range.
    """
    size = Real.of(lam)
    require(rank >= 0, "alpha", "d >= 0", rank)
    require(size >= 0, "alpha", "Lam >= 0", lam)
    return size * rank


@statement(
    "alpha-gamma-2",
    mark="printed",
    source="[P] Def 4.2; John's theorem: gamma_2 <= sqrt(rank) max-norm",
    summary="|L| <= Lam and cut rank d: factors whose lengths to the power 4 are at most d Lam^2",
)
def shorter_factor_length(rank: int, lam: Number) -> Real:
    """Return alpha^4 = d Lam^2 for the factors that John's theorem gives.

    gamma_2(L), the least product of lengths |u_h| |v_f| over factorisations, is at most
    sqrt(d) Lam.  Its dual: gamma_2(L) is the largest trace norm of a matrix (p_h L(h, f) q_f) with
    |p| = |q| = 1.  That matrix has rank at most d, so that its trace norm is at most sqrt(d) times
    its Frobenius norm (Cauchy-Schwarz), which is at most Lam |p| |q|.

    Args:
        rank: d >= 0.
        lam: bound on |L|, >= 0.

    Returns:
        alpha to the fourth power.

    Raises:
        HypothesisError: an argument is out of range.
    """
    size = Real.of(lam)
    require(rank >= 0, "alpha-gamma-2", "d >= 0", rank)
    require(size >= 0, "alpha-gamma-2", "Lam >= 0", lam)
    return size * size * rank


def rational_root_above(square: fmpq, bits: int = 20) -> fmpq:
    """Return a rational at or above the square root of ``square``, by less than 2^(1-bits)."""
    require(square >= 0, "alpha", "alpha^2 >= 0", square)
    scaled = (square * (1 << (2 * bits))).ceil()
    root = int(scaled) if scaled < 2 else int(scaled.isqrt())
    while root * root < int(scaled):
        root += 1
    return fmpq(root, 1 << bits)


@dataclass(frozen=True)
class PrintedParameters:
    """The printed shape of the parameters of Algorithm 1, for one value of the open constant C.

    Attributes:
        g: residual allowed, epsilon / (C T^2).
        witnesses: W.
        epochs: K.
        words: n.
        eta, delta_s: quality and risk of each spanner.
        draws: N.
    """

    g: fmpq
    witnesses: int
    epochs: int
    words: int
    eta: fmpq
    delta_s: fmpq
    draws: int


@statement(
    "parameters-printed",
    mark="reconstructed",
    source="[P] sec. 5.2, constant as an argument",
    summary="g = eps/(C T^2), W = C d log, K = T W, n = log(32TK/delta)/g, N = C (w^2 + log)/eta^2",
)
def printed_parameters(
    *,
    horizon: int,
    alphabet_size: int,
    rank: int,
    epsilon: Number,
    delta: Number,
    alpha: Number,
    xi: Number,
    constant: Number,
) -> PrintedParameters:
    """Return parameters of the printed shape: sufficiently large for no particular C.

    g = epsilon / (C T^2), W = ceil(C d log(R B / e)) with w = (k+1)(k+W+1) taken at W = d,
    B = 4 w alpha, R = alpha, e = 4 w xi; K = T W, n = ceil(log(32 T K / delta) / g),
    eta = delta / (K n T), delta_s = delta / (K T), N = ceil(C (w^2 + log(1/delta_s)) / eta^2).

    Args:
        horizon: T >= 3.
        alphabet_size: k >= 2.
        rank: d >= 1.
        epsilon, delta: rationals in (0, 1).
        alpha, xi: rationals > 0 (the shape has a logarithm of 1/xi).
        constant: C >= 1, rational.

    Raises:
        HypothesisError: an argument is out of range.
    """
    identifier = "parameters-printed"
    wanted, risk, size, error, c = (rational(x) for x in (epsilon, delta, alpha, xi, constant))
    require(
        horizon >= 3 and alphabet_size >= 2 and rank >= 1,
        identifier,
        "T >= 3, k >= 2, d >= 1",
        (horizon, alphabet_size, rank),
    )
    require(
        0 < wanted < 1 and 0 < risk < 1,
        identifier,
        "epsilon, delta in (0, 1)",
        (text(wanted), text(risk)),
    )
    require(size > 0 and error > 0, identifier, "alpha, xi > 0", (text(size), text(error)))
    require(c >= 1, identifier, "C >= 1", text(c))
    k, width = alphabet_size, (alphabet_size + 1) * (alphabet_size + rank + 1)
    g = wanted / (c * horizon**2)
    logarithm = elliptic_potential_printed(1, rank, 4 * width * size, size, 4 * width * error, c)
    witnesses = max(rank, logarithm.ceil())
    epochs = horizon * witnesses
    words = validation_words(horizon, epochs, risk, g)
    eta, delta_s = risk / (epochs * words * horizon), risk / (epochs * horizon)
    width = (k + 1) * (k + witnesses + 1)
    draws = draws_printed(width, eta, delta_s, c)
    return PrintedParameters(g, witnesses, epochs, words, eta, delta_s, draws)
