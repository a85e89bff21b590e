"""Instances of claims as JSON values, validated on the way in; nothing in them can run code.

Integers, booleans and null are themselves, a rational is a string ``p/q``, a tuple is a list.
Everything else is an object with one key that names its kind: ``{"list": [..]}``,
``{"text": ".."}``, ``{"unit": "ln 2"}``, ``{"isan": {..}}`` in the form of
:mod:`llr.models.files`, ``{"tabulated": {..}}``, ``{"hidden-markov": {..}}``,
``{"teacher": {..}}``, or a registered dataclass by its name,
``{"Scenario": {"target": .., "noise": .., ..}}``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from flint import fmpq

from llr.errors import InputError
from llr.models.base import LanguageModel, TabulatedModel, check_list, check_size, words
from llr.models.files import isan_from_json, isan_to_json
from llr.models.isan import Isan
from llr.models.markov import HiddenMarkovModel
from llr.models.perturbed import PerturbedModel
from llr.models.teachers import BranchingProgram, Instruction, hard_teacher
from llr.numbers.rational import parse, text
from llr.numbers.units import LogitUnit
from properties.scenarios import Scenario
from properties.strategies import ApproximateOracle, HardTeacher, Potential, Witnesses


@dataclass(frozen=True)
class Kind:
    """How one type of instance is written and read.

    Attributes:
        type: of the instances.
        write: returns a JSON value.
        read: returns the instance, or raises InputError.
    """

    type: type
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def encode(instance: Any) -> Any:
    """Return an instance as a JSON value.

    Raises:
        InputError: its type is not registered.
    """
    if instance is None or type(instance) in (bool, int):
        return instance
    if isinstance(instance, fmpq):
        return text(instance)
    if isinstance(instance, tuple):
        return [encode(x) for x in instance]
    for name, kind in KINDS.items():
        if type(instance) is kind.type:
            return {name: kind.write(instance)}
    raise InputError("instance", instance, "of a registered type")


def decode(value: Any) -> Any:
    """Return the instance that a JSON value describes.

    Raises:
        InputError: the value has another form, or the object that it describes cannot exist.
    """
    if value is None or type(value) in (bool, int):
        return value
    if isinstance(value, str):
        return parse(value, "rational")
    if isinstance(value, list):
        return tuple(decode(x) for x in value)
    if not isinstance(value, dict) or len(value) != 1:
        raise InputError("instance", value, "an integer, a string p/q, a list or {kind: ..}")
    ((name, content),) = value.items()
    if name not in KINDS:
        raise InputError("kind of instance", name, "one of " + ", ".join(KINDS))
    return KINDS[name].read(content)


def register(*types: type) -> None:
    """Make dataclasses known by their names; their fields hold instances themselves."""
    for cls in types:
        assert is_dataclass(cls)
        assert cls.__name__ not in KINDS or KINDS[cls.__name__].type is cls
        KINDS[cls.__name__] = Kind(cls, _dataclass_writer(cls), _dataclass_reader(cls))


def fits(value: Any, hint: Any) -> bool:
    """True if a value has the type that an annotation names; an int is no bool."""
    if hint is Any:
        return True
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, h) for h in arguments)
    if origin is list:
        return type(value) is list and all(fits(x, arguments[0]) for x in value)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return all(fits(x, arguments[0]) for x in value)
        return len(value) == len(arguments) and all(map(fits, value, arguments))
    if hint in (int, bool):
        return type(value) is hint
    return isinstance(value, origin or hint)


def _content(value: Any, name: str, wanted: tuple[str, ...]) -> dict[str, Any]:
    """Return the object with exactly the wanted fields, or raise InputError."""
    if not isinstance(value, dict) or set(value) != set(wanted):
        raise InputError(name, value, "an object with the fields " + ", ".join(wanted))
    return value


def _dataclass_writer(cls: type) -> Callable[[Any], Any]:
    names = [f.name for f in fields(cls)]
    return lambda instance: {name: encode(getattr(instance, name)) for name in names}


def _dataclass_reader(cls: type) -> Callable[[Any], Any]:
    names = tuple(f.name for f in fields(cls))

    def read(value: Any) -> Any:
        content = _content(value, cls.__name__, names)
        hints = get_type_hints(cls)
        found = {name: decode(content[name]) for name in names}
        for name, part in found.items():
            if not fits(part, hints[name]):
                raise InputError(f"{cls.__name__}.{name}", part, f"of type {hints[name]}")
        return cls(**found)

    return read


def _read_list(value: Any) -> list[Any]:
    return [decode(x) for x in check_list(value, "list", "a list")]


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise InputError("text", value, "a string")
    return value


def _read_isan(value: Any) -> Isan:
    if not isinstance(value, dict):
        raise InputError("isan", value, "an object")
    return isan_from_json(value)


def _tabulated_prefixes(k: int, horizon: int) -> list[tuple[int, ...]]:
    return [p for length in range(horizon) for p in words(k, length)]


def _write_tabulated(model: TabulatedModel) -> dict[str, Any]:
    prefixes = _tabulated_prefixes(model.alphabet_size, model.horizon)
    return {
        "alphabet_size": model.alphabet_size,
        "horizon": model.horizon,
        "logit_unit": str(model.unit),
        "rows": [[text(x) for x in model.read(p)] for p in prefixes],
    }


def _read_tabulated(value: Any) -> TabulatedModel:
    content = _content(value, "tabulated", ("alphabet_size", "horizon", "logit_unit", "rows"))
    k = check_size(content["alphabet_size"], 2, "alphabet_size")
    horizon = check_size(content["horizon"], 1, "horizon")
    size = (k**horizon - 1) // (k - 1) if horizon * k <= 64 else 0
    rows = check_list(content["rows"], "rows", "one row per prefix of 0..T-1 tokens", size)
    table = {
        prefix: [
            parse(x, "logit") for x in check_list(row, "row", f"a list of {k} rationals", length=k)
        ]
        for prefix, row in zip(_tabulated_prefixes(k, horizon), rows, strict=True)
    }
    return TabulatedModel(k, horizon, table, LogitUnit.parse(content["logit_unit"]))


_MARKOV = ("alphabet_size", "horizon", "initial", "transitions", "emissions")


def _write_markov(model: HiddenMarkovModel) -> dict[str, Any]:
    return {
        "alphabet_size": model.alphabet_size,
        "horizon": model.horizon,
        "initial": [text(x) for x in model.initial],
        "transitions": [[text(x) for x in row] for row in model.transitions],
        "emissions": [[text(x) for x in row] for row in model.emissions],
    }


_TEACHER = ("bits", "program", "strength", "padding")


def _write_teacher(teacher: HardTeacher) -> dict[str, Any]:
    return {name: encode(getattr(teacher, name)) for name in _TEACHER}


def _read_teacher(value: Any) -> HardTeacher:
    content = _content(value, "teacher", _TEACHER)
    program = decode(content["program"])
    if not isinstance(program, BranchingProgram):
        raise InputError("program", program, "a branching program")
    n, c, padding = content["bits"], content["strength"], content["padding"]
    return HardTeacher(n, program, c, padding, hard_teacher(n, program, c, padding))


_PERTURBED = ("model", "noise", "xi", "seed")


def _write_perturbed(model: PerturbedModel) -> dict[str, Any]:
    return {name: encode(getattr(model, name)) for name in _PERTURBED}


def _read_perturbed(value: Any) -> PerturbedModel:
    content = _content(value, "perturbed", _PERTURBED)
    model, noise, xi, seed = (decode(content[name]) for name in _PERTURBED)
    if not isinstance(model, LanguageModel) or not isinstance(xi, fmpq):
        raise InputError("perturbed", value, "a model, a kind of noise, a rational xi and a seed")
    return PerturbedModel(model, noise, xi, seed)


KINDS: dict[str, Kind] = {
    "list": Kind(list, lambda found: [encode(x) for x in found], _read_list),
    "text": Kind(str, str, _read_text),
    "unit": Kind(LogitUnit, str, lambda value: LogitUnit.parse(value, "unit")),
    "isan": Kind(Isan, isan_to_json, _read_isan),
    "tabulated": Kind(TabulatedModel, _write_tabulated, _read_tabulated),
    "hidden-markov": Kind(
        HiddenMarkovModel,
        _write_markov,
        lambda value: HiddenMarkovModel(**_content(value, "hidden-markov", _MARKOV)),
    ),
    "teacher": Kind(HardTeacher, _write_teacher, _read_teacher),
    "perturbed": Kind(PerturbedModel, _write_perturbed, _read_perturbed),
}
"""The kinds of instances by name; :func:`register` adds dataclasses."""

register(ApproximateOracle, BranchingProgram, Instruction, Potential, Scenario, Witnesses)
