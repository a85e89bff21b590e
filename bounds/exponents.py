"""How the explicit query count grows: exponents fitted to the solver's own output."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from flint import fmpq

from bounds.parameters import explicit_parameters
from bounds.theorem import queries_by_compression, queries_printed

HORIZONS = (8, 16, 32, 64)
RANKS = (1, 2, 4, 8, 16)
ALPHABETS = (2, 3, 4, 8)
INVERSE_EPSILONS = (10, 100, 1000)
DELTA = fmpq(1, 100)

PRINTED = {"T": 13, "d": 4, "k": 3, "1/epsilon": 4}
"""Exponents of [P]'s leading term; that of k is derived."""

COMPRESSION = {"T": 7, "d": 3, "1/epsilon": 2}
"""Exponents of [M]'s leading term (k = 2)."""


@dataclass(frozen=True)
class Fit:
    """A power law fitted to the entries of Lemma 5.10 over the grid.

    Attributes:
        variant: "plain" or "tolerant".
        exponents: of T, d, k and 1/epsilon.
        printed_factor: least and largest ratio of [P]'s leading term (C = 1) to the entries.
        compression_factor: the same for [M]'s, at k = 2.
    """

    variant: str
    exponents: dict[str, float]
    printed_factor: tuple[float, float]
    compression_factor: tuple[float, float]


def fitted(variant: str) -> Fit:
    """Return the least-squares power law of the explicit count, exact oracle, delta = 1/100.

    Args:
        variant: "plain" or "tolerant".
    """
    points, counts, printed, compression = [], [], [], []
    for t, d, k, e in product(HORIZONS, RANKS, ALPHABETS, INVERSE_EPSILONS):
        epsilon = fmpq(1, e)
        found = explicit_parameters(
            horizon=t,
            alphabet_size=k,
            rank=d,
            epsilon=epsilon,
            delta=DELTA,
            tolerant=variant == "tolerant",
        )
        entries = found.queries().entries
        points.append([np.log(t), np.log(d), np.log(k), np.log(e), 1.0])
        counts.append(float(np.log(float(entries))))
        printed.append(float(queries_printed(t, k, d, epsilon)) / entries)
        if k == 2:
            compression.append(float(queries_by_compression(t, d, epsilon)) / entries)
    solution = np.linalg.lstsq(np.array(points), np.array(counts), rcond=None)[0]
    names = ("T", "d", "k", "1/epsilon")
    return Fit(
        variant,
        {name: float(x) for name, x in zip(names, solution, strict=False)},
        (min(printed), max(printed)),
        (min(compression), max(compression)),
    )
