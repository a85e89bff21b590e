"""Spectrum of the extended logit matrix ([S] sec. 3, [P] Fig. 1): singular values, approximations.

Matrices are histories x stems x tokens; as a matrix, rows are histories and columns are pairs
(stem, token).  The *offset* is the mean row: per column the mean over the histories at hand.  It is
the rank-one part, 1 times the mean row, that says how frequent tokens are whatever came before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llr.analysis.fits import PowerLaw, mean_interval, power_law
from llr.errors import InputError, LlrError
from llr.numbers import floats

FIT_POINTS = 20
"""Most ranks in a fit, about equally spaced on the logarithmic axis."""

LEAST_POINTS = 5
"""Fewer ranks are not fitted."""

PRINTED, SHARPENED = 1.0, 0.25
"""Mean KL is at most so many times |L - Lr|_F^2 / (rows x futures): [S] Fact B.2, best constant."""

CHUNK = 1 << 18
"""About how many entries are worked on at a time."""

ROUNDING = 1e-12
"""How far a divergence computed in float64 may be off, relative to 1 + the largest difference."""


class ViolationError(LlrError):
    """Report a divergence above its bound: an error of this library, not of its input."""


def triangle(m: floats.Array) -> floats.Array:
    """Return R with R'R = M M': as good as M for everything about its rows.

    M = R'Q' with orthonormal columns of Q, so R' has the singular values and left vectors of M, and
    R less the mean of its columns those of M less its mean row.

    Args:
        m: n x w.

    Returns:
        A matrix of n columns and at most n rows.

    Complexity: O(n^2 w) time, O(n (4 n + w / 4 n)) working space: M is taken in pieces.
    """
    n, columns = m.shape
    width = max(4 * n, 1)
    found: floats.Array = np.zeros((0, n))
    for start in range(0, columns, width):
        tall = np.concatenate([found, m[:, start : start + width].T])
        found = np.asarray(np.linalg.qr(tall, mode="r"))
    return found


def rank_grid(most: int, numerical: int) -> list[int]:
    """Return 0, 1, 2, 3, 4, 6, 8, 12, ... up to ``most``, and no more than one from ``numerical``.

    There are two ranks per octave; where the numerical rank is at most ``most``, it is the last.
    """
    grid = [0, 1, *(s * 2**e for e in range(most.bit_length()) for s in (2, 3))]
    found = [r for r in grid if r <= most and r < numerical]
    return [*found, numerical] if numerical <= most else found


@dataclass(frozen=True)
class Approximation:
    """The best rank-r approximation Lr of a logit matrix L, in Frobenius norm.

    Attributes:
        rank: r; without the offset where that is removed first and put back.
        mean_absolute_error: of an entry, in nats.
        mean_divergence: mean over rows and futures' stems of KL(softmax L || softmax Lr), in nats,
            over the tokens at hand.
        mean_square: |L - Lr|_F^2 / (rows x stems): Fact B.2's bound on the mean divergence.
        sharpened: a quarter of that: its sharpened form.
        largest_ratio: the largest divergence at a single prefix over a quarter of its squared
            distance; at most 1, up to rounding.
    """

    rank: int
    mean_absolute_error: float
    mean_divergence: float
    mean_square: float
    sharpened: float
    largest_ratio: float


@dataclass(frozen=True)
class Spectrum:
    """The singular values of one extended logit matrix and its best approximations.

    Attributes:
        histories, stems, tokens: its sizes.
        offset_removed: whether the mean row was taken away first.
        values: singular values, largest first.
        scale: root of the number of entries; values over it do not grow with the matrix.
        fit_range: the first and last rank of the fits.
        decay: the power law of the singular values, exponent negative; None: too few of them.
        error_decay: the same for the mean absolute error of the approximations tried.
        blocks: the values' exponents in independent sub-samples of this size.
        across: a 95 % Student interval for the mean exponent of such a sub-sample; None: too few.
        approximations: per rank, ascending.
    """

    histories: int
    stems: int
    tokens: int
    offset_removed: bool
    values: tuple[float, ...]
    scale: float
    fit_range: tuple[int, int]
    decay: PowerLaw | None
    error_decay: PowerLaw | None
    blocks: tuple[float, ...]
    across: tuple[float, float] | None
    approximations: tuple[Approximation, ...]

    @property
    def numerical_rank(self) -> int:
        """The number of singular values that are not negligible beside the first."""
        return numerical_rank(self.values)


def numerical_rank(values: Sequence[float]) -> int:
    """Return how many singular values exceed the rank tolerance times the first."""
    return sum(value > floats.RANK_TOLERANCE * values[0] for value in values)


def spectra(
    m: floats.Array,
    halvings: int,
    offset_removed: bool,
    ranks: Sequence[int] | None = None,
    fit_range: tuple[int, int] | None = None,
) -> list[Spectrum]:
    """Return the spectra of a matrix and of its sub-samples.

    Size j, from 0, takes n / 2^j histories and as large a part of the stems.  There are 2^j such
    sub-samples with neither history nor stem in common; the first one is shown, and the exponents
    of all make an interval.

    Args:
        m: histories x stems x tokens, of independent histories and independent stems.
        halvings: how many smaller sizes there are.
        offset_removed: take away the mean row first.
        ranks: of the approximations; None: :func:`rank_grid` up to half the histories.
        fit_range: first and last rank of the fits; None: see :func:`default_fit_range`.

    Raises:
        InputError: the smallest sub-sample would have fewer than 2 histories or no stem.
        ViolationError: Fact B.2 fails.

    Source: [P] Eq. 2 and Fig. 1; [S] sec. 3.
    """
    parts = 1 << halvings
    if m.shape[0] < 2 * parts or m.shape[1] < parts:
        raise InputError(
            "sizes", halvings + 1, f"few enough for {m.shape[0]} histories and {m.shape[1]} futures"
        )
    return [_spectrum(m, 1 << j, offset_removed, ranks, fit_range) for j in range(halvings + 1)]


def default_fit_range(histories: int) -> tuple[int, int]:
    """Return ranks 2 to a quarter of the histories.

    The first value is mostly the offset's; the last ones fall off because the sample ends.
    """
    return 2, max(2, histories // 4)


def _spectrum(
    m: floats.Array,
    parts: int,
    offset_removed: bool,
    ranks: Sequence[int] | None,
    fit_range: tuple[int, int] | None,
) -> Spectrum:
    rows, stems, k = m.shape[0] // parts, m.shape[1] // parts, m.shape[2]
    first, last = default_fit_range(rows) if fit_range is None else fit_range
    exponents = []
    for i in range(parts - 1, -1, -1):  # the first comes last and stays
        block = m[i * rows : (i + 1) * rows, i * stems : (i + 1) * stems]
        values, vectors = left_vectors(block.reshape(rows, -1), offset_removed)
        law = decay(range(1, len(values) + 1), values.tolist(), first, last)
        if law is not None:
            exponents.append(law.exponent)
    if ranks is None:
        ranks = rank_grid(rows // 2, numerical_rank(values.tolist()))
    chosen = [r for r in ranks if r <= len(values)]
    found = approximations(block, vectors, chosen, offset_removed)
    return Spectrum(
        histories=rows,
        stems=stems,
        tokens=k,
        offset_removed=offset_removed,
        values=tuple(values.tolist()),
        scale=float(np.sqrt(rows * stems * k)),
        fit_range=(first, last),
        decay=law,
        error_decay=decay(
            [a.rank for a in found], [a.mean_absolute_error for a in found], first, last
        ),
        blocks=tuple(reversed(exponents)),
        across=mean_interval(exponents) if len(exponents) == parts > 1 else None,
        approximations=tuple(found),
    )


def left_vectors(m: floats.Array, offset_removed: bool) -> tuple[floats.Array, floats.Array]:
    """Return the singular values of a matrix, and its left singular vectors as columns."""
    small = triangle(m)
    if offset_removed:
        small = small - small.mean(axis=1, keepdims=True)
    _, values, right = np.linalg.svd(small, full_matrices=False)
    return values, right.T


def decay(ranks: Sequence[int], values: Sequence[float], first: int, last: int) -> PowerLaw | None:
    """Fit a power law to positive values at ranks first..last.

    At most ``FIT_POINTS`` ranks take part, about equally spaced on the logarithmic axis, so that
    every octave weighs the same.  The interval is that of :func:`~llr.analysis.fits.power_law`: it
    holds if the logarithms scatter about a line independently and normally with one variance.  It
    says how straight the line is, not how another sample would differ.

    Returns:
        None if fewer than ``LEAST_POINTS`` ranks with values that are not negligible are there.
    """
    floor = floats.RANK_TOLERANCE * max(values, default=0.0)
    usable = [
        (r, float(v))
        for r, v in zip(ranks, values, strict=True)
        if first <= r <= last and v > floor
    ]
    if len(usable) < LEAST_POINTS:
        return None
    logs = np.log([r for r, _ in usable])
    wanted = np.linspace(logs[0], logs[-1], FIT_POINTS)
    places = sorted({int(np.abs(logs - x).argmin()) for x in wanted})
    return power_law(*zip(*(usable[i] for i in places), strict=True))


def approximations(
    m: floats.Array,
    vectors: floats.Array,
    ranks: Sequence[int],
    offset_removed: bool,
    constant: float = SHARPENED,
) -> list[Approximation]:
    """Return the errors of approximations by leading left singular vectors.

    Args:
        m: histories x stems x tokens.
        vectors: the left singular vectors as columns; of the matrix less its mean row if the offset
            is removed, which the approximations then get back.
        ranks: ascending, at most as many as there are vectors.
        offset_removed: see above.
        constant: of Fact B.2.

    Raises:
        ViolationError: at some prefix KL exceeds the constant times the squared distance.

    Complexity: O(n w r) for n x w entries and the largest rank r, and one exp per entry and rank.
    """
    n, stems, k = m.shape
    step = max(1, CHUNK // (n * k))
    sums = np.zeros((len(ranks), 3))
    ratios = np.zeros(len(ranks))
    for start in range(0, stems, step):
        part = m[:, start : start + step].reshape(n, -1)
        laws = floats.softmax(part.reshape(-1, k))
        away = (part.mean(axis=0) if offset_removed else 0.0) - part  # approximation less truth
        projected = vectors[:, : max(ranks, default=0)].T @ -away
        before = 0
        for place, rank in enumerate(ranks):
            away += vectors[:, before:rank] @ projected[before:rank]
            before = rank
            apart = away.reshape(-1, k)
            squares = np.einsum("ij,ij->i", apart, apart)
            divergences = checked_divergences(laws, apart, squares, constant)
            sums[place] += np.abs(away).sum(), divergences.sum(), squares.sum()
            ratios[place] = max(ratios[place], _largest_ratio(divergences, squares, apart))
    return [
        Approximation(
            rank=rank,
            mean_absolute_error=float(absolute / m.size),
            mean_divergence=float(divergence / (n * stems)),
            mean_square=float(square / (n * stems)),
            sharpened=float(SHARPENED * square / (n * stems)),
            largest_ratio=float(ratio),
        )
        for rank, (absolute, divergence, square), ratio in zip(ranks, sums, ratios, strict=True)
    ]


def checked_divergences(
    laws: floats.Array, apart: floats.Array, squares: floats.Array, constant: float = SHARPENED
) -> floats.Array:
    """Return KL(softmax u || softmax v) of every row, checked against Fact B.2.

    Args:
        laws: softmax u, row by row.
        apart: v - u.
        squares: |v - u|^2.
        constant: KL may be so many times |v - u|^2.

    Raises:
        ViolationError: a divergence is larger.

    Source: [S] Fact B.2; the constant 1/4 is best (see the right-hand side "fact-b.2-sharp").
    """
    top = apart.max(axis=1, keepdims=True)
    shift = np.log(np.einsum("ij,ij->i", laws, np.exp(apart - top))) + top[:, 0]
    found: floats.Array = np.maximum(shift - np.einsum("ij,ij->i", laws, apart), 0.0)
    excess = found - constant * squares - ROUNDING * (1 + np.sqrt(squares))
    if (excess > 0).any():
        worst = int(excess.argmax())
        raise ViolationError(
            f"KL {found[worst]:.6g} exceeds {constant:g} |u - v|^2 = "
            f"{constant * squares[worst]:.6g} at some prefix, against Fact B.2"
        )
    return found


def _largest_ratio(divergences: floats.Array, squares: floats.Array, apart: floats.Array) -> float:
    """Return the largest divergence over a quarter of its square, where rounding does not rule."""
    clear = squares > 1e-8
    return float((divergences[clear] / (SHARPENED * squares[clear])).max(initial=0.0))
