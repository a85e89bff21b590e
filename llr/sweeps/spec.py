"""What a sweep is to do: a TOML file with targets, learners, parameters and seeds.

::

    target = "isan:T={T},k=2,d={d},seed={seed}"
    seeds = "0..4"
    arithmetic = "float"

    [grid]
    T = [8, 16, 32]
    d = [2, 4]
    algorithm = ["lean", "printed"]

There is one task for each combination of values in the grid, in the order written, and each seed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from importlib.util import find_spec
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from llr.baselines import automata
from llr.errors import InputError, ShownAs
from llr.learning import api
from llr.models.base import check_size
from llr.models.files import contents, read_text
from llr.models.targets import FAMILIES, family_parameters
from llr.numbers.arithmetic import named
from llr.numbers.rational import decimal, text
from llr.oracles.noise import NOISES
from llr.oracles.sources import SOURCES
from llr.storage import load
from llr.sweeps.tasks import ALGORITHMS, canonical

MAX_TASKS = 1_000_000

Value = str | int | bool
"""Of a grid key at one point; a number that is no integer is kept as it is written."""

_PLACE = re.compile(r"\{(\w+)\}")
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")


@dataclass(frozen=True)
class Entry:
    """One task of a sweep.

    Attributes:
        point: the values of the grid's keys.
        seed: of the learner, and wherever the target has ``{seed}``.
        key: of the task, see :func:`llr.sweeps.tasks.canonical`.
        target: as the task has it.
    """

    point: Mapping[str, Value]
    seed: int
    key: str
    target: str


@dataclass(frozen=True)
class Spec:
    """A sweep.

    Attributes:
        grid: per key its values.
        entries: the tasks, in the order of the grid and then of the seeds.
    """

    grid: Mapping[str, tuple[Value, ...]]
    entries: tuple[Entry, ...]

    @property
    def keys(self) -> list[str]:
        """The keys of all tasks, in order."""
        return [entry.key for entry in self.entries]


def read_spec(path: str | Path) -> Spec:
    """Return the sweep that a TOML file describes.

    Raises:
        InputError: the file cannot be read, a key is unknown, missing or twice there, or a value
            cannot be used; the message names the key.  What only building a target shows, such as
            a rank that is too large, makes the task fail later.
    """
    try:
        found = tomllib.loads(read_text(path), parse_float=str)
    except tomllib.TOMLDecodeError as error:
        raise InputError(str(path), ShownAs(error), "a TOML file") from None
    grid = _grid(found.pop("grid", None))
    seeds = _seeds(found.pop("seeds", None))
    for name in found:
        if name != "target" and name not in PARAMETERS:
            expected = "target, seeds, grid or one of " + ", ".join(PARAMETERS)
            raise InputError("spec key", ShownAs(name), expected)
        if name in grid:
            raise InputError(f"grid.{name}", grid[name], f"left out, or {name} left out above it")
    if "target" not in found and "target" not in grid:
        raise InputError("target", ShownAs("missing"), 'given, as in target = "isan:T={T},k=2,d=2"')
    targets = grid.get("target", (found.get("target"),))
    places = _check_templates(targets, grid, "grid.target" if "target" in grid else "target")
    fixed = {
        name: PARAMETERS[name].checked(x, name) for name, x in found.items() if name != "target"
    }
    _check_used(fixed, grid)
    standard = {name: parameter.default for name, parameter in PARAMETERS.items()} | fixed
    many = prod(map(len, grid.values())) * len(seeds)
    if many > MAX_TASKS:
        raise InputError("grid", ShownAs(f"{many:,} tasks"), f"of at most {MAX_TASKS:,} tasks")
    made: dict[str, dict[str, str]] = {}
    entries = []
    for values in product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        chosen = standard | {name: x for name, x in point.items() if name in PARAMETERS}
        template = str(point.get("target", found.get("target")))
        for seed in seeds:
            target = template
            for name in places:
                target = target.replace(f"{{{name}}}", str(point.get(name, seed)))
            if target not in made:
                made[target] = _checked_target(target)
            task = {"target": target, **made[target], "seed": seed, **chosen}
            entries.append(Entry(point, seed, canonical(task), target))
    return Spec(grid, tuple(entries))


@dataclass(frozen=True)
class _Parameter:
    """A parameter of a learner: what it is if left out, and what checks and normalizes a value."""

    default: Value | None
    checked: Callable[[Any, str], Value]


def _choice(*names: str) -> Callable[[Any, str], Value]:
    def checked(value: Any, argument: str) -> Value:
        if not isinstance(value, str) or value not in names:
            raise InputError(argument, value, "one of " + ", ".join(names))
        return value

    return checked


def _algorithm(value: Any, argument: str) -> Value:
    found = _choice(*ALGORITHMS)(value, argument)
    if found in automata.ALGORITHMS and find_spec("aalpy") is None:
        raise InputError(argument, value, 'used with AALpy: pip install "llr[bench]"')
    return found


def _arithmetic(value: Any, argument: str) -> Value:
    return named(value, argument).name


def _probability(value: Any, argument: str) -> Value:
    return text(api.probability(_plain(value, argument), argument))


def _noise_level(value: Any, argument: str) -> Value:
    found = decimal(_plain(value, argument), argument)
    if found < 0:
        raise InputError(argument, value, "a number of nats >= 0")
    return text(found)


def _count(value: Any, argument: str) -> Value:
    return check_size(value, 1, argument)


def _rank(value: Any, argument: str) -> Value:
    return value if value == "spectrum" else check_size(value, 1, argument)


def _flag(value: Any, argument: str) -> Value:
    if not isinstance(value, bool):
        raise InputError(argument, value, "true or false")
    return value


def _plain(value: Any, argument: str) -> Value:
    """Return an integer or a text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        shown = ShownAs(value) if isinstance(value, date | time) else value
        raise InputError(argument, shown, "a number or a text")
    return value


PARAMETERS: Mapping[str, _Parameter] = {
    "algorithm": _Parameter(api.ALGORITHMS[0], _algorithm),
    "arithmetic": _Parameter("exact", _arithmetic),
    "epsilon": _Parameter("1/100", _probability),
    "delta": _Parameter("1/100", _probability),
    "xi": _Parameter("0", _noise_level),
    "noise": _Parameter(None, _choice("none", *NOISES)),
    "samples": _Parameter(api.SAMPLES, _count),
    "max_epochs": _Parameter(api.MAX_EPOCHS, _count),
    "rank": _Parameter(None, _rank),
    "relaxed": _Parameter(False, _flag),
    "calls": _Parameter(api.CALLS, _count),
    "distance": _Parameter(False, _flag),
}
"""Those of ``llr learn``, and whether to enumerate words for the exact total variation."""


USED_BY: Mapping[str, Sequence[str]] = {
    "samples": ("printed",),
    "max_epochs": api.ALGORITHMS,
    "rank": ("lean", api.SHARED),
    "relaxed": ("lean", api.SHARED),
    "calls": (api.SHARED,),
}
"""The parameters that only some algorithms have."""


def _check_used(fixed: Mapping[str, Value], grid: Mapping[str, tuple[Value, ...]]) -> None:
    """Raise InputError for a parameter that no algorithm of the sweep uses."""
    standard = fixed.get("algorithm", PARAMETERS["algorithm"].default)
    algorithms = grid.get("algorithm", (standard,))
    given = {**fixed, **{f"grid.{name}": values for name, values in grid.items()}}
    for argument, value in given.items():
        users = USED_BY.get(argument.removeprefix("grid."))
        if users is not None and not set(users) & set(algorithms):
            raise InputError(argument, value, "left out, or used with " + " or ".join(users))


def _grid(found: Any) -> dict[str, tuple[Value, ...]]:
    """Return the values of each key, checked and normalized."""
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InputError("grid", found, "a table of lists")
    grid: dict[str, tuple[Value, ...]] = {}
    for name, values in found.items():
        argument = f"grid.{name}"
        if not isinstance(values, list) or not values:
            raise InputError(argument, values, "a list of at least one value")
        if name == "seed":
            raise InputError(argument, values, "left out: seeds are given as seeds = [...]")
        checked = PARAMETERS[name].checked if name in PARAMETERS else _plain
        read = tuple(checked(x, f"{argument}[{place}]") for place, x in enumerate(values))
        if len(set(read)) < len(read):
            raise InputError(argument, values, "a list of different values")
        grid[name] = read
    return grid


def _seeds(found: Any) -> Sequence[int]:
    """Return seeds from a list, or a range ``"0..9"`` with both ends."""
    if found is None:
        return (0,)
    written = _RANGE.fullmatch(found) if isinstance(found, str) else None
    if written is not None:
        ends = range(int(written[1]), int(written[2]) + 1)
        if not 0 < len(ends) <= MAX_TASKS:
            raise InputError("seeds", found, f"a range of 1 to {MAX_TASKS:,} seeds")
        return ends
    if not isinstance(found, list) or not found:
        raise InputError("seeds", found, 'a list of integers, or a range such as "0..9"')
    for place, seed in enumerate(found):
        check_size(seed, 0, f"seeds[{place}]")
    if len(set(found)) < len(found):
        raise InputError("seeds", found, "a list of different integers")
    return found


def _check_templates(targets: Sequence[Any], grid: Mapping[str, Any], argument: str) -> set[str]:
    """Return the places in targets, the same in all; each must be a key of the grid or the seed."""
    wanted = {name for name in grid if name != "target" and name not in PARAMETERS}
    for target in targets:
        if not isinstance(target, str):
            raise InputError(argument, target, "a text")
        places = set(_PLACE.findall(target))
        for name in sorted(places - wanted - {"seed"}):
            raise InputError(f"grid.{name}", ShownAs("missing"), f"given: {target} has it")
        for name in sorted(wanted - places):
            expected = f"in the target, as {{{name}}}, or one of " + ", ".join(PARAMETERS)
            raise InputError(f"grid.{name}", ShownAs("neither"), expected)
    return wanted | {"seed"}


def _checked_target(target: str) -> dict[str, str]:
    """Check what can be checked of a target without building it; return what a file says."""
    file = contents(target)
    if file or target.endswith(".json"):
        load(target)
    elif target.partition(":")[0] in SOURCES:
        expected = "a JSON file or a family of llr targets; llr learn keeps a real model's answers"
        raise InputError("target", target, expected)
    else:
        family_parameters(target, FAMILIES)
    return file
