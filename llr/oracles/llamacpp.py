"""A model behind llama.cpp's HTTP server: token ids in, the whole vocabulary out.

The server answers with log-probabilities, which are logits up to a constant because all V of them
are there: every answer is checked for that.  Its prompt cache is off, for with it the answer to a
prompt depends on what was asked before.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from llr.errors import InputError, OracleError, ShownAs, shorten
from llr.models.base import Word, check_size, check_word
from llr.numbers import floats
from llr.oracles.transport import Server

REPRODUCIBLE = 1e-2
"""Nats: answers of one server moved by up to 6.5e-3 with a half-precision key/value cache."""

LEAST = float(np.log(np.finfo(np.float32).tiny))
"""The server takes logarithms of single-precision probabilities: below this they lose digits."""

TOTAL_TOLERANCE = 1e-2
"""How far the probabilities of an answer, rounded by the server, may sum up from 1."""


class LlamaServer:
    """A source that asks llama.cpp's server.

    Args:
        server: where it is.
        start: ids before every text; None: those that the server itself puts there.
        reproducible: how far two answers to the same question may differ, in nats.

    Attributes:
        vocabulary_size: V.
        start: as given or found.
        identity: the model's file name, sizes and the server's build; no host and no path.
        reproducible: as given.
        at_once: how many sequences are answered at a time.

    Raises:
        InputError: there are no start tokens, and the server refuses to be asked nothing.
        OracleError: the server cannot be reached or is no llama.cpp server.
    """

    def __init__(
        self, server: Server, start: Word | None = None, reproducible: float = REPRODUCIBLE
    ) -> None:
        self._server = server
        if not 0 <= reproducible < float("inf"):
            raise InputError("reproducible", reproducible, "a number of nats, 0 or more")
        self.reproducible = reproducible
        self.at_once = server.connections
        self.identity: Mapping[str, Any] = self._described()
        self.vocabulary_size: int = self.identity["n_vocab"]
        self.start: Word = self._tokens("", True) if start is None else start
        if not self.start:
            expected = "given: the server puts no token before a text, and a prompt cannot be empty"
            raise InputError("start", ShownAs("nothing"), expected)
        check_word(self.start, self.vocabulary_size, len(self.start), "start")

    def logits(
        self, sequences: Sequence[Word], tokens: Sequence[int] | None = None
    ) -> floats.Array:
        """Return log-probabilities, one row per sequence, one request each.

        Args:
            sequences: of ids, none empty.
            tokens: the ids whose columns are wanted, in that order; None: all V.

        Raises:
            UnansweredError: the server fails for good, or an answer is not one finite
                log-probability per token of the vocabulary.
        """
        columns = np.arange(self.vocabulary_size) if tokens is None else np.array(tokens)
        return self._server.rows(
            lambda sequence: self._row(sequence, columns), sequences, len(columns)
        )

    def encode(self, text: str) -> Word:
        """Return the ids of a text; special tokens have no name in it."""
        return self._tokens(text, False)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ids."""
        answer = self._server.post("/detokenize", {"tokens": list(tokens)})
        text = answer.get("content") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise OracleError(f"/detokenize must answer a text, not {shorten(answer)}")
        return text

    def _tokens(self, text: str, start: bool) -> Word:
        question = {"content": text, "add_special": start, "parse_special": False}
        answer = self._server.post("/tokenize", question)
        found = answer.get("tokens") if isinstance(answer, dict) else None
        if not (isinstance(found, list) and all(type(token) is int for token in found)):
            raise OracleError(f"/tokenize must answer token ids, not {shorten(answer)}")
        return tuple(found)

    def _described(self) -> dict[str, Any]:
        """Return what the server says of its model."""
        models, properties = self._server.get("/v1/models"), self._server.get("/props")
        try:
            (model,) = models["data"]
            meta = dict(model["meta"])
            path = str(properties["model_path"])
            settings = properties["default_generation_settings"]["params"]
            found = {
                "source": "llama.cpp",
                "model": re.split(r"[/\\]", path)[-1],
                **{name: meta[name] for name in ("n_vocab", "n_embd", "n_params", "size")},
                "lora": settings.get("lora", []),
                "build": properties["build_info"],
            }
            check_size(found["n_vocab"], 2, "n_vocab")
            json.dumps(found, allow_nan=False)
        except (InputError, LookupError, TypeError, ValueError, AttributeError):
            shown = shorten(models)
            raise OracleError(
                f"{self._server.url} must be llama.cpp's server with one model, not {shown}"
            ) from None
        return found

    def _row(self, sequence: Word, columns: floats.Array) -> list[float]:
        # The drawn token is not used.  It must be one that stands for whole characters: if it ends
        # within one, the server waits for the rest and leaves all probabilities out.  A bias steers
        # the draw and does not touch the probabilities before sampling.
        answer = self._server.post(
            "/completion",
            {
                "prompt": list(sequence),
                "n_predict": 1,
                "n_probs": self.vocabulary_size,
                "cache_prompt": False,
                "post_sampling_probs": False,
                "samplers": [],
                "logit_bias": [[self.start[0], 1000]],
            },
        )
        where = f"the server's answer at {shorten(list(sequence))}"
        if not isinstance(answer, dict):
            raise OracleError(f"{where} must be an object, not {shorten(answer)}")
        if answer.get("truncated"):
            raise OracleError(f"{where} is to a prompt cut short: the prompt is too long for it")
        read = answer.get("tokens_evaluated", len(sequence))
        if read != len(sequence):
            raise OracleError(f"{where} is to a prompt of {read} tokens, not {len(sequence)}")
        return self._kept(answer, columns, where)

    def _kept(self, answer: dict[str, Any], columns: floats.Array, where: str) -> list[float]:
        """Return an answer's log-probabilities of the wanted ids, checked."""
        v = self.vocabulary_size
        try:
            listed = answer["completion_probabilities"][0]["top_logprobs"]
            pairs = [(entry["id"], entry["logprob"]) for entry in listed]
        except (LookupError, TypeError):
            raise OracleError(f"{where} has no list of log-probabilities") from None
        row: list[float | None] = [None] * v
        for token, value in pairs:
            if type(token) is not int or not 0 <= token < v:
                raise OracleError(f"{where} has id {shorten(token)}, not one of 0..{v - 1}")
            if row[token] is not None:
                raise OracleError(f"{where} has id {token} twice")
            # of NaN too it is not true that it is at most this, and an integer may be longer
            if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
                raise OracleError(f"{where}: id {token} has {shorten(value)}, no log-probability")
            row[token] = value
        missing = row.count(None)
        if missing:
            raise OracleError(f"{where} lacks {missing} of the {v} tokens")
        found = np.array(row, dtype=np.float64)
        total = float(np.exp(np.minimum(found, 1)).sum())
        if abs(total - 1) > TOTAL_TOLERANCE:
            raise OracleError(f"{where} has probabilities that sum to {total:.6g}, not 1")
        kept = found[columns]
        lost = int((kept < LEAST).sum())
        if lost:
            raise OracleError(
                f"{where} has {lost} of {len(kept)} wanted tokens below probability 1e-38, "
                f"where the server rounds to 0: their logits are unknown; keep other tokens"
            )
        chosen: list[float] = kept.tolist()
        return chosen
