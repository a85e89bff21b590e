"""Results with a verdict for every claim, made in no time from the instances on record."""

from __future__ import annotations

import json

from flint import fmpq

from properties import records
from properties.claim import TwinVerdict, Verdict, shown
from properties.claims import CLAIMS
from properties.instances import encode
from properties.results import describe_run

TEST = {
    "delta": "1/10",
    "share_of_error_budget": "1/13000000000",
    "most_runs": 200,
    "runs": 200,
    "failures": 11,
    "log10_capital": -4.25,
    "detectable_rate": "203/1000",
    "power": "999/1000",
}

COSTS = {
    "family": "isan:k=2,d=2,seed=0",
    "alphabet_size": 2,
    "rank": 2,
    "epsilon": "1/10",
    "delta": "1/100",
    "seed": 0,
    "points": [
        {
            "horizon": horizon,
            "accepted": True,
            "learning": 7 * horizon,
            "certifying": 50 * horizon,
            "algorithm_1": 254 if horizon == 8 else None,
            "counting_limit": 6 * horizon,
            "tabulation": 2**horizon - 1,
            "explicit_bound": 1e6 * horizon**3,
            "printed_term": 1e6 * horizon**13,
        }
        for horizon in (8, 16, 64)
    ],
}


def verdict_line(claim, **changes):
    """Return the JSON value of a verdict as expected, with fields changed."""
    record = records.load(claim.identifier)
    instance = None if record is None else record.instance
    refuted = claim.expected == "refuted"
    found = Verdict(
        claim=claim,
        verdict=claim.expected,
        grade=claim.grade,
        tried=100,
        worst=0.5 if record is None else record.ratio,
        worst_instance=shown(instance),
        counterexample=shown(instance) if refuted else "",
        twins=tuple(TwinVerdict(t.name, True, 12, "(0, 1)") for t in claim.twins),
        seed=0,
        seconds=0.25,
        record=None if record is None else record.ratio,
        sides=("1/2", "1"),
        worst_value=encode(instance),
        counterexample_value=encode(instance) if refuted else None,
        every=None if claim.steps is None else claim.steps["ci"],
    ).as_json()
    if claim.trials is not None:
        found |= {"statistics": TEST, "measured": None, "bound": None, "slack": None}
    return found | changes


def lines(names=tuple(CLAIMS), changes=None, *, costs=True, end=True, claims=None):
    """Return JSON lines of a run of the named claims.

    Args:
        names: identifiers.
        changes: per identifier the fields to change.
        costs, end: whether those lines are there.
        claims: how many the run is said to be about; default all of them.
    """
    run = describe_run(len(names) if claims is None else claims, "ci", 0, fmpq(1, 10**9))
    values = [{"run": run}]
    values += [verdict_line(CLAIMS[n], **(changes or {}).get(n, {})) for n in names]
    values += [{"queries": COSTS}] * costs + [{"end": {"seconds": 12.5}}] * end
    return [json.dumps(value) for value in values]
