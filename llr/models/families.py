"""Families of ISANs with known structure: random, parity, Fourier-sparse, copy, spike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import numpy as np
from flint import fmpq

from llr.errors import InputError
from llr.models.base import check_size
from llr.models.isan import Isan
from llr.numbers.rational import rational, text
from llr.numbers.units import LN2, NAT, LogitUnit

Entries = list[list[fmpq]]

MAX_REDRAWS = 1000
_ANGLES = ((3, 4, 5), (5, 12, 13), (8, 15, 17))


def identity(d: int) -> Entries:
    """Return the d x d identity."""
    return [[fmpq(int(i == j)) for j in range(d)] for i in range(d)]


def zeros(rows: int, columns: int) -> Entries:
    """Return a zero matrix."""
    return [[fmpq(0)] * columns for _ in range(rows)]


# -- random ISANs -------------------------------------------------------------------------------


def _rotation(rng: np.random.Generator, d: int) -> Entries:
    """Return a product of d rational Givens rotations in random planes; +-1 for d = 1."""
    if d == 1:
        return [[fmpq(1 - 2 * int(rng.integers(2)))]]
    product = identity(d)
    for _ in range(d):
        i = int(rng.integers(d))
        j = (i + 1 + int(rng.integers(d - 1))) % d
        a, b, c = _ANGLES[int(rng.integers(len(_ANGLES)))]
        cosine, sine = fmpq(a, c), fmpq(b, c) * (1 - 2 * int(rng.integers(2)))
        for row in product:
            row[i], row[j] = cosine * row[i] + sine * row[j], cosine * row[j] - sine * row[i]
    return product


def _dense(rng: np.random.Generator, d: int) -> Entries:
    return [
        [fmpq(int(rng.integers(-9, 10)), int(rng.integers(1, 10))) for _ in range(d)]
        for _ in range(d)
    ]


def _sparse(rng: np.random.Generator, d: int) -> Entries:
    found = zeros(d, d)
    for row in found:
        row[int(rng.integers(d))] = fmpq(int(rng.integers(-2, 3)), 2)
    return found


def _permutation(rng: np.random.Generator, d: int) -> Entries:
    found = zeros(d, d)
    for i, j in enumerate(rng.permutation(d).tolist()):
        found[i][j] = fmpq(1)
    return found


def _nilpotent(rng: np.random.Generator, d: int) -> Entries:
    found = zeros(d, d)
    for i in range(d):
        for j in range(i + 1, d):
            found[i][j] = fmpq(int(rng.integers(-2, 3)), 2)
    return found


KINDS: Mapping[str, Callable[[np.random.Generator, int], Entries]] = {
    "rotation": _rotation,
    "dense": _dense,
    "sparse": _sparse,
    "permutation": _permutation,
    "nilpotent": _nilpotent,
}


def generic_cut_ranks(horizon: int, alphabet_size: int, dimension: int) -> tuple[int, ...]:
    """Return min(d, k^(s-1), k^(T-s+1) - 1) for s = 1..T.

    The last term is the number of independent columns of cut s.
    """
    k, cap = alphabet_size, dimension.bit_length()
    return tuple(
        min(dimension, k ** min(s - 1, cap), k ** min(horizon - s + 1, cap + 1) - 1)
        for s in range(1, horizon + 1)
    )


def random_isan(
    horizon: int, alphabet_size: int, dimension: int, seed: int = 0, kind: str = "rotation"
) -> Isan:
    """Return a random ISAN with rational entries.

    Args:
        horizon: T >= 1.
        alphabet_size: k >= 2.
        dimension: d >= 1.
        seed: of the generator; the same seed gives the same model everywhere.
        kind: "rotation" (transitions orthogonal, logits of order one; redrawn until every cut rank
            is :func:`generic_cut_ranks`), "dense" (entries p/q: logits may be huge), "sparse",
            "permutation" or "nilpotent" (ranks as they fall).

    Returns:
        An :class:`Isan` with unit nat, readouts in tenths in [-3/2, 3/2] less their token mean,
        and start in tenths in [-9/10, 9/10].

    Raises:
        InputError: an argument is out of range, or no draw was generic.
    """
    check_size(horizon, 1, "T")
    check_size(alphabet_size, 2, "k")
    check_size(dimension, 1, "d")
    check_size(seed, 0, "seed")
    if kind not in KINDS:
        raise InputError("kind", kind, "one of " + ", ".join(KINDS))
    rng = np.random.default_rng(seed)
    wanted = generic_cut_ranks(horizon, alphabet_size, dimension)
    for _ in range(MAX_REDRAWS):
        model = Isan(
            alphabet_size,
            horizon,
            [fmpq(int(rng.integers(-9, 10)), 10) for _ in range(dimension)],
            [
                [KINDS[kind](rng, dimension) for _ in range(alphabet_size)]
                for _ in range(horizon - 1)
            ],
            [
                [
                    [fmpq(int(rng.integers(-15, 16)), 10) for _ in range(dimension)]
                    for _ in range(alphabet_size)
                ]
                for _ in range(horizon)
            ],
        )
        if kind != "rotation" or model.cut_ranks() == wanted:
            return model
    raise InputError("d", dimension, f"reached by generic ranks within {MAX_REDRAWS} draws")


# -- Boolean functions as labels ----------------------------------------------------------------


def _check_bits(bits: object, n: int, argument: str) -> str:
    if not isinstance(bits, str) or len(bits) != n or set(bits) - {"0", "1"}:
        raise InputError(argument, bits, f"a string of {n} characters 0 or 1")
    return bits


def _characters_then_label(
    n: int, sets: Sequence[str], values: Sequence[fmpq], unit: LogitUnit
) -> Isan:
    """Return n uniform bits, then a label whose logit for 1 is sum_S value_S chi_S(x).

    State coordinate S is chi of the part of S seen so far, so every transition is diag(+-1).
    """
    d = len(sets)
    transitions = []
    for t in range(n):
        flips = identity(d)
        for i, s in enumerate(sets):
            flips[i][i] = fmpq(-1 if s[t] == "1" else 1)
        transitions.append([identity(d), flips])
    label = [[-v for v in values], list(values)]
    return Isan(2, n + 1, [1] * d, transitions, [zeros(2, d) for _ in range(n)] + [label], unit)


def noisy_parity(n: int, secret: str, noise: Fraction | fmpq | str) -> Isan:
    """Return n uniform bits x, then the bit <secret, x>, flipped with probability ``noise``.

    Args:
        n: number of input bits, >= 1; the horizon is n + 1.
        secret: n characters 0 or 1.
        noise: nu, a rational in (0, 1/2).

    Returns:
        An ISAN with unit ln((1-nu)/nu), label logits +-1/2 and cut ranks at most 1 (each 1 if the
        secret is read; rank 1 at every cut because the label's logit is +-1/2 everywhere).

    Raises:
        InputError: an argument is out of range.
    """
    check_size(n, 1, "n")
    _check_bits(secret, n, "secret")
    nu = rational(noise, "nu")
    if not 0 < nu < fmpq(1, 2):
        raise InputError("nu", text(nu), "a rational in (0, 1/2)")
    return _characters_then_label(n, [secret], [fmpq(-1, 2)], LogitUnit((1 - nu) / nu))


def fourier_sparse(n: int, terms: Mapping[str, Fraction | fmpq | str]) -> Isan:
    """Return n uniform bits x, then a label with P(1 | x) = sigma(2 f(x)), f = sum_S fhat(S) chi_S.

    Args:
        n: number of input bits, >= 1; the horizon is n + 1.
        terms: fhat(S) for each S, written as n characters 0 or 1; at least one, none zero.

    Returns:
        An ISAN with unit nat and dimension ``len(terms)``.

    Raises:
        InputError: an argument is out of range.
    """
    check_size(n, 1, "n")
    if not terms:
        raise InputError("terms", dict(terms), "at least one term")
    values = [rational(v, f"terms[{s}]") for s, v in terms.items()]
    for s, v in zip(terms, values, strict=True):
        _check_bits(s, n, "terms")
        if v == 0:
            raise InputError(f"terms[{s}]", text(v), "a nonzero rational")
    return _characters_then_label(n, list(terms), values, NAT)


def copy(n: int, alphabet_size: int = 2, strength: int = 8) -> Isan:
    """Return n uniform tokens x, then n more: token a at place j has logit b (1[a = x_j] - 1/k).

    Args:
        n: number of tokens to copy, >= 1; the horizon is 2 n.
        alphabet_size: k >= 2.
        strength: c >= 1, b = c ln 2.

    Returns:
        An ISAN with unit ln 2 and dimension n (k-1) + 1: the state holds the centred indicators
        of the tokens still to be copied, and a constant to write them with.

    Raises:
        InputError: an argument is out of range.
    """
    check_size(n, 1, "n")
    k = check_size(alphabet_size, 2, "k")
    c = check_size(strength, 1, "c")
    d = n * (k - 1) + 1
    constant = d - 1
    transitions = []
    for t in range(n):
        step = []
        for token in range(k):
            a = identity(d)
            for b in range(k - 1):
                place = t * (k - 1) + b
                a[place][place] = fmpq(0)
                a[place][constant] = fmpq(int(token == b)) - fmpq(1, k)
            step.append(a)
        transitions.append(step)
    readouts = [zeros(k, d) for _ in range(n)]
    for t in range(n):
        forget = identity(d)
        forget[constant][constant] = fmpq(0)
        b_matrix = zeros(k, d)
        for b in range(k - 1):
            place = t * (k - 1) + b
            forget[place][place] = fmpq(0)
            b_matrix[b][place] = fmpq(c)
            b_matrix[k - 1][place] = fmpq(-c)
        readouts.append(b_matrix)
        transitions.append([forget] * k)
    return Isan(k, 2 * n, [0] * constant + [1], transitions, readouts, LN2)


def spike(horizon: int) -> Isan:
    """Return the rank-1 spike of [M]: the first token is 1 with logit -T nats, then fair bits.

    Args:
        horizon: T >= 1.

    Raises:
        InputError: T is out of range.
    """
    t = check_size(horizon, 1, "T")
    return Isan(
        2, t, [1], [[[[0]], [[0]]] for _ in range(t - 1)], [[[t], [-t]]] + [zeros(2, 1)] * (t - 1)
    )
