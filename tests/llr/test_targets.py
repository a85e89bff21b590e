"""llr.models.targets: families on the command line."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from llr.errors import InputError
from llr.models import families
from llr.models.files import isan_to_json
from llr.models.targets import FAMILIES, family_target


def written(model):
    return isan_to_json(model)


def test_the_families_are_those_of_the_issue():
    assert list(FAMILIES)[:5] == ["isan", "parity", "fourier", "copy", "spike"]
    assert all(name == family.name for name, family in FAMILIES.items())


def test_every_family_explains_itself():
    for family in FAMILIES.values():
        assert family.summary
        assert all(p.meaning for p in family.parameters)
        assert len({p.name for p in family.parameters}) == len(family.parameters)


@pytest.mark.parametrize(
    ("name", "k", "horizon", "ranks"),
    [
        ("isan", 2, 8, (1, 2, 3, 3, 3, 3, 3, 1)),
        ("parity", 2, 9, (1,) * 9),
        ("fourier", 2, 9, (1, 2, 2, 2, 1, 1, 1, 1, 1)),
        ("copy", 2, 8, (1, 2, 3, 4, 4, 3, 2, 1)),
        ("spike", 2, 6, (1, 0, 0, 0, 0, 0)),
    ],
)
def test_examples_are_the_targets_they_say(name, k, horizon, ranks):
    model = family_target(FAMILIES[name].example)
    assert (model.alphabet_size, model.horizon) == (k, horizon)
    assert model.cut_ranks() == ranks


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_every_example_is_a_target(family):
    assert family.example.startswith(family.name + ":")
    model = family_target(family.example)
    assert len(model.logits(())) == model.alphabet_size


@pytest.mark.parametrize(
    ("target", "model"),
    [
        ("isan:T=3,k=3,d=2,seed=5", families.random_isan(3, 3, 2, 5)),
        ("isan:T=3,d=2", families.random_isan(3, 2, 2, 0, "rotation")),
        ("isan:d=2,kind=sparse,T=3", families.random_isan(3, 2, 2, 0, "sparse")),
        ("parity:n=3,secret=101,nu=1/10", families.noisy_parity(3, "101", "1/10")),
        ("parity:n=3,secret=101", families.noisy_parity(3, "101", "1/10")),
        ("parity:n=3,secret=101,nu=0.25", families.noisy_parity(3, "101", "1/4")),
        ("parity:n=3,secret=101,nu=1e-2", families.noisy_parity(3, "101", "1/100")),
        ("fourier:n=2,terms=11:1/2", families.fourier_sparse(2, {"11": "1/2"})),
        (
            "fourier:n=2,terms=11:0.5;01:-1/4",
            families.fourier_sparse(2, {"11": "1/2", "01": "-1/4"}),
        ),
        ("copy:n=2", families.copy(2, 2, 8)),
        ("copy:n=2,k=3,c=1", families.copy(2, 3, 1)),
        ("spike:T=4", families.spike(4)),
    ],
)
def test_targets_are_the_models_they_describe(target, model):
    assert written(family_target(target)) == written(model)


def test_a_label_of_a_fourier_target():
    model = family_target("fourier:n=3,terms=110:1/2;001:-1/4")
    for x in product((0, 1), repeat=3):
        f = Fraction(1, 2) * (-1) ** (x[0] + x[1]) - Fraction(1, 4) * (-1) ** x[2]
        assert model.logits(x) == (-f, f)


@pytest.mark.parametrize(
    "target", ["", "unknown:T=3", "ISAN:T=3", " isan:T=3", "model.json", ":T=3", "T=3"]
)
def test_unknown_families_are_refused(target):
    with pytest.raises(
        InputError,
        match=r"^target must be a JSON file or one of isan, parity, fourier, copy, spike",
    ) as caught:
        family_target(target)
    assert caught.value.value == target


@pytest.mark.parametrize(
    ("target", "item"),
    [
        ("isan:T=3,d=2,depth=4", "depth=4"),
        ("isan:T=3,d=2,", ""),
        ("isan:T=3,,d=2", ""),
        ("isan:T=3,d", "d"),
        ("isan:T=3, d=2", " d=2"),
        ("isan:t=3,d=2", "t=3"),
        ("isan:=3", "=3"),
        ("isan:n=3", "n=3"),
    ],
)
def test_unknown_parameters_are_refused(target, item):
    with pytest.raises(
        InputError,
        match=(
            r"^target parameter of isan must be NAME=VALUE with NAME in T, k, d, seed, kind, "
            rf"not '{item}'$"
        ),
    ):
        family_target(target)


@pytest.mark.parametrize("target", ["spike:T=3,T=3", "spike:T=3,T=4"])
def test_parameters_given_twice_are_refused(target):
    with pytest.raises(InputError, match=r"^target parameter T must be given once, not 'T="):
        family_target(target)


@pytest.mark.parametrize(
    ("target", "parameter", "example"),
    [
        ("isan", "T", "isan:T=8,k=2,d=3,seed=0"),
        ("isan:", "T", "isan:T=8,k=2,d=3,seed=0"),
        ("isan:T=3", "d", "isan:T=8,k=2,d=3,seed=0"),
        ("parity:n=3", "secret", "parity:n=8,secret=10110010,nu=1/10"),
        ("parity:secret=1", "n", "parity:n=8,secret=10110010,nu=1/10"),
        ("fourier:n=3", "terms", "fourier:n=8,terms=11000000:1/2;00110000:-1/4"),
        ("copy:k=3", "n", "copy:n=4,k=2"),
        ("spike", "T", "spike:T=6"),
    ],
)
def test_missing_parameters_are_named_with_an_example(target, parameter, example):
    with pytest.raises(
        InputError,
        match=rf"^target parameter {parameter} must be given, as in {example}, not missing$",
    ):
        family_target(target)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "3.0",
        "+3",
        "--3",
        "-",
        "1e3",
        "0x3",
        "3_0",
        "\u0663",
        "\u00b2",
        " 3",
        "1234567890",
        "-1234567890",
        "1/2",
        "=3",
    ],
)
def test_integers_must_be_short_integers(value):
    with pytest.raises(
        InputError, match=r"^target parameter T must be an integer(?: of at most 9 digits)?, not "
    ) as caught:
        family_target(f"spike:T={value}")
    assert caught.value.value == value


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("spike:T=0", r"T must be an integer of at least 1, not 0"),
        ("spike:T=-3", r"T must be an integer of at least 1, not -3"),
        ("isan:T=0,d=1", r"T must be an integer of at least 1, not 0"),
        ("isan:T=3,d=0", r"d must be an integer of at least 1, not 0"),
        ("isan:T=3,d=1,k=1", r"k must be an integer of at least 2, not 1"),
        ("isan:T=3,d=1,seed=-1", r"seed must be an integer of at least 0, not -1"),
        ("isan:T=3,d=1,kind=", r"kind must be one of rotation, .*, nilpotent, not ''"),
        ("isan:T=3,d=1,kind=Dense", r"kind must be one of rotation, .*, nilpotent, not 'Dense'"),
        ("parity:n=0,secret=", r"n must be an integer of at least 1, not 0"),
        ("parity:n=3,secret=10", r"secret must be a string of 3 characters 0 or 1, not '10'"),
        ("parity:n=3,secret=1o1", r"secret must be a string of 3 characters 0 or 1, not '1o1'"),
        ("parity:n=1,secret=1,nu=1/2", r"nu must be a rational in \(0, 1/2\), not '1/2'"),
        ("parity:n=1,secret=1,nu=0", r"nu must be a rational in \(0, 1/2\), not '0'"),
        ("parity:n=1,secret=1,nu=0.7", r"nu must be a rational in \(0, 1/2\), not '7/10'"),
        (
            "parity:n=1,secret=1,nu=x",
            r'target parameter nu must be a number such as "0\.01" or "1/100", not \'x\'',
        ),
        (
            "parity:n=1,secret=1,nu=nan",
            r'target parameter nu must be a finite number such as "0\.01" or "1/100", not \'nan\'',
        ),
        (
            "parity:n=1,secret=1,nu=1/0",
            r"target parameter nu must be a rational with a nonzero denominator, not '1/0'",
        ),
        ("fourier:n=2,terms=", r'target parameter terms must be written as "1100:1/2;.*, not \'\''),
        ("fourier:n=2,terms=11", r"target parameter terms must be written as .*, not \'11\'"),
        ("fourier:n=2,terms=11:1;", r"target parameter terms must be written as .*, not \'\'"),
        (
            "fourier:n=2,terms=11:1;11:2",
            r"target parameter terms must be a list of different terms, not '11'",
        ),
        (
            "fourier:n=2,terms=11:",
            r"target parameter terms\[11\] must be a number such as .*, not ''",
        ),
        (
            "fourier:n=2,terms=11:inf",
            r"target parameter terms\[11\] must be a finite number such as .*, not 'inf'",
        ),
        (
            "fourier:n=2,terms=11:1:2",
            r"target parameter terms\[11\] must be a number such as .*, not '1:2'",
        ),
        ("fourier:n=2,terms=110:1", r"terms must be a string of 2 characters 0 or 1, not '110'"),
        ("fourier:n=2,terms=:1", r"terms must be a string of 2 characters 0 or 1, not ''"),
        ("fourier:n=2,terms=11:0", r"terms\[11\] must be a nonzero rational, not '0'"),
        ("fourier:n=0,terms=:1", r"n must be an integer of at least 1, not 0"),
        ("copy:n=0", r"n must be an integer of at least 1, not 0"),
        ("copy:n=2,k=1", r"k must be an integer of at least 2, not 1"),
        ("copy:n=2,c=0", r"c must be an integer of at least 1, not 0"),
    ],
)
def test_values_out_of_range_are_refused(target, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        family_target(target)
