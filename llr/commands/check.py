"""``llr check``: a certificate verified anew."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import click
from flint import fmpq

from llr import check as verifier
from llr.asking import opened, opened_target, oracle_identity, oracle_options, restriction
from llr.errors import InputError, ShownAs
from llr.models.base import Word, check_size
from llr.models.files import read_json
from llr.numbers.arithmetic import EXACT, FLOAT64
from llr.numbers.rational import decimal, fraction
from llr.numbers.units import LogitUnit
from llr.oracles.noise import noisy_oracle
from llr.oracles.protocol import LogitOracle
from llr.oracles.real import RealModel
from llr.screen import (
    FAILED,
    OK,
    Line,
    json_option,
    print_json,
    quiet_option,
    show,
    shown_line,
    table,
)


@click.command()
@click.argument("certificate", metavar="CERTIFICATE.json")
@click.argument("learned", metavar="MODEL.json")
@click.argument("target")
@oracle_options
@quiet_option
@json_option
def check(
    certificate: str,
    learned: str,
    target: str,
    journal: str | None,
    max_calls: str | None,
    as_json: bool,
) -> None:
    """Verify a certificate anew: ask TARGET again for every word of its evidence.

    The verifier shares no code with the learner.  Exit 0 if the certificate is valid, else 1.
    """
    claim, network = read_json(certificate), read_json(learned)
    model = opened_target(target)
    how = claim.get("oracle") if isinstance(claim, dict) else None
    how = how if isinstance(how, dict) else {}
    numbers = EXACT if model.arithmetic is EXACT and _is_exact(claim) else FLOAT64
    errs = (
        str(how.get("noise", "none")),
        decimal(claim.get("xi", 0), "xi") if how else fmpq(0),
        check_size(how.get("seed", 0), 0, "oracle.seed"),
    )
    noisy = noisy_oracle(model, numbers, *errs)
    unit = model.unit
    if numbers is FLOAT64 and isinstance(claim, dict):  # asked in nats, told in any unit
        unit = LogitUnit.parse(str(claim.get("logit_unit")), f"logit_unit of {certificate}")
    if isinstance(claim, dict):
        own = {
            "alphabet_size": model.alphabet_size,
            "horizon": model.horizon,
            "logit_unit": str(unit),
        }
        for name, value in own.items():
            if claim.get(name) != value:
                raise InputError(
                    f"{name} of {certificate}", claim.get(name), f"{value}, the target's"
                )

    size = float(unit.nats)
    if not size:
        raise InputError(f"logit_unit of {certificate}", str(unit), "a unit of float64")
    with opened(journal, max_calls) as asks:
        known: list[LogitOracle] = []
        line = Line(f"asking {target} again", asks.counts)
        lengths = 0

        def ask(prefixes: Sequence[Word]) -> list[list[Any]]:
            nonlocal lengths
            line.tell("prefixes, by length", lengths, model.horizon)
            lengths += 1
            if not known:  # not before the files are known to be sound
                identity = oracle_identity(target, *errs)
                known.append(asks.oracle(model, numbers, identity, noisy))
            rows = known[0].logits(prefixes)
            if numbers is FLOAT64:
                return [[x / size for x in row] for row in rows]
            return [[fraction(x) for x in row] for row in rows]

        try:
            with shown_line(line):
                found = verifier.verify(claim, network, ask)
        except InputError:
            raise
        except ValueError as error:
            shown = ShownAs(str(error))
            raise InputError(certificate, shown, "a certificate of that model") from None
        found |= asks.as_json()
    if as_json:
        files = {"certificate": certificate, "model": learned, "target": target}
        print_json({**files, **restriction(model), **found})
    else:
        report = table(f"certificate {certificate}", "what", "value")
        report.add_row("valid", "yes" if found["valid"] else "NO")
        if isinstance(model, RealModel):
            report.add_row("target", model.summary())
        for problem in found["problems"]:
            report.add_row("problem", problem)
        above = float(Fraction(found["total_variation"]))
        nothing = " (says nothing)" if above >= 1 else ""
        report.add_row("TV(target, model) <=", f"{above:.6g}{nothing}")
        report.add_row("except with probability", found["delta"])
        report.add_row("fresh words, failing", f"{found['tested_words']:,}, {found['failing']}")
        report.add_row("distinct prefixes asked", f"{found['prefixes']:,}")
        show(report)
    sys.exit(OK if found["valid"] else FAILED)


def _is_exact(claim: object) -> bool:
    return isinstance(claim, dict) and claim.get("arithmetic") == "exact"
