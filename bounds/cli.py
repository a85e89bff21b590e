"""``llr bound``: list every statement, or evaluate one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import click
from flint import arb, fmpq

from bounds.exponents import COMPRESSION, PRINTED, fitted
from bounds.parameters import Parameters, explicit_parameters
from bounds.queries import QueryCount, Ranks
from bounds.statement import STATEMENTS, Statement
from bounds.theorem import PrintedParameters, queries_by_compression, queries_printed
from llr.errors import InputError, LlrError, ShownAs, UndecidedError, one_of, shorten
from llr.numbers.balls import LIMIT_BITS, TINY, Real
from llr.numbers.rational import decimal, text
from llr.numbers.units import LogitUnit
from llr.screen import (
    json_option,
    parse_integer,
    print_json,
    progress,
    quiet_option,
    show,
    table,
)

THEOREM = "theorem-5.11"
EXPONENTS = "exponents"

MOST = {
    "copy-ranks": {"tokens": 10**4, "alphabet_size": 10**3},
    "cauchy-ranks": {"bits": 10**4},
    "clopper-pearson": {"n": 10**7},
    "hard-teacher": {"copies": 10**3, "strength": 10**3},
    "lemma-5.1": {"w": 10**3, "d": 10**3},
    "lemma-5.2": {"r": 2 * 10**4},
    "lemma-5.2-simple": {"r": 2 * 10**4},
    "lemma-5.9-product": {"horizon": 10**5},
    "needle": {"length": 10**6},
    "parameters": {"horizon": 10**6, "rank": 3 * 10**3},
}
"""The largest integers that options take where the work grows with them, by statement."""

MAX_DIGITS_SHOWN = 4300
"""The longest integers that JSON holds: readers refuse longer ones."""

LONGEST = 20
"""People see an exact number of more characters as decimals."""


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("name", metavar="[STATEMENT]", required=False)
@quiet_option
@json_option
@click.pass_context
def bound(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """List every statement, or evaluate the right-hand side of one.

    llr bound lemma-5.9 --horizon 4 --p-bad 0.01 --g 0.001 --xi 0

    llr bound theorem-5.11 --T 8 --k 2 --d 4 --epsilon 0.01 --delta 0.01 [--xi X] [--alpha A]
    """
    if name is not None and name.startswith("--"):
        raise InputError("statement", ShownAs("missing"), f"named before {name}")
    given = _options(ctx.args)
    if name is None:
        _list(as_json)
    elif name == THEOREM:
        _theorem(given, as_json)
    elif name == EXPONENTS:
        if given:
            raise InputError(
                "option", "--" + next(iter(given)), f"left out: {EXPONENTS} takes none"
            )
        _exponents(as_json)
    elif name in STATEMENTS:
        _evaluate(STATEMENTS[name], given, as_json)
    else:
        raise InputError("statement", name, one_of([*STATEMENTS, THEOREM, EXPONENTS], name))


def _options(arguments: list[str]) -> dict[str, str]:
    """Return --name value pairs; dashes in names become underscores."""
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        if not option.startswith("--"):
            raise InputError("argument", option, "an option, --NAME VALUE")
        key, equals, value = option[2:].partition("=")
        if not equals:
            if not rest:
                raise InputError(option, ShownAs("missing"), "followed by a value")
            value = rest.pop(0)
        name = key.replace("-", "_")
        if name in found:
            raise InputError(_option(name), value, "given once")
        found[name] = value
    return found


def _option(name: str) -> str:
    """Return how the option for an argument is written."""
    return "--" + name.replace("_", "-")


def _list(as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    **_told(s),
                    "arguments": list(inspect.signature(s.function).parameters),
                }
                for s in STATEMENTS.values()
            ]
        )
        return
    for s in STATEMENTS.values():
        arguments = " ".join(map(_option, inspect.signature(s.function).parameters))
        click.echo(f"{_head(s)}\n    {s.summary}\n    {arguments}")
    click.echo(
        f"{THEOREM} (the query table: printed, [M]'s and explicit counts side by side)\n"
        "    --T --k --d --epsilon --delta --xi --alpha\n"
        f"{EXPONENTS} (growth of the explicit count, fitted, beside the printed one)"
    )


# -- one statement ------------------------------------------------------------------------------


def _evaluate(statement: Statement, given: Mapping[str, str], as_json: bool) -> None:
    signature = inspect.signature(statement.function)
    for name in given:
        if name not in signature.parameters:
            names = ", ".join(map(_option, signature.parameters))
            expected = f"one of {names}"
            raise InputError(f"option of {statement.identifier}", _option(name), expected)
    arguments: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if name in given:
            most = MOST.get(statement.identifier, {}).get(name)
            arguments[name] = _read(name, given[name], str(parameter.annotation), most)
        elif parameter.default is inspect.Parameter.empty:
            raise InputError(_option(name), ShownAs("missing"), "given")
    with progress(statement.identifier), _named_failures(statement.identifier, given):
        shown = to_json(statement.function(**arguments), None if as_json else LONGEST)
    if as_json:
        print_json({**_told(statement), "value": shown})
        return
    click.echo(f"{_head(statement)}: {statement.summary}")
    for key, item in shown.items() if isinstance(shown, dict) else [("value", shown)]:
        click.echo(f"    {key} = {item}")


def _head(statement: Statement) -> str:
    """Return a statement's name, with how far it can be trusted."""
    return f"{statement.identifier} ({statement.mark}; {statement.source})"


def _told(statement: Statement) -> dict[str, str]:
    """Return what a statement says of itself, as JSON."""
    return {
        "statement": statement.identifier,
        "mark": statement.mark,
        "source": statement.source,
        "summary": statement.summary,
    }


@contextmanager
def _named_failures(name: str, given: Mapping[str, str]) -> Iterator[None]:
    """Name the statement and its arguments where a value cannot be computed or written out."""
    try:
        yield
    except (UndecidedError, InputError) as error:
        arguments = " ".join(f"{_option(key)} {shorten(ShownAs(x))}" for key, x in given.items())
        raise LlrError(f"{name} at {arguments}: {error}") from None


def _read(name: str, written: str, annotation: str, most: int | None) -> Any:
    option = _option(name)
    if annotation == "bool":
        if written not in ("true", "false"):
            raise InputError(option, written, "true or false")
        return written == "true"
    if annotation == "int":
        return parse_integer(written, option, most=most)
    if annotation == "Sequence[int]":
        return [parse_integer(part, option) for part in written.split(",")]
    if annotation.startswith("Sequence"):
        return [decimal(part, option) for part in written.split(",")]
    if annotation == "LogitUnit":
        return LogitUnit.parse(written, option)
    return decimal(written, option)


def to_json(value: Any, longest: int | None = None) -> Any:
    """Return a bound as JSON: p/q if exact, outward decimals otherwise.

    Args:
        value: of a statement.
        longest: exact numbers of more characters are shown as outward decimals, too.

    Raises:
        UndecidedError: an enclosure of about 12 digits is out of reach.
        InputError: an integer is too long to be written.
    """
    if isinstance(value, Real):
        if value.exact is not None:
            return to_json(value.exact, longest)
        lower, upper = value.enclosure(_width(value)).as_strings()
        return lower if lower == upper else {"lower": lower, "upper": upper}
    if isinstance(value, fmpq):
        written = text(value)
        return written if longest is None or len(written) <= longest else _decimals(value)
    if isinstance(value, Parameters | PrintedParameters | QueryCount | Ranks):
        return {name: to_json(item, longest) for name, item in vars(value).items()}
    if isinstance(value, tuple):
        return [to_json(item, longest) for item in value]
    if type(value) is int and longest is not None and abs(value) >= 10**longest:
        return _decimals(fmpq(value))
    if type(value) is int and abs(value) >= 10**MAX_DIGITS_SHOWN:
        shown = ShownAs(f"one of {value.bit_length()} bits")
        raise InputError("value", shown, f"an integer of at most {MAX_DIGITS_SHOWN} digits")
    return value


def _decimals(value: fmpq) -> dict[str, str]:
    """Return an exact number as decimals rounded outwards."""
    rough = Real(lambda: arb(value))
    lower, upper = rough.enclosure(_width(rough)).as_decimals()
    return {"lower": lower, "upper": upper}


def _width(value: Real) -> Real:
    """Return an enclosure width of about 12 digits, ``TINY`` for what is all but zero."""
    size, bits = abs(value), 128
    while bits <= LIMIT_BITS:
        least = size.below(bits)
        if least > 0:
            return Real(least * fmpq(1, 10**12))
        if -(-size).below(bits) <= TINY:
            break
        bits *= 2
    return Real(TINY)


# -- the query table ----------------------------------------------------------------------------


def _theorem(given: Mapping[str, str], as_json: bool) -> None:
    known = {"T", "k", "d", "epsilon", "delta", "xi", "alpha"}
    for name in given:
        if name not in known:
            expected = "one of " + ", ".join(map(_option, sorted(known)))
            raise InputError(f"option of {THEOREM}", _option(name), expected)
    for name in ("T", "k", "d", "epsilon", "delta"):
        if name not in given:
            raise InputError(f"--{name}", ShownAs("missing"), "given")
    most = MOST["parameters"]
    horizon = parse_integer(given["T"], "--T", 1, most["horizon"])
    k = parse_integer(given["k"], "--k", 2)
    rank = parse_integer(given["d"], "--d", 1, most["rank"])
    epsilon, delta = (decimal(given[x], f"--{x}") for x in ("epsilon", "delta"))
    xi = decimal(given.get("xi", "0"), "--xi")
    alpha = decimal(given.get("alpha", "1"), "--alpha")
    with progress(f"parameters of {THEOREM}"), _named_failures(THEOREM, given):
        sets = {
            variant: explicit_parameters(
                horizon=horizon,
                alphabet_size=k,
                rank=rank,
                epsilon=epsilon,
                delta=delta,
                alpha=alpha,
                xi=xi,
                tolerant=variant == "tolerant",
            )
            for variant in ("plain", "tolerant")
        }
    printed = queries_printed(horizon, k, rank, epsilon)
    compression = queries_by_compression(horizon, rank, epsilon)
    if as_json:
        with _named_failures(THEOREM, given):
            shown = {
                "printed_leading_term": to_json(printed),
                "compression_leading_term": to_json(compression),
                "explicit": {
                    name: {
                        "parameters": to_json(p),
                        "queries": to_json(p.queries()),
                        "entries": to_json(p.queries().entries),
                        "total_words": to_json(p.total_words),
                    }
                    for name, p in sets.items()
                },
            }
        print_json(shown)
        return
    found = table(
        f"Theorem 5.11 at T={horizon}, k={k}, d={rank}, epsilon={text(epsilon)}, "
        f"delta={text(delta)}, xi={text(xi)}",
        "form",
        "entries",
        "W",
        "K",
        "n",
        "N",
        "words",
    )
    found.add_row("printed k^3 T^13 d^4/eps^4 *", _short(printed), *[""] * 5)
    found.add_row("[M] T^7 d^3/eps^2 *", _short(compression), *[""] * 5)
    for name, p in sets.items():
        numbers = (p.queries().entries, p.witnesses, p.epochs, p.words, p.draws, p.total_words)
        found.add_row(f"explicit, {name}", *(_short(x) for x in numbers))
    show(found)
    show("* leading term alone: logarithms and constants are open.")


def _exponents(as_json: bool) -> None:
    with progress("fitting exponents"):
        fits = [fitted(variant) for variant in ("plain", "tolerant")]
    if as_json:
        print_json(
            {
                "printed": PRINTED,
                "compression": COMPRESSION,
                "fitted": {f.variant: vars(f) for f in fits},
            }
        )
        return
    names = list(PRINTED)
    found = table("exponents of the entry count", "form", *names, "printed / form", "[M] / form")
    found.add_row("printed", *(str(PRINTED[n]) for n in names), "", "")
    found.add_row("[M], k = 2", *(str(COMPRESSION.get(n, "")) for n in names), "", "")
    for f in fits:
        found.add_row(
            f"explicit, {f.variant}",
            *(f"{f.exponents[n]:.2f}" for n in names),
            "{:.1e} .. {:.1e}".format(*f.printed_factor),
            "{:.1e} .. {:.1e}".format(*f.compression_factor),
        )
    show(found)
    show("Fitted over T = 8..64, d = 1..16, k = 2..8, 1/epsilon = 10..1000, delta = 1/100, xi = 0.")


def _short(x: int | Real) -> str:
    """Return a number in three digits, or whole if it is below a million."""
    whole = Real.of(x).nearest_integer()
    if whole < 10**6:
        return f"{whole:,}"
    power = Decimal(whole).adjusted()
    return f"{Decimal(whole).scaleb(-power):.2f}e+{power:02d}"
