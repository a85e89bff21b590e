"""What learning costs on one family of targets, beside the bounds: the figures of the report."""

from __future__ import annotations

from typing import Any

from flint import fmpq

import llr
from bounds.curves import explicit_entries
from bounds.theorem import queries_printed
from llr.analysis.counting import counting_limit
from llr.baselines import tabulation
from llr.learning import api
from llr.models.isan import Isan
from llr.numbers.rational import text
from llr.observing import Tell, untold

HORIZONS = (4, 8, 16, 32, 64)

ALGORITHM_1_UP_TO = 8
"""Algorithm 1 is run at these horizons only: at 16 it takes minutes."""

ALPHABET_SIZE, RANK = 2, 2

EPSILON, DELTA = fmpq(1, 10), fmpq(1, 100)


def measure_costs(seed: int, tell: Tell = untold) -> dict[str, Any]:
    """Learn random networks of growing horizon, exactly, and count the distinct prefixes asked.

    Args:
        seed: of the learners; the targets are always the same.
        tell: told how far each stage of each run has come.

    Returns:
        A JSON value, the same on every machine: per horizon the counts of the lean learner and,
        where it is small, of Algorithm 1 with its practical sample sizes; the counting limit,
        tabulation, Theorem 5.11 with explicit constants, and its printed leading term.
    """
    family = f"isan:k={ALPHABET_SIZE},d={RANK},seed=0"
    points = []
    for horizon in HORIZONS:

        def stage(what: str, done: int, total: int, horizon: int = horizon) -> None:
            tell(f"what learning costs at T = {horizon}, {what}", done, total)

        target = llr.target(f"{family},T={horizon}")
        assert isinstance(target, Isan)
        promise: dict[str, Any] = {
            "epsilon": EPSILON,
            "delta": DELTA,
            "seed": seed,
            "tell": stage,
        }
        lean = api.learn(target, **promise)
        printed = None
        if horizon <= ALGORITHM_1_UP_TO:
            printed = api.learn(target, algorithm="printed", **promise)
        points.append(
            {
                "horizon": horizon,
                "accepted": lean.accepted,
                "learning": lean.learning_prefixes,
                "certifying": lean.certifying_prefixes,
                "algorithm_1": None if printed is None else printed.counts.distinct_prefixes,
                "counting_limit": int(counting_limit(ALPHABET_SIZE, target.cut_ranks()).p),
                "tabulation": tabulation.prefixes(ALPHABET_SIZE, horizon),
                "explicit_bound": explicit_entries(horizon, ALPHABET_SIZE, RANK, EPSILON, DELTA),
                "printed_term": float(queries_printed(horizon, ALPHABET_SIZE, RANK, EPSILON)),
            }
        )
    return {
        "family": family,
        "alphabet_size": ALPHABET_SIZE,
        "rank": RANK,
        "epsilon": text(EPSILON),
        "delta": text(DELTA),
        "seed": seed,
        "points": points,
    }
