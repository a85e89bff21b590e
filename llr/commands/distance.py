"""``llr distance``: total variation and KL divergence of two models."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import click

from llr.analysis import distance as distances
from llr.errors import InputError, TooLargeError, UndecidedError
from llr.models.base import LanguageModel
from llr.numbers.balls import LIMIT_BITS
from llr.numbers.rational import decimal, fraction
from llr.observing import Tell
from llr.screen import interval, json_option, print_json, progress, quiet_option, show, table
from llr.storage import enumerable_target


@click.command()
@click.argument("first")
@click.argument("second")
@click.option("--width", default="1e-12", show_default=True, help="Widest enclosure allowed.")
@quiet_option
@json_option
def distance(first: str, second: str, width: str, as_json: bool) -> None:
    """Print total variation and KL(FIRST || SECOND), exact or enclosed."""
    one, two = (enumerable_target(first, "first"), enumerable_target(second, "second"))
    widest = decimal(width, "--width")
    if widest <= 0:
        raise InputError("--width", width, "a positive number")
    computed = fraction(widest) / 2  # the other half is left to the rounding of the decimals
    try:
        with progress("measuring the distance") as line:
            apart = distances.total_variation(one, two, computed, tell=line.tell)
            kl = _divergence(one, two, computed, fraction(widest), line.tell)
    except UndecidedError:
        raise InputError("--width", width, f"reached within {LIMIT_BITS} bits") from None
    value: dict[str, Any] = {
        "first": first,
        "second": second,
        "total_variation": apart.as_json(fraction(widest)),
        "kl": kl,
    }
    if as_json:
        print_json(value)
        return
    found = table("", "distance", "value")
    found.add_row("TV", interval(value["total_variation"]))
    found.add_row("KL(first || second), nats", interval(value["kl"]))
    show(found)


def _divergence(
    one: LanguageModel, two: LanguageModel, computed: Fraction, width: Fraction, tell: Tell
) -> dict[str, str]:
    """Return KL as lower, upper and method; the trivial [0, inf] if the tree is too large."""
    try:
        found = distances.kl_divergence(one, two, tell=tell).enclosure(computed)
    except TooLargeError:
        return {"lower": "0", "upper": "inf", "method": "too large"}
    return {**found.as_json(width), "method": "exact" if found.exact else "enclosed"}
