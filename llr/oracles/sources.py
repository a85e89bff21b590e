"""Real models as TARGETs: ``hf:model=PATH,T=16,k=256``, each with what its extra installs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llr.errors import InputError
from llr.models.base import Word, check_list
from llr.models.files import read_json
from llr.models.targets import Family, Parameter
from llr.oracles.real import RealModel, Source


def _text(written: str, argument: str) -> str:
    return written


def _count(written: str, argument: str) -> int | None:
    """Read an integer; nothing written stands for no value."""
    if not written:
        return None
    if not (written.isascii() and written.isdigit() and len(written) <= 9):
        raise InputError(argument, written, "an integer")
    return int(written)


def _ids(written: str, argument: str) -> Sequence[object] | None:
    """Read a JSON file with a list of token ids; nothing written stands for no value."""
    if not written:
        return None
    return check_list(read_json(written), argument, "a JSON file with a list of token ids")


COMMON = (
    Parameter("T", _count, "horizon"),
    Parameter("k", _count, "keep the k most frequent tokens; left out, all", ""),
    Parameter("tokens", _ids, "JSON file with the ids of the tokens to keep, in place of k", ""),
    Parameter("prompt", _text, "text before every word; written last, commas and all", "", True),
)
"""What every real model can be given, its own parameters coming first."""


def restricted(
    source: Source,
    horizon: int,
    alphabet_size: int | None,
    tokens: Sequence[int] | None,
    prompt: str,
) -> RealModel:
    """Return a source as a model, from the values of :data:`COMMON`."""
    ids: Word = source.encode(prompt) if prompt else ()
    return RealModel(source, horizon, alphabet_size, tokens, ids)


SOURCES: Mapping[str, Family] = {}
"""Real models by the name before the colon."""
