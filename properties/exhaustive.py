"""All small ISANs: k = 2, T <= 3, d <= 2, parameters in {-1, 0, 1}, listed as distinct tables.

A *centred readout row* b stands for the logits (b.x, -b.x), so that a model is its *table*: the
logit of token 0 at every prefix.  Two tables count as one if they differ by exchanging the two
tokens at some of the T positions.  There are 3, 107 and 124,344 tables for T = 1, 2 and 3; those
of d = 1 are among those of d = 2.  (Without exchanges there are 5, 405 and 989,525; with one
exchange for all positions together 3, 207 and 494,989.)

Learners are not exactly symmetric in the tokens, since ties are broken by their order: what is
said of all tables is said of one numbering of the tokens of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from llr.errors import InputError
from llr.models.isan import Isan
from llr.numbers.units import LN2, LogitUnit

STEPS = {"quick": 1000, "ci": 100, "nightly": 1}
"""Which tables with T = 3 each profile takes: every 1000th, every 100th, all."""

LARGEST = 8
"""No logit is larger: d entries of at most d, times d more."""

BASE = 2 * LARGEST + 1

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class SmallIsan:
    """Parameters of a small ISAN, sums in place of parameters where only they matter.

    With x_0 = (1, .., 1) the state A x_0 is the row sums of A, and with a last readout
    b = (1, .., 1) the functional b A is the column sums of A.  Sums range over {-d, .., d}, all
    that any other x_0 or last b can give among it.

    Attributes:
        place: in the list of its horizon, from 0.
        root: logit of token 0 at the start, in {-d, .., d}.
        states: for T >= 2, the state after each token.
        readout: for T = 3, the centred readout row at time 2.
        functionals: for T = 3, the functional b_3 A[2][y] per token y.
    """

    place: int
    root: int
    states: tuple[tuple[int, ...], ...] = ()
    readout: tuple[int, ...] = ()
    functionals: tuple[tuple[int, ...], ...] = ()

    @property
    def horizon(self) -> int:
        """T."""
        return 3 if self.functionals else 2 if self.states else 1

    @property
    def dimension(self) -> int:
        """The least d whose parameters in {-1, 0, 1} give the table."""
        return len(self.states[0]) if self.states else max(1, abs(self.root))

    def isan(self, unit: LogitUnit = LN2) -> Isan:
        """Return the model; in units of ln 2 all its probabilities are rational."""
        d = self.dimension
        ones = [1] * d
        rows = [_summands(self.root, d), *([list(self.readout)] if self.readout else [])]
        rows += [ones] if self.states else []
        steps = [[[_summands(x, d) for x in state] for state in self.states]]
        columns = [[_summands(x, d) for x in c] for c in self.functionals]
        steps += [[[list(row) for row in zip(*c, strict=True)] for c in columns]]
        return Isan(
            2,
            self.horizon,
            ones,
            steps[: self.horizon - 1],
            [[b, [-x for x in b]] for b in rows],
            unit,
        )


def small_isans(profile: str) -> Iterator[SmallIsan]:
    """Yield the small ISANs that a profile takes: all with T <= 2; with T = 3 every n-th.

    Args:
        profile: "quick" (every 1000th), "ci" (every 100th) or "nightly" (all).

    Returns:
        Always the same ones in the same order: by T, d, the sum of all |logits|, the logits.

    Raises:
        InputError: no such profile.
    """
    step = step_of(profile, STEPS)
    yield from one_token()
    yield from two_tokens()
    yield from three_tokens(step)


def step_of(profile: str, steps: Mapping[str, int]) -> int:
    """Return the step with which a profile goes through a list.

    Raises:
        InputError: no such profile.
    """
    if profile not in steps:
        raise InputError("profile", profile, "one of " + ", ".join(steps))
    return steps[profile]


def one_token() -> list[SmallIsan]:
    """Return the small ISANs with T = 1: the logit is 0, 1 or 2 up to its sign."""
    return [SmallIsan(root, root) for root in range(3)]


def two_tokens() -> list[SmallIsan]:
    """Return the small ISANs with T = 2; logits after a token are sums over the state."""
    found: dict[tuple[int, int, int], int] = {}
    for d in (1, 2):
        last = range(-d * d, d * d + 1)
        for root, x, y in product(range(-d, d + 1), last, last):
            images = [(root, x, y), (root, -x, -y), (-root, y, x), (-root, -y, -x)]
            found.setdefault(max(images), d)
    ordered = sorted(found.items(), key=lambda item: (item[1], sum(map(abs, item[0])), item[0]))
    return [
        SmallIsan(place, root, (_split(x, d), _split(y, d)))
        for place, ((root, x, y), d) in enumerate(ordered)
    ]


def three_tokens(step: int = 1) -> Iterator[SmallIsan]:
    """Yield every step-th small ISAN with T = 3, from the first on.

    Raises:
        InputError: the step is not positive.
    """
    if step < 1:
        raise InputError("step", step, "an integer of at least 1")
    for place, row in enumerate(_three_tokens()[::step].tolist()):
        d, root, b, c0, c1, x0, x1 = row
        sums, entries = _vectors(d, d), _vectors(1, d)
        yield SmallIsan(
            place * step,
            root,
            (sums[x0], sums[x1]),
            entries[b],
            (sums[c0], sums[c1]),
        )


@lru_cache(maxsize=1)
def _three_tokens() -> Integers:
    """Return the small ISANs with T = 3 as rows (d, root, b, c0, c1, x0, x1).

    b is the number of a vector in {-1, 0, 1}^d, the other four of vectors in {-d, .., d}^d.
    """
    small, large = _exchanged(1), _exchanged(2)
    fresh = ~np.isin(_code(large[0]), _code(small[0]))
    tables = np.concatenate([small[0], large[0][fresh]])
    parameters = np.concatenate([small[1], large[1][fresh]])
    digits = [tables[:, i] for i in reversed(range(tables.shape[1]))]
    return parameters[np.lexsort([*digits, np.abs(tables).sum(axis=1), parameters[:, 0]])]


def _exchanged(d: int) -> tuple[Integers, Integers]:
    """Return the tables of dimension d up to exchanges, each with the parameters of one model.

    A table is (root, v(0), v(1), v(00), v(01), v(10), v(11)), v the logit of token 0.  The root is
    free of the rest, so that only root >= 0 is listed.
    """
    tables, parameters = _below_the_root(d)
    found = []
    for root in range(d + 1):
        rows = np.insert(tables, 0, root, axis=1)
        exchanges = [s for s in product((False, True), repeat=3) if root == 0 or not s[0]]
        largest = np.max([_code(_exchange(rows, s)) for s in exchanges], axis=0)
        kept = _code(rows) == largest
        heads = np.tile([d, root], (int(kept.sum()), 1))
        found.append((rows[kept], np.hstack([heads, parameters[kept]])))
    return (
        np.concatenate([rows for rows, _ in found]),
        np.concatenate([chosen for _, chosen in found]),
    )


def _below_the_root(d: int) -> tuple[Integers, Integers]:
    """Return the distinct (v(0), .., v(11)), each with the first (b, c0, c1, x0, x1) giving it."""
    sums, entries = np.array(_vectors(d, d)), np.array(_vectors(1, d))
    n = len(sums)
    shape = (len(entries), n, n, n)  # b, c0, c1, x
    middle, last = entries @ sums.T, sums @ sums.T
    # a branch is what follows one token: v(y), v(y0), v(y1)
    branch = _code(
        np.stack(
            [
                np.broadcast_to(middle[:, None, None, :], shape),
                np.broadcast_to(last[None, :, None, :], shape),
                np.broadcast_to(last[None, None, :, :], shape),
            ],
            axis=-1,
        )
    )
    pairs = branch[..., :, None] * BASE**3 + branch[..., None, :]
    codes, first = np.unique(pairs, return_index=True)
    v0, v00, v01, v1, v10, v11 = (codes // BASE**i % BASE - LARGEST for i in reversed(range(6)))
    tables = np.column_stack([v0, v1, v00, v01, v10, v11])
    return tables, np.column_stack(np.unravel_index(first, pairs.shape))


def _exchange(tables: Integers, positions: Sequence[bool]) -> Integers:
    """Return the tables with the tokens exchanged at the chosen of the three positions."""
    first, second, third = positions
    order = np.arange(7)
    if second:
        order = order[[0, 1, 2, 4, 3, 6, 5]]
    if first:
        order = order[[0, 2, 1, 5, 6, 3, 4]]
    signs = np.repeat([-1 if x else 1 for x in (first, second, third)], (1, 2, 4))
    exchanged: Integers = tables[:, order] * signs
    return exchanged


def _code(tables: Integers) -> Integers:
    """Return one number per table, increasing in lexicographic order."""
    found = np.zeros(tables.shape[:-1], dtype=np.int64)
    for column in range(tables.shape[-1]):
        found = found * BASE + tables[..., column] + LARGEST
    return found


@lru_cache(maxsize=4)
def _vectors(most: int, d: int) -> list[tuple[int, ...]]:
    """Return all vectors of d integers in [-most, most]."""
    return list(product(range(-most, most + 1), repeat=d))


def _summands(total: int, d: int) -> list[int]:
    """Return d numbers in {-1, 0, 1} with this sum, |sum| <= d."""
    sign = 1 if total > 0 else -1
    return [sign] * abs(total) + [0] * (d - abs(total))


def _split(total: int, d: int) -> tuple[int, ...]:
    """Return d numbers in {-d, .., d} with this sum, |sum| <= d^2, d <= 2."""
    sign = 1 if total > 0 else -1
    first = min(abs(total), d)
    return (sign * first, sign * (abs(total) - first))[:d]
