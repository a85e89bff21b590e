"""Total variation and Kullback-Leibler divergence between two models, exact or enclosed.

Both are sums over the prefix tree.  Prefixes are merged where both models are in equal states; for
total variation also the likelihood ratio must agree, so that the sign of P - Q is one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from flint import arb, fmpq

from llr.errors import InputError, TooLargeError
from llr.models.base import LanguageModel, State
from llr.numbers.balls import Enclosure, Real
from llr.numbers.rational import RationalRow, rational
from llr.numbers.units import Link
from llr.observing import Tell, untold

MAX_NODES = 1 << 20
DEFAULT_WIDTH = Fraction(1, 10**30)

_STAGE = "prefixes, by length"

Weight: TypeAlias = Any  # fmpq or arb


@dataclass(frozen=True)
class Distance:
    """A distance with the way it was found.

    Attributes:
        value: the distance itself, or None if it is "too large" to compute.
        enclosure: rational ends; equal if the distance is known exactly.
        method: "exact", "enclosed" or "too large".
        nodes: merged prefixes visited in one pass.
    """

    value: Real | None
    enclosure: Enclosure
    method: str
    nodes: int

    def as_json(self, width: Fraction | None = None) -> dict[str, str]:
        """Return lower, upper and method; exact values as p/q, others as outward decimals.

        Args:
            width: with it, enough digits that rounding adds at most half of it.
        """
        return {**self.enclosure.as_json(width), "method": self.method}


class _NotRationalError(Exception):
    """Some next-token probability is irrational (or not known to be rational)."""


@dataclass
class _Group:
    """Prefixes with equal states and, where it matters, equal likelihood ratio."""

    p: Weight
    q: Weight


def total_variation(
    first: LanguageModel,
    second: LanguageModel,
    width: Fraction = DEFAULT_WIDTH,
    max_nodes: int = MAX_NODES,
    tell: Tell = untold,
) -> Distance:
    """Return TV(P, Q) = 1/2 sum_w |P(w) - Q(w)|.

    Args:
        first, second: models with one alphabet and one horizon.
        width: how wide an enclosure may be where the distance is not rational.
        max_nodes: largest number of merged prefixes of one length.
        tell: told of every length.

    Returns:
        Exactly 0 where all logits agree; a rational where all probabilities are rational; else an
        enclosure; the trivial [0, 1] with method "too large" beyond ``max_nodes``.

    Raises:
        InputError: alphabets or horizons differ.
    """
    _check_pair(first, second)
    walk = _Walk(first, second, max_nodes, tell, by_ratio=True)

    def measure(door: _Door) -> Weight:
        last = walk.layers(door)
        apart = (abs(g.p - g.q) for key, g in last.items() if key[2] != walk.agreeing(door))
        return sum(apart, door.zero) / 2

    return _measured(measure, walk, width, Enclosure(Fraction(0), Fraction(1)))


def kl_divergence(
    first: LanguageModel,
    second: LanguageModel,
    width: Fraction = DEFAULT_WIDTH,
    max_nodes: int = MAX_NODES,
    tell: Tell = untold,
) -> Real:
    """Return KL(P || Q) = sum_w P(w) log(P(w) / Q(w)) in nats; exactly 0 where all logits agree.

    Args: as :func:`total_variation`.

    Raises:
        InputError: alphabets or horizons differ.
        TooLargeError: more than ``max_nodes`` merged prefixes of one length.
    """
    _check_pair(first, second)
    walk = _Walk(first, second, max_nodes, tell, by_ratio=False)
    differing = sum(differ for *_, differ in walk.differences())
    if not differing:
        return Real(fmpq(0))

    def evaluate() -> arb:
        return walk.divergence(_BALLS)

    return Real(evaluate)


def mass(
    model: LanguageModel,
    other: LanguageModel,
    marks: Callable[[State], bool],
    width: Fraction = DEFAULT_WIDTH,
    max_nodes: int = MAX_NODES,
    tell: Tell = untold,
) -> Distance:
    """Return the probability under ``model`` that some prefix puts ``other`` into a marked state.

    Args:
        model: the law of the words.
        other: read along with it.
        marks: of the states of ``other`` after 0..T-1 tokens.
        width, max_nodes, tell: as :func:`total_variation`.
    """
    _check_pair(model, other)
    walk = _Walk(model, other, max_nodes, tell, by_ratio=False)

    def measure(door: _Door) -> Weight:
        return walk.marked(door, marks)

    return _measured(measure, walk, width, Enclosure(Fraction(0), Fraction(1)))


def _check_pair(first: LanguageModel, second: LanguageModel) -> None:
    if first.alphabet_size != second.alphabet_size:
        raise InputError(
            "second model's alphabet_size", second.alphabet_size, str(first.alphabet_size)
        )
    if first.horizon != second.horizon:
        raise InputError("second model's horizon", second.horizon, str(first.horizon))


# -- the two ways to weigh a branch -----------------------------------------------------------


@dataclass(frozen=True)
class _Door:
    """Rational or ball probabilities."""

    exact: bool
    zero: Weight
    one: Weight

    def probabilities(self, law: RationalRow, link: Link) -> list[Weight]:
        """Return the probabilities of the next token."""
        weights: list[Weight] | None = link.weights(law)
        if weights is None:
            if self.exact:
                raise _NotRationalError
            weights = link.ball_weights(law)
        total = sum(weights[1:], weights[0])
        return [w / total for w in weights]


_EXACT = _Door(True, fmpq(0), fmpq(1))
_BALLS = _Door(False, arb(0), arb(1))


def _measured(
    measure: Callable[[_Door], Weight], walk: _Walk, width: Fraction, trivial: Enclosure
) -> Distance:
    """Return the measure as a rational if it is one, else as an enclosure of the given width."""
    try:
        try:
            exact = Real(measure(_EXACT))
            return Distance(exact, exact.enclosure(), "exact", walk.nodes)
        except _NotRationalError:
            pass
        ball = Real(lambda: arb(measure(_BALLS)))
        found = ball.enclosure(width)
        clipped = Enclosure(max(found.lower, trivial.lower), min(found.upper, trivial.upper))
        if clipped.exact:
            return Distance(Real(rational(clipped.lower)), clipped, "exact", walk.nodes)
        return Distance(ball, clipped, "enclosed", walk.nodes)
    except TooLargeError:
        return Distance(None, trivial, "too large", walk.nodes)


Key: TypeAlias = tuple[State, State, Hashable]


class _Walk:
    """The prefix tree of two models, layer by layer, equal prefixes merged."""

    def __init__(
        self,
        first: LanguageModel,
        second: LanguageModel,
        max_nodes: int,
        tell: Tell,
        by_ratio: bool,
    ) -> None:
        self._first, self._second = first, second
        self._max_nodes = max_nodes
        self._tell = tell
        self._by_ratio = by_ratio
        self._links = (first.link, second.link)
        self._factors: dict[Hashable, int] = {}
        self._pairs: dict[tuple[State, State], tuple[RationalRow, RationalRow, bool]] = {}
        self._steps: dict[tuple[State, State, int], tuple[State, State]] = {}
        self.nodes = 0

    def agreeing(self, door: _Door) -> Hashable:
        """Return the ratio of prefixes to which both models give one probability."""
        return door.one if door.exact and self._by_ratio else ()

    def layers(self, door: _Door) -> dict[Key, _Group]:
        """Return the groups of words."""
        self.nodes = 0
        layer: dict[Key, _Group] = {self._root(door): _Group(door.one, door.one)}
        for length in range(self._first.horizon):
            self._tell(_STAGE, length, self._first.horizon)
            layer = self._next(layer, door, last=length == self._first.horizon - 1)
        return layer

    def marked(self, door: _Door, marks: Callable[[State], bool]) -> Weight:
        """Return the mass of words with some prefix at a marked state of the second model."""
        self.nodes = 0
        layer: dict[Key, _Group] = {self._root(door): _Group(door.one, door.one)}
        found = door.zero
        for length in range(self._first.horizon):
            self._tell(_STAGE, length, self._first.horizon)
            kept = {}
            for key, group in layer.items():
                if marks(key[1]):
                    found = found + group.p
                else:
                    kept[key] = group
            if length < self._first.horizon - 1:
                layer = self._next(kept, door, last=False)
        return found

    def divergence(self, door: _Door) -> arb:
        """Return the sum over prefixes of P(prefix) KL(next token)."""
        layer: dict[Key, _Group] = {self._root(door): _Group(door.one, door.one)}
        found = arb(0)
        for length in range(self._first.horizon):
            self._tell(_STAGE, length, self._first.horizon)
            for (s1, s2, _), group in layer.items():
                law1, law2, agree = self._laws(s1, s2)
                if not agree:
                    p = door.probabilities(law1, self._links[0])
                    q = door.probabilities(law2, self._links[1])
                    terms = (x * (arb(x) / arb(y)).log() for x, y in zip(p, q, strict=True))
                    found += group.p * sum(terms, arb(0))
            if length < self._first.horizon - 1:
                layer = self._next(layer, door, last=False)
        return found

    def differences(self) -> Iterator[tuple[State, State, bool]]:
        """Yield every pair of states that some prefix reaches, and whether the laws differ."""
        layer: dict[tuple[State, State], None] = {(self._first.start(), self._second.start()): None}
        for length in range(self._first.horizon):
            following: dict[tuple[State, State], None] = {}
            for s1, s2 in layer:
                yield s1, s2, not self._laws(s1, s2)[2]
                if length < self._first.horizon - 1:
                    for token in range(self._first.alphabet_size):
                        following[self._step(s1, s2, token)] = None
            layer = following
            self._check(len(layer))

    def _root(self, door: _Door) -> Key:
        return (self._first.start(), self._second.start(), self.agreeing(door))

    def _next(self, layer: dict[Key, _Group], door: _Door, last: bool) -> dict[Key, _Group]:
        following: dict[Key, _Group] = {}
        for (s1, s2, ratio), group in layer.items():
            law1, law2, agree = self._laws(s1, s2)
            p = door.probabilities(law1, self._links[0])
            q = p if agree else door.probabilities(law2, self._links[1])
            for token in range(self._first.alphabet_size):
                after = (None, None) if last else self._step(s1, s2, token)
                new_ratio = ratio
                if self._by_ratio and not agree:
                    new_ratio = self._ratio(ratio, (law1, law2, token), p[token], q[token], door)
                key = (*after, new_ratio)
                known = following.get(key)
                if known is None:
                    following[key] = _Group(group.p * p[token], group.q * q[token])
                else:
                    known.p += group.p * p[token]
                    known.q += group.q * q[token]
        self._check(len(following))
        return following

    def _ratio(self, ratio: Any, name: Hashable, p: Weight, q: Weight, door: _Door) -> Hashable:
        """Return a name for P/Q after one more token: the rational, or the multiset of factors."""
        if door.exact:
            return ratio * p / q  # type: ignore[no-any-return]
        factor = self._factors.setdefault(name, len(self._factors))
        return tuple(sorted((*ratio, factor)))

    def _laws(self, s1: State, s2: State) -> tuple[RationalRow, RationalRow, bool]:
        """Return both laws and whether they are certain to be the same probabilities."""
        found = self._pairs.get((s1, s2))
        if found is None:
            law1, law2 = self._first.law(s1), self._second.law(s2)
            same_link = self._links[0] == self._links[1]
            agree = (same_link and law1 == law2) or not (any(law1) or any(law2))
            found = self._pairs[s1, s2] = (law1, law2, agree)
        return found

    def _step(self, s1: State, s2: State, token: int) -> tuple[State, State]:
        found = self._steps.get((s1, s2, token))
        if found is None:
            found = (self._first.step(s1, token), self._second.step(s2, token))
            self._steps[s1, s2, token] = found
        return found

    def _check(self, size: int) -> None:
        self.nodes += size
        if size > self._max_nodes:
            raise TooLargeError(f"more than {self._max_nodes} prefixes of one length")
