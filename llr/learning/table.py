"""What a learner keeps: futures and basis histories per cut, and the logit rows between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llr.models.base import Word
from llr.numbers.arithmetic import Arithmetic, Matrix, Row
from llr.oracles.ledger import Ledger


@dataclass(frozen=True)
class Cut:
    """One cut of a table.

    Attributes:
        histories: the m basis histories, of length s - 1.
        futures: Fh_s, on which a row must be matched; never empty, one-token futures first.
        columns: Ft_s = Fh_s, then a.f for every token a and f in Fh_{s+1} that is not in Fh_s.
        rows: m rows of Lhat(h.f) for f in ``columns``.
    """

    histories: tuple[Word, ...]
    futures: tuple[Word, ...]
    columns: tuple[Word, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """The stored rows of cuts 1..max(1, T-1); all that the learned model needs.

    Args:
        alphabet_size: k.
        horizon: T.
        cuts: ``cuts[s - 1]`` is cut s; cut 1 has the empty history alone.
        last_futures: Fh_T, the futures of the cut that needs no basis.
        arithmetic: of the rows.
    """

    alphabet_size: int
    horizon: int
    cuts: tuple[Cut, ...]
    last_futures: tuple[Word, ...]
    arithmetic: Arithmetic

    def cut(self, s: int) -> Cut:
        """Return cut s, 1 <= s <= max(1, T-1)."""
        return self.cuts[s - 1]

    def futures(self, s: int) -> tuple[Word, ...]:
        """Return Fh_s, 1 <= s <= T; Fh_{T+1} is empty."""
        if s <= len(self.cuts):
            return self.cuts[s - 1].futures
        return self.last_futures if s == self.horizon else ()

    def block(self, s: int, futures: Sequence[Word]) -> Matrix:
        """Return the m_s x len(futures) matrix R_{s,i}(f); every future must be a stored column."""
        cut = self.cut(s)
        place = {f: j for j, f in enumerate(cut.columns)}
        chosen = [place[f] for f in futures]
        return self.arithmetic.matrix([[row[j] for j in chosen] for row in cut.rows], len(futures))

    @property
    def basis_sizes(self) -> tuple[int, ...]:
        """The number of basis histories at each stored cut."""
        return tuple(len(c.histories) for c in self.cuts)


def one_token_futures(alphabet_size: int) -> tuple[Word, ...]:
    """Return all futures of one token."""
    return tuple((a,) for a in range(alphabet_size))


def extended_futures(
    futures: Sequence[Word], next_futures: Sequence[Word], alphabet_size: int
) -> tuple[Word, ...]:
    """Return Ft_s = Fh_s, then a.f for a in Sigma and f in Fh_{s+1}, without repeats."""
    longer = [(a, *f) for a in range(alphabet_size) for f in next_futures]
    return tuple(dict.fromkeys([*futures, *longer]))


def read_rows(ledger: Ledger, histories: Sequence[Word], columns: Sequence[Word]) -> list[Row]:
    """Return the rows (Lhat(h.f))_f of the histories, asked as one batch."""
    stems = list(dict.fromkeys(f[:-1] for f in columns))
    place = {stem: i for i, stem in enumerate(stems)}
    answers = ledger.rows([h + stem for h in histories for stem in stems])
    return [
        tuple(answers[n * len(stems) + place[f[:-1]]][f[-1]] for f in columns)
        for n in range(len(histories))
    ]
