"""``llr bound``: list every statement, or evaluate one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import click
from flint import fmpq

from bounds.exponents import COMPRESSION, PRINTED, fitted
from bounds.parameters import Parameters, explicit_parameters
from bounds.queries import QueryCount, Ranks
from bounds.statement import STATEMENTS, Statement
from bounds.theorem import PrintedParameters, queries_by_compression, queries_printed
from llr.errors import InputError, ShownAs
from llr.numbers.balls import Real
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
        raise InputError(
            "statement", name, "one of " + ", ".join([*STATEMENTS, THEOREM, EXPONENTS])
        )


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
                    "statement": s.identifier,
                    "mark": s.mark,
                    "source": s.source,
                    "summary": s.summary,
                    "arguments": list(inspect.signature(s.function).parameters),
                }
                for s in STATEMENTS.values()
            ]
        )
        return
    for s in STATEMENTS.values():
        arguments = " ".join(map(_option, inspect.signature(s.function).parameters))
        click.echo(f"{s.identifier} ({s.mark}; {s.source})\n    {s.summary}\n    {arguments}")
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
            arguments[name] = _read(name, given[name], str(parameter.annotation))
        elif parameter.default is inspect.Parameter.empty:
            raise InputError(_option(name), ShownAs("missing"), "given")
    with progress(statement.identifier):
        value = statement.function(**arguments)
    if as_json:
        print_json({"statement": statement.identifier, "value": to_json(value)})
    else:
        click.echo(f"{statement.identifier}: {statement.summary}")
        shown = to_json(value)
        for key, item in shown.items() if isinstance(shown, dict) else [("value", shown)]:
            click.echo(f"    {key} = {item}")


def _read(name: str, written: str, annotation: str) -> Any:
    option = _option(name)
    if annotation == "bool":
        if written not in ("true", "false"):
            raise InputError(option, written, "true or false")
        return written == "true"
    if annotation == "int":
        return parse_integer(written, option)
    if annotation == "Sequence[int]":
        return [parse_integer(part, option) for part in written.split(",")]
    if annotation.startswith("Sequence"):
        return [decimal(part, option) for part in written.split(",")]
    if annotation == "LogitUnit":
        return LogitUnit.parse(written, option)
    return decimal(written, option)


def to_json(value: Any) -> Any:
    """Return a bound as JSON: p/q if exact, outward decimals otherwise."""
    if isinstance(value, Real):
        lower, upper = value.enclosure(_width(value)).as_strings()
        return lower if lower == upper else {"lower": lower, "upper": upper}
    if isinstance(value, fmpq):
        return text(value)
    if isinstance(value, Parameters | PrintedParameters | QueryCount | Ranks):
        return {name: to_json(item) for name, item in vars(value).items()}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def _width(value: Real) -> Real:
    """Return an enclosure width of about 12 digits."""
    size = abs(value)
    return Real.of(1 if size.exact is not None else size.below(128)) * fmpq(1, 10**12)


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
    horizon = parse_integer(given["T"], "--T", 1)
    k = parse_integer(given["k"], "--k", 2)
    rank = parse_integer(given["d"], "--d", 1)
    epsilon, delta = (decimal(given[x], f"--{x}") for x in ("epsilon", "delta"))
    xi = decimal(given.get("xi", "0"), "--xi")
    alpha = decimal(given.get("alpha", "1"), "--alpha")
    with progress(f"parameters of {THEOREM}"):
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
        print_json(
            {
                "printed_leading_term": to_json(printed),
                "compression_leading_term": to_json(compression),
                "explicit": {
                    name: {
                        "parameters": to_json(p),
                        "queries": to_json(p.queries()),
                        "entries": p.queries().entries,
                        "total_words": p.total_words,
                    }
                    for name, p in sets.items()
                },
            }
        )
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
