"""Real models as TARGETs: ``hf:model=PATH,T=16,k=256``, each with what its extra installs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llr.errors import InputError, ShownAs
from llr.models.base import Word, check_list
from llr.models.files import read_json
from llr.models.targets import Family, Parameter
from llr.oracles.huggingface import HuggingFaceOracle
from llr.oracles.real import RealModel, Source
from llr.oracles.weights import DTYPES


def _text(written: str, argument: str) -> str:
    return written


def _count(written: str, argument: str) -> int | None:
    """Read an integer; nothing written stands for no value."""
    if not written:
        return None
    if not (written.isascii() and written.isdigit() and len(written) <= 9):
        raise InputError(argument, written, "an integer")
    return int(written)


def _optional(written: str, argument: str) -> str | None:
    """Return the text; nothing written stands for no value."""
    return written or None


def _start(written: str, argument: str) -> int | str | None:
    return written if written == "none" else _count(written, argument)


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
    """Return a source as a model, from the values of :data:`COMMON`.

    Raises:
        InputError: nothing comes before the first token, or a word does not fit into the context
            that the source says it has.
    """
    ids: Word = source.encode(prompt) if prompt else ()
    before = len(source.start) + len(ids)
    if not before:
        expected = "an id, or a prompt given: no model answers the empty text"
        raise InputError("target parameter start", ShownAs("none"), expected)
    found = RealModel(source, horizon, alphabet_size, tokens, ids)
    context: int | None = getattr(source, "context", None)
    if context is not None and before + found.horizon - 1 > context:
        raise InputError(
            "target parameter T",
            horizon,
            f"at most {context - before + 1}: {before} tokens come before a word, and the model's "
            f"context is {context}",
        )
    return found


def _hugging_face(
    model: str,
    dtype: str,
    device: str,
    revision: str | None,
    start: int | str | None,
    threads: int,
    *common: Any,
) -> RealModel:
    source = HuggingFaceOracle(model, dtype, device, revision, start, threads)
    return restricted(source, *common)


SOURCES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "hf",
            "a causal language model of the transformers library; needs llr[hf]",
            (
                Parameter("model", _text, "folder, or id on the hub; safetensors only"),
                Parameter("dtype", _text, "one of " + ", ".join(DTYPES), "float32"),
                Parameter("device", _text, "where it runs", "cpu"),
                Parameter("revision", _optional, "branch, tag or commit on the hub", ""),
                Parameter("start", _start, "id before every text, or none; left out, its own", ""),
                Parameter("threads", _count, "threads of torch", "1"),
                *COMMON,
            ),
            _hugging_face,
            "hf:model=FOLDER,T=16,k=256,prompt=In the beginning",
        ),
    )
}
"""Real models by the name before the colon."""
