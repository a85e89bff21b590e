"""Real models as TARGETs: ``hf:model=PATH,T=16,k=256``, each with what its extra installs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llr.errors import InputError, ShownAs
from llr.models.base import Word, check_list
from llr.models.files import read_json
from llr.models.targets import Family, Parameter, read_integer, read_text
from llr.numbers import floats
from llr.oracles.completions import TOP, Completions
from llr.oracles.huggingface import HuggingFaceOracle
from llr.oracles.llamacpp import REPRODUCIBLE, LlamaServer
from llr.oracles.real import RealModel, Source
from llr.oracles.transport import CONNECTIONS, KEY, RETRIES, TIMEOUT, Server
from llr.oracles.weights import DTYPES


def _count(written: str, argument: str) -> int | None:
    """Read an integer of at least 0; nothing written stands for no value."""
    if not written:
        return None
    found = read_integer(written, argument)
    if found < 0:
        raise InputError(argument, written, "an integer of at least 0")
    return found


def _optional(written: str, argument: str) -> str | None:
    """Return the text; nothing written stands for no value."""
    return written or None


def _start(written: str, argument: str) -> int | str | None:
    return written if written == "none" else _count(written, argument)


def _number(written: str, argument: str) -> float:
    try:
        return floats.finite(float(written), argument)
    except ValueError:
        raise InputError(argument, written, "a number") from None


def _given_ids(written: str, argument: str) -> Word | None:
    """Read ids such as ``1;15;7``; nothing written stands for no value."""
    if not written:
        return None
    found = [_count(item, argument) for item in written.split(";")]
    if None in found:
        raise InputError(argument, written, 'written as "1;15;7"')
    return tuple(token for token in found if token is not None)


def _ids(written: str, argument: str) -> Sequence[object] | None:
    """Read a JSON file with a list of token ids; nothing written stands for no value."""
    if not written:
        return None
    return check_list(read_json(written), argument, "a JSON file with a list of token ids")


COMMON = (
    Parameter("T", _count, "horizon"),
    Parameter("k", _count, "keep the k most frequent tokens; left out, all", ""),
    Parameter("tokens", _ids, "JSON file with the ids of the tokens to keep, in place of k", ""),
    Parameter(
        "prompt", read_text, "text before every word; written last, commas and all", "", True
    ),
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


_SERVER = (
    Parameter("key", _optional, f"environment variable with the key; left out, {KEY} if set", ""),
    Parameter("connections", _count, "questions in flight", str(CONNECTIONS)),
    Parameter("timeout", _number, "seconds", f"{TIMEOUT:g}"),
    Parameter("retries", _count, "how often a question is asked again", str(RETRIES)),
)
"""How a server is reached, beside its URL."""

_REPRODUCIBLE = Parameter(
    "reproducible", _number, "how far two answers may differ, in nats", str(REPRODUCIBLE)
)


def _llama_server(
    url: str,
    key: str | None,
    connections: int,
    timeout: float,
    retries: int,
    start: Word | None,
    reproducible: float,
    *common: Any,
) -> RealModel:
    server = Server(url, key, connections, timeout, retries)
    return restricted(LlamaServer(server, start, reproducible), *common)


def _completions(
    url: str,
    key: str | None,
    connections: int,
    timeout: float,
    retries: int,
    model: str,
    tokens: str | None,
    start: Word | None,
    top: int,
    reproducible: float,
    horizon: int,
) -> RealModel:
    server = Server(url, key, connections, timeout, retries)
    listed = None if tokens is None else read_json(tokens)
    source = Completions(server, model, listed, start or (), top, reproducible)
    return RealModel(source, horizon)


SOURCES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "hf",
            "a causal language model of the transformers library; needs llr[hf]",
            (
                Parameter("model", read_text, "folder, or id on the hub; safetensors only"),
                Parameter("dtype", read_text, "one of " + ", ".join(DTYPES), "float32"),
                Parameter("device", read_text, "where it runs", "cpu"),
                Parameter("revision", _optional, "branch, tag or commit on the hub", ""),
                Parameter("start", _start, "id before every text, or none; left out, its own", ""),
                Parameter("threads", _count, "threads of torch", "1"),
                *COMMON,
            ),
            _hugging_face,
            "hf:model=FOLDER,T=16,k=256,prompt=In the beginning",
        ),
        Family(
            "llamacpp",
            "a model behind llama.cpp's HTTP server; needs llr[http]",
            (
                Parameter("url", read_text, "http://HOST:PORT"),
                *_SERVER,
                Parameter("start", _given_ids, "ids before every text; left out, its own", ""),
                _REPRODUCIBLE,
                *COMMON,
            ),
            _llama_server,
            "llamacpp:url=http://127.0.0.1:8080,T=16,k=256,prompt=In the beginning",
        ),
        Family(
            "completions",
            "some tokens of a model behind an OpenAI-compatible server; needs llr[http]",
            (
                Parameter("url", read_text, "https://HOST/v1"),
                *_SERVER,
                Parameter("model", read_text, "name, as the server knows it"),
                Parameter(
                    "tokens", _optional, 'JSON file with a list of {"id": ID, "text": TEXT}', ""
                ),
                Parameter("start", _given_ids, "ids before every word, such as 1;15;7", ""),
                Parameter("top", _count, "log-probabilities to ask for", str(TOP)),
                _REPRODUCIBLE,
                Parameter("T", _count, "horizon"),
            ),
            _completions,
            "completions:url=https://HOST/v1,model=NAME,tokens=FILE,start=1,T=16",
        ),
    )
}
"""Real models by the name before the colon."""
