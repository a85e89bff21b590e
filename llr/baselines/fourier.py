"""Kushilevitz-Mansour and Goldreich-Levin: the heavy Fourier coefficients of a Boolean label.

A target of horizon n + 1 over two tokens is read as the function f(x) = logit of label 1 after the
n bits x.  Sets are bit strings; chi_S(x) = (-1)^{<S, x>}.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq, fmpq_mat

from llr.errors import InputError
from llr.numbers import rational
from llr.numbers.arithmetic import Arithmetic
from llr.numbers.units import LogitUnit
from llr.oracles.ledger import Ledger
from llr.oracles.sampling import RowThresholds, split

MAX_SETS = 1 << 12


def heavy_coefficients(
    ledger: Ledger, bits: int, least: fmpq, samples: int, rng: np.random.Generator
) -> dict[str, fmpq]:
    """Return the coefficients whose squares the search finds to be at least least^2 / 2.

    Sets are found bit by bit: the weight of all sets that begin with alpha,
    E f(x z) f(y z) chi_alpha(x) chi_alpha(y), is estimated from random x, y, z, and light ones are
    dropped.  The coefficients themselves then solve f = sum_S c_S chi_S exactly on so many points
    as there are sets.

    Args:
        ledger: exact; asked for prefixes of n tokens.
        bits: n.
        least: the least coefficient to find, in size.
        samples: pairs of points per weight.
        rng: draws them.

    Raises:
        InputError: so many weights look heavy that the sample must be too small.

    Source: [KM]; Goldreich and Levin (1989).
    """
    alive = [""]
    for length in range(1, bits + 1):
        grown = [alpha + bit for alpha in alive for bit in "01"]
        if len(grown) > MAX_SETS:
            raise InputError("samples", samples, "enough to tell heavy sets from light ones")
        alive = [
            alpha
            for alpha in grown
            if _weight(ledger, bits, length, alpha, samples, rng) >= least * least / 2
        ]
    return _solve(ledger, bits, alive, rng)


def _weight(
    ledger: Ledger, bits: int, length: int, alpha: str, samples: int, rng: np.random.Generator
) -> fmpq:
    x, y = (rng.integers(0, 2, (samples, length)) for _ in range(2))
    z = rng.integers(0, 2, (samples, bits - length))
    one, two = (np.concatenate([half, z], axis=1).tolist() for half in (x, y))
    mask = np.array([int(bit) for bit in alpha])
    signs = (1 - 2 * (((x + y) @ mask) % 2)).tolist()
    rows = ledger.rows([tuple(point) for point in (*one, *two)])
    total = fmpq(0)
    for sign, u, v in zip(signs, rows[:samples], rows[samples:], strict=True):
        total += sign * u[1] * v[1]
    return total / samples


def _solve(
    ledger: Ledger, bits: int, sets: Sequence[str], rng: np.random.Generator
) -> dict[str, fmpq]:
    """Return the coefficients of these sets, from points on which their characters differ."""
    points: list[tuple[int, ...]] = []
    signs: list[list[fmpq]] = []
    while len(points) < len(sets):
        point = tuple(rng.integers(0, 2, bits).tolist())
        row = [fmpq(character(s, point)) for s in sets]
        if rational.rank(rational.matrix([*signs, row], len(sets))) > len(signs):
            points.append(point)
            signs.append(row)
    values = [row[1] for row in ledger.rows(points)]
    if not sets:
        return {}
    found = rational.matrix(signs, len(sets)).solve(fmpq_mat(len(values), 1, values))
    return {s: c for s, c in zip(sets, found.entries(), strict=True) if c != 0}


def character(subset: str, point: Sequence[int]) -> int:
    """Return (-1)^{<S, x>}."""
    return 1 - 2 * (sum(int(s) * x for s, x in zip(subset, point, strict=True)) % 2)


def majority_parity(
    ledger: Ledger,
    bits: int,
    tosses: int,
    unit: LogitUnit,
    arithmetic: Arithmetic,
    rng: np.random.Generator,
) -> tuple[str, int]:
    """Return the secret of a noisy parity, and how many labels were drawn to find it.

    The label after the zero word and after each unit vector is drawn ``tosses`` times, as
    conditional samples give it; the majority is right with high probability.

    Args:
        ledger: its logits serve to draw the labels.
        bits: n.
        tosses: labels per input, odd.
        unit: of the logits.
        arithmetic: of the logits.
        rng: draws them.
    """
    points = [tuple(int(i == j) for i in range(bits)) for j in range(-1, bits)]
    thresholds = RowThresholds(unit, arithmetic)(ledger.block(points))
    counts = split([tosses] * len(points), thresholds, rng)
    labels = [int(2 * ones > tosses) for _, ones in counts]
    return "".join(str(label ^ labels[0]) for label in labels[1:]), tosses * len(points)
