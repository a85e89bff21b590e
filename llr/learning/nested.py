"""Nested tables: what the lean learner keeps, and the affine network that it reads off.

At cut s stand basis histories of length s - 1 and *stems*.  A stem g, possibly empty, stands for
the k futures g.a, whose logits after h one call at h.g reveals.  The candidates for the basis at
cut s + 1 are the one-token extensions h.a of the basis at cut s.  So the row of a basis history on
the stem a.g is the row of a candidate of the next cut on the stem g, and is asked once.

The coordinates of the candidates h_i.a in the next basis are the transition of token a, and the
basis rows on the empty stem are the readout: an ISAN.

Source: ours; Fact 1.1 is the same construction with everything known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from llr.learning.table import Cut, Table, extended_futures, read_rows
from llr.models.base import Word
from llr.models.isan import Isan
from llr.numbers import floats
from llr.numbers.arithmetic import EXACT, Arithmetic, Matrix, Row, Scalar
from llr.numbers.units import LogitUnit
from llr.observing import Tell, untold
from llr.oracles.ledger import Ledger

SPECTRUM = -1
"""As a rank: choose it at each cut from the singular values of the candidates' rows."""

OVERSAMPLING = 2
"""Independent columns per basis history where rows are noisy or the rank is limited."""


def most_stems(alphabet_size: int, rank: int) -> int:
    """Return how many stems a cut has at most where the rank is limited."""
    return max(1, -(-OVERSAMPLING * rank // (alphabet_size - 1)))


class NestedTable:
    """Basis histories and stems at every cut, grown by asking.

    What stands is kept: a basis grows by histories and by stems; only an exchange gives a row up.

    Args:
        ledger: asked for rows.
        alphabet_size: k.
        horizon: T.
        arithmetic: of the rows.
        rank: at most so many basis histories per cut; SPECTRUM: so many as the candidates' singular
            values call for, see :func:`llr.numbers.floats.spectral_rank` (float64 only); None: no
            limit.
        slack: a candidate is dependent if combination and row differ by at most
            ``slack * (1 + sum of |coefficients|)`` in the mean; 0 in exact arithmetic
            without noise.
        noisy: rows are off by up to the slack, so that the fits need more columns than unknowns.
            With noise or a limit they are least squares on twice as many columns.

    Attributes:
        histories: per cut s = 1..T, the basis histories.
        stems: per cut s = 1..T, the stems; the empty one comes first.
        transitions: per cut s = 1..T-1, a (m_s k) x m_{s+1} matrix; row i k + a holds the
            coordinates of h_{s,i}.a.
        readouts: per cut s = 1..T, the m_s x k basis rows on the empty stem.
    """

    def __init__(
        self,
        ledger: Ledger,
        alphabet_size: int,
        horizon: int,
        arithmetic: Arithmetic,
        slack: Scalar,
        rank: int | None = None,
        noisy: bool = False,
    ) -> None:
        self._ledger = ledger
        self._k = alphabet_size
        self._horizon = horizon
        self._arithmetic = arithmetic
        self._slack = slack
        self._rank = rank
        self._oversampled = noisy or rank is not None
        self.histories: list[list[Word]] = [[] for _ in range(horizon)]
        self.histories[0].append(())
        self.stems: list[list[Word]] = [[()] for _ in range(horizon)]
        self.transitions: list[Matrix] = [arithmetic.matrix([], 0)] * (horizon - 1)
        self.readouts: list[Matrix] = [arithmetic.matrix([], alphabet_size)] * horizon

    def build(self, rng: np.random.Generator, tell: Tell = untold) -> None:
        """Fill the table cut by cut, each with stems from random words until its rank stands still.

        The rank is taken to stand still as soon as the last stem adds fewer dimensions than its
        k - 1 independent columns, or a further stem leaves one dependent candidate dependent.
        Wherever that was too early a counterexample will say so.

        Args:
            rng: draws the words.
            tell: told of every cut.
        """
        paths = self._paths(rng)
        self.readouts[0] = self._ledger.block(self.histories[0])
        for s in range(2, self._horizon + 1):
            tell("first table, cuts", s - 1, self._horizon)
            spare = [
                path[:length]
                for length in range(1, self._horizon - s + 1)
                for path in (tuple(path[s - 1 :]) for path in paths)
            ]
            spare = list(dict.fromkeys(spare))
            first = min(len(self.stems[s - 2]), 1 + len(spare)) if s > 2 else 1
            self.stems[s - 1] = [(), *spare[: first - 1]]
            self._settle(s)
            for stem in spare[first - 1 :]:
                if self._stands_still(s) or (not self._oversampled and self._predicts(s, stem)):
                    break
                self.stems[s - 1].append(stem)
                self._settle(s)

    def add_stem(self, s: int, stem: Word) -> None:
        """Add a stem at cut s >= 2, and settle the cuts from there on."""
        self.stems[s - 1].append(stem)
        self._settle_from(s)

    def exchange(self, s: int, place: int, history: Word) -> None:
        """Let a history take the place of a basis history at cut s >= 2."""
        self.histories[s - 1][place] = history
        self._settle_from(s)

    def tighten(self, least: Scalar) -> bool:
        """Quarter the slack, or end at 0 where that were ``least`` or less; bases grow to it.

        Returns:
            False if the slack was 0, or ``least`` in float64, already.
        """
        floor = self._arithmetic.scalar(0) if self._arithmetic is EXACT else least
        if self._slack <= floor:
            return False
        self._slack = self._slack / 4 if self._slack > 4 * least else floor
        for s in range(2, self._horizon + 1):
            self._settle(s)
        return True

    def start(self) -> Matrix:
        """Return c_1, the coefficients of the empty prefix, as a matrix of one row."""
        return self._arithmetic.matrix([(self._arithmetic.scalar(1),)], 1)

    def advance(self, s: int, coefficients: Matrix, tokens: Sequence[int]) -> Matrix:
        """Return c_{s+1}, one row for each row of c_s and its token."""
        arithmetic = self._arithmetic
        width = len(self.histories[s])
        places: dict[int, list[int]] = {}
        for place, token in enumerate(tokens):
            places.setdefault(token, []).append(place)
        found: list[Row] = [()] * len(tokens)
        for token, chosen in places.items():
            step = arithmetic.take(
                self.transitions[s - 1], range(token, len(self.histories[s - 1]) * self._k, self._k)
            )
            moved = arithmetic.product(arithmetic.take(coefficients, chosen), step)
            for place, row in zip(chosen, arithmetic.rows(moved), strict=True):
                found[place] = row
        return arithmetic.matrix(found, width)

    def table(self) -> Table:
        """Return the same rows as a table for chain programs; asks for nothing new."""
        k, horizon = self._k, self._horizon
        futures = [tuple((*stem, a) for stem in stems for a in range(k)) for stems in self.stems]
        cuts = []
        for s in range(1, max(1, horizon - 1) + 1):
            following = futures[s] if s < horizon else ()
            columns = extended_futures(futures[s - 1], following, k)
            histories = tuple(self.histories[s - 1])
            rows = read_rows(self._ledger, histories, columns)
            cuts.append(Cut(histories, futures[s - 1], columns, tuple(rows)))
        return Table(k, horizon, tuple(cuts), futures[-1], self._arithmetic)

    def isan(self, unit: LogitUnit) -> Isan:
        """Return the network, its cuts padded to one dimension."""
        k, arithmetic = self._k, self._arithmetic
        d = max(len(h) for h in self.histories)
        zero, one = arithmetic.scalar(0), arithmetic.scalar(1)

        def padded(rows: Iterable[Sequence[Scalar]], height: int, width: int) -> list[list[Scalar]]:
            found = [[*row, *[zero] * (width - len(row))] for row in rows]
            return found + [[zero] * width for _ in range(height - len(found))]

        def transposed(rows: list[list[Scalar]]) -> list[list[Scalar]]:
            return [list(column) for column in zip(*rows, strict=True)]

        transitions = []
        for m in self.transitions:
            rows = arithmetic.rows(m)
            transitions.append([transposed(padded(rows[a::k], d, d)) for a in range(k)])
        readouts = [transposed(padded(arithmetic.rows(m), d, k)) for m in self.readouts]
        start = [one, *[zero] * (d - 1)]
        return Isan(k, self._horizon, start, transitions, readouts, unit, arithmetic)

    def _paths(self, rng: np.random.Generator) -> list[list[int]]:
        """Return k random words of T tokens that differ everywhere."""
        columns = [rng.permutation(self._k).tolist() for _ in range(self._horizon)]
        return [list(path) for path in zip(*columns, strict=True)]

    def _candidates(self, s: int) -> list[Word]:
        return [(*h, a) for h in self.histories[s - 2] for a in range(self._k)]

    def _rows(self, s: int, histories: Sequence[Word]) -> Matrix:
        """Return the rows of histories on all stems of cut s, asked as one batch."""
        stems = self.stems[s - 1]
        block = self._ledger.block([h + g for h in histories for g in stems])
        return self._arithmetic.reshaped(block, len(stems) * self._k)

    def _settle_from(self, s: int) -> None:
        """Make the bases at cut s and later span their candidates."""
        for later in range(s, self._horizon + 1):
            before = list(self.histories[later - 1])
            self._settle(later)
            if later > s and self.histories[later - 1] == before:
                return

    def _settle(self, s: int) -> None:
        """Extend the basis at cut s to span its candidates on its stems."""
        candidates, basis = self._candidates(s), self.histories[s - 1]
        rows = self._rows(s, candidates)
        joining = self._arithmetic.extension(
            self._rows(s, basis), rows, self._slack, self._room(s, rows)
        )
        basis.extend(candidates[i] for i in joining)
        self.transitions[s - 2] = self._arithmetic.fit(self._rows(s, basis), rows)
        self.readouts[s - 1] = self._ledger.block(basis)

    def _room(self, s: int, rows: Matrix) -> int | None:
        """Return how many histories may still join the basis at cut s."""
        if self._rank is None:
            return None
        if self._rank == SPECTRUM:
            return max(0, floats.spectral_rank(rows, self._slack) - len(self.histories[s - 1]))
        return max(0, self._rank - len(self.histories[s - 1]))

    def _stands_still(self, s: int) -> bool:
        """True if no further stem can, or is likely to, add to the rank at cut s."""
        candidates = len(self.histories[s - 2]) * self._k
        if len(self.histories[s - 1]) == candidates:
            return True
        if self._oversampled:
            columns = len(self.stems[s - 1]) * (self._k - 1)
            return columns >= OVERSAMPLING * len(self.histories[s - 1])
        stems = self.stems[s - 1]
        rows = self._rows(s, self.histories[s - 1])
        return self._rank_on(rows, len(stems)) - self._rank_on(rows, len(stems) - 1) < self._k - 1

    def _rank_on(self, rows: Matrix, stems: int) -> int:
        width = stems * self._k
        cut = self._arithmetic.matrix([row[:width] for row in self._arithmetic.rows(rows)], width)
        empty = self._arithmetic.matrix([], width)
        return len(self._arithmetic.extension(empty, cut, self._slack))

    def _predicts(self, s: int, stem: Word) -> bool:
        """Test a stem on one dependent candidate: one call that nothing else will need."""
        basis = set(self.histories[s - 1])
        rows = self._arithmetic.rows(self.transitions[s - 2])
        dependent = [
            (sum(x != 0 for x in c), h, c)
            for h, c in zip(self._candidates(s), rows, strict=True)
            if h not in basis
        ]
        _, history, c = max(dependent, key=lambda found: found[0])
        asked = [h + stem for h, x in zip(self.histories[s - 1], c, strict=True) if x != 0]
        *combined, row = self._ledger.rows([*asked, history + stem])
        kept = tuple(x for x in c if x != 0)
        expected = self._arithmetic.combine(kept, self._arithmetic.matrix(combined, self._k))
        allowed = self._slack * (1 + sum(abs(x) for x in c))
        return all(abs(x - y) <= allowed for x, y in zip(row, expected, strict=True))
