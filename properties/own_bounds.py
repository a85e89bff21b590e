"""Bring your own bound: search against a user's right-hand side in place of a statement's."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

from flint import arb, fmpq
from hypothesis import strategies as st

from bounds import STATEMENTS, Statement
from bounds.statement import substituted
from llr.errors import InputError, shorten
from llr.models.base import check_size
from llr.numbers.balls import Enclosure, Real
from llr.numbers.rational import fraction, rational
from properties import records
from properties.claim import Claim, Measurement, Search, search, shown
from properties.claims import CLAIMS
from properties.results import ratio

ROUNDS = 10
"""How many times a claim's own number of instances is tried, time allowing."""

SHOWN = 4
"""How many answers of the user's function are printed."""

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
        tried: instances measured, over the claims searched.
        seconds: time taken.
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
    tried: int
    seconds: float

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
        lines.append(f"  tried           {self.tried:,} instances in {self.seconds:.1f} s")
        return "\n".join(lines)


def check_bound(
    identifier: str, function: Callable[..., Any], *, seconds: float = 60, start: int = 0
) -> BoundVerdict:
    """Try to break a statement with another right-hand side.

    The claims that use the statement and draw their instances by a search (none that lists them or
    draws samples; those known to be false, or that say how sharp it is, only if there is no other)
    are searched one after the other with ``function`` in place of the registered one: first the
    instance on record, then ten rounds of the claim's own number of instances, to the first
    counterexample of the first claim that has one; it is shrunk.  The same seed gives the same
    verdict unless time runs out.

        >>> from properties import check_bound
        >>> print(check_bound("lemma-5.3", lambda gap, unit: 1))  # doctest: +SKIP

    Args:
        identifier: in ``bounds.STATEMENTS``, e.g. "lemma-5.3".
        function: takes the arguments of the registered function, those before a ``*`` by position
            and all of them; rationals are ``flint.fmpq``.  Returns a number (int, Fraction, fmpq,
            ``Real``, ``Enclosure``, or a float, which is taken as the dyadic rational that it is);
            an integer where the statement is a number of things; a pair where the statement
            returns a pair; else an object of the same class.  It may call the registered functions.
        seconds: at most about this long; one instance is never cut short.
        start: seed of the search.

    Raises:
        InputError: no such statement, no such claim, a function that cannot take these
            arguments, or one that returns something else.
        Exception: whatever the function raises, with a note of its arguments.
    """
    if not isinstance(identifier, str) or identifier not in STATEMENTS:
        raise InputError("statement", identifier, "one of " + ", ".join(STATEMENTS))
    if not (isinstance(seconds, int | float) and seconds > 0):
        raise InputError("seconds", seconds, "a positive number")
    check_size(start, 0, "start")
    citing = [c for c in CLAIMS.values() if identifier in c.statements and c.searched]
    citing = [c for c in citing if c.expected == "verified" and not c.sharp] or citing
    if not citing:
        raise InputError("statement", identifier, "one with a claim that is searched")
    calls: list[Call] = []
    adapted = _adapted(STATEMENTS[identifier], function, calls)
    began = time.monotonic()
    found: list[tuple[Claim, Search]] = []
    for place, claim in enumerate(citing):
        left = began + seconds - time.monotonic()
        until = time.monotonic() + max(0.0, left) / (len(citing) - place)
        calls.clear()
        with substituted({identifier: adapted}):
            outcome = _against(claim, start, until)
            asked = bool(calls)
            calls.clear()
            if outcome.refuted:
                search(st.just(outcome.counterexample), claim.check, 1, start)
        if asked:
            found.append((claim, outcome))
        if outcome.refuted:
            break
    if not found:
        raise InputError("statement", identifier, "one whose right-hand side a claim evaluates")
    answers = tuple(dict.fromkeys(_answer(found, given) for found, given in calls))
    return _verdict(identifier, found, answers, time.monotonic() - began)


def _against(claim: Claim, start: int, until: float) -> Search:
    """Search a claim in rounds; what the record refutes is searched for a smaller instance."""
    whole = Search()
    record = records.load(claim.identifier)
    if record is not None:
        _add(whole, search(st.just(record.instance), claim.check, 1, start))
    on_record = whole.refuted
    for round_ in range(ROUNDS):
        if (whole.refuted and not on_record) or time.monotonic() > until:
            break
        outcome = search(claim.strategy(), claim.check, claim.examples, start + round_, until=until)
        on_record = on_record and not outcome.refuted
        _add(whole, outcome)
    return whole


def _add(whole: Search, part: Search) -> None:
    """Add the outcome of one search to that of several."""
    whole.tried += part.tried
    whole.undecided = whole.undecided or part.undecided
    if part.refuted:
        whole.counterexample, whole.refutation = part.counterexample, part.refutation
    if part.worst_instance is not None and (
        part.worst > whole.worst or whole.worst_instance is None
    ):
        whole.worst, whole.worst_instance = part.worst, part.worst_instance


def _verdict(
    identifier: str,
    found: Sequence[tuple[Claim, Search]],
    answers: tuple[str, ...],
    seconds: float,
) -> BoundVerdict:
    claim, outcome = max(found, key=lambda pair: (pair[1].refuted, pair[1].worst))
    open_ = any(s.undecided is not None for _, s in found)
    return BoundVerdict(
        statement=identifier,
        verdict="refuted" if outcome.refuted else "undecided" if open_ else "not refuted",
        claim=claim.identifier,
        title=claim.title,
        worst=outcome.worst,
        worst_instance=outcome.worst_instance,
        counterexample=outcome.counterexample,
        refutation=outcome.refutation,
        answers=answers,
        tried=sum(s.tried for _, s in found),
        seconds=seconds,
    )


def _adapted(
    statement: Statement, function: Callable[..., Any], calls: list[Call]
) -> Callable[..., Any]:
    """Return the function with the registered one's arguments and kind of result; list its calls.

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
            error.add_note(f"your function for {statement.identifier} had {', '.join(kinds)}")
            raise
        calls.append((found, given))
        return _converted(found, result, statement.identifier)

    return adapted


def _converted(value: Any, kind: Any, identifier: str) -> Any:
    """Return what a user's function returned as what the registered function returns.

    Raises:
        InputError: it is of another kind.
    """
    name = f"the result for {identifier}"
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if not isinstance(value, tuple | list) or len(value) != len(kinds):
            raise InputError(name, value, f"{len(kinds)} numbers")
        return tuple(_converted(v, k, identifier) for v, k in zip(value, kinds, strict=True))
    if kind not in (int, fmpq, Real):
        if not isinstance(value, kind):
            raise InputError(name, value, f"a {kind.__name__}")
        return value
    number = _real(value, name)
    if kind is int:
        if number.exact is None or number.exact.q != 1:
            raise InputError(name, value, "an integer")
        return int(number.exact.p)
    return number.exact if kind is fmpq and number.exact is not None else number


def _real(value: Any, name: str) -> Real:
    """Return an int, Fraction, fmpq, Real, Enclosure or float (its dyadic rational) as a Real."""
    if isinstance(value, Real):
        return value
    if isinstance(value, Enclosure):
        lower, upper = rational(value.lower), rational(value.upper)
        return Real(lower) if value.exact else Real(lambda: arb(lower).union(arb(upper)))
    if isinstance(value, float) and isfinite(value):
        return Real(fmpq(*value.as_integer_ratio()))
    if not isinstance(value, bool) and isinstance(value, int | Fraction | fmpq):
        return Real(rational(value))
    raise InputError(name, value, "an int, Fraction, fmpq, finite float, Real or Enclosure")


def _answer(found: Any, given: Mapping[str, Any]) -> str:
    """Return what a user's function returned, and for what, on one line."""
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
