"""Oracles that are off by a known amount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import fmpq
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from llr.errors import InputError
from llr.models.base import LanguageModel, Word
from llr.numbers.perturbations import NOISES
from llr.numbers.rational import RationalRow
from llr.oracles.noise import NoisyOracle
from llr.oracles.protocol import ModelOracle
from properties.strategies.basic import XIS, check_noises, check_strategy, seeds
from properties.strategies.models import targets


@dataclass(frozen=True)
class ApproximateOracle:
    """A xi-approximate oracle (Def 4.1) together with the truth.

    Attributes:
        model: the true model, exact.
        noise: "random", "adversarial" or "rounding".
        xi: largest error of a centred logit, in nats.
        seed: fixes the error together with the prefix.
    """

    model: LanguageModel
    noise: str
    xi: fmpq
    seed: int

    def logits(self, prefixes: Sequence[Word]) -> list[RationalRow]:
        """Return the perturbed centred logits at each prefix, in the model's unit."""
        return self._oracle.logits(prefixes)

    @cached_property
    def _oracle(self) -> NoisyOracle:
        return NoisyOracle(ModelOracle(self.model), self.noise, self.xi, self.model.unit, self.seed)


def _checked_model(drawn: object) -> LanguageModel:
    if not isinstance(drawn, LanguageModel):
        raise InputError("models", drawn, "a strategy of models")
    return drawn


def noisy_oracles(
    *,
    models: SearchStrategy[LanguageModel] | None = None,
    noises: Sequence[str] = tuple(NOISES),
    xis: Sequence[object] = XIS,
) -> SearchStrategy[ApproximateOracle]:
    """Return xi-approximate oracles; each knows its model, its kind of noise and its xi.

    Args:
        models: exact models to ask; default :func:`targets`.
        noises: kinds drawn from, "random", "adversarial" and "rounding" by default.
        xis: sizes in nats drawn from, positive rationals.
    """
    sizes = check_noises(noises, xis)
    if models is not None:
        check_strategy(models, "models", "models")
        models = models.map(_checked_model)
    return st.builds(
        ApproximateOracle,
        targets() if models is None else models,
        st.sampled_from(list(noises)),
        st.sampled_from(sizes),
        seeds(),
    )
