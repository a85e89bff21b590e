"""Room of Algorithm 1: slips in print, and slips that are easily made."""

from __future__ import annotations

from dataclasses import replace

from flint import fmpq

from llr.learning.printed import Corrections, PrintedLearner, Residuals

from .piece import Piece, target

LEARNER_CLASS = "properties.scenarios.PrintedLearner"
ACCEPTING = {"noisy": True, "most_samples": 8, "thresholds": (fmpq(1, 10), fmpq(1), fmpq(2))}
"""Options of the scenarios of the claim on acceptance."""


class OneInitialFuture(PrintedLearner):
    """Starts with one future at every cut but the first, which is read off one query anyway."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.futures = [self.futures[0], *([(0,)] for _ in self.futures[1:])]


class StopsEarly(PrintedLearner):
    """Tests t = 1..T-2."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options, corrections=Corrections(every_length=False))


class AcceptsInside(PrintedLearner):
    """Accepts after the first word that passes."""

    _passed = False

    def _epoch(self, number, spanner_draws):
        self._passed = False
        return super()._epoch(number, spanner_draws)

    def _check_word(self, word, program, residuals):
        if self._passed:
            return None, None
        self._passed = True
        return super()._check_word(word, program, residuals)


class WrongCut(PrintedLearner):
    """Adds a witness to the cut before its own."""

    def _epoch(self, number, spanner_draws):
        found = super()._epoch(number, spanner_draws)
        if found.witness is None:
            return found
        return replace(found, witness=replace(found.witness, cut=found.witness.cut - 1))


class ReusesWords(PrintedLearner):
    """Validates every epoch on the words of the first."""

    _kept = None

    def _draw(self, n, length):
        if length < self._horizon:
            return super()._draw(n, length)
        if self._kept is None:
            self._kept = super()._draw(n, length)
        return self._kept


class LastTokenSkipped(Residuals):
    """Tests tokens 0..k-2."""

    def new(self, prefix, solution):
        last = self._table.alphabet_size - 1
        return (found for found in super().new(prefix, solution) if found[1][-1] != last)


class FarResidualsSkipped(Residuals):
    """Tests r <= t."""

    def new(self, prefix, solution):
        for s, future, residual in super().new(prefix, solution):
            if s - 1 + len(future) <= len(prefix):
                yield s, future, residual


class NearResidualsSkipped(Residuals):
    """Tests r = t + 1 alone."""

    def new(self, prefix, solution):
        for s, future, residual in super().new(prefix, solution):
            if s - 1 + len(future) > len(prefix):
                yield s, future, residual


LEARNERS = [
    Piece(
        "one initial future",
        "Fh_s starts with one future: Q has no value for the other tokens; [P], initialisation",
        "lemma-5.9",
        {LEARNER_CLASS: OneInitialFuture},
        target(2, 2, 1, noisy=True),
        raises=(IndexError, KeyError, ValueError),
    ),
    Piece(
        "loop ends at T - 2",
        "y_{1:T-1} is never tested: range(1, T - 1) for t = 1..T-1; [P], bounds of the loop",
        "acceptance",
        {LEARNER_CLASS: StopsEarly},
        target(3, 2, 1, **ACCEPTING),
    ),
    Piece(
        "accepts inside the loop",
        "returns as soon as one word has passed: accepts inside the loop over words; [P]",
        "acceptance",
        {LEARNER_CLASS: AcceptsInside},
        target(3, 2, 1, **ACCEPTING),
    ),
    Piece(
        "far residuals skipped",
        "tests s <= r <= t: r = t + 1, which the transfer bound needs, is off the end",
        "acceptance",
        {"llr.learning.printed.Residuals": FarResidualsSkipped},
        target(3, 2, 1, **ACCEPTING),
    ),
    Piece(
        "near residuals skipped",
        "tests r = t + 1 alone: all that the transfer bound needs, but a longer program may differ",
        "acceptance",
        {"llr.learning.printed.Residuals": NearResidualsSkipped},
        target(4, 2, 2, **ACCEPTING),
    ),
    Piece(
        "last token skipped",
        "tests k - 1 tokens, as residuals sum to zero: true, but g bounds each; harmless at k = 2",
        "acceptance",
        {"llr.learning.printed.Residuals": LastTokenSkipped},
        target(3, 3, 1, **ACCEPTING),
    ),
    Piece(
        "witness at the wrong cut",
        "adds the future to cut s - 1: counting cuts from 0 in one place and from 1 in another",
        "witness-new",
        {LEARNER_CLASS: WrongCut},
        target(3, 2, 1, noisy=True),
    ),
    Piece(
        "validation words reused",
        "draws the fresh words once: later epochs are tested on words that chose their futures",
        "lemma-5.10-words",
        {LEARNER_CLASS: ReusesWords},
        target(3, 2, 1, noisy=True),
    ),
]
