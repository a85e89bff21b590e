"""From conditional samples to logits (Remarks 5.8 and 5.9)."""

from __future__ import annotations

from flint import fmpq

from bounds.statement import require, statement
from llr.numbers import balls
from llr.numbers.balls import Number, Real


@statement(
    "remark-5.8-floor",
    mark="printed",
    source="[P] Remark 5.8",
    summary="|L| <= lam everywhere: M(a | h) >= e^(-2 lam) / k",
)
def least_probability(lam: Number, alphabet_size: int) -> Real:
    """Return e^{-2 lam} / k, below which no next-token probability falls if |L| <= lam.

    Proof.  M(a | h) = e^{L(h.a)} / sum_b e^{L(h.b)} >= e^{-lam} / (k e^{lam}).

    Args:
        lam: bound on the centred logits in nats, >= 0.
        alphabet_size: k >= 2.

    Raises:
        HypothesisError: an argument is out of range.
    """
    real = Real.of(lam)
    require(real >= 0, "remark-5.8-floor", "lam >= 0", lam)
    require(alphabet_size >= 2, "remark-5.8-floor", "k >= 2", alphabet_size)
    return balls.exp(-2 * real) / alphabet_size


def _check_estimation(identifier: str, gamma: Real, xi: Real, zeta: Real) -> None:
    require(gamma > 0 and gamma <= fmpq(1, 2), identifier, "0 < gamma <= 1/2", gamma)
    require(xi > 0, identifier, "xi > 0", xi)
    require(zeta > 0 and zeta < 1, identifier, "0 < zeta < 1", zeta)


@statement(
    "remark-5.8",
    mark="sharpened",
    source="[P] Remark 5.8, constant after [M]",
    summary="ceil(48 ln(2k/zeta) / (gamma xi^2)) samples give centred logit error <= xi",
)
def samples_for_logits(alphabet_size: int, gamma: Number, xi: Number, zeta: Number) -> int:
    """Return how many conditional samples estimate all k centred logits to within xi nats.

    With m samples at h and gamma = min_a M(a | h), the centred logs of the empirical frequencies
    are within xi <= 1 of L(h.) except with probability zeta.

    Proof.  Chernoff's multiplicative bound with relative error xi/4 <= 1/4 fails for a token with
    probability at most 2 exp(-m gamma xi^2 / 48), for some of k tokens with at most zeta.  Then
    each log frequency is off by at most -log(1 - xi/4) <= xi/3, and centring at most doubles that.

    Args:
        alphabet_size: k >= 2.
        gamma: least probability, in (0, 1/k].
        xi: in (0, 1], nats.
        zeta: in (0, 1).

    Raises:
        HypothesisError: an argument is out of range.
    """
    floor, error, risk = Real.of(gamma), Real.of(xi), Real.of(zeta)
    _check_estimation("remark-5.8", floor, error, risk)
    require(alphabet_size >= 2, "remark-5.8", "k >= 2", alphabet_size)
    require(error <= 1, "remark-5.8", "xi <= 1", xi)
    return (48 * balls.log(2 * alphabet_size / risk) / (floor * error * error)).ceil()


def _binary_divergence(target: Real, start: Real) -> Real:
    """Return KL(sigma(a) || sigma(b)) for log-odds a and b, in nats.

    With psi(x) = log(1 + e^x) it is psi(b) - psi(a) + (a - b) sigma(a).
    """

    def psi(x: Real) -> Real:
        return balls.log(1 + balls.exp(x))

    sigma = 1 / (1 + balls.exp(-target))
    return psi(start) - psi(target) + (target - start) * sigma


@statement(
    "remark-5.8-binary",
    mark="sharpened",
    source="[P] Remark 5.8 for k = 2, exact exponent",
    summary="k = 2: ceil(ln(2/zeta) / I) samples, I the least KL of moving the log-odds by 2 xi",
)
def samples_for_binary_logit(gamma: Number, xi: Number, zeta: Number) -> int:
    """Return how many samples estimate the centred logits of a bit to within xi nats.

    With l = L(h.1), P(1) = sigma(2 l) and m samples, half the empirical log-odds are within xi of l
    except with probability zeta, for m >= ln(2/zeta) / I,
    I = min over |l| <= lam and both signs of KL(sigma(2l +- 2xi) || sigma(2l)),
    lam = 1/2 ln((1-gamma)/gamma).

    Proof.  The estimate is off by xi or more, upwards, iff the frequency is at least
    sigma(2l + 2xi): by Chernoff with probability at most exp(-m KL); likewise downwards.  For the
    minimum put u = e^{2l}, E = e^{2xi}: the derivative of KL(sigma(2l+2xi) || sigma(2l)) in l has
    the sign of (1 - E + 2xi E) + u E (1 - E + 2xi), which is positive at u = 0 and falls in u
    since 1 - E + 2xi < 0 < 1 - E + 2xi E: the divergence rises, then falls, so its minimum on
    [-lam, lam] is at an end.  It is at lam, since the divergence is int_0^{2xi} s sigma'(2l+s) ds
    and sigma' is even and falls on [0, oo).  The other sign is its mirror image.

    For xi <= 1 that is at most an eighth of what remark-5.8 asks for at k = 2.  With E = e^{2 lam},
    gamma = 1/(1+E) and 1 + E e^s <= (1+E) e^s, sigma'(2 lam + s) = E e^s / (1 + E e^s)^2 is at
    least gamma e^{-s} / 2.  Hence I >= gamma (1 - (1 + 2 xi) e^{-2 xi}) / 2, which is at least
    gamma xi^2 (1 - 3/e^2) / 2, and ln(2/zeta) / I <= 48 ln(4/zeta) / (14.2 gamma xi^2).  The left
    side is at least 2.1, since I <= KL(sigma(2) || 1/2) < 0.33: rounding it up adds less than half.

    Args:
        gamma: least probability, in (0, 1/2].
        xi: > 0, nats.
        zeta: in (0, 1).

    Raises:
        HypothesisError: an argument is out of range.
    """
    floor, error, risk = Real.of(gamma), Real.of(xi), Real.of(zeta)
    _check_estimation("remark-5.8-binary", floor, error, risk)
    odds = balls.log((1 - floor) / floor)
    least = _binary_divergence(odds + 2 * error, odds)
    return (balls.log(2 / risk) / least).ceil()


@statement(
    "remark-5.9",
    mark="printed",
    source="[P] Remark 5.9, constant from Remark 5.8",
    summary="temperature tau >= lam: estimate to xi/tau, multiply back; cost polynomial in lam",
)
def samples_with_temperature(
    alphabet_size: int, lam: Number, xi: Number, zeta: Number
) -> tuple[Real, int]:
    """Return a temperature tau and how many samples at it estimate the logits to within xi nats.

    With tau = max(lam, xi, 1) the logits of M_tau are L / tau, at most 1 in absolute value, so its
    probabilities are at least e^{-2}/k; estimated to within xi/tau <= 1 and multiplied by tau they
    are within xi.

    Args:
        alphabet_size: k >= 2.
        lam: bound on |L| in nats, >= 0.
        xi: > 0, nats.
        zeta: in (0, 1).

    Returns:
        (tau, number of samples per prefix).

    Raises:
        HypothesisError: an argument is out of range.
    """
    size, error = Real.of(lam), Real.of(xi)
    require(size >= 0, "remark-5.9", "lam >= 0", lam)
    require(error > 0, "remark-5.9", "xi > 0", xi)
    tau = Real.of(1)
    for candidate in (size, error):
        if candidate > tau:
            tau = candidate
    gamma = least_probability(1, alphabet_size)
    return tau, samples_for_logits(alphabet_size, gamma, error / tau, zeta)


@statement(
    "hard-teacher",
    mark="sharpened",
    source="[M], hard teacher",
    summary="TV(hard teacher, its noiseless law) = 1 - (1-eta)^(L+1), eta = 1/(1+4^c)",
)
def hard_teacher_distance(copies: int, strength: int) -> fmpq:
    """Return the TV between a hard teacher and the law with noiseless copies and label.

    Proof.  Each word of the noiseless law N has no mismatch, so the teacher gives it
    (1-eta)^(L+1) N(w): one factor for each of L copies and for the label.  Hence
    TV = sum_w max(0, N(w) - M(w)) = 1 - (1-eta)^(L+1).

    Args:
        copies: L >= 0.
        strength: c >= 1, b = c ln 2.

    Raises:
        HypothesisError: an argument is out of range.
    """
    require(copies >= 0, "hard-teacher", "L >= 0", copies)
    require(strength >= 1, "hard-teacher", "c >= 1", strength)
    eta = fmpq(1, 1 + 4**strength)
    return 1 - (1 - eta) ** (copies + 1)
