"""What came out of a sweep: medians over seeds, and how counts grow with the grid's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from llr.analysis.fits import JointPowerLaw, joint_power_law
from llr.errors import InputError
from llr.numbers.rational import decimal
from llr.sweeps.spec import Entry, Spec, Value
from llr.sweeps.tasks import ACCEPTED, FAILED

COUNTS = ("learning", "certifying", "tokens")
"""What is summarized and fitted: distinct prefixes asked for learning and for certifying, and
tokens in all of them."""

LEAST_VALUES = 3
"""A grid key with fewer numbers than that has no exponent."""

Row = Mapping[str, Any]
Point = Mapping[str, Value]


@dataclass(frozen=True)
class Spread:
    """The least, the middle and the largest of some numbers."""

    least: float
    middle: float
    largest: float


@dataclass(frozen=True)
class Group:
    """The tasks at one point of the grid, of all seeds.

    Attributes:
        point: values of the grid's keys.
        tasks: how many there are.
        done: how many have a row.
        accepted: how many learners accepted.
        failed: how many failed.
        counts: per name in :data:`COUNTS`, over the tasks that did not fail; None if all did.
        error: the largest total variation that is known, exact or by certificate, or None.
    """

    point: Point
    tasks: int
    done: int
    accepted: int
    failed: int
    counts: Mapping[str, Spread] | None
    error: float | None


@dataclass(frozen=True)
class Fit:
    """How one count grows.

    Attributes:
        fixed: the grid's other keys.
        count: one of :data:`COUNTS`.
        sizes: the grid's keys that it was fitted against.
        law: exponents in their order.
    """

    fixed: Point
    count: str
    sizes: tuple[str, ...]
    law: JointPowerLaw


def groups(spec: Spec, rows: Mapping[str, Row]) -> list[Group]:
    """Return one group per point of the grid, in its order.

    Args:
        spec: the sweep.
        rows: by the keys of tasks; those that are missing are not done yet.
    """
    together: dict[tuple[Value, ...], list[Entry]] = {}
    for entry in spec.entries:
        together.setdefault(tuple(entry.point.values()), []).append(entry)
    return [_group(entries, rows) for entries in together.values()]


def _group(entries: Sequence[Entry], rows: Mapping[str, Row]) -> Group:
    found = [rows[e.key] for e in entries if e.key in rows]
    good = [row for row in found if row["outcome"] != FAILED]
    errors = [x for row in good if (x := _error(row)) is not None]
    return Group(
        entries[0].point,
        len(entries),
        len(found),
        sum(row["outcome"] == ACCEPTED for row in good),
        len(found) - len(good),
        {name: _spread([row[name] for row in good]) for name in COUNTS} if good else None,
        max(errors, default=None),
    )


def _spread(values: Sequence[float]) -> Spread:
    return Spread(min(values), median(values), max(values))


def _error(row: Row) -> float | None:
    """Return the total variation that was measured, else what the certificate says."""
    measured = row.get("total_variation")
    if measured is not None and measured["method"] != "too large":
        return float(decimal(measured["upper"]))
    certificate = row.get("certificate")
    return None if certificate is None else float(decimal(certificate))


def numeric(spec: Spec) -> list[str]:
    """Return the keys of the grid whose values are at least three positive numbers."""
    return [
        name
        for name, values in spec.grid.items()
        if len(values) >= LEAST_VALUES and all(number(x) is not None for x in values)
    ]


def number(value: Value) -> float | None:
    """Return a positive number that a value of the grid stands for, or None."""
    if isinstance(value, bool):
        return None
    try:
        found = float(decimal(value))
    except InputError:
        return None
    return found if found > 0 else None


def fits(spec: Spec, rows: Mapping[str, Row]) -> list[Fit]:
    """Fit each count against all numeric keys at once, for each combination of the other keys.

    Counts that are zero somewhere, or stand at too few points, have no fit.
    """
    sizes = tuple(numeric(spec))
    if not sizes:
        return []
    together: dict[tuple[tuple[str, Value], ...], list[tuple[list[float], Row]]] = {}
    for entry in spec.entries:
        row = rows.get(entry.key)
        if row is None or row["outcome"] == FAILED:
            continue
        fixed = tuple((name, x) for name, x in entry.point.items() if name not in sizes)
        at = [float(decimal(entry.point[name])) for name in sizes]
        together.setdefault(fixed, []).append((at, row))
    found = []
    for fixed, points in together.items():
        for count in COUNTS:
            try:
                law = joint_power_law([at for at, _ in points], [row[count] for _, row in points])
            except InputError:
                continue
            found.append(Fit(dict(fixed), count, sizes, law))
    return found


def curves(
    found: Sequence[Group], along: str, count: str
) -> dict[str, list[tuple[float, float, float, float]]]:
    """Return size, least, median and largest count, by size, for each value of the other keys.

    Points where nothing was counted, which a logarithmic axis cannot show, are left out.
    """
    made: dict[str, list[tuple[float, float, float, float]]] = {}
    for group in found:
        spread = None if group.counts is None else group.counts[count]
        if spread is None or spread.least <= 0:
            continue
        others = ", ".join(f"{name}={x}" for name, x in group.point.items() if name != along)
        size = number(group.point[along])
        assert size is not None
        made.setdefault(others or count, []).append(
            (size, spread.least, spread.middle, spread.largest)
        )
    return {label: sorted(points) for label, points in made.items()}
