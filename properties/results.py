"""Results of ``llr verify`` as JSON lines: the source of the table and of the page.

The first line is ``{"run": ..}``, then come one line per claim, ``{"queries": ..}`` if query counts
were measured, and ``{"end": ..}`` when the run is over; docs/json.md describes all fields.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from math import inf, isfinite
from pathlib import Path
from typing import Any

from flint import fmpq

import llr
from llr.errors import InputError
from llr.models.files import parse_json, read_text
from llr.numbers.rational import parse, text
from properties.claim import GRADES
from properties.instances import decode

PACKAGES = ("numpy", "python-flint", "hypothesis", "pulp", "highspy")

Value = dict[str, Any]

_SOURCE = re.compile(
    r"\[\w+\]( (inside )?(Lemmas?|Theorem|Fact|Def|Corollary|Remark|Algorithm|sec\.) [\w.]+\b)?"
)


@dataclass(frozen=True)
class Results:
    """What one run of ``llr verify`` found.

    Attributes:
        run: the content of the first line.
        verdicts: the lines of the claims, in order.
        queries: what learning costs (:mod:`properties.costs`), or None if it was not measured.
        seconds: the run took, or None if it did not end.
    """

    run: Value
    verdicts: tuple[Value, ...]
    queries: Value | None = None
    seconds: float | None = None

    @property
    def passed(self) -> int:
        """How many claims came out as expected."""
        return sum(map(passed, self.verdicts))

    @property
    def twins(self) -> int:
        """How many twins there are."""
        return sum(len(v["twins"]) for v in self.verdicts)

    @property
    def refuted_twins(self) -> int:
        """How many of them were refuted."""
        return sum(t["refuted"] for v in self.verdicts for t in v["twins"])

    @property
    def tried(self) -> int:
        """Instances measured for the claims."""
        return sum(v["tried"] for v in self.verdicts)

    @property
    def complete(self) -> bool:
        """True if the run ended, and every claim that it was about is there."""
        return self.seconds is not None and len(self.verdicts) == self.run["claims"]

    @property
    def good(self) -> bool:
        """True if the run is complete and every claim came out as expected."""
        return self.complete and self.passed == len(self.verdicts)

    @property
    def failed(self) -> list[Value]:
        """The claims that did not come out as expected."""
        return [v for v in self.verdicts if not passed(v)]

    @cached_property
    def by_tightness(self) -> list[Value]:
        """The claims whose worst ratio says something, tightest first."""
        return by_tightness(self.verdicts)

    def summary(self) -> Value:
        """Return the sums as a JSON value."""
        return {
            "claims": self.run["claims"],
            "verified": len(self.verdicts),
            "as_expected": self.passed,
            "twins": self.twins,
            "twins_refuted": self.refuted_twins,
            "tried": self.tried,
            "seed": self.run["seed"],
            "complete": self.complete,
        }

    @property
    def sampled(self) -> list[Value]:
        """The statistical claims that a sequential test watched."""
        return [v for v in self.verdicts if "statistics" in v]


def passed(verdict: Value) -> bool:
    """True if a claim came out as expected."""
    found: bool = verdict["verdict"] == verdict["expected"]
    return found


def by_tightness(verdicts: Iterable[Value]) -> list[Value]:
    """Return the verdicts whose worst ratio says something, tightest first."""
    return sorted((v for v in verdicts if v["slack"] is not None), key=lambda v: -worst(v))


def worst(verdict: Value) -> float:
    """Return the largest measured / bound of a claim."""
    found: float | None = verdict["worst_ratio"]
    return inf if found is None else found


def ratio(worst: float, digits: int = 4) -> str:
    """Return a ratio in a few digits; one that only rounds to 1 is shown as below it."""
    written = f"{worst:.{digits}g}"
    return "< 1" if written == "1" and worst < 1 else written


def slack_of(slack: float) -> str:
    """Return 1 - ratio in a few digits."""
    return f"{slack:.2g}" if slack < 0.01 else f"{slack:.4f}"


def short_source(source: str) -> str:
    """Return the paper and the number of a statement; "ours" for what no paper has."""
    match = _SOURCE.match(source)
    return match.group(0).replace("inside ", "") if match else "ours"


def is_false(source: str) -> bool:
    """True if a source says so: other claims to be refuted are true in their place."""
    return source.endswith("; false")


def describe_run(claims: int, profile: str, seed: int, error_budget: fmpq) -> Value:
    """Return the content of the first line.

    Args:
        claims: how many are to be verified.
        profile, seed, error_budget: of the run.
    """
    return {
        "format": 1,
        "claims": claims,
        "profile": profile,
        "seed": seed,
        "error_budget": text(error_budget),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of all that results may depend on."""
    return {
        "llr": llr.__version__,
        "Python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


# -- reading ------------------------------------------------------------------------------------

TEXT, _RATIONAL, WHOLE, NUMBER = "a text", 'a rational "p/q"', "an integer >= 0", "a number"
_FLAG, _LIST, _OBJECT = "true or false", "a list", "an object"
MAYBE = " or null"

_RUN = {
    "format": WHOLE,
    "claims": WHOLE,
    "profile": TEXT,
    "seed": WHOLE,
    "error_budget": _RATIONAL,
    "versions": _OBJECT,
}
_VERDICT = {
    **dict.fromkeys(("claim", "title", "source", "mark", "grade", "verdict", "expected"), TEXT),
    **dict.fromkeys(("worst_instance", "counterexample"), TEXT),
    **dict.fromkeys(("seed", "tried"), WHOLE),
    **dict.fromkeys(("worst_ratio", "slack", "record"), NUMBER + MAYBE),
    **dict.fromkeys(("measured", "bound"), TEXT + MAYBE),
    **dict.fromkeys(("statements", "twins"), _LIST),
    "seconds": NUMBER,
}
_STATEMENT = dict.fromkeys(("statement", "mark", "summary"), TEXT)
_TWIN = {"name": TEXT, "refuted": _FLAG, "tried": WHOLE, "counterexample": TEXT}
_STATISTICS = {
    **dict.fromkeys(("delta", "share_of_error_budget", "detectable_rate", "power"), _RATIONAL),
    **dict.fromkeys(("most_runs", "runs", "failures"), WHOLE),
    "log10_capital": NUMBER,
}
_QUERIES = {
    "family": TEXT,
    **dict.fromkeys(("epsilon", "delta"), _RATIONAL),
    **dict.fromkeys(("alphabet_size", "rank", "seed"), WHOLE),
    "points": _LIST,
}
_POINT = {
    **dict.fromkeys(("horizon", "learning", "certifying", "tabulation"), WHOLE),
    **dict.fromkeys(("counting_limit", "explicit_bound", "printed_term"), NUMBER),
    "algorithm_1": WHOLE + MAYBE,
    "accepted": _FLAG,
}


def read_results(path: str | Path) -> Results:
    """Return the results in a file of JSON lines.

    Raises:
        InputError: the file cannot be read, or a line has another form than docs/json.md says.
    """
    return parse_results(read_text(path).split("\n"), str(path))


def parse_results(lines: Sequence[str], name: str) -> Results:
    """Return the results that JSON lines hold.

    Args:
        lines: empty ones are skipped.
        name: of their source, for messages.

    Raises:
        InputError: a line has another form than docs/json.md says.
    """
    single: dict[str, Value] = {}
    verdicts: dict[str, Value] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        value = parse_json(line, where)
        if not isinstance(value, dict):
            raise InputError(where, value, "a JSON object")
        if "claim" in value:
            _check_verdict(value, where)
            if value["claim"] in verdicts:
                raise InputError(where, value["claim"], "a claim that was not there before")
            verdicts[value["claim"]] = value
            continue
        kind = next(iter(value), "")
        if len(value) != 1 or kind not in ("run", "queries", "end", "tightness") or kind in single:
            raise InputError(where, value, "a claim, or the only run, queries, tightness or end")
        if kind in _SINGLE:
            check_fields(value[kind], _SINGLE[kind], f"{kind} in {where}")
        single[kind] = value[kind]
    if "run" not in single:
        raise InputError(name, "no run", 'the output of llr verify --json, with a line {"run": ..}')
    _check_rest(single, name)
    end = single.get("end")
    return Results(
        single["run"],
        tuple(verdicts.values()),
        single.get("queries"),
        None if end is None else float(end["seconds"]),
    )


_SINGLE = {"run": _RUN, "queries": _QUERIES, "end": {"seconds": NUMBER}}


def _check_rest(single: dict[str, Value], name: str) -> None:
    """Check what is inside the lines that are not a claim's."""
    run, queries = single["run"], single.get("queries")
    if run["format"] != 1:
        raise InputError(f"format in {name}", run["format"], "1")
    for package, found in run["versions"].items():
        if not isinstance(found, str):
            raise InputError(f"version of {package} in {name}", found, TEXT)
    if queries is not None:
        if not queries["points"]:
            raise InputError(f"points in {name}", queries["points"], "at least one point")
        for point in queries["points"]:
            check_fields(point, _POINT, f"points in {name}")
            for key in ("horizon", "learning", "tabulation", "counting_limit", "explicit_bound"):
                if not point[key] > 0:
                    raise InputError(f"{key} in {name}", point[key], "positive")


def _check_verdict(value: Value, where: str) -> None:
    check_fields(value, _VERDICT, where)
    if value["grade"] not in GRADES:
        raise InputError(f"grade in {where}", value["grade"], "one of " + ", ".join(GRADES))
    for part, fields in (("statements", _STATEMENT), ("twins", _TWIN)):
        for item in value[part]:
            check_fields(item, fields, f"{part} in {where}")
    for key in ("worst_value", "counterexample_value"):
        try:
            decode(value.get(key))
        except InputError as error:
            name = f"{error.argument} of {key} in {where}"
            raise InputError(name, error.value, error.expected) from None
    if "statistics" in value:
        check_fields(value["statistics"], _STATISTICS, f"statistics in {where}")


def check_fields(value: object, fields: dict[str, str], where: str) -> None:
    """Raise InputError unless a value is an object with these fields, of these kinds."""
    if not isinstance(value, dict):
        raise InputError(where, value, "a JSON object")
    for key, wanted in fields.items():
        if key not in value:
            raise InputError(where, value, f"an object with {key}")
        if not _is(value[key], wanted):
            raise InputError(f"{key} in {where}", value[key], wanted)


def _is(value: object, wanted: str) -> bool:
    if wanted.endswith(MAYBE):
        return value is None or _is(value, wanted.removesuffix(MAYBE))
    if wanted == TEXT:
        return isinstance(value, str)
    if wanted == _RATIONAL:
        with suppress(InputError):
            return parse(value) is not None
        return False
    if wanted == WHOLE:
        return type(value) is int and 0 <= value < 10**30
    if wanted == _FLAG:
        return isinstance(value, bool)
    if wanted == NUMBER:
        return isinstance(value, int | float) and type(value) is not bool and isfinite(value)
    return isinstance(value, list if wanted == _LIST else dict)
