"""Claims, their twins, and the search that tries to break them.

A *claim* says that for every instance its measured side is at most its bound.  Its *twins* are
tightened or sabotaged forms that are false; a harness that does not refute them proves nothing, so
a claim whose twin survives is an error.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_all_start_methods, get_context
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings, target
from hypothesis.errors import HypothesisWarning
from hypothesis.internal.conjecture import providers
from hypothesis.internal.floats import float_to_int
from hypothesis.strategies import SearchStrategy
from sortedcontainers import SortedSet

from llr.errors import InputError, UndecidedError
from llr.numbers.balls import Number, Real

PROFILES = {"quick": 0.4, "ci": 1.0, "nightly": 25.0}
"""How many times a claim's own number of examples each profile tries."""


@dataclass(frozen=True)
class Measurement:
    """Both sides of a claim on one instance; it holds if measured <= bound.

    Counts of violations are measured against the bound 0.
    """

    measured: Real
    bound: Real

    @staticmethod
    def of(measured: Number, bound: Number = 0) -> Measurement:
        """Return a measurement of exact numbers or Reals."""
        return Measurement(Real.of(measured), Real.of(bound))

    def holds(self) -> bool:
        """Compare rigorously.

        Raises:
            UndecidedError: the two sides cannot be told apart at the precision limit.
        """
        return self.measured <= self.bound

    def ratio(self) -> float:
        """Return measured / bound for guidance; 0/0 counts as 0."""
        top, bottom = float(self.measured), float(self.bound)
        if bottom > 0:
            return top / bottom
        return 0.0 if top <= 0 else float("inf")


Check = Callable[[Any], Measurement]


@dataclass(frozen=True)
class Twin:
    """A false form of a claim.

    Attributes:
        name: what was tightened, dropped or sabotaged.
        check: as the claim's.
        strategy: instances to search; default the claim's own.
        examples: how many to try at most, at profile ci.
    """

    name: str
    check: Check
    strategy: Callable[[], SearchStrategy[Any]] | None = None
    examples: int = 1000


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
        twins: false forms that must be refuted, at least one.
        statements: identifiers in ``bounds.STATEMENTS`` whose right-hand sides are used.
        examples: how many instances to try at profile ci.
        expected: "verified", or "refuted" for a printed claim that is known to be false.
        grade: "searched", "exhaustive" if ``instances`` lists all up to a size, or "exact law" if
            each check enumerates all random choices.
        instances: profile -> the instances to measure, small ones first, in place of a search; for
            the twins too.
    """

    identifier: str
    title: str
    source: str
    mark: str
    strategy: Callable[[], SearchStrategy[Any]]
    check: Check
    twins: tuple[Twin, ...]
    statements: tuple[str, ...] = ()
    examples: int = 200
    expected: str = "verified"
    grade: str = "searched"
    instances: Callable[[str], Iterable[Any]] | None = None

    def __post_init__(self) -> None:
        if not self.twins and self.expected == "verified":
            raise InputError(f"twins of {self.identifier}", self.twins, "at least one")


@dataclass
class Search:
    """What a search over instances found.

    Attributes:
        tried: number of instances measured.
        worst: largest measured / bound.
        worst_instance: where it was reached.
        counterexample: the smallest refuting instance found, or None.
        refutation: its measurement.
        undecided: message of the first comparison that stayed open, or None.
    """

    tried: int = 0
    worst: float = 0.0
    worst_instance: Any = None
    counterexample: Any = None
    refutation: Measurement | None = None
    undecided: str | None = None

    @property
    def refuted(self) -> bool:
        """True if some instance broke the claim."""
        return self.refutation is not None


class _RefutedError(Exception):
    """Some instance broke the claim; Hypothesis shrinks it."""


def search(strategy: SearchStrategy[Any], check: Check, examples: int, start: int) -> Search:
    """Look for an instance that breaks a check, and shrink it.

    Args:
        strategy: instances.
        check: measures one.
        examples: how many instances to try at most.
        start: seed; the same seed tries the same instances.
    """
    found = Search()

    @seed(start)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def attempt(instance: Any) -> None:
        if _INTERRUPTED.is_set():
            raise KeyboardInterrupt
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
        target(min(ratio, 1e9))
        if ratio > found.worst or found.worst_instance is None:
            found.worst, found.worst_instance = ratio, instance

    with warnings.catch_warnings(), _without_local_constants():
        warnings.simplefilter("ignore", HypothesisWarning)
        with contextlib.suppress(_RefutedError):
            attempt()
    return found


def measure_all(instances: Iterable[Any], check: Check) -> Search:
    """Measure instances in order, up to the first that breaks the check.

    Args:
        instances: small ones first, so that the first to break it is the smallest.
        check: measures one.
    """
    found = Search()
    for instance in instances:
        if _INTERRUPTED.is_set():
            raise KeyboardInterrupt
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
    return found


_INTERRUPTED = threading.Event()


@contextlib.contextmanager
def between_instances() -> Iterator[None]:
    """Let an interrupt (Ctrl-C) take effect between two instances.

    Raised at any other moment it may be lost: Hypothesis has a callback on garbage collection, and
    what is raised inside such a callback is swallowed.  A second interrupt acts at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, frame: FrameType | None) -> None:
        if _INTERRUPTED.is_set():
            raise KeyboardInterrupt
        _INTERRUPTED.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _INTERRUPTED.clear()


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


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim.

    Attributes:
        claim: the claim.
        verdict: "verified", "refuted", "undecided" or "twin survived".
        grade: the claim's.
        tried: instances measured.
        worst: largest measured / bound.
        worst_instance: where it was reached.
        counterexample: the smallest refuting instance, or an empty string.
        twins: one verdict per twin.
        seed: of the search.
        seconds: time taken.
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

    @property
    def passed(self) -> bool:
        """True if the verdict is the expected one; "verified" means that every twin was refuted."""
        return self.verdict == self.claim.expected

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as a JSON value."""
        return {
            "claim": self.claim.identifier,
            "title": self.claim.title,
            "source": self.claim.source,
            "mark": self.claim.mark,
            "grade": self.grade,
            "seed": self.seed,
            "tried": self.tried,
            "worst_ratio": self.worst if self.worst < float("inf") else None,
            "worst_instance": self.worst_instance,
            "verdict": self.verdict,
            "expected": self.claim.expected,
            "counterexample": self.counterexample,
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


def verify_claim(claim: Claim, *, profile: str = "ci", start: int = 0) -> Verdict:
    """Try to break a claim, and make sure that its twins do break.

    Args:
        claim: what to verify.
        profile: "quick", "ci" or "nightly".
        start: seed of every search.

    Raises:
        InputError: no such profile.
    """
    if profile not in PROFILES:
        raise InputError("profile", profile, "one of " + ", ".join(PROFILES))
    began = time.perf_counter()
    examples = max(20, int(claim.examples * PROFILES[profile]))
    if claim.instances is None:
        main = search(claim.strategy(), claim.check, examples, start)
    else:
        main = measure_all(claim.instances(profile), claim.check)
    twins = []
    for twin in claim.twins:
        if claim.instances is None or twin.strategy is not None:
            strategy = (twin.strategy or claim.strategy)()
            outcome = search(strategy, twin.check, twin.examples, start)
        else:
            outcome = measure_all(claim.instances(profile), twin.check)
        twins.append(
            TwinVerdict(twin.name, outcome.refuted, outcome.tried, shown(outcome.counterexample))
        )
    if main.refuted:
        verdict = "refuted"
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
        worst=main.worst,
        worst_instance=shown(main.worst_instance),
        counterexample=shown(main.counterexample),
        twins=tuple(twins),
        seed=start,
        seconds=time.perf_counter() - began,
    )


_SPREAD: list[Claim] = []


def verify_claims(
    claims: Sequence[Claim], *, profile: str = "ci", start: int = 0, processes: int = 1
) -> Iterator[Verdict]:
    """Yield the verdicts of claims, in order; the same whatever the number of processes.

    Args:
        claims: what to verify.
        profile, start: as for :func:`verify_claim`.
        processes: how many to spread the claims over; 1 where processes cannot be forked.
    """
    if min(processes, len(claims)) <= 1 or "fork" not in get_all_start_methods():
        for claim in claims:
            yield verify_claim(claim, profile=profile, start=start)
        return
    _SPREAD[:] = claims  # forked processes see them; claims hold functions that cannot be sent
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        pending = [pool.submit(_verify_spread, i, profile, start) for i in range(len(claims))]
        try:
            for claim, outcome in zip(claims, pending, strict=True):
                yield Verdict(claim=claim, **outcome.result())
        finally:
            pool.shutdown(cancel_futures=True)


def _verify_spread(place: int, profile: str, start: int) -> dict[str, Any]:
    """Verify one of the spread claims; return the verdict's fields but the claim."""
    found = dict(vars(verify_claim(_SPREAD[place], profile=profile, start=start)))
    del found["claim"]
    return found


def shown(instance: Any, length: int = 400) -> str:
    """Return an instance on one line, cut to a readable length."""
    if instance is None:
        return ""
    text = " ".join(repr(instance).split())
    return text if len(text) <= length else text[: length - 3] + "..."


def claims_named(names: Sequence[str], known: dict[str, Claim]) -> list[Claim]:
    """Return the claims of these names, or all of them if there are none.

    Raises:
        InputError: there is no claim of some name.
    """
    for name in names:
        if name not in known:
            raise InputError("claim", name, "one of " + ", ".join(known))
    return [known[name] for name in names] if names else list(known.values())
