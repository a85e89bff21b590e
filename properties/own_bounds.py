"""Bring your own bound: search against a user's right-hand side in place of a statement's."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, is_dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from types import NoneType
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

import numpy as np
from flint import arb, fmpq, fmpz
from hypothesis import strategies as st

from bounds import STATEMENTS, Statement
from bounds.statement import substituted
from llr.errors import InputError, one_of, shorten
from llr.models.base import check_size
from llr.numbers.balls import Enclosure, Real
from llr.numbers.rational import fraction, rational
from properties import records
from properties.claim import Claim, Measurement, Search, search, shown
from properties.claims import CLAIMS
from properties.results import ratio

ROUNDS = 6
"""So many searches per claim, time allowing, each of twice as many instances as the one before."""

SHOWN = 4
"""How many answers of the user's function are printed, and values of an argument."""

YOURS = "your function for"
"""How notes on errors begin."""

BRIEF = 12
"""Rationals of so many characters are printed as they are."""

Call: TypeAlias = tuple[Any, Mapping[str, Any]]
"""What a user's function returned, and its arguments."""


@dataclass(frozen=True)
class BoundVerdict:
    """What a search against a user's right-hand side found.

    Attributes:
        statement: identifier.
        verdict: "refuted", "undecided" if some comparison stayed open, else "not refuted".
        claim: the claim that was refuted, or the one with the worst ratio.
        title: that claim on one line; its right-hand side is to be read as the user's.
        worst: largest measured / bound met where the claim held.
        worst_instance: where it was reached, or None.
        counterexample: the smallest refuting instance found, or None.
        refutation: both sides there, or None.
        answers: what the user's function was asked for there and what it returned, as text.
        asked: of each claim searched, for each argument of the user's function the values that it
            had in that search, as text.
        tried: instances measured, over these claims.
        seconds: time taken.
        in_time: False if the time was over before the search was.
    """

    statement: str
    verdict: str
    claim: str
    title: str
    worst: float
    worst_instance: Any
    counterexample: Any
    refutation: Measurement | None
    answers: tuple[str, ...]
    asked: Mapping[str, tuple[str, ...]]
    tried: int
    seconds: float
    in_time: bool

    @property
    def refuted(self) -> bool:
        """True if some instance broke the user's bound."""
        return self.refutation is not None

    def __str__(self) -> str:
        lines = [
            f"{self.statement} with your right-hand side: {self.verdict}",
            f"  claim           {self.claim}: {self.title}",
        ]
        if self.refutation is not None:
            lines += [
                f"  counterexample  {shown(self.counterexample)}",
                f"  there           {_compared(self.refutation)}",
                *(f"  your function   {answer}" for answer in self.answers[:SHOWN]),
            ]
            if len(self.answers) > SHOWN:
                lines.append(f"                  and {len(self.answers) - SHOWN:,} more")
        elif self.worst_instance is not None:
            lines += [
                f"  worst ratio     {ratio(self.worst, 6)}",
                f"  at              {shown(self.worst_instance)}",
            ]
        if self.refutation is None:
            for claim, values in self.asked.items():
                where = f"in {claim}: " if len(self.asked) > 1 else ""
                lines.append(f"  your function   {where}{'; '.join(values)}")
        over = "" if self.in_time else ", all the time there was"
        lines.append(f"  tried           {self.tried:,} instances in {self.seconds:.1f} s{over}")
        return "\n".join(lines)


def check_bound(
    identifier: str, function: Callable[..., Any], *, seconds: float = 60, start: int = 0
) -> BoundVerdict:
    """Try to break a statement with another right-hand side.

    The claims that use the statement and draw their instances by a search (none that lists them or
    draws samples; those known to be false, or that say how sharp it is, only if there is no other)
    are searched with ``function`` in place of the registered one: first the instances on record,
    then as many instances of each claim as its own number says, then twice as many, and so on up to
    32 times as many, to the first counterexample; it is shrunk.  The same seed gives the same
    verdict unless time runs out.

        >>> from properties import check_bound
        >>> print(check_bound("lemma-5.3", lambda gap, unit: 1))  # doctest: +SKIP

    Args:
        identifier: in ``bounds.STATEMENTS``, e.g. "lemma-5.3".
        function: takes the arguments of the registered function, those before a ``*`` by position
            and all of them; rationals are ``flint.fmpq``.  Returns a number (int, Fraction, fmpq,
            Decimal, ``Real``, ``Enclosure``, arb, or a float of Python, numpy or mpmath, which is
            taken as the dyadic rational that it is); an integer where the statement is a number of
            things; a pair where the statement returns a pair; else an object of the same class,
            with parts of any of these kinds.  It may call the registered functions.
        seconds: at most about this long; one instance is never cut short.
        start: seed of the search.

    Raises:
        InputError: no such statement, no such claim, a function that cannot take these
            arguments, or one that returns something else.
        Exception: whatever the function raises, or what comes of what it returns, with a note of
            its arguments.
    """
    if not isinstance(identifier, str) or identifier not in STATEMENTS:
        raise InputError("statement", identifier, one_of(STATEMENTS, identifier))
    if not (isinstance(seconds, int | float) and seconds > 0):
        raise InputError("seconds", seconds, "a positive number")
    check_size(start, 0, "start")
    citing = [c for c in CLAIMS.values() if identifier in c.statements and c.searched]
    citing = [c for c in citing if c.expected == "verified" and not c.sharp] or citing
    if not citing:
        raise InputError("statement", identifier, "one with a claim that is searched")
    asked = _Asked(identifier)
    began = time.monotonic()
    until = began + seconds
    substitute = {identifier: _adapted(STATEMENTS[identifier], function, asked)}
    with substituted(substitute), asked.noted():
        against = _searched([_Against(claim, asked) for claim in citing], start, until)
        if not against:
            raise InputError("statement", identifier, "one whose right-hand side a claim evaluates")
        telling = max(against, key=lambda one: (one.found.refuted, one.found.worst))
        answers = telling.answers()
    return _verdict(identifier, telling, against, answers, time.monotonic() - began)


class _Against:
    """The search against one claim.

    Args:
        claim: the claim.
        asked: notes what the user's function is asked for.

    Attributes:
        found: what came out so far.
        values: of each argument in that search.
        in_time: False if a round was cut short.
    """

    def __init__(self, claim: Claim, asked: _Asked) -> None:
        self.claim, self._asked = claim, asked
        self.found = Search()
        self.values: dict[str, _Values] = {}
        self.in_time = True

    def replay(self, start: int) -> None:
        """Measure the instance on record."""
        record = records.load(self.claim.identifier)
        if record is not None:
            self._asked.note(self.values)
            self._add(search(st.just(record.instance), self.claim.check, 1, start))

    def round(self, number: int, start: int, until: float) -> bool:
        """Search once, up to a value of ``time.monotonic``; return if that refutes the bound."""
        claim, examples = self.claim, self.claim.examples << number
        self._asked.note(self.values)
        outcome = search(claim.strategy(), claim.check, examples, start + number, until=until)
        self._add(outcome)
        self.in_time = self.in_time and time.monotonic() <= until
        return outcome.refuted

    def answers(self) -> tuple[str, ...]:
        """Return what the user's function was asked for at the counterexample, and its answers."""
        if not self.found.refuted:
            return ()
        self._asked.note({}, keep=True)
        search(st.just(self.found.counterexample), self.claim.check, 1, 0)
        return tuple(dict.fromkeys(map(_answer, self._asked.kept)))

    def _add(self, part: Search) -> None:
        """Add the outcome of one search to that of all."""
        whole = self.found
        whole.tried += part.tried
        whole.undecided = whole.undecided or part.undecided
        if part.refuted:
            whole.counterexample, whole.refutation = part.counterexample, part.refutation
        if part.worst_instance is not None and (
            part.worst > whole.worst or whole.worst_instance is None
        ):
            whole.worst, whole.worst_instance = part.worst, part.worst_instance


def _searched(against: list[_Against], start: int, until: float) -> list[_Against]:
    """Search in rounds against all claims, up to the first counterexample.

    What a record refutes is searched for a smaller instance, and nothing else.

    Returns:
        The claims that asked for the user's function.
    """
    for one in against:
        one.replay(start)
        if one.found.refuted:
            against = [one]
            break
    for number in range(ROUNDS):
        for place, one in enumerate(against):
            now = time.monotonic()
            share = max(0.0, until - now) / (len(against) - place)
            if one.round(number, start, now + share):
                return [one for one in against if one.values]
        if time.monotonic() > until:
            break
    return [one for one in against if one.values]


@dataclass
class _Values:
    """The values of an argument: the least and the largest number, or the first few others."""

    least: Any = None
    largest: Any = None
    others: dict[str, None] = field(default_factory=dict)

    def add(self, value: Any) -> None:
        """Note a value."""
        if isinstance(value, bool) or not isinstance(value, int | fmpq | Real):
            if len(self.others) <= SHOWN:
                self.others[_brief(value)] = None
        elif self.least is None:
            self.least = self.largest = value
        elif (guide := _guide(value)) < _guide(self.least):
            self.least = value
        elif guide > _guide(self.largest):
            self.largest = value

    def __str__(self) -> str:
        found = list(self.others)[:SHOWN] + ["..."] * (len(self.others) > SHOWN)
        if self.least is not None:
            ends = dict.fromkeys((_brief(self.least), _brief(self.largest)))
            found.insert(0, " to ".join(ends))
        return ", ".join(found)


def _guide(value: Any) -> float:
    """Return a number that is good enough to show ends."""
    return float(Real.of(value))


class _Asked:
    """What a user's function was asked for.

    Args:
        identifier: of the statement.
    """

    def __init__(self, identifier: str) -> None:
        self._identifier = identifier
        self._values: dict[str, _Values] = {}
        self._last: Call | None = None
        self._keep = False
        self.kept: list[Call] = []

    def note(self, values: dict[str, _Values], keep: bool = False) -> None:
        """From now on note the values of arguments there, and keep all calls or none."""
        self._values, self._keep, self.kept = values, keep, []

    def add(self, found: Any, given: Mapping[str, Any]) -> None:
        """Note a call."""
        self._last = found, given
        if self._keep:
            self.kept.append(self._last)
        for name, value in given.items():
            self._values.setdefault(name, _Values()).add(value)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Add the last call to whatever is raised, unless the function raised it itself."""
        try:
            yield
        except Exception as error:
            said = any(note.startswith(YOURS) for note in getattr(error, "__notes__", ()))
            if self._last is not None and not said:
                error.add_note(f"{YOURS} {self._identifier} had returned {_answer(self._last)}")
            raise


def _verdict(
    identifier: str,
    telling: _Against,
    against: Sequence[_Against],
    answers: tuple[str, ...],
    seconds: float,
) -> BoundVerdict:
    found = telling.found
    open_ = any(one.found.undecided is not None for one in against)
    return BoundVerdict(
        statement=identifier,
        verdict="refuted" if found.refuted else "undecided" if open_ else "not refuted",
        claim=telling.claim.identifier,
        title=telling.claim.title,
        worst=found.worst,
        worst_instance=found.worst_instance,
        counterexample=found.counterexample,
        refutation=found.refutation,
        answers=answers,
        asked={
            one.claim.identifier: tuple(f"{n} = {values}" for n, values in one.values.items())
            for one in against
        },
        tried=sum(one.found.tried for one in against),
        seconds=seconds,
        in_time=found.refuted or all(one.in_time for one in against),
    )


def _adapted(
    statement: Statement, function: Callable[..., Any], asked: _Asked
) -> Callable[..., Any]:
    """Return the function with the registered one's arguments and kind of result; note its calls.

    Raises:
        InputError: the function cannot take the arguments.
    """
    wanted = inspect.signature(statement.function)
    names = [str(p) for p in wanted.parameters]
    expected = f"a function of ({', '.join(names)})"
    named = {n for n, p in wanted.parameters.items() if p.kind is p.KEYWORD_ONLY}
    positional = [n for n in names if n not in named]
    if not callable(function):
        raise InputError("function", function, expected)
    try:
        inspect.signature(function).bind(*positional, **{n: n for n in named})
    except (TypeError, ValueError):
        raise InputError("function", function, expected) from None
    result = get_type_hints(statement.function)["return"]

    def adapted(*args: Any, **kwargs: Any) -> Any:
        bound = wanted.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        try:
            found = function(*(given[n] for n in positional), **{n: given[n] for n in named})
        except Exception as error:
            kinds = (f"{n} = {_brief(x)} ({type(x).__name__})" for n, x in given.items())
            error.add_note(f"{YOURS} {statement.identifier} had {', '.join(kinds)}")
            raise
        asked.add(found, given)
        return _converted(found, result, f"the result for {statement.identifier}")

    return adapted


def _converted(value: Any, kind: Any, name: str) -> Any:
    """Return what a user's function returned as what the registered function returns.

    Raises:
        InputError: it is of another kind; says what ``name`` is.
    """
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if not isinstance(value, tuple | list) or len(value) != len(kinds):
            raise InputError(name, value, f"{len(kinds)} numbers")
        return tuple(_converted(v, k, name) for v, k in zip(value, kinds, strict=True))
    if kind not in (int, fmpq, Real):
        if not isinstance(value, kind):
            raise InputError(name, value, f"a {kind.__name__}")
        return _with_parts(value, kind, name) if is_dataclass(value) else value
    number = _real(value, name)
    if kind is int:
        if number.exact is None or number.exact.q != 1:
            raise InputError(name, value, "an integer")
        return int(number.exact.p)
    return number.exact if kind is fmpq and number.exact is not None else number


def _with_parts(value: Any, kind: type, name: str) -> Any:
    """Return an object with each part converted.

    Raises:
        InputError: a part is of another kind.
    """
    parts = {}
    for part, wanted in get_type_hints(kind).items():
        found, called = getattr(value, part), f"{part} in {name}"
        optional = NoneType in get_args(wanted)
        if not (optional and found is None):
            number = get_args(wanted)[0] if optional else wanted
            parts[part] = _converted(found, number, called)
            if number is fmpq and not isinstance(parts[part], fmpq):
                raise InputError(called, found, "a rational")
    return replace(value, **parts)


def _real(value: Any, name: str) -> Real:
    """Return a number of any kind as a Real; a float is the dyadic rational that it is."""
    if isinstance(value, Real):
        return value
    if isinstance(value, Enclosure):
        lower, upper = rational(value.lower), rational(value.upper)
        return Real(lower) if value.exact else Real(lambda: arb(lower).union(arb(upper)))
    if isinstance(value, arb):
        return Real(lambda: value)
    if isinstance(value, fmpz | np.integer):
        return Real(fmpq(int(value)))
    if isinstance(value, float | np.floating | Decimal) and isfinite(value):
        return Real(fmpq(*map(int, value.as_integer_ratio())))
    if hasattr(type(value), "man_exp") and value - value == 0:  # mpmath's
        mantissa, exponent = value.man_exp
        return Real(fmpq(int(mantissa)) * fmpq(2) ** int(exponent) * (-1 if value < 0 else 1))
    if not isinstance(value, bool) and isinstance(value, int | Fraction | fmpq):
        return Real(rational(value))
    raise InputError(name, value, "a finite number: int, Fraction, fmpq, float, Real or Enclosure")


def _answer(call: Call) -> str:
    """Return what a user's function returned, and for what, on one line."""
    found, given = call
    return f"{_brief(found)} at " + ", ".join(f"{n} = {_brief(x)}" for n, x in given.items())


def _compared(sides: Measurement) -> str:
    """Return both sides in a few digits, and their difference where those do not tell."""
    measured, bound = (f"{float(side):.6g}" for side in (sides.measured, sides.bound))
    by = f" (by {float(sides.measured - sides.bound):.2g})" if measured == bound else ""
    return f"measured {measured} > bound {bound}{by}"


def _brief(value: Any) -> str:
    """Return a value in a few characters: numbers in six digits, unless they are short."""
    if isinstance(value, Real) and value.exact is not None:
        value = value.exact
    if isinstance(value, fmpq | Fraction | int) and len(str(value)) <= BRIEF:
        return str(value)
    if isinstance(value, Real | float):
        return f"{float(value):.6g}"
    if isinstance(value, fmpq | Fraction):
        return f"{float(fraction(rational(value))):.6g}"
    return shorten(value, 60)
