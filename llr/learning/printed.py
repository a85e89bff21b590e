"""Algorithm 1 of [P], corrected ([M]) or as printed; draws are counted with multiplicity.

An epoch draws words, takes a spanner of the histories' rows at every cut, draws fresh words, and
solves the chain program for each of their prefixes.  It ends in one of three ways: some program is
infeasible; some residual exceeds g, and its future joins Fh_s as a *witness*; or every word passes
and the model is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from flint import fmpq

from llr.learning.program import ChainProgram, Solution, chain_program
from llr.learning.spanner import barycentric_spanner
from llr.learning.table import Cut, Table, extended_futures, one_token_futures, read_rows
from llr.models.base import Word
from llr.numbers.arithmetic import Arithmetic, Row, Scalar
from llr.numbers.units import LogitUnit
from llr.observing import Tell, untold
from llr.oracles.ledger import Ledger
from llr.oracles.sampling import Words, WordSource


@dataclass(frozen=True)
class Schedule:
    """How much an epoch draws and what it tolerates.

    Attributes:
        threshold: g in nats; None leaves the residual test out (T <= 2 needs none).
        spanner_draws: number of infeasible epochs so far -> words per cut.
        validation_draws: epoch number (from 1) -> fresh words.
        max_epochs: K.
        shared_batch: let one batch of words serve the spanners of all cuts.
    """

    threshold: fmpq | None
    spanner_draws: Callable[[int], int]
    validation_draws: Callable[[int], int]
    max_epochs: int
    shared_batch: bool = False


@dataclass(frozen=True)
class Corrections:
    """Which corrections of Algorithm 1 are in force; without one, its printed form runs.

    Attributes:
        all_one_token_futures: Fh_s starts as all one-token futures.  Printed: as {y_s}, the token
            at position s of one sample y.
        whole_table: the rows are stored on all of Ft_s.  Printed: on one-token futures alone.
        accept_after: "every word" passed at every t.  Printed inside the loops, which can be read
            as "a word" (the first, at every t) or "a prefix" (the first word at t = 1).
        every_length: a fresh word is tested at t = 1..T-1.  Printed: with loop bounds that do not
            fit the state; read one short, t = 1..T-2 (at T no next token is left to predict).

    Source: [P] Algorithm 1; [M].
    """

    all_one_token_futures: bool = True
    whole_table: bool = True
    accept_after: Literal["every word", "a word", "a prefix"] = "every word"
    every_length: bool = True


CORRECTED = Corrections()


@dataclass(frozen=True)
class Witness:
    """A future that shows that the basis rows at a cut do not yet determine the rest.

    Attributes:
        cut: s.
        future: f, added to Fh_s.
        prefix: the prefix y_{1:t} at whose solution the residual was found.
        residual: Delta_s(f), in units.
    """

    cut: int
    future: Word
    prefix: Word
    residual: Scalar


@dataclass(frozen=True)
class Epoch:
    """One epoch of Algorithm 1, and the table that stood in it.

    Attributes:
        number: from 1.
        outcome: "infeasible", "witness" or "accepted".
        table: what is stored; with every correction in force the epoch's model Q can be formed
            from it, accepted or not.
        witness: set if the outcome is "witness".
        infeasible_prefix: set if the outcome is "infeasible".
        spanner_words: per cut s = 2..T-1, the words drawn for its spanner, s - 1 tokens or more.
        validation_words: the fresh words.
        programs: chain programs solved.
        learning_prefixes: distinct prefixes asked, in all epochs, when the table stood.
        spanner_entries: logit entries in the rows of all drawn words, repeats included.
        validation_entries: logit entries in the residuals tested, repeats included: once per fresh
            word, and for a word that ends the epoch up to there.
    """

    number: int
    outcome: str
    table: Table
    witness: Witness | None
    infeasible_prefix: Word | None
    spanner_words: tuple[Words, ...]
    validation_words: Words
    programs: int
    learning_prefixes: int
    spanner_entries: int
    validation_entries: int


class PrintedLearner:
    """Algorithm 1.

    Args:
        ledger: the logit oracle.
        source: the sample oracle.
        alphabet_size: k.
        horizon: T.
        unit: of the oracle's logits.
        arithmetic: of the oracle's logits.
        schedule: draws, threshold and the largest number of epochs.
        rng: consumed by the sample oracle alone.
        corrections: of the printed form; default all.
        tell: told of every cut's spanner and of every fresh word.

    Source: [P] Algorithm 1, with [M]'s corrections.
    """

    def __init__(
        self,
        ledger: Ledger,
        source: WordSource,
        *,
        alphabet_size: int,
        horizon: int,
        unit: LogitUnit,
        arithmetic: Arithmetic,
        schedule: Schedule,
        rng: np.random.Generator,
        corrections: Corrections = CORRECTED,
        tell: Tell = untold,
    ) -> None:
        self._tell = tell
        self._ledger = ledger
        self._source = source
        self._k = alphabet_size
        self._horizon = horizon
        self._unit = unit
        self._arithmetic = arithmetic
        self._schedule = schedule
        self._rng = rng
        self._corrections = corrections
        self.futures: list[list[Word]] = [
            list(one_token_futures(alphabet_size)) for _ in range(horizon)
        ]
        if not corrections.all_one_token_futures:
            (sample,) = self._draw(1, horizon)
            self.futures = [[(token,)] for token in sample]

    def epochs(self) -> Iterator[Epoch]:
        """Yield the epochs until one accepts or the schedule ends."""
        infeasible = 0
        for number in range(1, self._schedule.max_epochs + 1):
            epoch = self._epoch(number, self._schedule.spanner_draws(infeasible))
            infeasible += epoch.outcome == "infeasible"
            yield epoch
            if epoch.outcome == "accepted":
                return
            if epoch.witness is not None:
                self.futures[epoch.witness.cut - 1].append(epoch.witness.future)

    def _epoch(self, number: int, spanner_draws: int) -> Epoch:
        table, spanner_words, spanner_entries = self._spanned_table(spanner_draws)
        asked = self._ledger.counts.distinct_prefixes
        fresh: Words = {}
        if self._horizon > 2:
            fresh = self._draw(self._schedule.validation_draws(number), self._horizon)
        program = self._program(table)
        residuals = Residuals(self._ledger, table, self._arithmetic)
        outcome, witness, bad = "accepted", None, None
        entries = 0
        for number_of_word, (word, many) in enumerate(fresh.items()):
            self._tell("distinct fresh words passed", number_of_word, len(fresh))
            before = residuals.entries
            bad, witness = self._check_word(word, program, residuals)
            once = residuals.entries - before
            if bad is not None or witness is not None:
                outcome = "infeasible" if bad is not None else "witness"
                entries += once
                break
            if self._corrections.accept_after != "every word":
                entries += once
                break
            entries += once * many
        if not self._corrections.whole_table:
            table = _on_one_token_futures(table)
        return Epoch(
            number=number,
            outcome=outcome,
            table=table,
            witness=witness,
            infeasible_prefix=bad,
            spanner_words=spanner_words,
            validation_words=fresh,
            programs=program.solved,
            learning_prefixes=asked,
            spanner_entries=spanner_entries,
            validation_entries=entries,
        )

    def _program(self, table: Table) -> ChainProgram:
        return chain_program(table)

    def _draw(self, n: int, length: int) -> Words:
        self._ledger.counts.words += n
        return self._source.draw(n, length, self._rng)

    def _spanned_table(self, draws: int) -> tuple[Table, tuple[Words, ...], int]:
        """Run DistSpanner (Algorithm 3) at cuts 2..T-1.

        Returns:
            The rows of the bases, the words drawn per cut, and the entries of all their rows.
        """
        entries = 0
        cuts: list[Cut] = []
        drawn: list[Words] = []
        batch: Words = {}
        if self._schedule.shared_batch and self._horizon > 2:
            batch = self._draw(draws, self._horizon - 2)
        for s in range(1, max(1, self._horizon - 1) + 1):
            self._tell("spanners, cuts", s - 1, max(1, self._horizon - 1))
            futures = tuple(self.futures[s - 1])
            following = self.futures[s] if s < self._horizon else []
            columns = extended_futures(futures, following, self._k)
            if s == 1:
                # one query at () answers all of them, whatever Fh_1 is
                columns = tuple(dict.fromkeys([*columns, *one_token_futures(self._k)]))
                times: dict[Word, int] = {(): 1}
                basis = [0]
            else:
                drawn.append(batch or self._draw(draws, s - 1))
                times = {}
                for word, many in drawn[-1].items():
                    times[word[: s - 1]] = times.get(word[: s - 1], 0) + many
            histories = list(times)
            rows = read_rows(self._ledger, histories, columns)
            if s > 1:
                entries += sum(len(row) * times[h] for h, row in zip(histories, rows, strict=True))
                basis = list(barycentric_spanner(rows, len(columns), self._arithmetic).indices)
            cuts.append(
                Cut(
                    tuple(histories[i] for i in basis),
                    futures,
                    columns,
                    tuple(rows[i] for i in basis),
                )
            )
        last = tuple(self.futures[-1])
        table = Table(self._k, self._horizon, tuple(cuts), last, self._arithmetic)
        return table, tuple(drawn), entries

    def _check_word(
        self, word: Word, program: ChainProgram, residuals: Residuals
    ) -> tuple[Word | None, Witness | None]:
        """Return the first infeasible prefix, or the first witness, of one word; else two Nones."""
        longest = self._horizon - (1 if self._corrections.every_length else 2)
        if self._corrections.accept_after == "a prefix":
            longest = 1
        for t in range(1, longest + 1):
            prefix = word[:t]
            solution = program.solution(prefix)
            if solution is None:
                return prefix, None
            if self._schedule.threshold is None:
                continue
            for s, future, residual in residuals.new(prefix, solution):
                if self._arithmetic.exceeds_nats(residual, self._unit, self._schedule.threshold):
                    return None, Witness(s, future, prefix, residual)
        return None, None


def _on_one_token_futures(table: Table) -> Table:
    """Return the table with no column left but one-token futures."""
    cuts = []
    for s, cut in enumerate(table.cuts, start=1):
        kept = tuple(f for f in cut.columns if len(f) == 1)
        rows = tuple(table.arithmetic.rows(table.block(s, kept)))
        cuts.append(replace(cut, columns=kept, rows=rows))
    return replace(table, cuts=tuple(cuts))


class Residuals:
    """The residuals (15) of chain programs over one table.

    With E_s(r) = sum_i c_{s,i} Lhat(h_{s,i}.y_{s:r-1}.  ) the residual of f = y_{s:r-1}.a at cut s
    is entry a of E_{s-1}(r) - E_s(r).  They telescope: E_1(t+1) is the oracle's row at y_{1:t}, and
    E_t(t+1) is the prediction.

    Args:
        ledger: asked for Lhat(h_{s,i}.y_{s:r-1}.  ) where c_{s,i} is not zero.
        table: the basis histories.
        arithmetic: of the rows.

    Attributes:
        entries: logit entries behind all residuals asked for through ``new``, repeats included: k
            per token string and coefficient that is not zero.

    Source: [P] test (15).
    """

    def __init__(self, ledger: Ledger, table: Table, arithmetic: Arithmetic) -> None:
        self._ledger = ledger
        self._table = table
        self._arithmetic = arithmetic
        self._estimates: dict[tuple[int, Row, Word], Row] = {}
        self._tested: set[tuple[int, Row, Row, Word]] = set()
        self.entries = 0

    def new(self, prefix: Word, solution: Solution) -> Iterator[tuple[int, Word, Scalar]]:
        """Yield (s, f, Delta_s(f)) for 2 <= s <= t, s <= r <= t + 1, all tokens a.

        Residuals that an earlier call has yielded, with the same coefficients, are left out.

        Args:
            prefix: y_{1:t}.
            solution: of its chain program.
        """
        t = len(prefix)
        c = solution.coefficients
        keys = (
            (s, c[s - 1], prefix[s - 1 : r - 1])
            for s in range(1, t + 1)
            for r in range(max(s, 2), t + 2)
        )
        missing = [key for key in keys if key not in self._estimates]
        if missing:
            self._fill(missing)
        k = self._table.alphabet_size
        sizes = [k * sum(x != 0 for x in c[s - 1]) for s in range(1, t + 1)]
        for s in range(2, t + 1):
            for r in range(s, t + 2):
                self.entries += sizes[s - 2] + sizes[s - 1]
                key = (s, c[s - 2], c[s - 1], prefix[s - 2 : r - 1])
                if key in self._tested:
                    continue
                yield from self._at(prefix, solution, s, r)
                self._tested.add(key)

    def at(self, prefix: Word, solution: Solution) -> Iterator[tuple[int, Word, Scalar]]:
        """Yield the residuals with r = t + 1 alone: those that the transfer bound needs."""
        for s in range(2, len(prefix) + 1):
            yield from self._at(prefix, solution, s, len(prefix) + 1)

    def estimate(self, prefix: Word, solution: Solution, s: int, r: int) -> Row:
        """Return E_s(r) for 1 <= s <= t, s <= r <= t + 1: k scalars."""
        key = (s, solution.coefficients[s - 1], prefix[s - 1 : r - 1])
        if key not in self._estimates:
            self._fill([key])
        return self._estimates[key]

    def _at(
        self, prefix: Word, solution: Solution, s: int, r: int
    ) -> Iterator[tuple[int, Word, Scalar]]:
        before = self.estimate(prefix, solution, s - 1, r)
        here = self.estimate(prefix, solution, s, r)
        for a, (x, y) in enumerate(zip(before, here, strict=True)):
            yield s, (*prefix[s - 1 : r - 1], a), x - y

    def _fill(self, keys: Sequence[tuple[int, Row, Word]]) -> None:
        """Compute estimates; what the oracle has to answer for them goes out as one batch."""
        asked = [
            [h + middle for h, x in zip(self._table.cut(s).histories, c, strict=True) if x != 0]
            for s, c, middle in keys
        ]
        answers = iter(self._ledger.rows([p for prefixes_ in asked for p in prefixes_]))
        k = self._table.alphabet_size
        for key, wanted in zip(keys, asked, strict=True):
            rows = [next(answers) for _ in wanted]
            kept = tuple(x for x in key[1] if x != 0)
            self._estimates[key] = self._arithmetic.combine(kept, self._arithmetic.matrix(rows, k))
