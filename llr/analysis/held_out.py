"""Approximate logit rank (Def 1.6), estimated from above on histories and futures held out.

Def 1.6 calls the logit rank epsilon-approximately d if for each history length s = 1..T-1 one
matrix Lbar_s of rank <= d has E |L(h.f) - Lbar_s(h, f)| <= epsilon for *every* t = s+1..T.  There
h = (s-1 tokens of a word).(uniform token) and f = (tokens s+1..t-1 of an independent word).(uniform
token).
So per s and d the quantity is the least, over matrices of rank <= d on *all* histories and futures,
of the largest over t of a mean over the law of (h, f).  A truncated SVD of a sample is no such
matrix: it fits its own entries, and its error there may lie below the least error of Def 1.6.

Here Lbar_s is a matrix that is defined everywhere and fixed by training data alone: with training
histories H, training futures F, the leading r singular triples (U, S, V) of L[H, F],

    Lbar_s(h, f) = (L[h, F] V S^-1) (U' L[H, f]):

the row's least-squares coefficients on training futures times the column's on training histories.
It has rank <= r.  Given the training data, histories and words held out are independent samples of
Def 1.6's law, so the mean error on them is an unbiased estimate of E |L - Lbar_s| at each t (the
mean over the uniform last token is taken exactly), and its maximum over t estimates an upper bound
of what Def 1.6 asks for: the best matrix of rank r can only be better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llr.analysis.extended import Author, Report, Sampling, extended_matrix
from llr.analysis.fits import student
from llr.analysis.spectrum import numerical_rank, rank_grid, triangle
from llr.errors import InputError
from llr.numbers import floats
from llr.oracles.ledger import Ledger

RISK = 0.05
"""That some interval of a cut misses."""

LEAST_WORDS = 16
"""Fewer words would leave too few to be held out."""


@dataclass(frozen=True)
class HeldOutError:
    """Def 1.6's mean error of one matrix of rank <= r at one cut, in nats.

    Attributes:
        rank: r.
        means: the mean error held out, per number of future tokens t - s = 1, 2, ...
        low, high: of the interval for the largest of the expectations that they estimate.
    """

    rank: int
    means: tuple[float, ...]
    low: float
    high: float

    @property
    def largest(self) -> float:
        """The largest mean error over t."""
        return max(self.means)


@dataclass(frozen=True)
class CutErrors:
    """The errors at one cut.

    The intervals hold together, over all t and all ranks of the cut, except with probability 5 %,
    if the means over histories and the means over words are normal: logits are unbounded, and no
    interval without an assumption exists.

    Attributes:
        cut: s + 1, for histories of s tokens.
        histories, words: in training.
        held_histories, held_words: held out.
        singular_values: of the training matrix that are not negligible.
        errors: per rank, ascending.
        every: where the least rank is sought, per rank from 0 on; their intervals hold together
            by themselves.  Empty: it is sought in ``errors``.
    """

    cut: int
    histories: int
    words: int
    held_histories: int
    held_words: int
    singular_values: int
    errors: tuple[HeldOutError, ...]
    every: tuple[HeldOutError, ...] = ()

    @property
    def tried(self) -> tuple[int, ...]:
        """The ranks among which the least is sought."""
        return tuple(found.rank for found in self.every or self.errors)

    def least_rank(self, error: float, sure: bool = False) -> int | None:
        """Return the least rank tried with an error of at most ``error``; None if none has.

        Args:
            error: in nats.
            sure: ask it of the interval's upper end in place of the estimate.
        """
        for found in self.every or self.errors:
            if (found.high if sure else found.largest) <= error:
                return found.rank
        return None


def held_out_errors(
    ledger: Ledger,
    author: Author,
    alphabet_size: int,
    horizon: int,
    cut: int,
    histories: int,
    futures: int,
    ranks: Sequence[int] | None = None,
    report: Report = lambda done, total: None,
    every: bool = False,
) -> CutErrors:
    """Return the errors of Def 1.6 at one cut, for every rank.

    A quarter of the histories and half of the words that futures are taken from are held out.  A
    word gives one future per t.

    Args:
        ledger: float64.
        author: draws words through the same ledger.
        alphabet_size, horizon: k and T.
        cut: s + 1 in 2..T.
        histories: at least 8.
        futures: about how many stems; rounded up to whole words, at least 16 of them.
        ranks: ascending; None: 0, 1, 2, 3, 4, 6, 8, ... up to half the training histories.
        report: told about progress.
        every: seek the least rank among all, up to the numerical rank of the training matrix.

    Raises:
        InputError: the cut or a number is out of range.

    Source: [P] Def 1.6.
    """
    if not 2 <= cut <= horizon:
        raise InputError("cut", cut, f"in 2..{horizon}")
    if histories < 8:
        raise InputError("histories", histories, "at least 8")
    s = cut - 1
    steps = horizon - s
    words = max(LEAST_WORDS, -(-futures // steps))
    law = Sampling((s, s), (1, steps))
    rows = author.histories(histories, law)
    followed = [w[s:] for w in author.words(words, horizon - 1)]
    stems = [w[:j] for w in followed for j in range(steps)]
    m = extended_matrix(ledger, rows, stems, range(alphabet_size), report)
    m = m.reshape(histories, words, steps, alphabet_size)
    n, w = histories - histories // 4, words - words // 2
    values, errors = skeleton_errors(m, n, w, ranks)
    found = tuple(_with_intervals(errors))
    all_of_them: tuple[HeldOutError, ...] = ()
    if every:
        errors = skeleton_errors(m, n, w, range(values + 1))[1]
        all_of_them = tuple(_with_intervals(errors))
    return CutErrors(cut, n, w, histories - n, words - w, values, found, all_of_them)


def skeleton_errors(
    m: floats.Array, histories: int, words: int, ranks: Sequence[int] | None
) -> tuple[int, list[tuple[int, floats.Array]]]:
    """Return the errors held out of the matrix that training data fix, per rank.

    Args:
        m: all histories x all words x steps x tokens.
        histories, words: how many, from the first, are for training.
        ranks: see :func:`held_out_errors`.

    Returns:
        The number of singular values that are not negligible; per rank the mean error over tokens,
        held histories x held words x steps.
    """
    small = triangle(m[:, :words].reshape(len(m), -1))  # its columns stand for the rows of m
    left, values, right = np.linalg.svd(small[:, :histories], full_matrices=False)
    most = numerical_rank(values.tolist())
    if ranks is None:
        ranks = rank_grid(histories // 2, most)
    coefficients = small[:, histories:].T @ left[:, :most] / values[:most]
    basis = right[:most].T
    held = m[histories:, words:]
    columns = basis.T @ m[:histories, words:].reshape(histories, -1)
    away = -held.reshape(len(held), -1)
    before, found = 0, []
    for rank in ranks:
        here = min(rank, most)
        away += coefficients[:, before:here] @ columns[before:here]
        before = here
        found.append((rank, np.abs(away.reshape(held.shape)).mean(axis=3)))
    return most, found


def _with_intervals(errors: Sequence[tuple[int, floats.Array]]) -> list[HeldOutError]:
    """Return the errors with intervals that hold together but for a risk of ``RISK``."""
    found = []
    for rank, error in errors:
        tail = RISK / (2 * len(errors) * error.shape[2])
        means, half = crossed_interval(error, tail)
        found.append(
            HeldOutError(
                rank,
                tuple(means.tolist()),
                max(0.0, float((means - half).max())),
                float((means + half).max()),
            )
        )
    return found


def crossed_interval(error: floats.Array, tail: float) -> tuple[floats.Array, floats.Array]:
    """Return means over independent histories and independent words, and half-widths.

    The variance of the mean of a crossed sample is at most, in expectation, the variance of the n
    row means over n plus that of the m column means over m: each of the two counts the interaction
    once, and the mean has it once.  The quantile is Student's of min(n, m) - 1 degrees of freedom.

    Args:
        error: n x m x anything, n and m at least 2.
        tail: of each side.
    """
    n, m = error.shape[:2]
    variance = error.mean(axis=1).var(axis=0, ddof=1) / n
    variance = variance + error.mean(axis=0).var(axis=0, ddof=1) / m
    half: floats.Array = student(min(n, m) - 1, tail) * np.sqrt(variance)
    means: floats.Array = error.mean(axis=(0, 1))
    return means, half
