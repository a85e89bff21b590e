"""``llr compare``: what each learner pays for one target, all through the same oracle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from flint import fmpq

from llr.analysis import distance as distances
from llr.analysis.counting import counting_limit
from llr.baselines import automata, fourier, tabulation
from llr.learning import api
from llr.models.base import LanguageModel
from llr.models.isan import Isan, known_cut_ranks
from llr.models.targets import family_parameters
from llr.numbers.arithmetic import EXACT, Arithmetic
from llr.numbers.units import NAT
from llr.observing import Tell, untold
from llr.oracles.ledger import Ledger
from llr.oracles.protocol import LogitOracle, model_oracle
from llr.oracles.sampling import ModelWords

MAX_NODES = 1 << 16
MAX_SAMPLES = 1 << 14


@dataclass(frozen=True)
class Entry:
    """What one learner paid and reached.

    Attributes:
        learner: its name.
        learning: distinct prefixes asked before its model last changed.
        certifying: distinct prefixes asked after that.
        words: drawn from the target's law.
        distance: TV(target, learned).
        seconds: time taken, the measuring of the distance left out.
        note: what else there is to say.
    """

    learner: str
    learning: int
    certifying: int
    words: int
    distance: distances.Distance | None
    seconds: float
    note: str

    def as_json(self) -> dict[str, Any]:
        """Return the entry as a JSON value."""
        return {
            "learner": self.learner,
            "learning": self.learning,
            "certifying": self.certifying,
            "words": self.words,
            "total_variation": None if self.distance is None else self.distance.as_json(),
            "seconds": round(self.seconds, 3),
            "note": self.note,
        }


def limit_of(target: LanguageModel) -> fmpq | None:
    """Return the counting limit of a target whose cut ranks are known exactly."""
    ranks = known_cut_ranks(target)
    return None if ranks is None else counting_limit(target.alphabet_size, ranks)


def label_of(written: str) -> dict[str, Any]:
    """Return what the Boolean baselines must be told about a parity or Fourier-sparse target."""
    name = written.partition(":")[0]
    if name not in ("parity", "fourier"):
        return {}
    _, values = family_parameters(written)
    if name == "parity":
        return {"bits": values["n"], "least": fmpq(1, 2), "secret": values["secret"]}
    terms = values["terms"]
    assert isinstance(terms, dict)
    return {"bits": values["n"], "least": min(map(abs, terms.values()))}


def compare(
    target: LanguageModel,
    oracle: LogitOracle | None = None,
    *,
    epsilon: fmpq,
    delta: fmpq,
    seed: int,
    arithmetic: Arithmetic,
    bits: int | None = None,
    least: fmpq | None = None,
    secret: str | None = None,
    max_epochs: int = api.MAX_EPOCHS,
    tell: Tell = untold,
) -> Iterator[Entry]:
    """Yield what each learner that applies to a target pays for it.

    Args:
        target: the model.
        oracle: who answers for it; None: the model's own oracle.
        epsilon, delta: of the promise, the same for all learners that make one.
        seed: of every generator.
        arithmetic: of the answers.
        bits: n, if the target is a label after n bits.
        least: its least Fourier coefficient, in units, for Kushilevitz-Mansour.
        secret: of a noisy parity, for the majority vote.
        max_epochs: of the printed learner.
        tell: told of every learner, and of the stages of ours.
    """
    k, horizon = target.alphabet_size, target.horizon
    unit = target.unit if arithmetic is EXACT else NAT

    def own() -> LogitOracle:
        return model_oracle(target, arithmetic) if oracle is None else oracle

    def fresh() -> Ledger:
        return Ledger(own(), k, horizon, arithmetic)

    def stage_of(learner: str) -> Tell:
        return lambda stage, done, total: tell(f"{learner}: {stage}", done, total)

    for name in api.ALGORITHMS:
        began = time.perf_counter()
        result = api.learn(
            own(),
            alphabet_size=k,
            horizon=horizon,
            epsilon=epsilon,
            delta=delta,
            seed=seed,
            algorithm=name,
            arithmetic=arithmetic.name,
            unit=unit,
            words=ModelWords(target),
            max_epochs=max_epochs,
            tell=stage_of(name),
        )
        spent = time.perf_counter() - began
        note = f"{result.epochs} epochs, {result.programs} programs"
        yield Entry(
            name,
            result.learning_prefixes,
            result.certifying_prefixes,
            result.counts.words,
            _distance(target, result.model),
            spent,
            note if result.accepted else note + ", not accepted",
        )
    tell("tabulation", 0, 0)
    yield _tabulation(target, fresh, arithmetic)
    if find_spec("aalpy") is not None:
        for name in automata.ALGORITHMS:
            tell(name, 0, 0)
            yield _automaton(target, fresh(), arithmetic, name, epsilon, delta, seed)
    if bits is not None and least is not None and arithmetic is EXACT:
        tell("Kushilevitz-Mansour", 0, 0)
        yield _kushilevitz_mansour(fresh, bits, least, seed, target)
    if bits is not None and secret is not None:
        tell("majority vote", 0, 0)
        yield _majority(fresh(), bits, secret, arithmetic, target, seed)


@dataclass(frozen=True)
class Growth:
    """What one network of a family of horizons costs.

    Attributes:
        horizon: T.
        rank: the largest cut rank.
        learning: distinct prefixes that the lean learner asked before its model last changed.
        limit: the counting limit.
    """

    horizon: int
    rank: int
    learning: int
    limit: fmpq


def growth(
    written: str,
    oracle_of: Callable[[LanguageModel], LogitOracle],
    *,
    epsilon: fmpq,
    delta: fmpq,
    seed: int,
    arithmetic: Arithmetic,
) -> list[Growth]:
    """Learn a random ISAN's family members of horizons T/4, T/2 and T.

    Args:
        written: the target; of another family there is nothing to return.
        oracle_of: returns who answers for a member of the family.
        epsilon, delta, seed, arithmetic: as for :func:`compare`.
    """
    if written.partition(":")[0] != "isan":
        return []
    family, values = family_parameters(written)
    horizon = values["T"]
    assert isinstance(horizon, int)
    found = []
    for t in sorted({max(2, horizon // 4), max(2, horizon // 2), horizon}):
        model = family.build(*{**values, "T": t}.values())
        assert isinstance(model, Isan)
        result = api.learn(
            oracle_of(model),
            alphabet_size=model.alphabet_size,
            horizon=t,
            epsilon=epsilon,
            delta=delta,
            seed=seed,
            arithmetic=arithmetic.name,
            unit=model.unit if arithmetic is EXACT else NAT,
        )
        ranks = model.cut_ranks()
        limit = counting_limit(model.alphabet_size, ranks)
        found.append(Growth(t, max(ranks), result.learning_prefixes, limit))
    return found


def _distance(target: LanguageModel, learned: LanguageModel) -> distances.Distance:
    return distances.total_variation(target, learned, max_nodes=MAX_NODES)


def _tabulation(
    target: LanguageModel, fresh: Callable[[], Ledger], arithmetic: Arithmetic
) -> Entry:
    many = tabulation.prefixes(target.alphabet_size, target.horizon)
    if many > MAX_NODES or arithmetic is not EXACT:
        return Entry("tabulation", many, 0, 0, None, 0.0, "counted, not run")
    began = time.perf_counter()
    ledger = fresh()
    model = tabulation.tabulate(ledger, target.alphabet_size, target.horizon, target.unit)
    spent = time.perf_counter() - began
    return Entry(
        "tabulation",
        ledger.counts.distinct_prefixes,
        0,
        0,
        _distance(target, model),
        spent,
        "every prefix",
    )


def _automaton(
    target: LanguageModel,
    ledger: Ledger,
    arithmetic: Arithmetic,
    name: str,
    epsilon: fmpq,
    delta: fmpq,
    seed: int,
) -> Entry:
    schedule, _ = api.lean_schedule(
        epsilon, delta, fmpq(0), target.horizon, target.unit, arithmetic, 1
    )
    began = time.perf_counter()
    model = automata.learn_automaton(
        ledger,
        alphabet_size=target.alphabet_size,
        horizon=target.horizon,
        unit=target.unit if arithmetic is EXACT else NAT,
        arithmetic=arithmetic,
        algorithm=name,
        words=schedule.validation_draws(1),
        rng=np.random.default_rng(seed),
    )
    spent = time.perf_counter() - began
    return Entry(
        {"lstar": "L*", "lsharp": "L#"}[name],
        model.learning_prefixes,
        ledger.counts.distinct_prefixes - model.learning_prefixes,
        ledger.counts.words,
        _distance(target, model),
        spent,
        f"{model.states} states",
    )


def _kushilevitz_mansour(
    fresh: Callable[[], Ledger], bits: int, least: fmpq, seed: int, target: LanguageModel
) -> Entry:
    """Double the samples until it finds all coefficients: about the least that it needs."""
    samples = 4
    while True:
        ledger, began = fresh(), time.perf_counter()
        found = fourier.heavy_coefficients(
            ledger, bits, least, samples, np.random.default_rng(seed)
        )
        spent = time.perf_counter() - began
        right = _explains(found, fresh(), bits, seed)
        if right or samples >= MAX_SAMPLES:
            note = f"{len(found)} coefficients, {samples} samples per weight"
            asked = ledger.counts.distinct_prefixes
            return Entry("KM / GL", asked, 0, 0, None, spent, note if right else note + ", wrong")
        samples *= 2


def _explains(found: dict[str, fmpq], ledger: Ledger, bits: int, seed: int) -> bool:
    """Compare with the target on random points, not counted: does the search need more?"""
    rng = np.random.default_rng(seed)
    points = [tuple(p) for p in rng.integers(0, 2, (64, bits)).tolist()]
    return all(
        row[1] == sum((c * fourier.character(s, p) for s, c in found.items()), fmpq(0))
        for p, row in zip(points, ledger.rows(points), strict=True)
    )


def _majority(
    ledger: Ledger, bits: int, secret: str, arithmetic: Arithmetic, target: LanguageModel, seed: int
) -> Entry:
    tosses, began = 1, time.perf_counter()
    while True:
        found, drawn = fourier.majority_parity(
            ledger,
            bits,
            tosses,
            target.unit if arithmetic is EXACT else NAT,
            arithmetic,
            np.random.default_rng(seed),
        )
        if found == secret or tosses > MAX_SAMPLES:
            spent = time.perf_counter() - began
            note = f"{drawn} labels drawn" + ("" if found == secret else ", wrong")
            return Entry(
                "majority vote", ledger.counts.distinct_prefixes, 0, drawn, None, spent, note
            )
        tosses = 2 * tosses + 1
