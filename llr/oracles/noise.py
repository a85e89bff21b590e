"""xi-approximate oracles (Def 4.1): the truth plus an error fixed by the prefix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

from flint import fmpq

from llr.errors import InputError
from llr.models.base import Word
from llr.numbers.balls import Real
from llr.numbers.rational import RationalRow, centred, text
from llr.numbers.units import LogitUnit
from llr.oracles.protocol import LogitOracle

_GRID = 1 << 16


def _hash(seed: int, prefix: Word, salt: int) -> int:
    """Return 64 bits fixed by (seed, prefix, salt)."""
    message = ",".join(map(str, (seed, salt, *prefix))).encode()
    return int.from_bytes(blake2b(message, digest_size=8).digest(), "big")


def _random(row: RationalRow, amplitude: fmpq, seed: int, prefix: Word) -> RationalRow:
    """Add an error spread over [-amplitude, amplitude], centred."""
    error = centred(
        [
            amplitude * fmpq(_hash(seed, prefix, a) % (2 * _GRID + 1) - _GRID, 2 * _GRID)
            for a in range(len(row))
        ]
    )
    return tuple(x + e for x, e in zip(row, error, strict=True))


def _adversarial(row: RationalRow, amplitude: fmpq, seed: int, prefix: Word) -> RationalRow:
    """Add the full amplitude everywhere, half the tokens up and half down.

    The side is a hashed bit of the prefix, so that the error has no low-rank structure.
    """
    k = len(row)
    signed = amplitude if _hash(seed, prefix, 0) & 1 else -amplitude
    error = [signed] * (k // 2) + [fmpq(0)] * (k % 2) + [-signed] * (k // 2)
    return tuple(x + e for x, e in zip(row, error, strict=True))


def _rounding(row: RationalRow, amplitude: fmpq, seed: int, prefix: Word) -> RationalRow:
    """Round to multiples of the amplitude and centre again: the error stays below the amplitude."""
    return centred([(x / amplitude + fmpq(1, 2)).floor() * amplitude for x in row])


NOISES: Mapping[str, Callable[[RationalRow, fmpq, int, Word], RationalRow]] = {
    "random": _random,
    "adversarial": _adversarial,
    "rounding": _rounding,
}


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
        if noise not in NOISES:
            raise InputError("noise", noise, "one of none, " + ", ".join(NOISES))
        if xi <= 0:
            raise InputError("xi", text(xi), f"positive for noise {noise}")
        self._oracle = oracle
        self._perturb = NOISES[noise]
        self._seed = seed
        self.amplitude = (Real(xi) / unit.nats).below()

    def logits(self, prefixes: Sequence[Word]) -> list[RationalRow]:
        """Return the perturbed centred logits at each prefix."""
        return [
            self._perturb(centred(list(row)), self.amplitude, self._seed, prefix)
            for prefix, row in zip(prefixes, self._oracle.logits(prefixes), strict=True)
        ]
