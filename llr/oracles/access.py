"""Logit oracles made of conditional samples (Remarks 5.8 and 5.9).

An answer is a fixed function of the prefix: the samples at a prefix come from a generator seeded by
the prefix.  Log-frequencies are rounded to multiples of 2^-40, so that answers are rational.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import fmpq

from llr.errors import InputError
from llr.models.base import LanguageModel, Word, check_size
from llr.numbers import balls
from llr.numbers.arithmetic import EXACT, Row
from llr.numbers.rational import RationalRow, centred, text
from llr.oracles.protocol import ModelOracle
from llr.oracles.sampling import Thresholds, split

GRID_BITS = 40
"""Answers are multiples of 2^-40 nats before centring; this adds at most 2^-40 to their error."""


class SampledOracle:
    """Estimates centred logits, in nats, from conditional samples at each prefix.

    Args:
        model: what is sampled: next tokens of M_tau(. | h), proportional to exp(L(h.) / tau).
        samples: how many samples a prefix costs.
        seed: with the prefix, fixes the samples.
        temperature: tau > 0, a rational; answers are multiplied by it.

    Attributes:
        drawn: samples drawn so far.

    Raises:
        InputError: an argument is out of range.

    Source: [P] Remarks 5.8 and 5.9; tau = 1 is the former.
    """

    def __init__(
        self, model: LanguageModel, samples: int, seed: int = 0, temperature: fmpq = fmpq(1)
    ) -> None:
        if model.arithmetic is not EXACT:
            raise InputError("model", model.arithmetic.name, "an exact model")
        if temperature <= 0:
            raise InputError("temperature", text(temperature), "a positive rational")
        self._oracle = ModelOracle(model)
        self._samples = check_size(samples, 1, "samples")
        self._seed = check_size(seed, 0, "seed")
        self._temperature = temperature
        self._thresholds = Thresholds(model.unit, EXACT)
        self.drawn = 0

    def logits(self, prefixes: Sequence[Word]) -> list[RationalRow]:
        """Return the estimated centred logits at each prefix, in nats."""
        rows = self._oracle.logits(prefixes)
        return [self._estimate(p, row) for p, row in zip(prefixes, rows, strict=True)]

    def _estimate(self, prefix: Word, row: Row) -> RationalRow:
        rng = np.random.default_rng([self._seed, len(prefix), *prefix])
        cooled = EXACT.row([x / self._temperature for x in row])
        counts = split([self._samples], [self._thresholds(cooled)], rng)[0]
        self.drawn += self._samples
        # a token never seen counts as half a sample: any finite answer is as good
        logs = [_rounded_log(fmpq(max(2 * n, 1), 2)) for n in counts]
        return tuple(self._temperature * x for x in centred(logs))


def _rounded_log(x: fmpq) -> fmpq:
    """Return log x rounded to a multiple of 2^-40."""
    scale = fmpq(1 << GRID_BITS)
    return fmpq((balls.log(x) * scale).nearest_integer()) / scale
