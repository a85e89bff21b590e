"""Rooms of numbers and models: rounding, floats, and what is read off a model."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from flint import arb, fmpq

from bounds.potential import LAMBDA_EXPONENTS, _left, _right
from llr.models.base import futures_up_to
from llr.models.isan import Isan
from llr.numbers import rational
from llr.numbers.balls import Real
from llr.numbers.units import LogitUnit
from llr.oracles.protocol import ModelOracle
from properties.claims.components import mean_centred

from .piece import Piece, model, noisy, target, vectors, whole


def unknown_is_yes(w, d, b2, r2, e, g):
    """Return sequence_refuted, deciding by ``not (left <= right)`` at one precision."""
    numbers = [Real.of(x).ball() for x in (b2, r2, e, g)]
    for j in LAMBDA_EXPONENTS:
        lam = arb(2) ** (arb(j) / 4)
        left = _left(w, numbers[0], numbers[2], numbers[3], lam, arb(1))
        if not (left <= _right(w, d, numbers[1], lam)):
            return True
    return False


def rounded_up(noise, xi, unit, others=""):
    return -(-(Real(xi) / unit.nats)).below()


HONEST_PROBABILITIES = LogitUnit.probabilities


def as_doubles(unit, logits):
    doubles = [float(p) for p in HONEST_PROBABILITIES(unit, logits)]
    return [Real(rational.rational(Fraction(x))) for x in doubles]


def midpoint_exp(x):
    return Real(arb(math.exp(float(Real.of(x)))).fmpq())


def float_pivots(m):
    """Return independent rows by float elimination with an absolute tolerance."""
    work = np.array([[float(rational.fraction(x)) for x in row] for row in m.tolist()])
    found = []
    for i in range(len(work)):
        if np.linalg.matrix_rank(work[[*found, i]], tol=1e-9) > len(found):
            found.append(i)
    return tuple(found)


NUMBERS = [
    Piece(
        "unknown taken for yes",
        "decides by not (left <= right): arb answers False for 'not known' as well",
        "lemma-5.1-forbids",
        {"properties.claims.potential.sequence_refuted": unknown_is_yes},
        whole("W", "d", smallest=(1, 1), measure=lambda p: (len(p.v), len(p.v[0]))),
    ),
    Piece(
        "rounded the wrong way",
        "xi nats in units of ln 2 rounded up, so that the noise exceeds xi by 2^-64",
        "def-4.1",
        {"llr.oracles.noise.largest_error": rounded_up},
        noisy(1, 2),
    ),
    Piece(
        "probabilities as doubles",
        "softmax returns the nearest double where 1/3 is exact; one float() on the way",
        "hard-teacher-distance",
        {"llr.numbers.units.LogitUnit.probabilities": as_doubles},
        whole("n", "L", smallest=(1, 1), measure=lambda t: (t.bits, len(t.program.instructions))),
    ),
    Piece(
        "exp without a radius",
        "math.exp called exact: an enclosure of width zero beside the true value",
        "needle",
        {"llr.numbers.balls.exp": midpoint_exp},
        whole("T", smallest=(1,), measure=lambda i: (i[0],)),
    ),
    Piece(
        "rank decided in floats",
        "independent rows by a float elimination with tolerance 1e-9; loses rows of 1e-12",
        "def-5.2",
        {"llr.numbers.rational.independent_rows": float_pivots},
        vectors(1, wide=True),
        raises=(ArithmeticError,),
    ),
]


def one_token_ranks_only(m):
    spaces = zip(m.readouts, m.reachable_spaces, strict=True)
    return tuple(rational.rank(b * r.transpose()) for b, r in spaces)


def centred_by_one_less(row):
    mean = sum(row, fmpq(0)) / (len(row) - 1)
    return tuple(x - mean for x in row)


def transposed_step(m, state, token):
    t, x = state
    return (t + 1, m.arithmetic.apply(m.transitions[t][token].transpose(), x))


def rebuilt(m):
    """Return the ISAN made again from its own entries."""
    steps = [[rational.row_tuples(a) for a in step] for step in m.transitions]
    readouts = [rational.row_tuples(b) for b in m.readouts]
    return Isan(m.alphabet_size, m.horizon, m.initial_state, steps, readouts, m.unit)


class Backwards(ModelOracle):
    """Reads every prefix from its last token."""

    def logits(self, prefixes):
        return super().logits([p[::-1] for p in prefixes])


def one_future_short(k, length):
    return futures_up_to(k, length - 1)


MODELS = [
    Piece(
        "rank of one-token columns",
        "ranks the sub-matrix of one-token futures and calls it the cut; looks right for T = 1",
        "cut-ranks-polynomial",
        {"llr.models.isan.Isan.cut_ranks": one_token_ranks_only},
        model(2, 2, 1),
    ),
    Piece(
        "mean over k - 1",
        "centres with the sample variance's k - 1 in place of k",
        "def-1.2",
        {"llr.numbers.rational.centred": centred_by_one_less},
        model(1, 2, 1),
        honest=lambda m: mean_centred(rebuilt(m)),  # the readouts were centred on the way in
    ),
    Piece(
        "transposed transition",
        "applies A[t][y] from the other side; rows and columns as in the paper, or not",
        "cut-ranks-polynomial",
        {"llr.models.isan.Isan.step": transposed_step},
        model(2, 2, 2),
    ),
    Piece(
        "futures one token short",
        "cut s takes futures up to T - s tokens, off by one: the last token is never looked at",
        "cut-ranks-polynomial",
        {"llr.models.logits.futures_up_to": one_future_short},
        model(1, 2, 1),
    ),
    Piece(
        "prefix read backwards",
        "the oracle reads a prefix from its last token, as a stack would hand it over",
        "lemma-5.9",
        {"properties.scenarios.ModelOracle": Backwards},
        target(3, 2, 1, noisy=True),
    ),
]
