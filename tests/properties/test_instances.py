"""properties.instances: every instance survives being written and read; nothing else gets in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from flint import fmpq

import properties
from llr.errors import InputError
from llr.models.families import copy, noisy_parity
from llr.models.isan import Isan
from llr.numbers.units import NAT, LogitUnit
from properties import Measurement, search
from properties.claims import CLAIMS
from properties.claims.validation import Variable
from properties.instances import KINDS, decode, encode, fits, register
from properties.scenarios import scenarios
from properties.strategies import HardTeacher

STRATEGIES = {
    name: getattr(properties, name)()
    for name in properties.__all__
    if name in properties.strategies.__dict__ and name != "words_of"
} | {
    "words_of": properties.words_of(alphabet_size=3, length=4),
    "scenarios": scenarios(noisy=True),
    "row_families_wide": properties.row_families(wide=True),
}


def drawn(strategy, examples=12):
    """Some instances of a strategy."""
    seen = []

    def keep(instance):
        seen.append(instance)
        return Measurement.of(0)

    search(strategy, keep, examples, 0)
    return seen


def survives(instance):
    """True if reading what is written gives the same instance, to the last field."""
    written = json.loads(json.dumps(encode(instance), allow_nan=False))
    found = decode(written)
    assert type(found) is type(instance)
    assert repr(found) == repr(instance)
    assert " at 0x" not in repr(instance)  # what a verdict shows is the same in every process
    assert encode(found) == written
    return True


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_what_the_strategies_draw_survives(name):
    assert len(STRATEGIES) >= 18
    seen = drawn(STRATEGIES[name])
    assert seen
    assert all(survives(x) for x in seen)


@pytest.mark.parametrize("identifier", [n for n, c in CLAIMS.items() if c.searched])
def test_what_the_claims_draw_survives(identifier):
    claim = CLAIMS[identifier]
    for strategy in [claim.strategy, *(t.strategy for t in claim.twins if t.strategy is not None)]:
        seen = drawn(strategy(), 6)
        assert seen
        assert all(survives(x) for x in seen)


@pytest.mark.parametrize(
    ("instance", "value"),
    [
        (None, None),
        (True, True),
        (-3, -3),
        (fmpq(-3), "-3"),
        (fmpq(1, 3), "1/3"),
        (fmpq(10**40, 3), f"{10**40}/3"),
        ((), []),
        ((1, (fmpq(2),)), [1, ["2"]]),
        ([(fmpq(2),)], {"list": [["2"]]}),
        ("none", {"text": "none"}),
        (NAT, {"unit": "nat"}),
        (LogitUnit(fmpq(3, 2)), {"unit": "ln 3/2"}),
        (
            Variable((fmpq(1, 4), fmpq(1)), (fmpq(1, 2), fmpq(1, 2))),
            {"Variable": {"values": ["1/4", "1"], "law": ["1/2", "1/2"]}},
        ),
    ],
)
def test_the_written_form(instance, value):
    assert encode(instance) == value
    found = decode(value)
    assert found == instance
    assert type(found) is type(instance)


def test_an_isan_has_the_form_of_a_model_file():
    value = encode(noisy_parity(2, "11", "1/10"))
    assert list(value) == ["isan"]
    assert value["isan"]["kind"] == "isan"
    assert value["isan"]["logit_unit"] == "ln 9"
    assert isinstance(decode(value), Isan)
    assert decode(value).logits((1, 0)) == noisy_parity(2, "11", "1/10").logits((1, 0))


@pytest.mark.parametrize("instance", [1.5, fmpq, {"a": 1}, {1, 2}, object(), b"x", 1j, range(3)])
def test_other_types_cannot_be_written(instance):
    with pytest.raises(InputError, match="instance must be of a registered type"):
        encode(instance)


MODEL = encode(copy(1, 2, 1))["isan"]
TEACHER = {"bits": 1, "program": None, "strength": 1, "padding": 0}
TABLE = {"alphabet_size": 2, "horizon": 1, "logit_unit": "nat", "rows": [["1", "-1"]]}


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        "0.5",
        "1/0",
        "x",
        "__import__('os')",
        {},
        {"a": 1, "b": 2},
        {"os.system": "ls"},
        {"Fraction": [1, 2]},
        {"list": "ab"},
        {"text": 3},
        {"unit": "ln 1/2"},
        {"unit": 2},
        {"isan": []},
        {"isan": {}},
        {"isan": MODEL | {"horizon": 3}},
        {"isan": MODEL | {"code": "x"}},
        {"isan": MODEL | {"initial_state": ["1/0"]}},
        {"tabulated": TABLE | {"rows": []}},
        {"tabulated": TABLE | {"rows": [["1"]]}},
        {"tabulated": TABLE | {"rows": [["1", 0.5]]}},
        {"tabulated": TABLE | {"horizon": 10**9}},
        {"tabulated": TABLE | {"more": 1}},
        {"hidden-markov": {}},
        {"teacher": TEACHER},
        {"Variable": {"values": ["1"]}},
        {"Variable": {"values": ["1"], "law": ["1"], "more": 1}},
        {"Variable": {"values": "1", "law": ["1"]}},
        {"Variable": {"values": [1], "law": ["1"]}},
        {"Variable": []},
        {"Sizes": {"horizon": True, "epochs": 1, "delta": "1", "g": "1", "n": 1, "mass": "1"}},
    ],
)
def test_other_values_cannot_be_read(value):
    with pytest.raises(InputError):
        decode(value)
    with pytest.raises(InputError):
        decode([value])


def test_a_dataclass_is_known_only_after_it_is_registered():
    @dataclass(frozen=True)
    class Passing:
        size: int
        note: str

    try:
        with pytest.raises(InputError):
            encode(Passing(1, "x"))
        register(Passing)
        assert encode(Passing(1, "x")) == {"Passing": {"size": 1, "note": {"text": "x"}}}
        register(Passing)  # again is no harm

        Other = dataclass(type("Passing", (), {"__annotations__": {"size": "int"}}))  # noqa: N806
        with pytest.raises(AssertionError):
            register(Other)
    finally:
        KINDS.pop("Passing", None)


def test_teachers_are_built_again_from_what_they_were_made_of():
    teacher = drawn(properties.hard_teachers())[-1]
    found = decode(encode(teacher))
    assert isinstance(found, HardTeacher)
    assert found.model.cut_ranks() == teacher.model.cut_ranks()
    assert found.program == teacher.program


@pytest.mark.parametrize(
    ("value", "hint", "good"),
    [
        (1, int, True),
        (True, int, False),
        (1, bool, False),
        (True, bool, True),
        (fmpq(1), fmpq, True),
        (1, fmpq, False),
        ((), tuple[fmpq, ...], True),
        ((fmpq(1),), tuple[fmpq, ...], True),
        ((1,), tuple[fmpq, ...], False),
        ((1, "a"), tuple[int, str], True),
        ((1, 2), tuple[int, str], False),
        ((1,), tuple[int, str], False),
        ([1], tuple[int, ...], False),
        ([1], list[int], True),
        (["a"], list[int], False),
        ((1,), list[int], False),
        ((1,), Sequence[int], True),
        (1, Sequence[int], False),
        (None, int | None, True),
        ("a", int | None, False),
        (3, Any, True),
    ],
)
def test_annotations(value, hint, good):
    assert fits(value, hint) is good
