"""TARGET on the command line: a JSON model, or a family with parameters, ``isan:T=8,k=2,d=3``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flint import fmpq

from llr.errors import InputError, ShownAs
from llr.models import families, markov, perturbed, teachers
from llr.models.base import LanguageModel
from llr.models.isan import Isan
from llr.numbers.perturbations import NOISES
from llr.numbers.rational import decimal


@dataclass(frozen=True)
class Parameter:
    """One parameter of a family.

    Args:
        name: before the equals sign.
        read: makes the value from what is written and the name for errors.
        meaning: one phrase.
        default: what is read if it is left out; None: it must be given.
        last: takes everything that follows, commas included.
    """

    name: str
    read: Callable[[str, str], object]
    meaning: str
    default: str | None = None
    last: bool = False


@dataclass(frozen=True)
class Family:
    """A family of targets.

    Args:
        name: the word before the colon.
        summary: one sentence.
        parameters: in the order of ``build``'s arguments.
        build: makes the model.
        example: a TARGET that works.
    """

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    build: Callable[..., LanguageModel]
    example: str


def read_integer(written: str, argument: str) -> int:
    """Read an integer of at most 9 digits."""
    digits = written.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise InputError(argument, written, "an integer")
    if len(digits) > 9:
        raise InputError(argument, written, "an integer of at most 9 digits")
    return int(written)


def read_text(written: str, argument: str) -> str:
    """Return what is written."""
    return written


def _number(written: str, argument: str) -> fmpq:
    return decimal(written, argument)


def _terms(written: str, argument: str) -> dict[str, fmpq]:
    found: dict[str, fmpq] = {}
    for term in written.split(";"):
        bits, colon, value = term.partition(":")
        if not colon:
            raise InputError(argument, term, 'written as "1100:1/2;0011:-1/4"')
        if bits in found:
            raise InputError(argument, bits, "a list of different terms")
        found[bits] = decimal(value, f"{argument}[{bits}]")
    return found


def _hard_teacher(n: int, length: int, strength: int, padding: int, seed: int) -> Isan:
    return teachers.hard_teacher(n, teachers.random_program(n, length, seed), strength, padding)


_HORIZON = Parameter("T", read_integer, "horizon")
_ALPHABET = Parameter("k", read_integer, "alphabet size, at least 2", "2")
_SEED = Parameter("seed", read_integer, "seed of the generator", "0")

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "isan",
            "random ISAN with rational entries; every cut rank generic",
            (
                _HORIZON,
                _ALPHABET,
                Parameter("d", read_integer, "hidden dimension"),
                _SEED,
                Parameter("kind", read_text, "one of " + ", ".join(families.KINDS), "rotation"),
            ),
            families.random_isan,
            "isan:T=8,k=2,d=3,seed=0",
        ),
        Family(
            "parity",
            "n fair bits, then their parity over a secret set, flipped with probability nu",
            (
                Parameter("n", read_integer, "number of input bits; T = n + 1"),
                Parameter("secret", read_text, "n characters 0 or 1"),
                Parameter("nu", _number, "noise, in (0, 1/2)", "1/10"),
            ),
            families.noisy_parity,
            "parity:n=8,secret=10110010,nu=1/10",
        ),
        Family(
            "fourier",
            "n fair bits, then a label with P(1) = sigma(2 f), f a sum of few characters",
            (
                Parameter("n", read_integer, "number of input bits; T = n + 1"),
                Parameter("terms", _terms, "SET:COEFFICIENT, separated by semicolons"),
            ),
            families.fourier_sparse,
            "fourier:n=8,terms=11000000:1/2;00110000:-1/4",
        ),
        Family(
            "copy",
            "n uniform tokens, then the same n tokens again, each right with odds 2^c to 1",
            (
                Parameter("n", read_integer, "number of tokens; T = 2 n"),
                _ALPHABET,
                Parameter("c", read_integer, "strength", "8"),
            ),
            families.copy,
            "copy:n=4,k=2",
        ),
        Family(
            "spike",
            "first token 1 with logit -T, then fair bits",
            (_HORIZON,),
            families.spike,
            "spike:T=6",
        ),
        Family(
            "hard",
            "n fair bits, L noisy copies, the label of a random branching program, fair bits",
            (
                Parameter("n", read_integer, "number of input bits; T = n + L + 1 + pad"),
                Parameter("L", read_integer, "number of copies and instructions"),
                Parameter("c", read_integer, "strength: a copy is wrong with odds 1 to 4^c", "8"),
                Parameter("pad", read_integer, "number of fair bits after the label", "0"),
                Parameter("seed", read_integer, "seed of the program", "0"),
            ),
            _hard_teacher,
            "hard:n=3,L=4,c=2,pad=1,seed=0",
        ),
        Family(
            "cauchy",
            "n fair bits x, n fair bits f, a label with odds 2^(s(x) - s(f)), s in binary",
            (Parameter("n", read_integer, "number of bits of x; T = 2 n + 1"),),
            teachers.cauchy_teacher,
            "cauchy:n=3",
        ),
        Family(
            "hmm",
            "random hidden Markov model with rational entries; no ISAN, logits are float64",
            (
                _HORIZON,
                _ALPHABET,
                Parameter("R", read_integer, "number of hidden states"),
                _SEED,
            ),
            markov.random_hidden_markov,
            "hmm:T=5,k=2,R=2,seed=0",
        ),
        Family(
            "perturbed",
            "random ISAN plus an error per prefix of at most xi nats: approximately low rank",
            (
                _HORIZON,
                _ALPHABET,
                Parameter("d", read_integer, "hidden dimension of the ISAN"),
                _SEED,
                Parameter("xi", _number, "largest error in nats, positive", "1/100"),
                Parameter("noise", read_text, "one of " + ", ".join(NOISES), "random"),
            ),
            perturbed.perturbed_isan,
            "perturbed:T=5,k=2,d=2,seed=0,xi=1/100",
        ),
    )
}


def family_target(written: str, families: Mapping[str, Family] = FAMILIES) -> LanguageModel:
    """Return the model that ``family:name=value,...`` describes.

    Raises:
        InputError: unknown family or parameter, or a value out of range; the message names it.

    >>> family_target("parity:n=3,secret=101").horizon
    4
    """
    family, values = family_parameters(written, families)
    return family.build(*values.values())


def family_parameters(
    written: str, families: Mapping[str, Family] = FAMILIES
) -> tuple[Family, dict[str, object]]:
    """Return the family that ``family:name=value,...`` names, and its parameters in order.

    Raises:
        InputError: as for :func:`family_target`.
    """
    name, _, rest = written.partition(":")
    family = families.get(name)
    if family is None:
        raise InputError("target", written, "a JSON file or one of " + ", ".join(families))
    given: dict[str, str] = {}
    for item in _items(rest, family):
        key, equals, value = item.partition("=")
        if not equals or key not in {p.name for p in family.parameters}:
            names = ", ".join(p.name for p in family.parameters)
            raise InputError(
                f"target parameter of {name}", item, f"NAME=VALUE with NAME in {names}"
            )
        if key in given:
            raise InputError(f"target parameter {key}", item, "given once")
        given[key] = value
    values: dict[str, object] = {}
    for parameter in family.parameters:
        raw = given.get(parameter.name, parameter.default)
        if raw is None:
            raise InputError(
                f"target parameter {parameter.name}",
                ShownAs("missing"),
                f"given, as in {family.example}",
            )
        values[parameter.name] = parameter.read(raw, f"target parameter {parameter.name}")
    return family, values


def _items(written: str, family: Family) -> list[str]:
    """Split at commas, up to a parameter that takes the rest."""
    found = written.split(",") if written else []
    for place, item in enumerate(found):
        if any(p.last and item.startswith(f"{p.name}=") for p in family.parameters):
            return [*found[:place], ",".join(found[place:])]
    return found
