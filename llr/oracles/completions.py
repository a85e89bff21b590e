"""A model behind an OpenAI-compatible ``/completions``: log-probabilities of a few tokens.

Such a server answers with the N likeliest tokens at most.  The logits of all others are unknown, so
this is no oracle of the whole vocabulary and refuses to act as one: the caller names the tokens
that words are made of, and a prefix at which one of them is not among the N is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llr.errors import InputError, OracleError, ShownAs, shorten
from llr.models.base import Word, check_list, check_size
from llr.numbers import floats
from llr.oracles.transport import Server

TOP = 20
"""N, unless told otherwise."""

REPRODUCIBLE = 1e-2
"""Nats; unknown of a server in general, and what llama.cpp's keeps."""

_LISTED = 'a list of {"id": ID, "text": TEXT}, the tokens that words are made of'


class Completions:
    """A source on some tokens of a server; their numbers here are their places in the list.

    Args:
        server: where it is, up to and without ``/completions``.
        model: name, as the server knows it.
        tokens: the tokens that words are made of, with the server's ids and texts.
        start: the server's ids before every word: its start token and a prompt, not empty.
        top: N, the number of log-probabilities to ask for.
        reproducible: how far two answers to the same question may differ, in nats.

    Attributes:
        vocabulary_size: the number of tokens listed.
        start: nothing: the server's ids before every word have no number here.
        identity: the server's address, the model's name, and the ids and texts.
        reproducible: as given.
        at_once: how many sequences are answered at a time.

    Raises:
        InputError: no tokens are given, or two have the same id or text, or N is below their
            number.
    """

    start: Word = ()

    def __init__(
        self,
        server: Server,
        model: str,
        tokens: object,
        start: Word,
        top: int = TOP,
        reproducible: float = REPRODUCIBLE,
    ) -> None:
        self._server, self._model = server, model
        self._ids, self._texts = _checked_tokens(tokens)
        self.vocabulary_size = len(self._ids)
        if not start:
            expected = "given: ids that come before every word, for a prompt cannot be empty"
            raise InputError("start", ShownAs("nothing"), expected)
        self._before = start
        self._top = check_size(top, 1, "top")
        if top < self.vocabulary_size:
            expected = f"at least {self.vocabulary_size}, the number of tokens"
            raise InputError("top", top, expected)
        if not 0 <= reproducible < float("inf"):
            raise InputError("reproducible", reproducible, "a number of nats, 0 or more")
        self.reproducible = reproducible
        self.at_once = server.connections
        self.identity: Mapping[str, Any] = {
            "source": "completions",
            # such a name means nothing anywhere else
            "address": server.address,
            "model": model,
            "start": list(start),
            "ids": list(self._ids),
            "texts": list(self._texts),
        }

    def logits(
        self, sequences: Sequence[Word], tokens: Sequence[int] | None = None
    ) -> floats.Array:
        """Return log-probabilities, one row per sequence, one request each.

        Args:
            sequences: of places in the list of tokens.
            tokens: the places whose columns are wanted, in that order; None: all.

        Raises:
            UnansweredError: the server fails for good, or a wanted token is not among the N.
        """
        columns = range(self.vocabulary_size) if tokens is None else tokens
        return self._server.rows(
            lambda sequence: self._row(sequence, columns), sequences, len(columns)
        )

    def encode(self, text: str) -> Word:
        """Refuse: such a server does not say how it cuts texts into tokens."""
        expected = "left out: /completions has no tokenizer; give ids with start"
        raise InputError("prompt", text, expected)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the texts of listed tokens, one after the other."""
        return "".join(self._texts[token] for token in tokens)

    def _row(self, sequence: Word, columns: Sequence[int]) -> list[float]:
        prompt = [*self._before, *(self._ids[token] for token in sequence)]
        answer = self._server.post(
            "/completions",
            {
                "model": self._model,
                "prompt": prompt,
                "max_tokens": 1,
                "logprobs": self._top,
                "temperature": 1,
            },
        )
        where = f"the server's answer at prefix {shorten(self.decode(sequence))}"
        _check_read(answer, len(prompt), where)
        by_id, by_text = _listed(answer, where)
        found = [by_id.get(self._ids[c], by_text.get(self._texts[c])) for c in columns]
        missing = [self._texts[c] for c, x in zip(columns, found, strict=True) if x is None]
        if missing:
            raise OracleError(
                f"{where} lacks {len(missing)} of {len(columns)} tokens: {shorten(missing)}; only "
                f"the top {self._top} come back, so their logits are unknown: ask for more (top), "
                f"or keep fewer tokens"
            )
        return [_checked(x, where) for x in found]


def _check_read(answer: object, length: int, where: str) -> None:
    """Raise OracleError if the server says that it read a prompt of another length."""
    usage = answer.get("usage") if isinstance(answer, dict) else None
    read = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if read is not None and read != length:
        raise OracleError(f"{where} is to a prompt of {shorten(read)} tokens, not {length}")


def _listed(answer: object, where: str) -> tuple[dict[int, object], dict[str, object]]:
    """Return the log-probabilities by id and by text, from either shape of answer.

    A text that stands for two ids is left out where the ids are there, else refused.
    """
    try:
        logprobs = answer["choices"][0]["logprobs"]  # type: ignore[index]
        if "content" in logprobs:  # llama.cpp
            listed = logprobs["content"][0]["top_logprobs"]
            if all("id" in entry for entry in listed):
                return {entry["id"]: entry["logprob"] for entry in listed}, {}
            pairs = [(entry["token"], entry["logprob"]) for entry in listed]
        else:
            pairs = list(logprobs["top_logprobs"][0].items())
        texts = dict(pairs)
    except (LookupError, TypeError, AttributeError):
        raise OracleError(f"{where} has no log-probabilities: {shorten(answer)}") from None
    if len(texts) != len(pairs):
        raise OracleError(f"{where} has two tokens of one text: which is which is unknown")
    return {}, texts


def _checked(value: object, where: str) -> float:
    if type(value) not in (int, float) or not -1e30 < value <= 1e-3:  # type: ignore[operator]
        raise OracleError(f"{where} has {shorten(value)}, no log-probability")
    return float(value)  # type: ignore[arg-type]


def _checked_tokens(written: object) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the ids and the texts, each different from the others."""
    if written is None:
        expected = (
            "given: only the top N log-probabilities come back and the logits of all other tokens "
            f"are missing, so this is no oracle of the whole vocabulary; give {_LISTED}"
        )
        raise InputError("tokens", ShownAs("missing"), expected)
    ids: list[int] = []
    texts: list[str] = []
    for entry in check_list(written, "tokens", _LISTED, least=2):
        if not (isinstance(entry, dict) and set(entry) == {"id", "text"}):
            raise InputError("tokens", entry, _LISTED)
        token, text = entry["id"], entry["text"]
        if not (type(token) is int and token >= 0 and type(text) is str and text):
            raise InputError("tokens", entry, _LISTED)
        if token in ids or text in texts:
            raise InputError("tokens", entry, "different ids with different texts")
        ids.append(token)
        texts.append(text)
    return tuple(ids), tuple(texts)
