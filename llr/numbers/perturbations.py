"""Bounded errors of a row of logits, fixed by a prefix (Def 4.1): for noisy oracles and models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TypeAlias

from flint import fmpq

from llr.errors import InputError
from llr.numbers.balls import Real
from llr.numbers.rational import RationalRow, centred, text
from llr.numbers.units import LogitUnit

Prefix: TypeAlias = tuple[int, ...]
Perturbation: TypeAlias = Callable[[RationalRow, fmpq, int, Prefix], RationalRow]

_GRID = 1 << 16


def _hash(seed: int, prefix: Prefix, salt: int) -> int:
    """Return 64 bits fixed by (seed, prefix, salt)."""
    message = ",".join(map(str, (seed, salt, *prefix))).encode()
    return int.from_bytes(blake2b(message, digest_size=8).digest(), "big")


def _random(row: RationalRow, amplitude: fmpq, seed: int, prefix: Prefix) -> RationalRow:
    """Add an error drawn from a box and centred: every entry stays within the amplitude.

    Centring multiplies a largest entry by at most 2 (k-1)/k, which the box makes up for.
    """
    k = len(row)
    box = amplitude * fmpq(k, 2 * (k - 1))
    error = centred(
        [box * fmpq(_hash(seed, prefix, a) % (2 * _GRID + 1) - _GRID, _GRID) for a in range(k)]
    )
    return tuple(x + e for x, e in zip(row, error, strict=True))


def _adversarial(row: RationalRow, amplitude: fmpq, seed: int, prefix: Prefix) -> RationalRow:
    """Add the full amplitude everywhere, half the tokens up and half down.

    The side is a hashed bit of the prefix, so that the error has no low-rank structure.
    """
    k = len(row)
    signed = amplitude if _hash(seed, prefix, 0) & 1 else -amplitude
    error = [signed] * (k // 2) + [fmpq(0)] * (k % 2) + [-signed] * (k // 2)
    return tuple(x + e for x, e in zip(row, error, strict=True))


def _rounding(row: RationalRow, amplitude: fmpq, seed: int, prefix: Prefix) -> RationalRow:
    """Round to multiples of the amplitude and centre again: the error stays below the amplitude."""
    return centred([(x / amplitude + fmpq(1, 2)).floor() * amplitude for x in row])


NOISES: Mapping[str, Perturbation] = {
    "random": _random,
    "adversarial": _adversarial,
    "rounding": _rounding,
}


def largest_error(noise: str, xi: fmpq, unit: LogitUnit, others: str = "") -> fmpq:
    """Return the largest rational error, in units, that is certain to be at most xi nats.

    Args:
        noise: a name in :data:`NOISES`.
        xi: in nats, > 0.
        unit: of the logits.
        others: names to list in the error message before those of :data:`NOISES`.

    Raises:
        InputError: the noise is unknown or xi is not positive.
    """
    if noise not in NOISES:
        raise InputError("noise", noise, f"one of {others}" + ", ".join(NOISES))
    if xi <= 0:
        raise InputError("xi", text(xi), f"positive for noise {noise}")
    return (Real(xi) / unit.nats).below()
