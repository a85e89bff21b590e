"""A second, small verifier of certificates; it needs the standard library alone.

It shares no code with the learner. What it cannot know is that the words were drawn afresh. It
asks the target again for the logits along every word of the evidence, computes the learned
network's own, and recomputes both bounds: the probabilities of the Clopper-Pearson limit and of
the bet exactly, in fractions. See :mod:`llr.learning.certificate` for what is claimed and why it
follows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

Prefix = tuple[int, ...]
Ask = Callable[[Sequence[Prefix]], Sequence[Sequence[Any]]]

STAKES = [Fraction(1, 2**i) for i in range(8)]
DIGITS = Context(prec=50)
DECIMAL_MARGIN = Fraction(1, 10**40)
FLOAT_MARGIN = Fraction(1, 2**40)


def verify(certificate: Mapping[str, Any], model: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """Recompute a certificate.

    Args:
        certificate: a certificate file's value.
        model: the value of the file of the network that it speaks of.
        ask: returns one row of k logits per prefix, in the certificate's unit.

    Returns:
        "valid", "problems" (one sentence each), "tested_words", "prefixes" (asked), "failing",
        "total_variation" (as claimed).

    Raises:
        ValueError: a file does not have the form of its kind.
    """
    claim = _Claim(certificate)
    network = _Network(model)
    problems = [
        f"{name} is {own} in the certificate, {other} in the model"
        for name, own, other in (
            ("alphabet_size", claim.k, network.k),
            ("horizon", claim.horizon, network.horizon),
            ("logit_unit", claim.unit, network.unit),
            ("arithmetic", claim.arithmetic, network.arithmetic),
        )
        if own != other
    ]
    if problems:
        return claim.report(problems, 0, 0)
    off, apart = _compare(claim, network, ask)
    failing = sum(
        many
        for word, many in claim.words
        if any(off[word[:t]] > claim.tau for t in range(claim.horizon))
    )
    # an oracle that is not reproducible to the bit may have let some words fail by a hair
    if failing > claim.failing or (failing < claim.failing and claim.reproducible == 0):
        problems.append(f"{failing} words fail, not {claim.failing}")
    n = sum(many for _, many in claim.words)
    noise = claim.horizon * claim.xi / 2
    first = off.get((), Fraction(0))
    limit = claim.failing_words - ((claim.horizon - 1) * claim.tau + first) / 2 - noise
    if claim.failing_words < 1 and not _rare(limit, n, failing, claim.delta / 2):
        problems.append(f"so few failures do not show TV <= {float(claim.failing_words)}")
    kappa = claim.tau / 2
    reach = 1 + (claim.horizon - 1) * kappa
    sums: dict[Fraction, int] = {}
    for word, many in claim.words:
        z = _stopped_sum([apart[word[:t]] for t in range(claim.horizon)], kappa) / reach
        z = Fraction(math.ceil(z * 2**32), 2**32)
        sums[z] = sums.get(z, 0) + many
    if claim.next_token < 1 and not _lost(
        (claim.next_token - noise) / reach, sums, claim.delta / 2
    ):
        problems.append(f"the next-token distances do not show TV <= {float(claim.next_token)}")
    if claim.total_variation != min(claim.failing_words, claim.next_token):
        problems.append("total_variation is not the smaller bound")
    return claim.report(problems, failing, len(off))


class _Claim:
    """What a certificate file says."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        _kind(value, "certificate")
        self.k = _integer(value, "alphabet_size", 2)
        self.horizon = _integer(value, "horizon", 1)
        self.unit = str(value.get("logit_unit"))
        self.arithmetic = str(value.get("arithmetic"))
        self.delta = _rational(value, "delta")
        self.xi = _rational(value, "xi")
        self.tau = _rational(value, "tau")
        self.reproducible = _rational({"reproducible": "0", **value}, "reproducible")
        if not 0 < self.delta < 1 or min(self.xi, self.tau, self.reproducible) < 0:
            raise ValueError("certificate: delta, xi, tau or reproducible is out of range")
        self.failing = _integer(value, "failing", 0)
        bounds = value.get("bounds")
        if not isinstance(bounds, dict):
            raise ValueError("certificate: bounds must be an object")
        self.failing_words = _rational(bounds, "failing_words")
        self.next_token = _rational(bounds, "next_token")
        self.total_variation = _rational(value, "total_variation")
        words = value.get("words")
        if not isinstance(words, list):
            raise ValueError("certificate: words must be a list")
        self.words = [self._word(entry) for entry in words]
        if len({word for word, _ in self.words}) < len(self.words):
            raise ValueError("certificate: words must differ; repeats go into their counts")

    def _word(self, entry: Any) -> tuple[Prefix, int]:
        if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], list)):
            raise ValueError("certificate: words must be pairs of tokens and a count")
        tokens, many = entry
        fine = all(type(a) is int and 0 <= a < self.k for a in tokens)
        if len(tokens) != self.horizon or not fine or type(many) is not int or many < 1:
            raise ValueError(f"certificate: {entry} is not a word with its count")
        return tuple(tokens), many

    def report(self, problems: list[str], failing: int, prefixes: int) -> dict[str, Any]:
        return {
            "valid": not problems,
            "problems": problems,
            "tested_words": sum(many for _, many in self.words),
            "prefixes": prefixes,
            "failing": failing,
            "delta": str(self.delta),
            "total_variation": str(self.total_variation),
        }


class _Network:
    """A time-varying affine network: x_t = A[t][y_t] x_{t-1}, logits B[t] x_{t-1}."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        _kind(value, "isan")
        self.k = _integer(value, "alphabet_size", 2)
        self.horizon = _integer(value, "horizon", 1)
        self.unit = str(value.get("logit_unit"))
        self.arithmetic = str(value.get("arithmetic", "exact"))
        read: Callable[[Any], Any] = float if self.arithmetic == "float64" else Fraction
        try:
            self.start = [read(x) for x in value["initial_state"]]
            self.steps = [
                [[[read(x) for x in row] for row in m] for m in step]
                for step in value["transitions"]
            ]
            self.readouts = [[[read(x) for x in row] for row in m] for m in value["readouts"]]
            if value.get("stationary") is True and len(self.steps) == len(self.readouts) == 1:
                self.steps, self.readouts = (
                    self.steps * (self.horizon - 1),
                    self.readouts * self.horizon,
                )
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ValueError(f"model: {error!r}") from None
        d, k, horizon = len(self.start), self.k, self.horizon
        if (
            len(self.steps) not in (horizon - 1, horizon)
            or any(len(step) != k or any(not _sized(m, d, d) for m in step) for step in self.steps)
            or len(self.readouts) != horizon
            or not all(_sized(m, k, d) for m in self.readouts)
        ):
            raise ValueError("model: initial_state, transitions or readouts have another shape")

    def logits(self, state: list[Any], t: int) -> list[Any]:
        """Return the centred logits of token t + 1."""
        row = _apply(self.readouts[t], state)
        mean = sum(row) / len(row)
        return [x - mean for x in row]

    def step(self, state: list[Any], t: int, token: int) -> list[Any]:
        """Return the state after token t + 1."""
        return _apply(self.steps[t][token], state)


def _sized(matrix: list[list[Any]], rows: int, columns: int) -> bool:
    numbers = [x for row in matrix for x in row]
    whole = len(matrix) == rows and all(len(row) == columns for row in matrix)
    return whole and all(abs(x) < math.inf for x in numbers)


def _apply(matrix: list[list[Any]], column: list[Any]) -> list[Any]:
    return [sum(a * x for a, x in zip(row, column, strict=True)) for row in matrix]


def _compare(
    claim: _Claim, network: _Network, ask: Ask
) -> tuple[dict[Prefix, Fraction], dict[Prefix, Fraction]]:
    """Return, per prefix, the largest difference of logits in nats, and the next-token distance."""
    nats, margin = _nats(claim.unit)
    off: dict[Prefix, Fraction] = {}
    apart: dict[Prefix, Fraction] = {}
    states: dict[Prefix, list[Any]] = {}
    for t in range(claim.horizon):
        prefixes = list(dict.fromkeys(word[:t] for word, _ in claim.words))
        states = {
            p: network.step(states[p[:-1]], t - 1, p[-1]) if p else network.start for p in prefixes
        }
        for prefix, answer in zip(prefixes, ask(prefixes), strict=True):
            truth = [Fraction(x) for x in answer]
            mean = sum(truth, Fraction(0)) / len(truth)
            truth = [x - mean for x in truth]
            guess = [Fraction(x) for x in network.logits(states[prefix], t)]
            gap = max(abs(x - y) for x, y in zip(truth, guess, strict=True))
            off[prefix] = gap * (nats + margin)
            if gap == 0:
                apart[prefix] = Fraction(0)
            elif claim.arithmetic == "float64":
                apart[prefix] = _float_distance(truth, guess, float(nats))
            else:
                apart[prefix] = _decimal_distance(truth, guess, nats)
    return off, apart


def _nats(unit: str) -> tuple[Fraction, Fraction]:
    """Return the unit's size in nats to 40 digits, and a margin for the rest."""
    if unit == "nat":
        return Fraction(1), Fraction(0)
    if not unit.startswith("ln "):
        raise ValueError(f'certificate: logit_unit must be "nat" or "ln q", not {unit!r}')
    try:
        base = Fraction(unit[3:])
    except (ValueError, ZeroDivisionError):
        base = Fraction(0)
    if base <= 1:
        raise ValueError(f'certificate: logit_unit must be "nat" or "ln q", q > 1, not {unit!r}')
    with localcontext(DIGITS):
        size = Fraction((Decimal(base.numerator) / Decimal(base.denominator)).ln())
    return size, DECIMAL_MARGIN


def _decimal_distance(u: list[Fraction], v: list[Fraction], nats: Fraction) -> Fraction:
    """Return the distance of two softmax laws, rounded up."""
    with localcontext(DIGITS):
        p, q = _decimal_softmax(u, nats), _decimal_softmax(v, nats)
        return Fraction(sum(abs(x - y) for x, y in zip(p, q, strict=True))) / 2 + DECIMAL_MARGIN


def _decimal_softmax(row: list[Fraction], nats: Fraction) -> list[Decimal]:
    exponents = [(x - max(row)) * nats for x in row]
    weights = [(Decimal(x.numerator) / Decimal(x.denominator)).exp() for x in exponents]
    total = sum(weights)
    return [w / total for w in weights]


def _float_distance(u: list[Fraction], v: list[Fraction], nats: float) -> Fraction:
    p, q = _float_softmax(u, nats), _float_softmax(v, nats)
    gap = math.fsum(abs(x - y) for x, y in zip(p, q, strict=True)) / 2
    return Fraction(gap) + FLOAT_MARGIN


def _float_softmax(row: list[Fraction], nats: float) -> list[float]:
    weights = [math.exp(float(x - max(row)) * nats) for x in row]
    total = math.fsum(weights)
    return [w / total for w in weights]


def _stopped_sum(distances: Sequence[Fraction], kappa: Fraction) -> Fraction:
    found = Fraction(0)
    for distance in distances:
        if distance > kappa:
            return found + 1
        found += min(distance, Fraction(1))
    return found


def _rare(p: Fraction, n: int, failing: int, delta: Fraction) -> bool:
    """True if at most ``failing`` failures of probability p among n have probability <= delta."""
    if p >= 1:
        return True
    if p <= 0:
        return False
    return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(failing + 1)) <= delta


def _lost(m: Fraction, sums: Mapping[Fraction, int], delta: Fraction) -> bool:
    """True if a bet against a mean of at least m has multiplied its capital by 1/delta."""
    if m >= 1:
        return True
    if m <= 0:
        return False
    capital = Fraction(0)
    for place, stake in enumerate(STAKES):
        bet = Fraction(1, 2) if place == 0 else Fraction(1, 2 * (len(STAKES) - 1))
        for z, many in sums.items():
            bet *= (1 - stake * (z - m) / (1 - m)) ** many
        capital += bet
    return capital * delta >= 1


def _kind(value: Mapping[str, Any], kind: str) -> None:
    if not isinstance(value, Mapping) or value.get("kind") != kind or value.get("format") != 1:
        raise ValueError(f"expected a file of kind {kind!r}, format 1")


def _integer(value: Mapping[str, Any], name: str, least: int) -> int:
    found = value.get(name)
    if type(found) is not int or found < least:
        raise ValueError(f"{name} must be an integer of at least {least}, not {found!r}")
    return found


def _rational(value: Mapping[str, Any], name: str) -> Fraction:
    try:
        return Fraction(value[name])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        raise ValueError(f"{name} must be a rational, not {value.get(name)!r}") from None
