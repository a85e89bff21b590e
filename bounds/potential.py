"""How many witnesses a run can find: the elliptic potential (Lemma 5.1) and witness counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flint import arb, fmpq

from bounds.statement import require, statement
from llr.numbers import balls
from llr.numbers.balls import Number, Real

LAMBDA_EXPONENTS = range(-400, 401)
"""lam ranges over 2^(j/4) for these j, so that "least W" is well defined."""


def _check_potential(identifier: str, d: int, b2: Real, r2: Real, e: Real, g: Real) -> None:
    require(d >= 1, identifier, "d >= 1", d)
    require(b2 > 0, identifier, "B > 0", b2)
    require(r2 > 0, identifier, "R > 0", r2)
    require(e >= 0, identifier, "e >= 0", e)
    require(g > e, identifier, "g > e", f"g = {g}, e = {e}")


def _left(w: int, b2: Any, e: Any, g: Any, lam: Any, one: Any) -> Any:
    """Return prod_{j=1..W} (1 + (g-e)^2 / (lam B^2 + (j-1) e^2)), rational or ball."""
    square, base, step = (g - e) * (g - e), lam * b2, e * e
    product = one
    for j in range(w):
        product *= 1 + square / (base + j * step)
    return product


def _right(w: int, d: int, r2: Any, lam: Any) -> Any:
    """Return (1 + W R^2 / (d lam))^d, rational or ball."""
    return (1 + w * r2 / (d * lam)) ** d


@statement(
    "lemma-5.1",
    mark="sharpened",
    source="[P] Lemma 5.1, explicit",
    summary="prod_j (1 + (g-e)^2 / (lam B^2 + (j-1) e^2)) <= (1 + W R^2 / (d lam))^d",
)
def elliptic_potential(
    w: int, d: int, b2: Number, r2: Number, e: Number, g: Number, lam: Number
) -> tuple[Real, Real]:
    """Return both sides of the elliptic potential inequality for a sequence of length W.

    For vectors v_1..v_W, phi_1..phi_W in R^d with |v_j| <= B, |phi_j| <= R, and numbers D_j(i) with
    |D_j(i) - <v_j, phi_i>| <= e, D_j(i) = 0 for i < j and |D_j(j)| > g > e, the left side is at
    most the right side, for every lam > 0.  (The logarithm of both sides is the usual form.)

    Proof.  V_j = lam I + sum_{i<=j} phi_i phi_i'.  From D_j(i) = 0 for i < j,
    v_j' V_{j-1} v_j <= lam B^2 + (j-1) e^2, and |<v_j, phi_j>| > g - e, so by Cauchy-Schwarz
    phi_j' V_{j-1}^{-1} phi_j is at least the fraction on the left.  By the matrix determinant lemma
    the product of 1 + phi_j' V_{j-1}^{-1} phi_j is det(V_W / lam), and trace-determinant bounds
    that by the right side.

    Args:
        w: W >= 0, the length of the sequence.
        d: dimension.
        b2, r2: B^2 and R^2, squared lengths.
        e, g: error and threshold, g > e >= 0.
        lam: > 0.

    Returns:
        (left, right); rationals for rational arguments.

    Raises:
        HypothesisError: an argument is out of range.
    """
    numbers = [Real.of(x) for x in (b2, r2, e, g, lam)]
    bb, rr, ee, gg, ll = numbers
    _check_potential("lemma-5.1", d, bb, rr, ee, gg)
    require(ll > 0, "lemma-5.1", "lam > 0", ll)
    require(w >= 0, "lemma-5.1", "W >= 0", w)
    exact = [x.exact for x in numbers if x.exact is not None]
    if len(exact) == len(numbers):
        xb, xr, xe, xg, xl = exact
        return Real(_left(w, xb, xe, xg, xl, fmpq(1))), Real(_right(w, d, xr, xl))
    return (
        Real(lambda: _left(w, bb.ball(), ee.ball(), gg.ball(), ll.ball(), arb(1))),
        Real(lambda: _right(w, d, rr.ball(), ll.ball())),
    )


def sequence_refuted(w: int, d: int, b2: Number, r2: Number, e: Number, g: Number) -> bool:
    """True if Lemma 5.1 forbids a sequence of length W, for some lam = 2^(j/4), j = -400..400.

    Args:
        w, d, b2, r2, e, g: as for :func:`elliptic_potential`.

    Raises:
        HypothesisError: an argument is out of range.
        UndecidedError: some comparison stays open at the precision limit.
    """
    bb, rr, ee, gg = (Real.of(x) for x in (b2, r2, e, g))
    _check_potential("lemma-5.1", d, bb, rr, ee, gg)
    if _never_refuted(w, d, bb * rr, ee * ee, (gg - ee) * (gg - ee)):
        return False

    def attempt() -> bool | None:
        ball_b, ball_r, ball_e, ball_g = bb.ball(), rr.ball(), ee.ball(), gg.ball()
        sides: dict[int, tuple[arb, arb]] = {}

        def at(j: int) -> tuple[arb, arb]:
            if j not in sides:
                lam = arb(2) ** (arb(j) / 4)
                left = _left(w, ball_b, ball_e, ball_g, lam, arb(1))
                sides[j] = left, _right(w, d, ball_r, lam)
            return sides[j]

        # Both sides fall in lam: on [low, high] the left is at most left(low), the right at least
        # right(high).
        open_ranges = [(LAMBDA_EXPONENTS[0], LAMBDA_EXPONENTS[-1])]
        settled = True
        while open_ranges:
            low, high = open_ranges.pop()
            for j in (low, high):
                left, right = at(j)
                if left > right:
                    return True
                settled = settled and bool(left <= right)
            if high - low > 1 and not at(low)[0] <= at(high)[1]:
                middle = (low + high) // 2
                open_ranges += [(low, middle), (middle, high)]
        return False if settled else None

    return balls.at_precision(attempt)


def _never_refuted(w: int, d: int, size: Real, noise: Real, gain: Real) -> bool:
    """True where the left side is at most the right one for every lam, possibly equal.

    With s = (g-e)^2 <= B^2 R^2 and x = R^2 / lam: for W <= d the left side is at most (1 + x)^W,
    which Bernoulli puts below (1 + W x / d)^d.  For s <= e^2 the left side is at most
    prod_j (1 + s / (lam B^2 + (j-1) s)) = 1 + W s / (lam B^2) <= 1 + W x <= (1 + W x / d)^d.

    Args:
        w, d: as for :func:`elliptic_potential`.
        size, noise, gain: B^2 R^2, e^2 and (g-e)^2.
    """
    return w == 0 or (gain <= size and (w <= d or gain <= noise))


@statement(
    "lemma-5.1-printed",
    mark="printed",
    source="[P] Lemma 5.1, constant as an argument",
    summary="g >= C e sqrt(d log(R B W / e)): W <= C d log(R B W / e)",
)
def elliptic_potential_printed(
    w: int, d: int, b: Number, r: Number, e: Number, constant: Number
) -> Real:
    """Return C d log(R B W / e), the printed bound on the length W of a sequence.

    [P] leaves C as "sufficiently large"; it is an argument here.

    Args:
        w: W >= 1.
        d: dimension.
        b, r: the lengths B and R.
        e: error > 0.
        constant: C > 0.

    Raises:
        HypothesisError: an argument is out of range.
    """
    bb, rr, ee = (Real.of(x) for x in (b, r, e))
    require(w >= 1, "lemma-5.1-printed", "W >= 1", w)
    require(d >= 1, "lemma-5.1-printed", "d >= 1", d)
    require(ee > 0, "lemma-5.1-printed", "e > 0", ee)
    require(bb > 0 and rr > 0, "lemma-5.1-printed", "B, R > 0", (bb, rr))
    require(Real.of(constant) > 0, "lemma-5.1-printed", "C > 0", Real.of(constant))
    return Real.of(constant) * d * balls.log(rr * bb * fmpq(w) / ee)


@statement(
    "lemma-5.1-exact",
    mark="sharpened",
    source="[P] Lemma 5.1, exact case",
    summary="e = 0: W <= d",
)
def elliptic_potential_exact(d: int) -> int:
    """Bound the length of a sequence of Lemma 5.1 with e = 0 by the dimension d.

    Proof.  <v_j, phi_i> = 0 for i < j and <v_j, phi_j> is not 0, so no phi_j is in the span of
    those before it.

    Raises:
        HypothesisError: d < 1.
    """
    require(d >= 1, "lemma-5.1-exact", "d >= 1", d)
    return d


@statement(
    "witness-count",
    mark="sharpened",
    source="[P] Lemma 5.6, exact oracle, deterministic",
    summary="xi = 0: witnesses at cut s <= d_s - rank(one-token columns at cut s)",
)
def witnesses_at_cut(cut_rank: int, one_token_rank: int) -> int:
    """Bound the number of witnesses that Algorithm 1 adds at one cut, for an exact oracle.

    Proof.  A witness f has a nonzero residual Delta_s(f), while Delta_s vanishes on all of Fh_s.
    Delta_s is a combination of rows of cut s, so the column of f is not in the span of the columns
    of Fh_s: each witness raises their rank, which starts at the rank of the one-token columns and
    never exceeds d_s.

    Args:
        cut_rank: d_s, the rank of cut s.
        one_token_rank: the rank of its columns of one token.

    Raises:
        HypothesisError: the ranks are impossible.
    """
    require(
        0 <= one_token_rank <= cut_rank,
        "witness-count",
        "0 <= rank of some columns <= d_s",
        (one_token_rank, cut_rank),
    )
    return cut_rank - one_token_rank


@statement(
    "epoch-count",
    mark="sharpened",
    source="[P] Lemma 5.6, exact oracle, deterministic",
    summary="xi = 0: epochs that end in a witness <= sum over s = 2..T-1 of (d_s - one-token rank)",
)
def witness_epochs(cut_ranks: Sequence[int], one_token_ranks: Sequence[int]) -> int:
    """Bound the number of epochs of Algorithm 1 that end in a witness, for an exact oracle.

    Each such epoch adds one witness at one cut s = 2..T-1; see :func:`witnesses_at_cut`.

    Args:
        cut_ranks: d_1..d_T.
        one_token_ranks: per cut, the rank of its columns of one token.

    Raises:
        HypothesisError: the ranks are impossible.
    """
    require(
        len(cut_ranks) == len(one_token_ranks),
        "epoch-count",
        "one rank per cut",
        (len(cut_ranks), len(one_token_ranks)),
    )
    allowed = [witnesses_at_cut(d, r) for d, r in zip(cut_ranks, one_token_ranks, strict=True)]
    return sum(allowed[1:-1])


@statement(
    "lemma-5.6-printed",
    mark="printed",
    source="[P] Lemma 5.6, constant as an argument",
    summary="K >= C T d log(R B W / e) epochs suffice",
)
def epochs_printed(
    horizon: int, d: int, w: int, b: Number, r: Number, e: Number, constant: Number
) -> int:
    """Return ceil(C T d log(R B W / e)), the printed number of epochs.

    Args:
        horizon: T >= 1.
        d: dimension.
        w: W >= 1, the number of witnesses at a cut.
        b, r: the lengths B and R.
        e: error > 0.
        constant: C > 0; [P] leaves it open.

    Raises:
        HypothesisError: an argument is out of range.
    """
    require(horizon >= 1, "lemma-5.6-printed", "T >= 1", horizon)
    require(Real.of(constant) > 0, "lemma-5.6-printed", "C > 0", Real.of(constant))
    return (elliptic_potential_printed(w, d, b, r, e, constant) * horizon).ceil()
