"""How many witnesses a run can find: the elliptic potential (Lemma 5.1) and witness counts."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, fmpq

from bounds.statement import require, statement
from llr.numbers import balls
from llr.numbers.balls import Number, Real

LAMBDA_EXPONENTS = range(-400, 401)
"""lam ranges over 2^(j/4) for these j, so that "least W" is well defined."""


def _check_potential(identifier: str, d: int, b: Real, r: Real, e: Real, g: Real) -> None:
    require(d >= 1, identifier, "d >= 1", d)
    require(b > 0, identifier, "B > 0", b)
    require(r > 0, identifier, "R > 0", r)
    require(e >= 0, identifier, "e >= 0", e)
    require(g > e, identifier, "g > e", f"g = {g}, e = {e}")


def _left(w: int, b: arb, e: arb, g: arb, lam: arb) -> arb:
    """Return sum_{j=1..W} log(1 + (g-e)^2 / (lam B^2 + (j-1) e^2))."""
    square, base, step = (g - e) ** 2, lam * b * b, e * e
    product = arb(1)
    for j in range(w):
        product *= 1 + square / (base + j * step)
    return product.log()


def _right(w: int, d: int, r: arb, lam: arb) -> arb:
    """Return d log(1 + W R^2 / (d lam))."""
    return d * (1 + w * r * r / (d * lam)).log()


@statement(
    "lemma-5.1",
    mark="sharpened",
    source="[P] Lemma 5.1, explicit",
    summary="sum_j log(1 + (g-e)^2 / (lam B^2 + (j-1) e^2)) <= d log(1 + W R^2 / (d lam))",
)
def elliptic_potential(
    w: int, d: int, b: Number, r: Number, e: Number, g: Number, lam: Number
) -> tuple[Real, Real]:
    """Return both sides of the elliptic potential inequality for a sequence of length W.

    For vectors v_1..v_W, phi_1..phi_W in R^d with |v_j| <= B, |phi_j| <= R, and numbers D_j(i) with
    |D_j(i) - <v_j, phi_i>| <= e, D_j(i) = 0 for i < j and |D_j(j)| > g > e, the left side is at
    most the right side, for every lam > 0.

    Proof.  V_j = lam I + sum_{i<=j} phi_i phi_i'.  From D_j(i) = 0 for i < j,
    v_j' V_{j-1} v_j <= lam B^2 + (j-1) e^2, and |<v_j, phi_j>| > g - e, so by Cauchy-Schwarz
    phi_j' V_{j-1}^{-1} phi_j is at least the fraction on the left.  The matrix determinant lemma
    sums log(1 + phi_j' V_{j-1}^{-1} phi_j) to log det(V_W / lam), and trace-determinant bounds that
    by the right side.

    Args:
        w: W >= 0, the length of the sequence.
        d: dimension.
        b, r: the lengths B and R.
        e, g: error and threshold, g > e >= 0.
        lam: > 0.

    Returns:
        (left, right).

    Raises:
        HypothesisError: an argument is out of range.
    """
    bb, rr, ee, gg, ll = (Real.of(x) for x in (b, r, e, g, lam))
    _check_potential("lemma-5.1", d, bb, rr, ee, gg)
    require(ll > 0, "lemma-5.1", "lam > 0", ll)
    require(w >= 0, "lemma-5.1", "W >= 0", w)
    if w == 0:
        return Real.of(0), Real.of(0)
    return (
        Real(lambda: _left(w, bb.ball(), ee.ball(), gg.ball(), ll.ball())),
        Real(lambda: _right(w, d, rr.ball(), ll.ball())),
    )


def sequence_refuted(w: int, d: int, b: Number, r: Number, e: Number, g: Number) -> bool:
    """True if Lemma 5.1 forbids a sequence of length W, for some lam = 2^(j/4), j = -400..400.

    Raises:
        HypothesisError: an argument is out of range.
        UndecidedError: some comparison stays open at the precision limit.
    """
    bb, rr, ee, gg = (Real.of(x) for x in (b, r, e, g))
    _check_potential("lemma-5.1", d, bb, rr, ee, gg)
    if w == 0:
        return False

    def attempt() -> bool | None:
        ball_b, ball_r, ball_e, ball_g = bb.ball(), rr.ball(), ee.ball(), gg.ball()
        left: dict[int, arb] = {}
        right: dict[int, arb] = {}

        def sides(j: int) -> tuple[arb, arb]:
            if j not in left:
                lam = arb(2) ** (arb(j) / 4)
                left[j] = _left(w, ball_b, ball_e, ball_g, lam)
                right[j] = _right(w, d, ball_r, lam)
            return left[j], right[j]

        # Both sides fall in lam: on [low, high] the excess is at most left(low) - right(high).
        open_ranges = [(LAMBDA_EXPONENTS[0], LAMBDA_EXPONENTS[-1])]
        settled = True
        while open_ranges:
            low, high = open_ranges.pop()
            for j in (low, high):
                at_left, at_right = sides(j)
                if at_left > at_right:
                    return True
                settled = settled and bool(at_left <= at_right)
            if high - low > 1 and not sides(low)[0] <= sides(high)[1]:
                middle = (low + high) // 2
                open_ranges += [(low, middle), (middle, high)]
        return False if settled else None

    return balls.at_precision(attempt)


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
    inner = zip(cut_ranks[1:-1], one_token_ranks[1:-1], strict=True)
    return sum(witnesses_at_cut(d, r) for d, r in inner)
