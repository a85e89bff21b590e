"""xi-approximate oracles (Def 4.1): the truth plus an error fixed by the prefix."""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpq

from llr.errors import InputError
from llr.models.base import LanguageModel, Word
from llr.numbers.arithmetic import EXACT, Arithmetic
from llr.numbers.perturbations import NOISES, largest_error
from llr.numbers.rational import RationalRow, centred
from llr.numbers.units import LogitUnit
from llr.oracles.protocol import FloatOracle, LogitOracle, ModelOracle

__all__ = ["NOISES", "NoisyOracle", "noisy_oracle"]


class NoisyOracle:
    """A rational oracle whose centred answers are off by at most xi nats.

    Args:
        oracle: an exact oracle (rational answers in ``unit``).
        noise: "random", "adversarial" or "rounding".
        xi: largest error in nats, > 0.
        unit: the unit of the answers; the error is a rational multiple of it.
        seed: fixes the error together with the prefix.

    Raises:
        InputError: the noise is unknown or xi is not positive.

    Source: [P] Def 4.1.
    """

    def __init__(
        self, oracle: LogitOracle, noise: str, xi: fmpq, unit: LogitUnit, seed: int = 0
    ) -> None:
        self.amplitude = largest_error(noise, xi, unit, "none, ")
        self._oracle = oracle
        self._perturb = NOISES[noise]
        self._seed = seed

    def logits(self, prefixes: Sequence[Word]) -> list[RationalRow]:
        """Return the perturbed centred logits at each prefix."""
        return [
            self._perturb(centred(list(row)), self.amplitude, self._seed, prefix)
            for prefix, row in zip(prefixes, self._oracle.logits(prefixes), strict=True)
        ]


def noisy_oracle(
    model: LanguageModel, numbers: Arithmetic, noise: str, xi: fmpq, seed: int
) -> LogitOracle | None:
    """Return the oracle that errs as the command line says; None: the model's own answers.

    Raises:
        InputError: the noise is unknown, or the model has float64 logits.
    """
    if noise == "none":
        return None
    if model.arithmetic is not EXACT:
        raise InputError("--noise", noise, "none: the target has float64 logits")
    oracle = NoisyOracle(ModelOracle(model), noise, xi, model.unit, seed)
    return oracle if numbers is EXACT else FloatOracle(oracle, model)
