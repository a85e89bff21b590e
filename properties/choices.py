"""Exact laws: an experiment run once per path of its random choices, depth first, in rationals.

An experiment asks a :class:`Choices` for every random choice it makes and returns its outcome.
:func:`exact_law` runs it along every path and adds the probabilities of equal outcomes; nothing is
sampled.  :class:`ScriptedWords` turns the draws of a learner into such choices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from itertools import combinations
from typing import TypeAlias, TypeVar

import numpy as np
from flint import fmpq

from llr.errors import InputError, ShownAs
from llr.models.base import LanguageModel, Word, words
from llr.numbers.rational import text
from llr.oracles.sampling import Words
from properties.scenarios import probability_of

Outcome = TypeVar("Outcome", bound=Hashable)

Subset: TypeAlias = tuple[int, ...]
"""Increasing indices."""


class Choices:
    """One path of choices: first the prescribed ones, then always the first possible outcome.

    Args:
        prescribed: indices of outcomes.

    Attributes:
        probability: of the path so far.
    """

    def __init__(self, prescribed: Sequence[int] = ()) -> None:
        self._prescribed = prescribed
        self._taken: list[tuple[int, Sequence[fmpq]]] = []
        self.probability = fmpq(1)

    def choose(self, law: Sequence[fmpq]) -> int:
        """Return the index of an outcome.

        Args:
            law: the probability of each outcome, given what was chosen before; they sum to 1.
        """
        depth = len(self._taken)
        found = self._prescribed[depth] if depth < len(self._prescribed) else _next(law, -1)
        assert found is not None, "no outcome is possible"
        self._taken.append((found, law))
        self.probability *= law[found]
        return found

    def following(self) -> list[int] | None:
        """Return the next path, depth first, as prescribed choices; None after the last one."""
        taken = list(self._taken)
        while taken:
            index, law = taken.pop()
            after = _next(law, index)
            if after is not None:
                return [*(i for i, _ in taken), after]
        return None


def _next(law: Sequence[fmpq], index: int) -> int | None:
    """Return the first possible outcome after an index."""
    return next((i for i in range(index + 1, len(law)) if law[i] != 0), None)


def exact_law(experiment: Callable[[Choices], Outcome]) -> dict[Outcome, fmpq]:
    """Return the exact law of an experiment's outcome.

    Args:
        experiment: a function of its choices alone.

    Returns:
        outcome -> probability; the probabilities sum to 1.

    Raises:
        InputError: the probabilities of some choice do not sum to 1.

    Complexity: one run of the experiment per path.
    """
    found: dict[Outcome, fmpq] = {}
    path: list[int] | None = []
    while path is not None:
        choices = Choices(path)
        outcome = experiment(choices)
        found[outcome] = found.get(outcome, fmpq(0)) + choices.probability
        path = choices.following()
    total = sum(found.values(), fmpq(0))
    if total != 1:
        raise InputError("law", ShownAs(f"a total of {text(total)}"), "probabilities that sum to 1")
    return found


def drawn_sets(law: Sequence[fmpq], n: int) -> tuple[tuple[Subset, ...], tuple[fmpq, ...]]:
    """Return which sets of outcomes n independent draws can hit, and how likely each is.

    The set S is hit exactly with probability sum_{U in S} (-1)^{|S| - |U|} law(U)^n, by inclusion
    and exclusion.

    Args:
        law: probabilities that sum to 1.
        n: >= 0.

    Returns:
        (sets, probabilities); smaller sets first.

    Complexity: 3^m integer operations for m possible outcomes; fewer for small n.
    """
    possible = [i for i, p in enumerate(law) if p != 0]
    scale = math.lcm(*(int(law[i].q) for i in possible))
    weight = {i: int(law[i].p) * (scale // int(law[i].q)) for i in possible}
    powers: dict[Subset, int] = {}

    def hit(subset: Subset) -> int:
        found = 0
        for size in range(len(subset) + 1):
            sign = -1 if (len(subset) - size) % 2 else 1
            for inner in combinations(subset, size):
                if inner not in powers:
                    powers[inner] = sum(weight[i] for i in inner) ** n
                found += sign * powers[inner]
        return found

    sets = tuple(
        s for size in range(min(n, len(possible)) + 1) for s in combinations(possible, size)
    )
    return sets, tuple(fmpq(hit(s), scale**n) for s in sets)


class WordLaw:
    """The law of a model's words, of each length, in rationals.

    Args:
        model: one whose words have rational probabilities.
        tokens: words are told apart by so many tokens only; later ones are 0.  Default: all.

    Attributes:
        horizon: length of a whole word.

    Raises:
        InputError: some probability is irrational.
    """

    def __init__(self, model: LanguageModel, tokens: int | None = None) -> None:
        self._model = model
        self.horizon = model.horizon
        self._tokens = model.horizon if tokens is None else tokens
        self.sets = lru_cache(maxsize=None)(self._sets)

    def of_length(self, length: int) -> dict[Word, fmpq]:
        """Return word -> probability for words of one length, in lexicographic order."""
        told = min(length, self._tokens)
        found = {}
        for word in words(self._model.alphabet_size, told):
            p = probability_of(self._model, word).exact
            if p is None:
                raise InputError("model", self._model, "a model with rational word probabilities")
            found[word + (0,) * (length - told)] = p
        return found

    def _sets(self, n: int, length: int) -> tuple[tuple[Words, ...], tuple[fmpq, ...]]:
        """Return the sets of words that n draws can hit, with counts, and their probabilities."""
        law = self.of_length(length)
        all_words = list(law)
        sets, probabilities = drawn_sets(list(law.values()), n)
        return tuple(_counted([all_words[i] for i in s], n) for s in sets), probabilities


def _counted(hit: Sequence[Word], n: int) -> Words:
    """Return one way in which n draws hit just these words."""
    return {word: 1 if i else n - len(hit) + 1 for i, word in enumerate(hit)}


class ScriptedWords:
    """A source of words each of whose draws is one choice.

    The choice is which words come up at all, not how often or in which order: Algorithm 1 takes a
    spanner of the distinct histories, and checks the distinct fresh words, in lexicographic order.
    So every sequence of draws that hits the same set of words leads to the same run.

    Args:
        law: of the words.
        choices: of the path.
    """

    def __init__(self, law: WordLaw, choices: Choices) -> None:
        self.law = law
        self._choices = choices

    def draw(self, n: int, length: int, rng: np.random.Generator) -> Words:
        """Return the first ``length`` tokens of n words; the generator is not used."""
        sets, probabilities = self.law.sets(n, length)
        return sets[self._choices.choose(probabilities)]
