"""From rational rows to next-token probabilities.

A row holds logits that are rational in some unit, the nat or ln q for a rational q > 1, or it holds
the probabilities themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flint import arb, fmpq

from llr.errors import InputError
from llr.numbers import balls
from llr.numbers.balls import Real
from llr.numbers.rational import ONE, ZERO, centred, parse, text

_PATTERN = re.compile(r"ln ([0-9]+(?:/[0-9]+)?)")


MAX_WEIGHT_BITS = 1 << 20


class Link(Protocol):
    """How a row of k rationals fixes the probabilities of the next token.

    Equal links and equal rows give equal probabilities.
    """

    def weights(self, row: Sequence[fmpq], /) -> list[fmpq] | None:
        """Return exact probabilities up to a common factor, or None where they are not rational."""

    def ball_weights(self, row: Sequence[fmpq], /) -> list[arb]:
        """Return balls around probabilities up to a common factor, at the current precision."""

    def probabilities(self, row: Sequence[fmpq], /) -> list[Real]:
        """Return the probabilities; rationals stay rational."""

    def logits(self, row: Sequence[fmpq], /) -> list[Real]:
        """Return the mean-centred logits in nats."""


@dataclass(frozen=True)
class LogitUnit:
    """The value in nats of a logit of 1.

    Args:
        base: None for the nat, else q > 1 for the unit ln q.
    """

    base: fmpq | None = None

    def __post_init__(self) -> None:
        if self.base is not None and self.base <= 1:
            raise InputError(
                "logit_unit", f"ln {text(self.base)}", '"nat" or "ln q", rational q > 1'
            )

    @staticmethod
    def parse(written: object, argument: str = "logit_unit") -> LogitUnit:
        """Return the unit written ``nat`` or ``ln q``.

        >>> LogitUnit.parse("ln 3/2")
        LogitUnit(base=3/2)
        """
        if written == "nat":
            return NAT
        match = _PATTERN.fullmatch(written) if isinstance(written, str) else None
        if match is None:
            raise InputError(argument, written, '"nat" or "ln q" for a rational q > 1')
        base = parse(match.group(1), argument)
        if base <= 1:
            raise InputError(argument, written, '"nat" or "ln q", rational q > 1')
        return LogitUnit(base)

    def __str__(self) -> str:
        return "nat" if self.base is None else f"ln {text(self.base)}"

    @property
    def nats(self) -> Real:
        """The unit's size in nats."""
        return Real(ONE) if self.base is None else balls.log(self.base)

    def in_nats(self, logit: fmpq) -> Real:
        """Return the logit in nats."""
        return self.nats * logit

    def weights(self, logits: Sequence[fmpq]) -> list[fmpq] | None:
        """Return exact softmax weights up to a common factor, or None where they are not rational.

        They are rational if all logits agree, or if the unit is ln q and the logits differ by
        integers; weights of more than ``MAX_WEIGHT_BITS`` bits count as not rational.
        """
        low = min(logits)
        steps = [x - low for x in logits]
        if not any(steps):
            return [ONE] * len(steps)
        if self.base is None or any(s.q != 1 for s in steps):
            return None
        if max(steps) * max(self.base.p.bit_length(), self.base.q.bit_length()) > MAX_WEIGHT_BITS:
            return None  # rational, but too long to write down
        return [self.base ** int(s.p) for s in steps]

    def ball_weights(self, logits: Sequence[fmpq]) -> list[arb]:
        """Return balls around softmax weights up to a common factor, at the current precision."""
        high, unit = max(logits), self.nats.ball()
        return [(arb(x - high) * unit).exp() for x in logits]

    def probabilities(self, logits: Sequence[fmpq]) -> list[Real]:
        """Return softmax of the logits; rationals stay rational."""
        exact = self.weights(logits)
        if exact is not None:
            total = sum(exact, fmpq(0))
            return [Real(w / total) for w in exact]

        def probability(a: int) -> arb:
            found = self.ball_weights(logits)
            return found[a] / sum(found, arb(0))

        return [Real(lambda a=a: probability(a)) for a in range(len(logits))]  # type: ignore[misc]

    def logits(self, row: Sequence[fmpq]) -> list[Real]:
        """Return the mean-centred logits in nats; rational where the unit is the nat."""
        return [self.in_nats(x) for x in centred(row)]


@dataclass(frozen=True)
class Odds:
    """The link of rows that hold positive probabilities, up to a common factor."""

    def weights(self, row: Sequence[fmpq]) -> list[fmpq]:
        """Return the row."""
        return list(row)

    def ball_weights(self, row: Sequence[fmpq]) -> list[arb]:
        """Return balls around the row."""
        return [arb(x) for x in row]

    def probabilities(self, row: Sequence[fmpq]) -> list[Real]:
        """Return the row, scaled to sum 1."""
        total = sum(row, ZERO)
        return [Real(x / total) for x in row]

    def logits(self, row: Sequence[fmpq]) -> list[Real]:
        """Return the mean-centred logarithms, ln(x_a^k / prod_b x_b) / k; exact where 0."""
        k, product = len(row), ONE
        for x in row:
            product = product * x
        return [balls.log(x**k / product) / k for x in row]


NAT = LogitUnit()
"""Logits in nats."""
LN2 = LogitUnit(fmpq(2))
"""Logits that are binary logarithms: integers have rational probabilities."""
ODDS = Odds()
