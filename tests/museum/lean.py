"""Room of the lean learner: what is fresh, what is tested, where a mistake is looked for."""

from __future__ import annotations

from llr.learning.lean import LeanLearner, localise
from properties.claims.lean import failing_estimates

from .piece import Piece, Size, target

CLASS = "llr.learning.lean.LeanLearner."
first_failure = LeanLearner._first_failure


def keeps_words(learner):
    """Note what was asked so far, and leave the words that passed."""
    learner.learning_prefixes = learner._ledger.counts.distinct_prefixes


def shorter_test(learner, words):
    """Test every word as if T were one less."""
    learner._horizon -= 1
    try:
        return first_failure(learner, words)
    finally:
        learner._horizon += 1


def at_cut_2(learner, prefix, end):
    """Blame the first cut that can be wrong, without a search."""
    return 2


def last_right(estimate, truth, end, threshold):
    """Return the last cut at which the search met a right estimate."""
    return localise(estimate, truth, end, threshold) - 1


def estimates(t):
    """Return the size of a run of estimates after t tokens; all smaller ones are tried before."""
    ladder = [
        failing_estimates().filter(lambda e, n=n: len(e.rows) == n + 1) for n in range(1, t + 1)
    ]
    return Size(("t",), lambda e: (len(e.rows) - 1,), (t,), ladder)


LEAN = [
    Piece(
        "words kept through a repair",
        "words that passed before a repair count as fresh after it; every one of them was drawn",
        "lean-fresh-words",
        {CLASS + "_changed": keeps_words},
        target(3, 2, 1, noisy=True),
    ),
    Piece(
        "last logits untested",
        "compares logits after 0..T-2 tokens: range(T - 1) for the T prefixes of a word",
        "lean-acceptance",
        {CLASS + "_first_failure": shorter_test},
        target(2, 2, 1, noisy=True),
    ),
    Piece(
        "mistakes not localised",
        "takes the whole continuation of the first token for the stem: right, but at the wrong cut",
        "lean-stem-progress",
        {CLASS + "_localise": at_cut_2},
        target(4, 2, 2),
    ),
    Piece(
        "search off by one",
        "returns the cut at which the estimate is still right: low for high",
        "lean-localisation",
        {"properties.claims.lean.localise": last_right},
        estimates(2),
    ),
]
