"""Models by name: TARGET on the command line, and JSON files of every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llr.errors import InputError
from llr.learning.learned import LearnedModel, learned_from_json, learned_to_json
from llr.learning.nested import most_stems
from llr.models.base import LanguageModel, UniformModel
from llr.models.files import (
    MAX_BYTES,
    isan_from_json,
    isan_to_json,
    read_json,
    uniform_from_json,
    uniform_to_json,
    write_json,
)
from llr.models.isan import Isan
from llr.models.targets import FAMILIES, family_target
from llr.oracles.sources import SOURCES

LINE_BYTES = 32
"""A float on a line of its own takes no more, the blanks before it included."""

READERS: Mapping[str, Callable[[Mapping[str, Any]], LanguageModel]] = {
    "isan": isan_from_json,
    "learned": learned_from_json,
    "uniform": uniform_from_json,
}


def load(path: str | Path) -> LanguageModel:
    """Return the model in a JSON file.

    Raises:
        InputError: the file cannot be read or does not describe a model.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise InputError(str(path), value, "a JSON object")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in READERS:
        raise InputError("kind", kind, "one of " + ", ".join(READERS))
    return READERS[kind](value)


def save(model: LanguageModel, path: str | Path) -> None:
    """Write a model to a JSON file, whole or not at all.

    Raises:
        InputError: this kind of model has no file format, or the folder cannot be written.
    """
    write_json(path, to_json(model))


def check_room(
    path: str, alphabet_size: int, horizon: int, rank: int, stationary: bool, relaxed: bool
) -> None:
    """Raise InputError if a learned model might make a file too large to be read again.

    Args:
        path: of the file.
        others: see :func:`most_bytes`.
    """
    needed = most_bytes(alphabet_size, horizon, rank, stationary, relaxed)
    if needed > MAX_BYTES:
        expected = f"left out: the model may need {needed:,} bytes, and {MAX_BYTES:,} are read"
        raise InputError("--out", path, expected)


def most_bytes(alphabet_size: int, horizon: int, rank: int, stationary: bool, relaxed: bool) -> int:
    """Return how large the file of a learned float64 model may be.

    Args:
        alphabet_size, horizon: k and T.
        rank: the most histories per cut, or the dimension.
        stationary: whether all steps are one.
        relaxed: whether the model is a table for chain programs, of limited rank.
    """
    k, t, r = alphabet_size, horizon, rank
    if relaxed:
        futures = k * most_stems(k, r)
        cuts = max(1, t - 1)
        numbers = cuts * (r * futures * (k + 1) + (r + futures) * t) + k
        lists = cuts * (2 * r + futures) + k
    else:
        steps, readouts = (1, 1) if stationary else (t - 1, t)
        numbers = r + (steps * r + readouts) * k * r
        lists = (steps * r + readouts) * k
    # each list has a line for either end, and outer lists have their own
    return LINE_BYTES * (numbers + 2 * lists + 4 * (t + k * t + 8))


def to_json(model: LanguageModel) -> dict[str, Any]:
    """Return a model as a JSON value.

    Raises:
        InputError: this kind of model has no file format.
    """
    if isinstance(model, Isan):
        return isan_to_json(model)
    if isinstance(model, LearnedModel):
        return learned_to_json(model)
    if isinstance(model, UniformModel):
        return uniform_to_json(model)
    raise InputError("model", model, "an Isan, a learned or a uniform model")


def target(written: str) -> LanguageModel:
    """Return the model that TARGET names.

    It is a JSON file, a family such as ``copy:n=4,k=2``, or a real model: ``hf:model=PATH,T=16``.

    Raises:
        InputError: there is no such file or family, or a value is out of range.
    """
    if _is_file(written) or (written.endswith(".json") and not _is_real(written)):
        return load(written)
    return family_target(written, {**FAMILIES, **SOURCES})


def enumerable_target(written: str, argument: str = "target") -> LanguageModel:
    """Return the model that TARGET names, for a command that visits its words.

    Raises:
        InputError: as for :func:`target`; or it is a real model, which is not loaded then.
    """
    if _is_real(written) and not _is_file(written):
        expected = "a JSON file or a family of llr targets: words of a real model are too many"
        raise InputError(argument, written, expected)
    return target(written)


def _is_real(written: str) -> bool:
    return written.partition(":")[0] in SOURCES


def _is_file(written: str) -> bool:
    try:
        return Path(written).is_file()
    except (OSError, ValueError):  # no name that a file could have
        return False
