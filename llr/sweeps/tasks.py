"""One task of a sweep: a target is learned once, and what that took becomes a row.

A task is a JSON object that holds all that fixes the row but for the version of this library; its
canonical text is its key.  Text goes in and text comes out, whatever process or machine it runs in.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from llr import __version__
from llr.analysis import distance as distances
from llr.analysis.counting import counting_limit
from llr.baselines import automata, tabulation
from llr.errors import InputError, ShownAs, TooLargeError
from llr.learning import api
from llr.models.base import LanguageModel
from llr.models.files import contents
from llr.models.isan import known_cut_ranks
from llr.numbers.arithmetic import EXACT, named
from llr.numbers.rational import decimal, text
from llr.numbers.units import NAT
from llr.oracles.ledger import Counts, Ledger
from llr.oracles.noise import noisy_oracle
from llr.oracles.protocol import LogitOracle, model_oracle
from llr.oracles.sampling import ModelWords
from llr.storage import enumerable_target

TABULATION = "tabulation"
LEARNERS = (*api.ALGORITHMS, api.SHARED)
ALGORITHMS = (*LEARNERS, TABULATION, *automata.ALGORITHMS)

MAX_PREFIXES = 1 << 16
"""The most that tabulation asks, and the most that a distance visits per length."""

ACCEPTED, NOT_ACCEPTED, LEARNED, FAILED = "accepted", "not accepted", "learned", "failed"
"""Outcomes: learners accept or not, baselines promise nothing, and a failed task has an error."""

_ALONE = threading.Lock()  # the precision of balls is one for the whole process


def canonical(task: Mapping[str, Any]) -> str:
    """Return the key of a task: its JSON text with sorted names and no blanks."""
    return json.dumps(task, sort_keys=True, separators=(",", ":"), allow_nan=False)


def run(key: str) -> str:
    """Do a task, one at a time in a process and on one thread.

    Args:
        key: of the task.

    Returns:
        JSON with the ``row``, which is the same in every run, and apart from it the ``seconds``
        that it took and the ``version`` of this library.  A task that fails has a row with its
        error.
    """
    from threadpoolctl import threadpool_limits  # only where a task is done

    with _ALONE, threadpool_limits(limits=1):
        began = time.perf_counter()
        try:
            row = learned(json.loads(key))
        except Exception as error:  # whatever goes wrong in one task must not end the others
            row = failed(type(error).__name__, str(error))
        seconds = time.perf_counter() - began
    return finished(row, seconds)


def finished(row: Mapping[str, Any], seconds: float) -> str:
    """Return what a worker sends back."""
    sent = {"row": row, "seconds": round(seconds, 6), "version": __version__}
    return json.dumps(sent, allow_nan=False)


def failed(kind: str, message: str) -> dict[str, Any]:
    """Return the row of a task that failed."""
    return {"outcome": FAILED, "error": {"kind": kind, "message": message}}


def learned(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a task."""
    written = task["target"]
    model = enumerable_target(written)
    if contents(written).get("sha256") != task.get("sha256"):
        raise InputError("target", written, "the file that it was when the sweep began")
    numbers = named(task["arithmetic"])
    if numbers is EXACT and model.arithmetic is not EXACT:
        raise InputError("arithmetic", numbers.name, "float: the target has float64 logits")
    epsilon = api.probability(task["epsilon"], "epsilon")
    xi = api.allowed_noise(task["xi"], epsilon, model.horizon)
    kind = task["noise"] or ("adversarial" if xi > 0 else "none")
    noisy = noisy_oracle(model, numbers, kind, xi, task["seed"])
    oracle = model_oracle(model, numbers) if noisy is None else noisy
    if task["algorithm"] in LEARNERS:
        row, found = _learner(task, model, oracle)
    else:
        row, found = _baseline(task, model, oracle)
    if task["distance"]:
        apart = distances.total_variation(model, found, max_nodes=MAX_PREFIXES)
        row["total_variation"] = apart.as_json()
    return row


def _learner(
    task: Mapping[str, Any], model: LanguageModel, oracle: LogitOracle
) -> tuple[dict[str, Any], LanguageModel]:
    same = ("algorithm", "arithmetic", "epsilon", "delta", "seed", "xi", "samples", "max_epochs")
    result = api.learn(
        oracle,
        alphabet_size=model.alphabet_size,
        horizon=model.horizon,
        unit=model.unit if named(task["arithmetic"]) is EXACT else NAT,
        words=ModelWords(model),
        cut_ranks=known_cut_ranks(model),
        **{name: task[name] for name in (*same, "rank", "relaxed", "calls")},
    )
    certificate = result.certificate
    row = {
        "outcome": ACCEPTED if result.accepted else NOT_ACCEPTED,
        **_calls(result.learning_prefixes, result.certifying_prefixes, result.counts),
        "epochs": result.epochs,
        "infeasible_epochs": result.infeasible_epochs,
        "programs": result.programs,
        "witnesses": sum(result.witnesses),
        "largest_basis": max(result.basis_sizes),
        "certificate": None if certificate is None else text(certificate.total_variation),
        "counting_limit": text(result.counting_limit),
        "limit_source": result.limit_source,
    }
    return row, result.model


def _baseline(
    task: Mapping[str, Any], model: LanguageModel, oracle: LogitOracle
) -> tuple[dict[str, Any], LanguageModel]:
    k, horizon, numbers = model.alphabet_size, model.horizon, named(task["arithmetic"])
    unit = model.unit if numbers is EXACT else NAT
    ledger = Ledger(oracle, k, horizon, numbers)
    found: LanguageModel
    if task["algorithm"] == TABULATION:
        if numbers is not EXACT:
            raise InputError("arithmetic", ShownAs(numbers.name), "exact, with tabulation")
        if tabulation.prefixes(k, horizon) > MAX_PREFIXES:
            raise TooLargeError(f"tabulation asks more than {MAX_PREFIXES:,} prefixes")
        found = tabulation.tabulate(ledger, k, horizon, unit)
        learning = ledger.counts.distinct_prefixes
    else:
        epsilon, delta = (api.probability(task[name], name) for name in ("epsilon", "delta"))
        xi = decimal(task["xi"], "xi")
        schedule, _ = api.lean_schedule(epsilon, delta, xi, horizon, unit, numbers, 1)
        found = automata.learn_automaton(
            ledger,
            alphabet_size=k,
            horizon=horizon,
            unit=unit,
            arithmetic=numbers,
            algorithm=task["algorithm"],
            words=schedule.validation_draws(1),
            rng=np.random.default_rng(task["seed"]),
        )
        learning = found.learning_prefixes
    ranks = known_cut_ranks(model)
    row = {
        "outcome": LEARNED,
        **_calls(learning, ledger.counts.distinct_prefixes - learning, ledger.counts),
        "counting_limit": None if ranks is None else text(counting_limit(k, ranks)),
    }
    return row, found


def _calls(learning: int, certifying: int, counts: Counts) -> dict[str, int]:
    return {"learning": learning, "certifying": certifying, **counts.as_json()}
