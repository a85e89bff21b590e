"""Claims, their twins, and the search that tries to break them.

A *claim* says that for every instance its measured side is at most its bound.  Its *twins* are
tightened or sabotaged forms that are false; a harness that does not refute them proves nothing, so
a claim whose twin survives is an error.

The extremal instance of a claim is kept on record (:mod:`properties.records`).  It is replayed
before every search, and the bound times a stated share of the ratio on record is one more twin,
searched from scratch: a search that comes nowhere near the record is an error, too.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import isfunction
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from flint import fmpq
from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition, HypothesisWarning, Unsatisfiable
from hypothesis.internal.conjecture import providers
from hypothesis.internal.floats import float_to_int
from hypothesis.strategies import SearchStrategy
from sortedcontainers import SortedSet

from bounds import STATEMENTS
from bounds.statement import MARKS
from llr.errors import InputError, UndecidedError, one_of
from llr.models.base import check_size
from llr.numbers.balls import Number, Real, nearest_float
from llr.numbers.rational import fraction, text
from properties import records
from properties.instances import encode, fits
from properties.records import Record
from properties.spreading import BOARDS, Board, spread, stop_if_interrupted
from properties.statistics import ERROR_BUDGET, Evidence, Trials, watch

PROFILES = {"quick": 0.4, "ci": 1.0, "nightly": 25.0}
"""How many times a claim's own number of examples each profile tries."""

LEAST = {"quick": 20, "ci": 20, "nightly": 5000}
"""So many at least."""

GRADES = ("exhaustive", "exact law", "searched", "statistical")
"""Instances listed up to a size; all random choices; those that a search draws; samples."""

EXPECTED = ("verified", "refuted")
"""What is to come out: the second of a printed claim that is known to be false."""


@dataclass(frozen=True)
class Measurement:
    """Both sides of a claim on one instance; it holds if measured <= bound.

    Counts of violations are measured against the bound 0.

    Attributes:
        measured, bound: the two sides.
        cases: of a count of violations, how many there might have been; a search drives it up,
            since it has no ratio to go by.
    """

    measured: Real
    bound: Real
    cases: int = 0

    @staticmethod
    def of(measured: Number, bound: Number = 0, cases: int = 0) -> Measurement:
        """Return a measurement of exact numbers or Reals."""
        return Measurement(Real.of(measured), Real.of(bound), cases)

    def holds(self) -> bool:
        """Compare rigorously.

        Raises:
            UndecidedError: the two sides cannot be told apart at the precision limit.
        """
        return self.measured <= self.bound

    def ratio(self) -> float:
        """Return measured / bound for guidance; 0/0 counts as 0."""
        top, bottom = float(self.measured), float(self.bound)
        if math.isinf(bottom) and bottom > 0:
            return float(self.measured / self.bound)
        if bottom > 0:
            return top / bottom
        return 0.0 if top <= 0 else float("inf")

    def nearest_ratio(self) -> float:
        """Return the double nearest to measured / bound, the same everywhere; 0/0 counts as 0.

        Raises:
            UndecidedError: the sign of the bound, or the double, stays open.
        """
        if self.bound > 0:
            return max(0.0, nearest_float(self.measured / self.bound))
        return 0.0 if self.measured <= 0 else float("inf")


Check = Callable[[Any], Measurement]


@dataclass(frozen=True)
class Twin:
    """A false form of a claim.

    Attributes:
        name: what was tightened, dropped or sabotaged.
        check: as the claim's.
        strategy: instances to search; default the claim's own.
        examples: how many to try at most, at profile ci.
        shrink: report the smallest counterexample, not the first.
    """

    name: str
    check: Check
    strategy: Callable[[], SearchStrategy[Any]] | None = None
    examples: int = 1000
    shrink: bool = True


def tightened(check: Check, factor: fmpq) -> Twin:
    """Return the twin whose bound is a check's times a factor."""

    def tighter(instance: Any) -> Measurement:
        found = check(instance)
        return Measurement(found.measured, found.bound * factor)

    return Twin(f"bound times {float(fraction(factor)):g}", tighter, shrink=False)


@dataclass(frozen=True)
class Claim:
    """One statement that the harness tries to break.

    Attributes:
        identifier: e.g. "lemma-5.3".
        title: the statement on one line.
        source: where it stands.
        mark: printed, reconstructed, corrected or sharpened.
        strategy: instances.
        check: measures both sides on an instance.
        twins: false forms that must be refuted; the bound times a share of the ratio on record is
            one more, and there must be at least one in all.
        statements: identifiers in ``bounds.STATEMENTS`` whose right-hand sides are used.
        examples: how many instances to try at profile ci.
        expected: "verified", or "refuted" for a printed claim that is known to be false.
        grade: one of GRADES; "exhaustive" if ``instances`` lists all up to a size (at profile
            nightly; ``steps`` says how many it leaves out at others), "exact law" if
            each check enumerates all random choices.
        tightening: share of the ratio on record, in (1/2, 1), of the twin that it gives; None for
            no such twin.
        trials: set if statistical; the claim is that a run fails with probability at most delta.
            Its check, and its twins', get the run's ``numpy.random.Generator`` as instance.
        instances: profile -> the instances to measure, small ones first, in place of a search; for
            the twins too.
        steps: profile -> n, if ``instances`` lists only every n-th of the largest instances.
        sharp: it says how good a right-hand side is, not that it is right: another one, larger and
            right, may break it.
    """

    identifier: str
    title: str
    source: str
    mark: str
    strategy: Callable[[], SearchStrategy[Any]]
    check: Check
    twins: tuple[Twin, ...] = ()
    statements: tuple[str, ...] = ()
    examples: int = 200
    expected: str = "verified"
    grade: str = "searched"
    tightening: fmpq | None = fmpq(3, 4)
    trials: Trials | None = None
    instances: Callable[[str], Iterable[Any]] | None = None
    steps: Mapping[str, int] | None = None
    sharp: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (
            ("mark", self.mark, MARKS),
            ("grade", self.grade, GRADES),
            ("expected", self.expected, EXPECTED),
        ):
            if value not in known:
                raise InputError(
                    f"{name} of {self.identifier}", value, "one of " + ", ".join(known)
                )
        check_size(self.examples, 1, f"examples of {self.identifier}")
        share = self.tightening
        if share is not None and not (2 * share > 1 and share < 1):
            raise InputError(f"tightening of {self.identifier}", share, "in (1/2, 1)")

    @property
    def searched(self) -> bool:
        """True if a search draws the instances, so that one can be on record."""
        return self.instances is None and self.grade in ("searched", "exact law")


@dataclass
class Search:
    """What a search over instances found.

    Attributes:
        tried: number of instances measured.
        worst: largest measured / bound.
        worst_instance: where it was reached.
        worst_measurement: its measurement.
        counterexample: the smallest refuting instance found, or None.
        refutation: its measurement.
        undecided: message of the first comparison that stayed open, or None.
    """

    tried: int = 0
    worst: float = 0.0
    worst_instance: Any = None
    worst_measurement: Measurement | None = None
    counterexample: Any = None
    refutation: Measurement | None = None
    undecided: str | None = None

    @property
    def refuted(self) -> bool:
        """True if some instance broke the claim."""
        return self.refutation is not None


def next_instance() -> None:
    """Count an instance, or stop because of an interrupt."""
    stop_if_interrupted()
    BOARDS[-1].instance()


class _RefutedError(Exception):
    """Some instance broke the claim; Hypothesis shrinks it."""


class _OutOfTimeError(BaseException):
    """The search has used its time; no Exception, so that Hypothesis lets it pass."""


def search(
    strategy: SearchStrategy[Any],
    check: Check,
    examples: int,
    start: int,
    *,
    shrink: bool = True,
    until: float | None = None,
) -> Search:
    """Look for an instance that breaks a check, and shrink it.

    Args:
        strategy: instances.
        check: measures one.
        examples: how many instances to try at most.
        start: seed; the same seed tries the same instances.
        shrink: look for the smallest that breaks it.
        until: value of ``time.monotonic`` at which to stop; default never.
    """
    found = Search()
    if until is not None:
        strategy = _in_time(strategy, until)

    @seed(start)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.target, *([Phase.shrink] if shrink else [])),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def attempt(instance: Any) -> None:
        next_instance()
        try:
            measurement: Measurement = check(instance)  # may assume() the instance away
            holds = measurement.holds()
        except UndecidedError as error:
            found.tried += 1
            found.undecided = found.undecided or str(error)
            return
        found.tried += 1
        if not holds:
            found.counterexample, found.refutation = instance, measurement
            raise _RefutedError
        ratio = measurement.ratio()
        target(min(ratio, 1e9) if ratio else float(measurement.cases.bit_length()))
        if ratio > found.worst or found.worst_instance is None:
            found.worst, found.worst_instance = ratio, instance
            found.worst_measurement = measurement

    with warnings.catch_warnings(), _without_local_constants():
        warnings.simplefilter("ignore", HypothesisWarning)
        try:
            attempt()
        except (_RefutedError, _OutOfTimeError):
            pass
        except FlakyStrategyDefinition:  # what Hypothesis makes of an end amid a drawing
            if until is None or time.monotonic() <= until:
                raise
    return found


def _in_time(strategy: SearchStrategy[Any], until: float) -> SearchStrategy[Any]:
    """Return the strategy, which draws nothing any more after a value of ``time.monotonic``."""

    def now() -> None:
        if time.monotonic() > until:
            raise _OutOfTimeError

    return st.tuples(st.builds(now), strategy).map(lambda both: both[1])


def measure_all(instances: Iterable[Any], check: Check) -> Search:
    """Measure instances in order, up to the first that breaks the check.

    Args:
        instances: small ones first, so that the first to break it is the smallest.
        check: measures one.
    """
    found = Search()
    for instance in instances:
        next_instance()
        found.tried += 1
        try:
            measurement = check(instance)
            holds = measurement.holds()
        except UndecidedError as error:
            found.undecided = found.undecided or str(error)
            continue
        if not holds:
            found.counterexample, found.refutation = instance, measurement
            return found
        ratio = measurement.ratio()
        if ratio > found.worst or found.worst_instance is None:
            found.worst, found.worst_instance = ratio, instance
            found.worst_measurement = measurement
    return found


@contextlib.contextmanager
def _without_local_constants() -> Iterator[None]:
    """Keep Hypothesis from drawing constants that it finds in whatever modules are loaded.

    The same seed must try the same instances in every process.  Hypothesis has no setting for
    this, so its own function is replaced where it exists.
    """
    reads = getattr(providers, "_get_local_constants", None)
    cache = getattr(getattr(providers, "CONSTANTS_CACHE", None), "cache", None)
    empty = getattr(providers, "Constants", None)
    if reads is None or cache is None or empty is None:
        yield
        return
    nothing = empty(
        integers=SortedSet(),
        floats=SortedSet(key=float_to_int),
        bytes=SortedSet(),
        strings=SortedSet(),
    )
    cache.clear()
    providers._get_local_constants = lambda: nothing
    try:
        yield
    finally:
        providers._get_local_constants = reads
        cache.clear()


@dataclass(frozen=True)
class TwinVerdict:
    """Whether a twin was refuted, and by which instance."""

    name: str
    refuted: bool
    tried: int
    counterexample: str
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim.

    Attributes:
        claim: the claim.
        verdict: "verified", "refuted", "undecided", "twin survived", or "record not reproduced".
        grade: the claim's.
        tried: instances measured.
        worst: largest measured / bound, the record's included; that of the counterexample if
            there is one.
        worst_instance: where it was reached.
        counterexample: the smallest refuting instance, or an empty string.
        twins: one verdict per twin.
        seed: of the search.
        seconds: time taken.
        record: the ratio on record, or None.
        evidence: what the sequential test saw, if the claim is statistical; ``worst`` is then the
            frequency of failures over delta.
        sides: measured and bound at the counterexample if there is one, else where the largest
            ratio was reached; None if nothing was measured or for samples.
        worst_value: the worst instance as a JSON value (:mod:`properties.instances`), or None if
            it is of no registered type or too long to be read.
        counterexample_value: the counterexample likewise.
        every: n if only every n-th of the largest instances was listed (1: all); else None.
    """

    claim: Claim
    verdict: str
    grade: str
    tried: int
    worst: float
    worst_instance: str
    counterexample: str
    twins: tuple[TwinVerdict, ...]
    seed: int
    seconds: float = field(compare=False)
    record: float | None = None
    evidence: Evidence | None = None
    sides: tuple[str, str] | None = None
    worst_value: Any = None
    counterexample_value: Any = None
    every: int | None = None

    @property
    def slack(self) -> float | None:
        """1 - worst, or None where that says nothing: a ratio of 0, a refuted claim, a sample."""
        if self.counterexample or self.evidence is not None:
            return None
        return 1 - self.worst if 0 < self.worst <= 1 else None

    @property
    def passed(self) -> bool:
        """True if the verdict is the expected one; "verified" means that every twin was refuted."""
        return self.verdict == self.claim.expected

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as a JSON value."""
        found: dict[str, Any] = {
            "claim": self.claim.identifier,
            "title": self.claim.title,
            "source": self.claim.source,
            "mark": self.claim.mark,
            "statements": [
                {"statement": s, "mark": STATEMENTS[s].mark, "summary": STATEMENTS[s].summary}
                for s in self.claim.statements
            ],
            "grade": self.grade,
            "seed": self.seed,
            "tried": self.tried,
            "worst_ratio": _finite(self.worst),
            "slack": self.slack,
            "record": None if self.record is None else _finite(self.record),
            "measured": None if self.sides is None else self.sides[0],
            "bound": None if self.sides is None else self.sides[1],
            "worst_instance": self.worst_instance,
            "worst_value": self.worst_value,
            "verdict": self.verdict,
            "expected": self.claim.expected,
            "counterexample": self.counterexample,
            "counterexample_value": self.counterexample_value,
            "twins": [
                {
                    "name": t.name,
                    "refuted": t.refuted,
                    "tried": t.tried,
                    "counterexample": t.counterexample,
                }
                for t in self.twins
            ],
            "seconds": round(self.seconds, 3),
        }
        if self.every is not None:
            found["every"] = self.every
        if self.evidence is not None:
            found["statistics"] = self.evidence.as_json()
        return found


def _finite(ratio: float) -> float | None:
    """Return a ratio, or None for infinity, which JSON has not."""
    return ratio if ratio < float("inf") else None


def verify_claim(
    claim: Claim,
    *,
    profile: str = "ci",
    start: int = 0,
    folder: Path = records.FOLDER,
    error_budget: fmpq = ERROR_BUDGET,
) -> Verdict:
    """Try to break a claim, and make sure that its twins do break.

    Args:
        claim: what to verify.
        profile: "quick", "ci" or "nightly".
        start: seed of every search.
        folder: where the records are.
        error_budget: for all statistical claims together; this one uses its share.

    Raises:
        InputError: no claim, no such profile, no twin at all, a file that is no record of the
            claim, or a budget that is not in (0, 1) or too small for the runs.
    """
    if not isinstance(claim, Claim):
        raise InputError("claim", claim, "a properties.claim.Claim")
    if not isinstance(profile, str) or profile not in PROFILES:
        raise InputError("profile", profile, "one of " + ", ".join(PROFILES))
    check_size(start, 0, "start")
    began = time.perf_counter()
    if claim.trials is not None:
        return _verify_trials(claim, claim.trials, profile, start, error_budget, began)
    record = records.load(claim.identifier, folder)
    searched_twins = (*claim.twins, *_tightened(claim, record))
    if not searched_twins and claim.expected == "verified":
        raise InputError(f"twins of {claim.identifier}", claim.twins, "at least one")
    replayed = Search() if record is None else _replay(claim, record)
    if claim.instances is None:
        main = search(claim.strategy(), claim.check, examples_at(claim, profile), start)
    else:
        main = measure_all(claim.instances(profile), claim.check)
    if record is not None and not main.refuted and replayed.worst >= main.worst:
        main.worst, main.worst_instance = replayed.worst, replayed.worst_instance
        main.worst_measurement = replayed.worst_measurement
    twins = []
    for twin in searched_twins:
        if claim.instances is None or twin.strategy is not None:
            strategy = (twin.strategy or claim.strategy)()
            outcome = search(strategy, twin.check, twin.examples, start, shrink=twin.shrink)
        else:
            outcome = measure_all(claim.instances(profile), twin.check)
        twins.append(
            TwinVerdict(twin.name, outcome.refuted, outcome.tried, shown(outcome.counterexample))
        )
    if replayed.refuted and claim.expected == "verified" and not main.refuted:
        main.counterexample, main.refutation = replayed.counterexample, replayed.refutation
    reproduced = record is None or _ratio_of(replayed) == record.ratio
    if main.refuted and (reproduced or claim.expected == "verified"):
        verdict = "refuted"
    elif not reproduced:
        verdict = "record not reproduced"
    elif main.undecided is not None:
        verdict = "undecided"
    elif not all(t.refuted for t in twins):
        verdict = "twin survived"
    else:
        verdict = "verified"
    return Verdict(
        claim=claim,
        verdict=verdict,
        grade=claim.grade,
        tried=main.tried,
        worst=_largest(main),
        worst_instance=shown(main.worst_instance),
        counterexample=shown(main.counterexample),
        twins=tuple(twins),
        seed=start,
        seconds=time.perf_counter() - began,
        record=None if record is None else record.ratio,
        sides=_sides(main.refutation or main.worst_measurement),
        worst_value=_value(main.worst_instance),
        counterexample_value=_value(main.counterexample),
        every=None if claim.steps is None else claim.steps[profile],
    )


def _largest(found: Search) -> float:
    """Return the ratio of the counterexample, or the largest, as the nearest double."""
    exact = _ratio_of(found)
    return found.worst if exact is None else exact


def _nearest(side: Real) -> float:
    """Return the nearest double, or where that stays open one next to the number."""
    try:
        return nearest_float(side)
    except UndecidedError:
        return float(side)


def _sides(found: Measurement | None) -> tuple[str, str] | None:
    """Return both sides for people: p/q if exact and short, else in digits that tell them apart."""
    if found is None:
        return None

    def written(side: Real, digits: int) -> str:
        exact = "" if side.exact is None else text(side.exact)
        return exact if 0 < len(exact) <= 16 else f"{_nearest(side):.{digits}g}"

    differ = _nearest(found.measured) != _nearest(found.bound)
    for digits in (6, 9, 12, 17):
        measured, bound = written(found.measured, digits), written(found.bound, digits)
        if measured != bound or not differ:
            break
    return measured, bound


def _value(instance: Any, length: int = 4000) -> Any:
    """Return an instance as a JSON value, or None if it has none or a very long one."""
    try:
        found = encode(instance)
    except InputError:
        return None
    return found if len(json.dumps(found)) <= length else None


def _verify_trials(
    claim: Claim, trials: Trials, profile: str, start: int, error_budget: fmpq, began: float
) -> Verdict:
    """Watch runs of a statistical claim; the same test must reject every twin."""
    if not claim.twins:
        raise InputError(f"twins of {claim.identifier}", claim.twins, "at least one")
    test = trials.test(PROFILES[profile], error_budget)
    undecided, board = False, BOARDS[-1]

    def watched(check: Check, name: str) -> Evidence:
        def fails(rng: np.random.Generator) -> bool:
            nonlocal undecided
            next_instance()
            failed = False
            try:
                failed = not check(rng).holds()
            except UndecidedError:
                undecided = True
            board.run(failed)
            return failed

        board.test()
        return watch(test, fails, name, start)

    main = watched(claim.check, claim.identifier)
    open_runs, twins = undecided, []
    for twin in claim.twins:
        seen = watched(twin.check, f"{claim.identifier}: {twin.name}")
        shown_failures = str(seen) if seen.rejected else ""
        twins.append(TwinVerdict(twin.name, seen.rejected, seen.runs, shown_failures, seen))
    if main.rejected:
        verdict = "refuted"
    elif open_runs:
        verdict = "undecided"
    elif not all(t.refuted for t in twins):
        verdict = "twin survived"
    else:
        verdict = "verified"
    return Verdict(
        claim=claim,
        verdict=verdict,
        grade=claim.grade,
        tried=main.runs,
        worst=main.frequency,
        worst_instance="",
        counterexample=str(main) if main.rejected else "",
        twins=tuple(twins),
        seed=start,
        seconds=time.perf_counter() - began,
        evidence=main,
    )


def examples_at(claim: Claim, profile: str) -> int:
    """Return how many instances of a claim a profile tries."""
    return max(LEAST[profile], int(claim.examples * PROFILES[profile]))


def _replay(claim: Claim, record: Record) -> Search:
    """Measure the instance on record.

    Raises:
        InputError: the instance has another type than the check says it takes.
    """
    hints = get_type_hints(claim.check) if isfunction(claim.check) else {}
    hints.pop("return", None)
    for wanted in list(hints.values())[:1]:
        if not fits(record.instance, wanted):
            raise InputError(
                f"instance on record of {claim.identifier}", record.instance, f"of type {wanted}"
            )
    return _measured(claim, record.instance)


def _measured(claim: Claim, instance: Any) -> Search:
    """Measure one instance; nothing is tried if the check assumes it away."""
    try:
        return search(st.just(instance), claim.check, 1, 0)
    except Unsatisfiable:
        return Search()


def _ratio_of(found: Search) -> float | None:
    """Return the nearest ratio of the only instance measured; None if there is none."""
    measurement = found.refutation or found.worst_measurement
    try:
        return None if measurement is None else measurement.nearest_ratio()
    except UndecidedError:
        return None


def _tightened(claim: Claim, record: Record | None) -> list[Twin]:
    """Return the twin that the ratio on record gives, if it is positive: the bound times F."""
    share = claim.tightening
    if record is None or share is None or not 0 < record.ratio <= 1:
        return []
    return [tightened(claim.check, records.tightening(record.ratio, share))]


def improved_record(
    claim: Claim, *, profile: str = "ci", start: int = 0, folder: Path = records.FOLDER
) -> Record | None:
    """Search for a larger measured / bound than the one on record.

    The instance is shrunk: the smallest that reaches the ratio.  For a claim that is known to be
    false it is the smallest counterexample.  A claim that lists its instances needs no record: they
    are all measured every time.

    Returns:
        The record to be, or None if the one that stands is as good: the same ratio or a larger
        one, which its instance still reaches.

    Raises:
        InputError: no such profile, or a file that is no record of the claim.
    """
    if profile not in PROFILES:
        raise InputError("profile", profile, "one of " + ", ".join(PROFILES))
    if not claim.searched:
        return None  # nothing that a list or a single run would have to keep
    examples = examples_at(claim, profile)
    found = search(claim.strategy(), claim.check, examples, start)
    if found.refuted:
        if claim.expected != "refuted":
            return None
        instance = found.counterexample
    else:
        instance = found.worst_instance
        if found.worst > 0:
            instance = _smallest(claim, found.worst, examples, start) or instance
    ratio = _ratio_of(_measured(claim, instance))
    if ratio is None:
        return None
    old = records.load(claim.identifier, folder)
    if old is not None and old.ratio >= ratio and _ratio_of(_replay(claim, old)) == old.ratio:
        return None
    return Record(claim.identifier, ratio, instance, start, profile)


def _smallest(claim: Claim, worst: float, examples: int, start: int) -> Any:
    """Return the smallest instance that a search like the first reaches with this ratio."""
    below = fmpq(*math.nextafter(worst, 0.0).as_integer_ratio())

    def check(instance: Any) -> Measurement:  # ratios in the same order guide to the same place
        ratio = min(claim.check(instance).ratio(), 1e9)
        return Measurement.of(fmpq(*ratio.as_integer_ratio()), below)

    return search(claim.strategy(), check, examples, start).counterexample


def verify_claims(
    claims: Sequence[Claim],
    *,
    profile: str = "ci",
    start: int = 0,
    processes: int = 1,
    error_budget: fmpq = ERROR_BUDGET,
    board: Board | None = None,
    done: Callable[[Verdict], None] = lambda verdict: None,
) -> Iterator[Verdict]:
    """Yield the verdicts of claims, in order; the same whatever the number of processes.

    Args:
        claims: what to verify.
        profile, start, error_budget: as for :func:`verify_claim`.
        processes: how many to spread the claims over; 1 where processes cannot be forked.
        board: says meanwhile what is being tried.
        done: told every verdict as soon as there is one, in any order.

    Raises:
        InputError: no such profile, or an error budget that does not serve; before any claim is
            tried.
    """
    if profile not in PROFILES:
        raise InputError("profile", profile, "one of " + ", ".join(PROFILES))
    for claim in claims:
        if claim.trials is not None:
            claim.trials.test(PROFILES[profile], error_budget)

    def work(claim: Claim) -> dict[str, Any]:
        """Return the verdict's fields but the claim, which cannot be sent."""
        verdict = verify_claim(claim, profile=profile, start=start, error_budget=error_budget)
        found = dict(vars(verdict))
        del found["claim"]
        return found

    def known(place: int, found: dict[str, Any]) -> None:
        done(Verdict(claim=claims[place], **found))

    spread_out = spread(work, claims, processes, board=board, done=known)
    for claim, found in zip(claims, spread_out, strict=True):
        yield Verdict(claim=claim, **found)


def shown(instance: Any, length: int = 400) -> str:
    """Return an instance on one line, cut to a readable length."""
    if instance is None:
        return ""
    text = " ".join(repr(instance).split())
    return text if len(text) <= length else text[: length - 3] + "..."


def claims_named(names: Sequence[str], known: dict[str, Claim]) -> list[Claim]:
    """Return the claims of these names, each once, or all of them if there are none.

    Raises:
        InputError: there is no claim of some name.
    """
    for name in names:
        if name not in known:
            raise InputError("claim", name, one_of(known, name))
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
