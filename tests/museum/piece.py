"""What a piece of the museum is, and how a claim hunts for the instance that gives it away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from properties.claim import Measurement, search
from properties.claims import CLAIMS
from properties.claims.components import noisy_models
from properties.scenarios import scenarios
from properties.strategies import isans, row_families

FEW = 20
"""Instances tried of each smaller size before the one that gives a piece away."""

SHRINKS = 50
"""Instances tried after the first one that gives a piece away, to shrink it."""


@dataclass(frozen=True)
class Size:
    """The size of the instance that gives a piece away.

    Attributes:
        of: what is counted, e.g. ("T", "k", "d").
        measure: returns one number for each.
        smallest: those numbers for the smallest instance that gives the piece away.
        ladder: the claim's instances by size, smaller ones first; None for all of them at once.
    """

    of: tuple[str, ...]
    measure: Callable[[Any], tuple[int, ...]]
    smallest: tuple[int, ...]
    ladder: Sequence[SearchStrategy[Any]] | None = None

    def __str__(self) -> str:
        return ", ".join(f"{name} = {n}" for name, n in zip(self.of, self.smallest, strict=True))


@dataclass(frozen=True)
class Piece:
    """A sabotaged component, and the claim that must catch it.

    Attributes:
        name: of the defect.
        placard: what is wrong, and where it was seen or why it is plausible; one line.
        claim: an identifier in ``CLAIMS``.
        broken: dotted name of what is replaced -> what replaces it.
        size: of the shrunk instance.
        raises: errors that give the defect away, like a refutation.
        known: further instances that must give it away.
        honest: what must hold on the shrunk instance; default the claim's own check.
        examples: how many instances to try at most on the last rung of the ladder.
    """

    name: str
    placard: str
    claim: str
    broken: Mapping[str, Any]
    size: Size
    raises: tuple[type[Exception], ...] = ()
    known: Sequence[Any] = ()
    honest: Callable[[Any], Measurement] | None = None
    examples: int = 600

    def harmless(self, instance: Any) -> bool:
        """True if our own component passes on the instance that gave the sabotaged one away."""
        check = self.honest or CLAIMS[self.claim].check
        found = search(st.just(instance), check, 1, 0)
        return found.tried == 1 and not found.refuted and found.undecided is None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Let the sabotaged component stand in for ours."""
        with pytest.MonkeyPatch.context() as patch:
            for name, component in self.broken.items():
                patch.setattr(name, component)
            yield

    def measured(self, instance: Any) -> Measurement:
        """Return the claim's own measurement; 1 against 0 for an error that gives it away."""
        try:
            return CLAIMS[self.claim].check(instance)
        except self.raises:
            return Measurement.of(1)

    def hunt(self) -> Any:
        """Return an instance that gives the sabotaged component away, or None."""
        ladder = self.size.ladder or [CLAIMS[self.claim].strategy()]
        with self.installed():
            for strategy in ladder:
                examples = self.examples if strategy is ladder[-1] else FEW
                found = _smallest(strategy, self.measured, examples, self.size.measure)
                if found is not None:
                    return found
        return None


class _EnoughError(BaseException):
    """Shrinking has taken long enough; an Exception would be shrunk like a failure."""


def _smallest(
    strategy: SearchStrategy[Any],
    check: Callable[[Any], Measurement],
    examples: int,
    measure: Callable[[Any], tuple[int, ...]],
) -> Any:
    """Return the smallest refuting instance that the harness meets, shrinking for a while."""
    refuting: list[Any] = []
    shrinks = 0

    def noted(instance: Any) -> Measurement:
        nonlocal shrinks
        shrinks += bool(refuting)
        if shrinks > SHRINKS:
            raise _EnoughError
        found = check(instance)
        if not found.holds():
            refuting.append(instance)
        return found

    with suppress(_EnoughError):
        search(strategy, noted, examples, 0)
    return min(refuting, key=lambda x: (measure(x), len(repr(x))), default=None)


def whole(*of: str, smallest: tuple[int, ...], measure: Callable[[Any], tuple[int, ...]]) -> Size:
    """Return a size looked for among all of the claim's instances."""
    return Size(of, measure, smallest)


def noisy(t: int, k: int) -> Size:
    """Return the size of a model behind a noisy oracle; all smaller ones are tried before."""
    ladder = [noisy_models(horizons=(a, a), alphabet_sizes=(b, b)) for a, b, _ in _sizes(t, k, 1)]
    return Size(("T", "k"), lambda i: _dimensions(i.model)[:2], (t, k), ladder)


def vectors(smallest: int, **options: Any) -> Size:
    """Return the size of a list of vectors in one or two dimensions."""
    ladder = [row_families(rows=(n, n), columns=(1, 2), **options) for n in range(1, smallest + 1)]
    return Size(("vectors",), lambda rows: (len(rows),), (smallest,), ladder)


def model(t: int, k: int, d: int, **options: Any) -> Size:
    """Return the size of an ISAN; all smaller ones are tried before."""
    ladder = [_isans(*size, **options) for size in _sizes(t, k, d)]
    return Size(("T", "k", "d"), _dimensions, (t, k, d), ladder)


def target(t: int, k: int, d: int, **options: Any) -> Size:
    """Return the size of the target of a run; all smaller ones are tried before."""
    ladder = [
        scenarios(models=lambda size=size: _isans(*size), **options) for size in _sizes(t, k, d)
    ]
    return Size(("T", "k", "d"), lambda s: _dimensions(s.target), (t, k, d), ladder)


def _sizes(t: int, k: int, d: int) -> list[tuple[int, int, int]]:
    return list(product(range(1, t + 1), range(2, k + 1), range(1, d + 1)))


def _isans(t: int, k: int, d: int, **options: Any) -> SearchStrategy[Any]:
    return isans(horizons=(t, t), alphabet_sizes=(k, k), dimensions=(d, d), **options)


def _dimensions(m: Any) -> tuple[int, int, int]:
    return m.horizon, m.alphabet_size, m.dimension
