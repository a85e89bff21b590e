"""Extremal instances on record: one JSON file per claim, replayed before every search.

A file in ``properties/records``::

    {"claim": "lemma-5.3", "ratio": 1.0, "seed": 0, "profile": "nightly", "instance": ..}

``ratio`` is the double nearest to measured / bound (null for infinity), so that every machine
reproduces it to the bit; ``instance`` has the form of :mod:`properties.instances`; ``seed`` and
``profile`` say which search found it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flint import fmpq

from llr.errors import InputError
from llr.models.files import read_json, write_json
from properties.instances import decode, encode

FOLDER = Path(__file__).parent / "records"

_FIELDS = {"claim", "ratio", "seed", "profile", "instance"}


@dataclass(frozen=True)
class Record:
    """The instance with the largest measured / bound that a search has found so far.

    Attributes:
        claim: identifier.
        ratio: measured / bound there, the nearest double.
        instance: where it was reached.
        seed: of the search.
        profile: of the search.
    """

    claim: str
    ratio: float
    instance: Any
    seed: int
    profile: str

    def as_json(self) -> dict[str, Any]:
        """Return the record as a JSON value."""
        return {
            "claim": self.claim,
            "ratio": self.ratio if self.ratio < float("inf") else None,
            "seed": self.seed,
            "profile": self.profile,
            "instance": encode(self.instance),
        }


def load(identifier: str, folder: Path = FOLDER) -> Record | None:
    """Return the record of a claim, or None if there is none.

    Raises:
        InputError: the file is no record of this claim.
    """
    path = folder / f"{identifier}.json"
    if not path.is_file():
        return None
    value = read_json(path)
    if not isinstance(value, dict) or set(value) != _FIELDS:
        raise InputError(str(path), value, "an object with " + ", ".join(sorted(_FIELDS)))
    ratio = float("inf") if value["ratio"] is None else value["ratio"]
    for name, found, good in (
        ("claim", value["claim"], value["claim"] == identifier),
        ("ratio", ratio, isinstance(ratio, float) and ratio >= 0),
        ("seed", value["seed"], type(value["seed"]) is int),
        ("profile", value["profile"], isinstance(value["profile"], str)),
    ):
        if not good:
            raise InputError(f"{name} in {path.name}", found, f"that of a record of {identifier}")
    try:
        instance = decode(value["instance"])
    except InputError as error:
        raise InputError(f"{error.argument} in {path.name}", error.value, error.expected) from None
    return Record(identifier, ratio, instance, value["seed"], value["profile"])


def save(record: Record, folder: Path = FOLDER) -> None:
    """Write a record to its file.

    Raises:
        InputError: the instance is of no registered type, or the folder cannot be written.
    """
    write_json(folder / f"{record.claim}.json", record.as_json())


def tightening(ratio: float, share: fmpq) -> fmpq:
    """Return ``share`` times a ratio, rounded down to two digits; never below half the ratio.

    Args:
        ratio: on record, positive and finite.
        share: in (1/2, 1); near 1/2 the result has more digits.
    """
    exact = fmpq(*ratio.as_integer_ratio())
    scale = fmpq(1)
    while exact * share * scale < 10:
        scale *= 10
    while True:
        found = fmpq(int((exact * share * scale).floor())) / scale
        if 2 * found >= exact:
            return found
        scale *= 10
