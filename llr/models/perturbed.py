"""Perturbed ISANs: approximately low rank, with an error fixed by the prefix."""

from __future__ import annotations

from flint import fmpq

from llr.errors import InputError
from llr.models.base import LanguageModel, State, check_size
from llr.models.families import random_isan
from llr.numbers.arithmetic import EXACT, Row
from llr.numbers.perturbations import NOISES, largest_error
from llr.numbers.rational import rational, text


class PerturbedModel(LanguageModel):
    """A model whose centred logits are off another model's by at most xi nats.

    The error is a fixed function of the prefix, so no two prefixes merge, and a model of low rank
    usually becomes one of full rank that is xi-close to it.

    Args:
        model: an exact model.
        noise: "random", "adversarial" or "rounding".
        xi: largest error in nats, > 0.
        seed: fixes the error together with the prefix, >= 0.  It is not the error that a
            :class:`~llr.oracles.noise.NoisyOracle` of that seed makes.

    Raises:
        InputError: the model is not exact, or another argument is out of range.
    """

    def __init__(self, model: LanguageModel, noise: str, xi: fmpq | str, seed: int = 0) -> None:
        if model.arithmetic is not EXACT:
            raise InputError("model", model.arithmetic.name, "exact")
        self.alphabet_size = model.alphabet_size
        self.horizon = model.horizon
        self.unit = model.unit
        self.model = model
        self.noise = noise
        self.xi = rational(xi, "xi")
        self.seed = check_size(seed, 0, "seed")
        self.amplitude = largest_error(noise, self.xi, model.unit)
        self._perturb = NOISES[noise]
        self._stream = -1 - self.seed

    def __repr__(self) -> str:
        return f"PerturbedModel({self.model!r}, {self.noise!r}, {text(self.xi)}, {self.seed})"

    def start(self) -> State:
        """Return the empty prefix, and the other model's state."""
        return ((), self.model.start())

    def step(self, state: State, token: int) -> State:
        """Return the prefix with one more token, and the other model's state."""
        prefix, inner = state
        return ((*prefix, token), self.model.step(inner, token))

    def read(self, state: State) -> Row:
        """Return the other model's logits with the error of this prefix."""
        prefix, inner = state
        row = self._perturb(self.model.read(inner), self.amplitude, self._stream, prefix)
        return EXACT.row(row)


def perturbed_isan(
    horizon: int,
    alphabet_size: int,
    dimension: int,
    seed: int = 0,
    xi: fmpq | str = "1/100",
    noise: str = "random",
) -> PerturbedModel:
    """Return a random ISAN plus an error of at most xi nats.

    Args:
        horizon, alphabet_size, dimension, seed: as for :func:`~llr.models.families.random_isan`;
            the seed also fixes the error.
        xi: largest error in nats, > 0.
        noise: "random", "adversarial" or "rounding".

    Raises:
        InputError: an argument is out of range.
    """
    return PerturbedModel(random_isan(horizon, alphabet_size, dimension, seed), noise, xi, seed)
