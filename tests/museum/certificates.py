"""Room of certificates: shares of the risk, counts of words, units, the second verifier."""

from __future__ import annotations

from flint import fmpq

from bounds.validation import clopper_pearson
from llr.check import _lost
from llr.learning.api import printed_schedule
from llr.learning.certificate import certify, failure_limit, mean_limit

from .piece import Piece, Size, whole


def twice_the_risk(n, failing, delta):
    return failure_limit(n, failing, 2 * delta)


def more_to_bet(sums, delta):
    return mean_limit(sums, delta * fmpq(3, 2))


def every_word_once(model, ledger, words, unit, **options):
    return certify(model, ledger, dict.fromkeys(words, 1), unit, **options)


def from_below(n, failures, delta, bits=40):
    return clopper_pearson(n, failures, delta, bits) - fmpq(1, 1 << bits)


def all_for_words(epsilon, delta, xi, horizon, samples, max_epochs):
    return printed_schedule(2 * epsilon, delta, 2 * xi, horizon, samples, max_epochs)


def as_they_are(numbers, value, unit):
    return value


def lost_too_soon(m, sums, delta):
    return _lost(m, sums, 2 * delta)


def compared(t: int) -> Size:
    return whole("T", smallest=(t,), measure=lambda c: (c.target.horizon,))


CERTIFICATES = [
    Piece(
        "the whole risk for each bound",
        "two bounds at 1 - delta each, and the smaller one counts: wrong up to 2 delta of the time",
        "certificate-words",
        {"llr.learning.certificate.failure_limit": twice_the_risk},
        compared(1),
    ),
    Piece(
        "stakes that sum to 3/2",
        "a mixture of bets whose weights are not normalised: it wins 1/delta too often",
        "certificate-bets",
        {"properties.claims.certificates.mean_limit": more_to_bet},
        whole("n", smallest=(1,), measure=lambda b: (b.draws,)),
    ),
    Piece(
        "words counted once",
        "repeats are dropped with a set of words, so that failures often seen count once",
        "certificate-words",
        {"properties.claims.certificates.certify": every_word_once},
        compared(1),
    ),
    Piece(
        "the other end of a bisection",
        "returns the last point that is too low, 2^-40 below the limit",
        "clopper-pearson",
        {"properties.claims.validation.clopper_pearson": from_below},
        whole("n", smallest=(1,), measure=lambda s: (s.n,)),
    ),
    Piece(
        "all of epsilon for failing words",
        "p is not halved: failing words take all of epsilon, residuals add as much again",
        "learning-shares",
        {"llr.learning.api.printed_schedule": all_for_words},
        whole("T", smallest=(3,), measure=lambda w: (w.horizon,)),
    ),
    Piece(
        "units taken for nats",
        "a threshold in nats is compared with logits in units of ln 9",
        "units",
        {"llr.numbers.arithmetic.ExactArithmetic.from_nats": as_they_are},
        whole("k", smallest=(2,), measure=lambda of: (len(of.row),)),
    ),
    Piece(
        "a verifier that trusts",
        "the second verifier gives the bet twice the risk: bounds too low pass as valid",
        "certificate-checked",
        {"llr.check._lost": lost_too_soon},
        compared(1),
    ),
]
