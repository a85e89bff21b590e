"""The lean learner: nested tables, validated end to end, repaired where a word shows a mistake.

A word drawn through the logit oracle has revealed the true logits at each of its prefixes, so that
comparing them with the model's costs nothing.  Where they differ, the telescope of Lemma 5.8 says
at which cut: with E(s) = sum_i c_{s,i} Lhat(h_{s,i}.y_{s:t}.  ), E(1) is the truth and E(t+1) the
prediction, and a binary search finds s with E(s) right and E(s+1) wrong.  The stem y_{s+1:t} then
separates rows at cut s + 1 that the table holds for dependent.

The queries leave the shape of Lemma 5.12, so that Theorem 5.14 says nothing about this learner;
what certifies its model are fresh words.

Source: ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from llr.learning.nested import NestedTable
from llr.learning.spanner import BOX
from llr.models.base import Word
from llr.numbers.arithmetic import Arithmetic, Row, Scalar
from llr.numbers.units import LogitUnit
from llr.observing import Tell, untold
from llr.oracles.ledger import Ledger
from llr.oracles.sampling import RowThresholds, draw_tree

MEMORIZED = 1 << 12
"""Noise is fitted, where it must be, on targets of at most so many words."""


def localise(estimate: Callable[[int], Row], truth: Row, end: int, threshold: Scalar) -> int:
    """Return a cut s <= ``end`` with E(s - 1) and E(s) more than threshold / (end - 1) apart.

    The search keeps |E(s) - truth| <= threshold (s-1) / (end-1) at its lower end and > at its upper
    end, so noise in between does not mislead it.

    Args:
        estimate: E, one row per cut; E(1) is ``truth``, E(end) more than ``threshold`` from it.
        truth: the oracle's own row.
        end: at least 2.
        threshold: tau, in the unit of the rows.

    Complexity: log2(end - 1) estimates, rounded up.

    Source: end-to-end validation, noisy localisation.
    """
    low, high = 1, end
    while high - low > 1:
        middle = (low + high) // 2
        off = max(abs(x - y) for x, y in zip(estimate(middle), truth, strict=True))
        if off * (end - 1) <= threshold * (middle - 1):
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True)
class LeanSchedule:
    """How long the lean learner goes on and what it tolerates.

    Attributes:
        threshold: tau, how far a predicted logit may be off, in scalars of the arithmetic.
        slack: of the rank decisions, see :class:`llr.learning.nested.NestedTable`.
        least_slack: below this a slack that is lowered becomes 0 (float64: this).
        boxed: let coefficients outside the box count as a failure; without noise none needs to.
        validation_draws: attempt j, from 1 -> fresh words that must pass in a row.
        max_epochs: how many repairs before giving up.
        rank: a limit on the basis at each cut, see :class:`llr.learning.nested.NestedTable`.  With
            one, the model is an approximation: nothing is repaired, and the words only measure it.
    """

    threshold: Scalar
    slack: Scalar
    least_slack: Scalar
    boxed: bool
    validation_draws: Callable[[int], int]
    max_epochs: int
    rank: int | None = None


@dataclass(frozen=True)
class LeanEpoch:
    """Words that were tested together, and what they led to.

    Attributes:
        number: from 1.
        attempt: number of the set of fresh words, from 1; a change of the model begins the next.
        words: tested in this batch.
        passed: of the words tested since the last change, how many passed.
        outcome: "passed", "repaired", "accepted"; "stuck" if noise keeps some word from passing; or
            "measured" if the model is as good as it gets, stuck or of limited rank, and fresh words
            only say how good.
        stems: added, as (cut, stem).
        exchanges: basis histories exchanged because of the box.
        tightened: how often the slack was lowered because fits were not good enough.
    """

    number: int
    attempt: int
    words: int
    passed: int
    outcome: str
    stems: tuple[tuple[int, Word], ...]
    exchanges: int
    tightened: int


@dataclass
class Repairs:
    """What it took to let the table pass some words.

    Attributes:
        stems: added, with their cuts.
        exchanges: basis histories exchanged because of the box.
        tightened: how often the slack was lowered.
        stuck: whether some word still fails.
    """

    stems: list[tuple[int, Word]] = field(default_factory=list)
    exchanges: int = 0
    tightened: int = 0
    stuck: bool = False

    @property
    def any(self) -> bool:
        """True if the table changed, or should have."""
        return bool(self.stems or self.exchanges or self.tightened or self.stuck)


class LeanLearner:
    """The lean learner.

    Args:
        ledger: the logit oracle; words are drawn through it.
        alphabet_size: k.
        horizon: T.
        unit: of the oracle's logits.
        arithmetic: of the oracle's logits.
        schedule: thresholds and draws.
        rng: draws the first stems and the words.
        tell: told of every cut of the first table.

    Attributes:
        table: the nested table.
        words: the words of the last attempt, all of them fresh when they were drawn, with counts.
        learning_prefixes: distinct prefixes asked before the last change of the model.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        alphabet_size: int,
        horizon: int,
        unit: LogitUnit,
        arithmetic: Arithmetic,
        schedule: LeanSchedule,
        rng: np.random.Generator,
        tell: Tell = untold,
    ) -> None:
        self._tell = tell
        self._ledger = ledger
        self._horizon = horizon
        self._arithmetic = arithmetic
        self._schedule = schedule
        self._rng = rng
        self._thresholds = RowThresholds(unit, arithmetic)
        self._small = alphabet_size**horizon <= MEMORIZED
        self.table = NestedTable(
            ledger,
            alphabet_size,
            horizon,
            arithmetic,
            schedule.slack,
            schedule.rank,
            noisy=schedule.boxed,
        )
        self.words: dict[Word, int] = {}
        self.learning_prefixes = 0

    def epochs(self) -> Iterator[LeanEpoch]:
        """Yield the batches of words until enough pass in a row, or the schedule ends."""
        self.table.build(self._rng, self._tell)
        self._changed()
        if self._schedule.rank is not None:
            yield self._measured(1, 1)
            return
        attempt, batch = 1, 1
        for number in range(1, self._schedule.max_epochs + 1):
            wanted = self._schedule.validation_draws(attempt)
            passed = sum(self.words.values())
            drawn = min(batch, wanted - passed)
            words = self.draw(drawn)
            repairs = self.repair(words)
            if repairs.any:
                self._changed()
                yield self._epoch(number, attempt, drawn, 0, repairs)
                if repairs.stuck:
                    yield self._measured(number + 1, attempt + 1)
                    return
                attempt, batch = attempt + 1, 1
                continue
            for word, many in words.items():
                self.words[word] = self.words.get(word, 0) + many
            passed += drawn
            yield self._epoch(number, attempt, drawn, passed, repairs, passed == wanted)
            if passed == wanted:
                return
            batch *= 2

    def _measured(self, number: int, attempt: int) -> LeanEpoch:
        """Draw fresh words for a table that nothing will change any more."""
        wanted = self._schedule.validation_draws(attempt)
        self._tell("fresh words to measure the model on", 0, 0)
        self.words = self.draw(wanted)
        return LeanEpoch(number, attempt, wanted, 0, "measured", (), 0, 0)

    def _epoch(
        self,
        number: int,
        attempt: int,
        drawn: int,
        passed: int,
        repairs: Repairs,
        accepted: bool = False,
    ) -> LeanEpoch:
        changed = "stuck" if repairs.stuck else "repaired"
        outcome = changed if repairs.any else "accepted" if accepted else "passed"
        stems = tuple(repairs.stems)
        return LeanEpoch(
            number, attempt, drawn, passed, outcome, stems, repairs.exchanges, repairs.tightened
        )

    def _changed(self) -> None:
        """Note that the model changed: what was asked so far was learning."""
        self.words = {}
        self.learning_prefixes = self._ledger.counts.distinct_prefixes

    def draw(self, n: int) -> dict[Word, int]:
        """Draw n words; a layer of their prefix tree is one batch."""
        self._ledger.counts.words += n
        drawn = draw_tree(
            n,
            self._horizon,
            lambda prefixes: self._thresholds(self._ledger.block(prefixes)),
            self._rng,
        )
        return dict(drawn)

    # -- testing ------------------------------------------------------------------------------

    def repair(self, words: dict[Word, int]) -> Repairs:
        """Change the table until it passes all these words, or cannot.

        Args:
            words: of T tokens; what was not asked along them is asked now.
        """
        done = Repairs()
        while (failure := self._first_failure(list(words))) is not None:
            prefix, outside = failure
            end = len(prefix) + 1
            if outside:
                longer = self._disproof(prefix)
                if longer is None:
                    if prefix in self.table.histories[end - 1]:
                        done.stuck = True
                        return done
                    self._exchange(prefix)
                    done.exchanges += 1
                    continue
                prefix = longer
            cut = self._localise(prefix, end)
            stem = prefix[cut - 1 :]
            if stem not in self.table.stems[cut - 1]:
                self.table.add_stem(cut, stem)
                done.stems.append((cut, stem))
            elif self._small and self.table.tighten(self._schedule.least_slack):
                done.tightened += 1  # the fit on that very stem is not good enough
            else:
                done.stuck = True
                return done
        return done

    def _disproof(self, prefix: Word) -> Word | None:
        """Return the prefix with a stem of its cut on which its coefficients are wrong; or None.

        Coefficients outside the box call for an exchange only if they are those of the prefix's own
        row; else they come from a relation that does not hold.
        """
        s = len(prefix) + 1
        c = self._path(prefix)[-1]
        allowed = self._schedule.threshold * (1 + sum(abs(x) for x in c))
        for stem in self.table.stems[s - 1]:
            longer = prefix + stem
            pairs = zip(self._estimate(s, c, longer), self._ledger.row(longer), strict=True)
            if max(abs(x - y) for x, y in pairs) > allowed:
                return longer
        return None

    def _first_failure(self, words: list[Word]) -> tuple[Word, bool] | None:
        """Return the first of the shortest prefixes at which the model fails one of these words.

        Returns:
            The prefix, and whether its coefficients are outside the box (else its logits are
            wrong); None if every word passes.
        """
        arithmetic = self._arithmetic
        prefixes: list[Word] = [()]
        coefficients = self.table.start()
        for t in range(self._horizon):
            if t:
                place = {p: i for i, p in enumerate(prefixes)}
                prefixes = list(dict.fromkeys(w[:t] for w in words))
                coefficients = self.table.advance(
                    t,
                    arithmetic.take(coefficients, [place[p[:-1]] for p in prefixes]),
                    [p[-1] for p in prefixes],
                )
            if self._schedule.boxed:
                outside = arithmetic.first_exceeding(coefficients, arithmetic.scalar(BOX))
                if outside is not None:
                    return prefixes[outside], True
            predicted = arithmetic.product(coefficients, self.table.readouts[t])
            off = predicted - self._ledger.block(prefixes)
            wrong = arithmetic.first_exceeding(off, self._schedule.threshold)
            if wrong is not None:
                return prefixes[wrong], False
        return None

    def _localise(self, prefix: Word, end: int) -> int:
        """Return a cut s <= ``end`` such that E(s - 1) is right and E(s) wrong after ``prefix``."""
        path = self._path(prefix[: end - 1])
        return localise(
            lambda s: self._estimate(s, path[s - 1], prefix),
            self._ledger.row(prefix),
            end,
            self._schedule.threshold,
        )

    def _estimate(self, s: int, c: Row, prefix: Word) -> Row:
        """Return E(s): the combination of the basis histories at cut s, read after the prefix."""
        kept = [(x, h) for x, h in zip(c, self.table.histories[s - 1], strict=True) if x != 0]
        rows = self._ledger.block([h + prefix[s - 1 :] for _, h in kept])
        return self._arithmetic.combine(tuple(x for x, _ in kept), rows)

    def _path(self, prefix: Word) -> list[Row]:
        """Return c_1, ..., c_{t+1} along a prefix of t tokens."""
        coefficients = self.table.start()
        found = self._arithmetic.rows(coefficients)
        for t, token in enumerate(prefix, start=1):
            coefficients = self.table.advance(t, coefficients, [token])
            found += self._arithmetic.rows(coefficients)
        return found

    def _exchange(self, prefix: Word) -> None:
        """Put the history whose coefficients left the box in place of the one that it outweighs."""
        c = self._path(prefix)[-1]
        self.table.exchange(len(prefix) + 1, max(range(len(c)), key=lambda i: abs(c[i])), prefix)
