"""Bring your own learner: a conformance suite for anything that learns from a logit oracle.

A learner is a function; what it returns answers prefixes with logits (:class:`Learner`,
:class:`Learned`).  :func:`check_learner` runs it on small targets of every family with rational
logits, asks for nothing but what [P] promises, and shrinks each failure to the smallest target that
shows it.  Everything is counted where the learner meets the oracle, so no learner is believed about
its own queries.

A promise "with probability 1 - delta" is never tested on one run: a target counts as missed if
several runs with fresh seeds all miss it, and repeated runs on fixed targets go through an exact
binomial test.  A learner that keeps its promise fails the suite with probability at most 10^-9.
"""

from __future__ import annotations

import math
import random
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from hashlib import blake2b
from inspect import signature
from math import comb
from operator import index
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import llr
from llr.analysis.distance import total_variation
from llr.errors import InputError, OracleError, ShownAs, UndecidedError, one_of, shorten
from llr.learning.api import ALGORITHMS
from llr.models import families
from llr.models.base import LanguageModel, TabulatedModel, Word, check_size, words
from llr.models.isan import Isan
from llr.numbers.balls import Real
from llr.numbers.perturbations import NOISES
from llr.numbers.rational import ZERO, RationalRow, fraction, rational, text
from llr.numbers.units import LN2, LogitUnit
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import LogitOracle, ModelOracle
from properties.claim import PROFILES, Measurement, search
from properties.strategies import (
    Span,
    cauchy_teachers,
    copies,
    fourier_sparse,
    hard_teachers,
    isans,
    layered_isans,
    noisy_parities,
    perturbed_isans,
    seeds,
    spikes,
    tabulated_models,
)

# -- the protocol -------------------------------------------------------------------------------


class Learned(Protocol):
    """What a learner returns."""

    def logits(self, prefix: Sequence[int]) -> Sequence[Any]:
        """Return the k mean-centred logits of the next token after 0..T-1 tokens.

        They are ints, Fractions, strings "p/q" or finite floats, in the unit that the learner was
        given.  The answer is a function of the prefix, and no oracle is asked for it.
        """


class Learner(Protocol):
    """A learner: a function of a logit oracle and of what is known beforehand."""

    def __call__(
        self,
        oracle: LogitOracle,
        *,
        alphabet_size: int,
        horizon: int,
        unit: LogitUnit,
        epsilon: Fraction,
        delta: Fraction,
        xi: Fraction,
        seed: int,
    ) -> Learned:
        """Return a model within total variation epsilon, except with probability delta.

        It returns always: where it has failed, any model will do.

        Args:
            oracle: ``oracle.logits(prefixes)`` returns a tuple of k Fractions per prefix, fixed up
                to a constant per prefix; a prefix is a tuple of 0..T-1 tokens out of 0..k-1.
            alphabet_size: k >= 2.
            horizon: T >= 1.
            unit: of the oracle's logits and of the model's.
            epsilon, delta: the promise.
            xi: how far centred answers may be off, in nats; 0 for an exact oracle.
            seed: fixes every random choice of the learner.

        Raises:
            OracleError: whatever the oracle raises, passed on.
        """


def own_learner(algorithm: str = "printed", **options: Any) -> Learner:
    """Return one of this library's learners as a :class:`Learner`.

    Args:
        algorithm, options: as for :func:`llr.learn`.

    Raises:
        InputError: there is no such algorithm, or no such option.
    """
    if algorithm not in ALGORITHMS:
        raise InputError("algorithm", algorithm, "one of " + ", ".join(ALGORITHMS))
    told = signature(Learner.__call__).parameters
    free = [name for name in signature(llr.learn).parameters if name not in {"algorithm", *told}]
    for name in options:
        if name not in free:
            raise InputError("option", name, one_of(free, name))

    def learner(
        oracle: LogitOracle,
        *,
        alphabet_size: int,
        horizon: int,
        unit: LogitUnit,
        epsilon: Fraction,
        delta: Fraction,
        xi: Fraction,
        seed: int,
    ) -> Learned:
        return llr.learn(
            oracle,
            alphabet_size=alphabet_size,
            horizon=horizon,
            unit=unit,
            epsilon=epsilon,
            delta=delta,
            xi=xi,
            seed=seed,
            algorithm=algorithm,
            **options,
        ).model

    learner.__name__ = algorithm
    return learner


# -- the report ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class CheckResult:
    """One check of the suite.

    Attributes:
        name: one word.
        statement: what was checked.
        passed: whether it held wherever it was tried.
        tried: cases tried.
        detail: what went wrong, or figures of what was asked and missed; may be empty.
        target: the smallest target found that fails, written out; empty if none does.  The
            repeated runs have fixed targets: theirs is the first that fails.
        model: that target itself.
    """

    name: str
    statement: str
    passed: bool
    tried: int
    detail: str
    target: str = ""
    model: LanguageModel | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class ConformanceReport:
    """What :func:`check_learner` found.

    Attributes:
        learner: its name.
        checks: in the order in which they ran.
        profile, seed: as asked for.
    """

    learner: str
    checks: tuple[CheckResult, ...]
    profile: str
    seed: int

    @property
    def passed(self) -> bool:
        """True if every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[str, ...]:
        """The names of the checks that did not pass."""
        return tuple(check.name for check in self.checks if not check.passed)

    def __str__(self) -> str:
        passed = len(self.checks) - len(self.failures)
        verdict = "conforms" if self.passed else "does not conform"
        lines = [f"{self.learner} {verdict}: {passed} of {len(self.checks)} checks passed"]
        for check in self.checks:
            mark = "passed" if check.passed else "FAILED"
            lines.append(f"  {check.name:<12} {mark}  {check.statement} ({check.tried:,} cases)")
            if check.detail:
                lines.append(f"      {check.detail}")
            if check.target:
                kind = "fixed" if check.name == CONFIDENCE else "smallest"
                lines.append(f"      {kind} target: {check.target}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON value."""
        return {
            "learner": self.learner,
            "passed": self.passed,
            "profile": self.profile,
            "seed": self.seed,
            "checks": [
                {
                    "name": check.name,
                    "statement": check.statement,
                    "passed": check.passed,
                    "tried": check.tried,
                    "detail": check.detail,
                    "target": check.target,
                }
                for check in self.checks
            ],
        }


# -- targets ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Target:
    """A small exact model with the family that it was drawn from."""

    family: str
    model: LanguageModel

    @cached_property
    def rows(self) -> dict[Word, RationalRow]:
        """The logits at every prefix of 0..T-1 tokens, shorter ones first."""
        model = self.model
        prefixes = (p for n in range(model.horizon) for p in words(model.alphabet_size, n))
        return {p: model.read(model.state_of(p)) for p in prefixes}

    @cached_property
    def key(self) -> str:
        """The model written out: equal for equal models."""
        written = (",".join(map(text, row)) for row in self.rows.values())
        return f"{self.model.alphabet_size} {self.model.unit} " + " ".join(written)

    def __repr__(self) -> str:
        model = self.model
        if type(model).__repr__ is not object.__repr__:
            return f"{self.family}: {model!r}"
        rows = ", ".join(
            "".join(map(str, p)) + ": " + " ".join(map(text, row)) for p, row in self.rows.items()
        )
        return (
            f"{self.family}: k={model.alphabet_size}, T={model.horizon}, unit={model.unit}, {rows}"
        )


def small_targets(
    *, horizons: Span = (1, 5), alphabet_sizes: Span = (2, 8)
) -> SearchStrategy[Target]:
    """Return targets of every family with rational logits, exact and quickly tabulated.

    The teachers and layered ISANs come only where T = 5 is allowed, whatever their own T: they are
    made of few choices, so that failures would shrink to them, and they are hard to read.

    Args:
        horizons: least and largest T, 1 to 5.
        alphabet_sizes: least and largest k, 2 to 8; what has T > 2 has k <= 3.
    """
    found: list[SearchStrategy[Target]] = []

    def add(
        family: str, t: Span, k: Span, models: Callable[[Span, Span], SearchStrategy[Any]]
    ) -> None:
        t = max(t[0], horizons[0]), min(t[1], horizons[1])
        k = max(k[0], alphabet_sizes[0]), min(k[1], alphabet_sizes[1])
        if t[0] <= t[1] and k[0] <= k[1]:
            found.append(st.builds(Target, st.just(family), models(t, k)))

    def random_isans(t: Span, k: Span) -> SearchStrategy[Isan]:
        return isans(horizons=t, alphabet_sizes=k, dimensions=(1, 2))

    def rational_isans(t: Span, k: Span) -> SearchStrategy[Isan]:
        return isans(horizons=t, alphabet_sizes=k, dimensions=(1, 1), units=(LN2,), integers=True)

    def tables(t: Span, k: Span) -> SearchStrategy[TabulatedModel]:
        return tabulated_models(horizons=t, alphabet_sizes=k)

    two, three, eight = (2, 2), (2, 3), (2, 8)
    add("ISAN", (1, 5), two, random_isans)
    add("ISAN", (1, 3), three, random_isans)
    add("ISAN", (1, 3), three, rational_isans)
    add("ISAN", (1, 2), eight, random_isans)
    add("table", (1, 3), two, tables)
    add("table", (1, 1), eight, tables)
    add("spike", (1, 4), two, lambda t, k: spikes(horizons=t))
    add("perturbed ISAN", (1, 3), two, lambda t, k: perturbed_isans(horizons=t, alphabet_sizes=k))
    add("noisy parity", (2, 4), two, lambda t, k: noisy_parities(bits=(t[0] - 1, t[1] - 1)))
    add("Fourier-sparse", (2, 4), two, lambda t, k: fourier_sparse(bits=(t[0] - 1, t[1] - 1)))
    add("copy", (2, 2), eight, lambda t, k: copies(tokens=(1, 1), alphabet_sizes=k))
    add("copy", (4, 4), two, lambda t, k: copies(tokens=(2, 2), alphabet_sizes=k))
    add("layered ISAN", (5, 5), two, lambda t, k: layered_isans(horizons=(3, 5), alphabet_sizes=k))
    add("Cauchy teacher", (5, 5), two, lambda t, k: cauchy_teachers(bits=(1, 2)))
    teachers = hard_teachers(bits=(1, 2), copies_made=(0, 1)).map(lambda teacher: teacher.model)
    add("hard teacher", (5, 5), two, lambda t, k: teachers)
    return st.one_of(found)


# -- one run ------------------------------------------------------------------------------------


class Boundary:
    """The oracle as a learner meets it: every prefix that is asked for is written down.

    Illegal prefixes are answered with zeros, so that a learner fails the check that it should.

    Args:
        oracle: who answers, in rationals.
        alphabet_size, horizon: what prefixes may be.
        shifted: add a constant to each row, another one for each prefix.
        fails_at: raise OracleError at this prefix, counted from 0, and ever after.

    Attributes:
        asked: the prefixes answered, in order, repeats included.
        illegal: whatever was asked that is no prefix of 0..T-1 tokens out of 0..k-1.
        late: whatever was asked after learning; set ``learning`` to False for that.
        failed: whether OracleError was raised.
    """

    def __init__(
        self,
        oracle: LogitOracle,
        alphabet_size: int,
        horizon: int,
        *,
        shifted: bool = False,
        fails_at: int | None = None,
    ) -> None:
        self._oracle = oracle
        self._k, self._horizon = alphabet_size, horizon
        self._shifted, self._fails_at = shifted, fails_at
        self.learning = True
        self.failed = False
        self.asked: list[Word] = []
        self.illegal: list[object] = []
        self.late: list[object] = []

    def logits(self, prefixes: Sequence[Word]) -> list[tuple[Fraction, ...]]:
        """Return k Fractions per prefix."""
        return [self._answer(prefix) for prefix in prefixes]

    def _answer(self, prefix: Sequence[int]) -> tuple[Fraction, ...]:
        if not self.learning:
            self.late.append(prefix)
        try:
            word = tuple(index(token) for token in prefix)
        except TypeError:
            word = (-1,)
        if len(word) >= self._horizon or not all(0 <= token < self._k for token in word):
            self.illegal.append(prefix)
            return (Fraction(0),) * self._k
        if self._fails_at is not None and len(self.asked) >= self._fails_at:
            self.failed = True
            raise OracleError("the oracle has gone away")
        self.asked.append(word)
        constant = 1 + len(word) + sum(word) if self._shifted else 0
        return tuple(fraction(rational(x)) + constant for x in self._oracle.logits([word])[0])


@dataclass(frozen=True)
class Demand:
    """What a learner is asked for: epsilon, delta, and the xi that it is told."""

    epsilon: Fraction
    delta: Fraction
    xi: Fraction = Fraction(0)


@dataclass(frozen=True)
class Attempt:
    """One run of a learner.

    Attributes:
        target: what it learned.
        boundary: the oracle, with what was asked of it.
        error: what the learner raised, while learning or when it was read, or None.
        rows: the learned logits at every prefix that has k finite ones.
        misshapen: what is wrong with the rows, one line per prefix.
        unstable: prefixes whose logits differ when they are read again.
    """

    target: Target
    boundary: Boundary
    error: Exception | None
    rows: dict[Word, RationalRow]
    misshapen: list[str]
    unstable: list[Word]

    @cached_property
    def distance(self) -> Real | None:
        """TV(target, learned), or None if there is no whole learned model."""
        if len(self.rows) < len(self.target.rows):
            return None
        model = self.target.model
        learned = TabulatedModel(model.alphabet_size, model.horizon, self.rows, model.unit)
        return total_variation(model, learned).value


@contextmanager
def _other_chance(number: int) -> Iterator[None]:
    """Give the global generators a state of their own.

    Hypothesis seeds them alike before every case, which would hide a learner that draws from them
    and not from its seed.
    """
    kept = random.getstate(), np.random.get_state()
    random.seed(number)
    np.random.seed(number)
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])


def _attempt(
    learner: Learner, target: Target, boundary: Boundary, demand: Demand, seed: int
) -> Attempt:
    """Run the learner once and read its model at every prefix, twice."""
    model = target.model
    attempt = Attempt(target, boundary, None, {}, [], [])
    try:
        learned = learner(
            boundary,
            alphabet_size=model.alphabet_size,
            horizon=model.horizon,
            unit=model.unit,
            epsilon=demand.epsilon,
            delta=demand.delta,
            xi=demand.xi,
            seed=seed,
        )
        boundary.learning = False
        if not callable(getattr(learned, "logits", None)):
            raise _NoModelError(learned)
        for prefix in target.rows:
            answer, again = (_listed(learned.logits(prefix)) for _ in range(2))
            row, complaint = _parsed(answer, model.alphabet_size)
            if row is not None:
                attempt.rows[prefix] = row
            if complaint:
                attempt.misshapen.append(f"logits({prefix}) = {shorten(answer)} {complaint}")
            if answer != again:
                attempt.unstable.append(prefix)
    except Exception as error:  # whatever a learner raises is a finding, not an accident of ours
        return replace(attempt, error=error)
    except KeyboardInterrupt as stop:
        stop.add_note(f"while it learned {target!r}")
        raise
    return attempt


class _NoModelError(Exception):
    """A learner returned what has no logits."""


CENTRED = Fraction(1, 10**9)
"""How far the mean of floats may be from 0, relative to the largest of them or to 1."""


def _listed(answer: object) -> object:
    """Return what can be listed as a tuple, anything else as it is."""
    return tuple(answer) if isinstance(answer, Iterable) else answer


def _parsed(answer: object, k: int) -> tuple[RationalRow | None, str]:
    """Return the row as rationals, or None; and what is wrong with it, or an empty string."""
    if not isinstance(answer, tuple):
        return None, f"is no sequence of {k} numbers"
    if len(answer) != k:
        return None, f"has {len(answer)} entries, not {k}"
    row, slack = [], Fraction(0)
    for x in answer:
        if isinstance(x, float):
            if not math.isfinite(x):
                return None, "is not finite"
            slack = CENTRED
            x = Fraction(x)
        try:
            row.append(rational(x))
        except InputError:
            return None, "is not made of ints, Fractions, strings p/q or floats"
    largest = max(Fraction(1), *(abs(fraction(x)) for x in row))
    if abs(fraction(sum(row, ZERO))) > k * slack * largest:
        return tuple(row), "is not centred"
    return tuple(row), ""


# -- the suite ----------------------------------------------------------------------------------

EPSILON = Fraction(1, 20)
SEARCH_DELTA = Fraction(1, 1000)
REPEATED_DELTA = Fraction(1, 100)
RUNS = {"quick": 40, "ci": 100, "nightly": 300}
"""Runs on each fixed target."""

CONFIDENCE = "confidence"
FALSE_ALARM = Fraction(1, 10**9)
"""Largest probability that a learner which keeps its promise fails; half for each way to test."""

EXAMPLES = 200


@dataclass(frozen=True)
class Case:
    """A target, and what its oracle does where it is not exact.

    Attributes:
        target: the target.
        noise: kind of noise.
        share: xi = epsilon / (share T), so that T xi / 2 < epsilon.
        noise_seed: fixes the error.
        fails_at: the prefix at which the oracle fails, modulo those that the learner asks for.
    """

    target: Target
    noise: str
    share: int
    noise_seed: int
    fails_at: int

    @property
    def key(self) -> str:
        """The case written out: equal for equal cases."""
        return f"{self.noise} {self.share} {self.noise_seed} {self.fails_at} {self.target.key}"

    @property
    def xi(self) -> Fraction:
        """How far the noisy oracle is off, in nats."""
        return EPSILON / (self.share * self.target.model.horizon)


def _cases() -> SearchStrategy[Case]:
    return st.builds(
        Case,
        small_targets(),
        st.sampled_from(list(NOISES)),
        st.sampled_from([1, 50]),
        seeds(),
        st.integers(0, 20),
    )


def _corners() -> list[Case]:
    """Return cases that are always among those surveyed: least and largest T and k."""
    sizes = [(horizon, k) for horizon, k in ((1, 2), (1, 8), (2, 8), (3, 3), (5, 2))]
    targets = [Target("random ISAN", families.random_isan(t, k, 2, t + k)) for t, k in sizes]
    return [Case(target, next(iter(NOISES)), 50, 0, 1) for target in targets]


Check: TypeAlias = Callable[[Case], str | None]
"""Says what is wrong; an empty string if nothing is; None if the learner never got that far."""


class _Suite:
    """The checks on one learner."""

    def __init__(self, learner: Learner, profile: str, seed: int) -> None:
        self._learner = learner
        self._examples = examples = int(EXAMPLES * PROFILES[profile])
        self._runs_repeated = RUNS[profile]
        self._seed = seed
        self._known: dict[tuple[str, str, int], Attempt] = {}
        self._verdicts: dict[tuple[str, str], str | None] = {}
        self._runs_made = 0
        self._attempts = 1
        while 3 * examples * SEARCH_DELTA**self._attempts > FALSE_ALARM / 2:
            self._attempts += 1
        near = f"TV(target, learned) <= {EPSILON}"
        self._checks: dict[str, tuple[str, Check]] = {
            "runs": ("returns a model on every small target", self._runs),
            "rows": ("its logits are k finite numbers with mean 0", self._rows),
            "queries": ("asks for prefixes of 0..T-1 tokens only", self._queries),
            "silence": ("asks nothing once it has learned", self._silence),
            "seeds": ("same seed, same model, to the bit", self._seeds),
            "accuracy": (f"{near} with an exact oracle", self._accuracy),
            "constants": ("so, too, with a constant added to each row", self._constants),
            "noise": (f"so, too, with noise xi <= {EPSILON} / T", self._noise),
            "errors": ("an OracleError reaches the caller", self._errors),
        }

    def results(self) -> Iterator[CheckResult]:
        """Yield the checks, one after the other.

        All checks look at the same cases; one that fails searches anew for its smallest target.
        """
        cases: dict[str, Case] = {}

        def survey(case: Case) -> Measurement:
            cases[case.key] = case
            for name in self._checks:
                self._verdict(name, case)
            return Measurement.of(0)

        for case in _corners():
            survey(case)
        search(_cases(), survey, self._examples, self._seed)
        counted = self._counted()
        for name, (statement, _) in self._checks.items():
            verdicts = {key: self._verdicts[name, key] for key in cases}
            tried = sum(verdict is not None for verdict in verdicts.values())
            failing = next((key for key, verdict in verdicts.items() if verdict), None)
            if failing is not None:
                case = self._smallest(name, cases[failing])
                detail = self._verdict(name, case) or ""
                model = case.target.model
                yield CheckResult(name, statement, False, tried, detail, repr(case.target), model)
            elif tried:
                detail = counted if name == "queries" else ""
                yield CheckResult(name, statement, True, tried, detail)
            else:
                detail = "not tested: no run got that far"
                yield CheckResult(name, statement, False, 0, detail)
        yield self._repeated()

    def _smallest(self, name: str, case: Case) -> Case:
        """Return the case with the smallest target found: least T, then least k, then as shrunk.

        Hypothesis alone shrinks within a family and a size, since both change what is drawn.
        """

        def fails(target: Target) -> Measurement:
            return Measurement.of(int(bool(self._verdict(name, replace(case, target=target)))))

        model = case.target.model
        for horizon in range(1, model.horizon + 1):
            for k in range(2, model.alphabet_size + 1):
                targets = small_targets(horizons=(horizon, horizon), alphabet_sizes=(k, k))
                found = search(targets, fails, self._examples, self._seed)
                if found.refuted:
                    return replace(case, target=found.counterexample)
        return case

    def _verdict(self, name: str, case: Case) -> str | None:
        """Return what a check says of a case; once only, so that none changes its mind."""
        key = (name, case.key)
        if key not in self._verdicts:
            try:
                self._verdicts[key] = self._checks[name][1](case)
            except UndecidedError as error:
                self._verdicts[key] = f"undecided: {error}"
        return self._verdicts[key]

    def _counted(self) -> str:
        """Say what all runs asked so far, and what exhaustive tabulation would have asked."""
        asked = [attempt.boundary.asked for attempt in self._known.values()]
        exhaustive = sum(len(attempt.rows) for attempt in self._known.values())
        return (
            f"{len(asked)} runs asked for {sum(map(len, asked))} prefixes, "
            f"{sum(len(set(run)) for run in asked)} of them distinct; "
            f"exhaustive tabulation asks for {exhaustive}"
        )

    # -- runs -----------------------------------------------------------------------------------

    def _tried(self, case: Case, oracle: str, place: int = 0) -> Attempt:
        """Return run number ``place`` with an "exact", "shifted" or "noisy" oracle."""
        how = case.key if oracle == "noisy" else case.target.key
        key = (oracle, how, place)
        if key not in self._known:
            noisy = oracle == "noisy"
            boundary = self._boundary(
                case.target, case if noisy else None, shifted=oracle == "shifted"
            )
            demand = Demand(EPSILON, SEARCH_DELTA, case.xi if noisy else Fraction(0))
            self._known[key] = self._attempt(
                case.target, boundary, demand, self._fresh(oracle, how, place)
            )
        return self._known[key]

    def _boundary(
        self,
        target: Target,
        noise: Case | None = None,
        *,
        shifted: bool = False,
        fails_at: int | None = None,
    ) -> Boundary:
        model = target.model
        oracle: LogitOracle = ModelOracle(model)
        if noise is not None:
            xi = rational(noise.xi)
            oracle = NoisyOracle(oracle, noise.noise, xi, model.unit, noise.noise_seed)
        return Boundary(
            oracle, model.alphabet_size, model.horizon, shifted=shifted, fails_at=fails_at
        )

    def _attempt(self, target: Target, boundary: Boundary, demand: Demand, seed: int) -> Attempt:
        self._runs_made += 1
        with _other_chance(self._runs_made):
            return _attempt(self._learner, target, boundary, demand, seed)

    def _fresh(self, *what: object) -> int:
        """Return a seed that is fixed by its purpose, as if it were drawn afresh for each."""
        message = " ".join(map(str, (self._seed, *what))).encode()
        return int.from_bytes(blake2b(message, digest_size=4).digest(), "big")

    # -- checks ---------------------------------------------------------------------------------

    def _runs(self, case: Case) -> str:
        error = self._tried(case, "exact").error
        return "" if error is None else _complaint(error)

    def _rows(self, case: Case) -> str | None:
        attempt = self._tried(case, "exact")
        return None if attempt.error else "; ".join(attempt.misshapen[:1])

    def _queries(self, case: Case) -> str | None:
        boundary = self._tried(case, "exact").boundary
        if boundary.illegal:
            return f"it asked for {shorten(boundary.illegal[0])}"
        return "" if boundary.asked else None

    def _silence(self, case: Case) -> str | None:
        attempt = self._tried(case, "exact")
        if attempt.error:
            return None
        late = attempt.boundary.late
        return f"reading its model asked for {shorten(late[0])}" if late else ""

    def _seeds(self, case: Case) -> str | None:
        attempt = self._tried(case, "exact")
        if attempt.error:
            return None
        if attempt.unstable:
            return f"two readings of one model differ at prefix {attempt.unstable[0]}"
        again = self._attempt(
            case.target,
            self._boundary(case.target),
            Demand(EPSILON, SEARCH_DELTA),
            self._fresh("exact", case.target.key, 0),
        )
        other = [p for p in case.target.rows if attempt.rows.get(p) != again.rows.get(p)]
        return f"two runs with one seed differ at prefix {other[0]}" if other else ""

    def _accuracy(self, case: Case) -> str | None:
        return self._near(case, "exact")

    def _constants(self, case: Case) -> str | None:
        return self._robust(case, "shifted")

    def _noise(self, case: Case) -> str | None:
        return self._robust(case, "noisy")

    def _robust(self, case: Case, oracle: str) -> str | None:
        """Ask a learner that is right with an exact oracle to be right with this one."""
        if self._accuracy(case) != "":
            return None
        attempt = self._tried(case, oracle)
        if attempt.error:
            return _complaint(attempt.error)
        return "; ".join(attempt.misshapen[:1]) or self._near(case, oracle)

    def _near(self, case: Case, oracle: str) -> str | None:
        """Hold if some run is near enough; a sound one misses with probability at most delta."""
        missed = []
        for place in range(self._attempts):
            apart = self._tried(case, oracle, place).distance
            if apart is None:
                return None
            if apart <= EPSILON:
                return ""
            missed.append(f"{float(apart):.4g}")
        return f"all of {self._attempts} runs missed: TV = {', '.join(missed)}"

    def _errors(self, case: Case) -> str | None:
        whole = self._tried(case, "exact")
        if whole.error or not whole.boundary.asked:
            return None
        place = case.fails_at % len(whole.boundary.asked)
        attempt = self._attempt(
            case.target,
            self._boundary(case.target, fails_at=place),
            Demand(EPSILON, SEARCH_DELTA),
            self._fresh("exact", case.target.key, 0),
        )
        if not attempt.boundary.failed:
            return None
        if isinstance(attempt.error, OracleError):
            return ""
        if attempt.error is None:
            return f"the error at query {place + 1} was swallowed"
        return f"after the error at query {place + 1} {_complaint(attempt.error)}"

    # -- repeated runs --------------------------------------------------------------------------

    def _repeated(self) -> CheckResult:
        """Test P(TV > epsilon) <= delta on fixed targets by the exact binomial tail."""
        targets = _repeated_targets()
        risk = FALSE_ALARM / 2 / len(targets)
        runs = self._runs_repeated
        critical = least_refuting(runs, REPEATED_DELTA, risk)
        rate = detectable_rate(runs, critical)
        statement = f"TV > {EPSILON} in at most {REPEATED_DELTA} of all runs"
        demand = Demand(EPSILON, REPEATED_DELTA)
        tried, missed = 0, []
        for target in targets:
            misses = 0
            for place in range(runs):
                seed = self._fresh("repeated", target.key, place)
                attempt = self._attempt(target, self._boundary(target), demand, seed)
                apart = attempt.distance
                if apart is None:
                    detail = "not tested: a run ended without a whole model"
                    return CheckResult(CONFIDENCE, statement, False, tried, detail)
                tried += 1
                misses += apart > EPSILON
            missed.append(misses)
            if misses >= critical:
                detail = f"{misses} of {runs} runs missed; {critical} refute delta"
                return CheckResult(
                    CONFIDENCE, statement, False, tried, detail, repr(target), target.model
                )
        detail = (
            f"{', '.join(map(str, missed))} of {runs} runs missed; {critical} would refute; "
            f"a rate of {float(rate):.2f} is found with probability 0.99"
        )
        return CheckResult(CONFIDENCE, statement, True, tried, detail)


def _complaint(error: Exception) -> str:
    """Say what a learner did in place of returning a model, and where."""
    if isinstance(error, _NoModelError):
        return f"it returned {shorten(error.args[0])}, which has no logits(prefix)"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"it raised {shorten(ShownAs(f'{type(error).__name__}: {error}'), 200)}{place}"


def _repeated_targets() -> list[Target]:
    """Return fixed targets with few and with many likely words."""
    return [
        Target("noisy parity", families.noisy_parity(3, "111", "1/4")),
        Target("random ISAN", families.random_isan(4, 2, 2, 1)),
        Target("spike", families.spike(3)),
    ]


def tail(runs: int, rate: Fraction, least: int) -> Fraction:
    """Return Pr(Bin(runs, rate) >= least), exactly."""
    return sum(
        (comb(runs, i) * rate**i * (1 - rate) ** (runs - i) for i in range(least, runs + 1)),
        Fraction(0),
    )


def least_refuting(runs: int, delta: Fraction, risk: Fraction) -> int:
    """Return the least number of failures that has probability at most ``risk`` at rate delta."""
    return next(n for n in range(runs + 2) if tail(runs, delta, n) <= risk)


def detectable_rate(runs: int, critical: int, power: Fraction = Fraction(99, 100)) -> Fraction:
    """Return the least percentage at which ``critical`` failures have probability ``power``."""
    rates = (Fraction(n, 100) for n in range(101))
    return next(rate for rate in rates if tail(runs, rate, critical) >= power)


def _can_be_called(learner: object) -> bool:
    """Return False if a learner cannot take its arguments; True if that cannot be known."""
    if not callable(learner):
        return False
    _, oracle, *named = signature(Learner.__call__).parameters
    try:
        taken = signature(learner)
    except (TypeError, ValueError):
        return True
    try:
        taken.bind(oracle, **{name: name for name in named})
    except TypeError:
        return False
    return True


def check_learner(
    learner: Learner, *, name: str | None = None, profile: str = "ci", seed: int = 0
) -> ConformanceReport:
    """Run the conformance suite on a learner.

    The targets are small and of every family; hidden Markov models alone are left out, since their
    logits are irrational.  The least and the largest T and k, 1 and 5, 2 and 8, are always among
    them.  What is asked for: epsilon = 1/20 in total variation; delta = 1/1000 where targets are
    searched, 1/100 where runs are repeated.

    Args:
        learner: see :class:`Learner`.
        name: what to call it in the report; default its own name.
        profile: "quick", "ci" or "nightly": 85, 205 or 5,005 targets at most, and 40, 100 or 300
            runs on each of three fixed ones, by which a rate of failure of 42, 22 or 11 % is
            detected, where 1 % is promised.
        seed: of every search; the same seed gives the same report if the learner keeps its own.

    Returns:
        A :class:`ConformanceReport`.

    Raises:
        InputError: the learner cannot be called, or not with these arguments, or there is no such
            profile.
    """
    if not _can_be_called(learner):
        _, oracle, *named = signature(Learner.__call__).parameters
        expected = f"a function of ({oracle}, *, {', '.join(named)}), see Learner"
        raise InputError("learner", learner, expected)
    if not isinstance(profile, str) or profile not in PROFILES:
        raise InputError("profile", profile, "one of " + ", ".join(PROFILES))
    check_size(seed, 0, "seed")
    suite = _Suite(learner, profile, seed)
    shown = name or str(getattr(learner, "__name__", type(learner).__name__))
    return ConformanceReport(shown, tuple(suite.results()), profile, seed)
