"""Language models of the transformers library as sources of logits, many sequences at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from llr.errors import InputError, ShownAs, UnansweredError, shorten
from llr.models.base import Word, check_size
from llr.numbers import floats
from llr.oracles import batches
from llr.oracles.weights import DTYPES, Loaded, library, load

REPRODUCIBLE = {"float64": 1e-6, "float32": 1e-4, "float16": 0.1, "bfloat16": 1.0}
"""How far answers to one sequence in different company may lie apart, in nats.

Some models compute parts of themselves in float32 whatever they are loaded as.
"""

MAX_TOKENS = 1 << 14
"""Tokens in one pass, those in the cache included."""

MAX_LOGITS = 1 << 25
"""Logits that one pass may return."""

MAX_BYTES = 1 << 30
"""Room for the keys and values of one pass."""


class HuggingFaceOracle:
    """A causal language model of the transformers library, loaded from safetensors.

    Only sequences that are no prefix of another one run, and all their prefixes are read from the
    same pass.  Where sequences begin alike and it pays, the beginnings run once and their keys and
    values are shared.  Answers depend a little, by ``reproducible`` at most, on what is asked
    together.

    Args:
        model: a folder, or the id of a model on the hub.
        dtype: of weights and activations: float32, float64, bfloat16 or float16.
        device: where it runs, such as ``cpu`` or ``cuda:0``.
        revision: branch, tag or commit of a model on the hub.
        start: id of the token that comes before every text; "none": no such token; None: the
            start token that the tokenizer names, or else the configuration.
        threads: how many torch may use.  Torch has one number for all; it is set for the time of
            a call, and set back.

    Attributes:
        context: the longest sequence, in tokens; None: not known.
        tokenizer_size: how many ids the tokenizer knows; None: there is no tokenizer.

    Raises:
        InputError: an argument cannot be used, or the model cannot be loaded or is not causal.
    """

    def __init__(
        self,
        model: str,
        dtype: str = "float32",
        device: str = "cpu",
        revision: str | None = None,
        start: int | str | None = None,
        threads: int = 1,
    ) -> None:
        if dtype not in DTYPES:
            raise InputError("dtype", dtype, "one of " + ", ".join(DTYPES))
        self._threads = check_size(threads, 1, "threads")
        self._torch = library("torch")
        self._device = _check_device(device, self._torch)
        with self._few_threads():
            loaded = load(model, dtype, device, revision)
        self._model, self._tokenizer = loaded.model, loaded.tokenizer
        config = self._model.config.get_text_config()
        self.vocabulary_size: int = loaded.vocabulary_size
        self.tokenizer_size = None if self._tokenizer is None else len(self._tokenizer)
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        self.start = _start(start, loaded, config)
        self.reproducible = REPRODUCIBLE[dtype]
        self.identity: Mapping[str, Any] = {
            "kind": "huggingface",
            "type": config.model_type,
            "sha256": loaded.fingerprint,
            "dtype": dtype,
            "device": device,
        }
        width = getattr(config, "num_hidden_layers", 1) * getattr(config, "hidden_size", 1)
        per_token = 2 * width * 8
        self._most_tokens = max(1, min(MAX_TOKENS, MAX_BYTES // per_token))
        self._shares = False
        self._shares = self._probe()

    def logits(
        self, sequences: Sequence[Word], tokens: Sequence[int] | None = None
    ) -> floats.Array:
        """Return one row of logits in float64 per sequence.

        Args:
            sequences: of ids, start token included.
            tokens: the ids whose columns are wanted, in that order; None: all V.

        Raises:
            InputError: a sequence is empty, is longer than the model's context, or has an id that
                the model does not know; nothing has run then.
            UnansweredError: a pass does not fit into the memory.

        Complexity: a pass has at most MAX_TOKENS tokens and returns at most MAX_LOGITS logits,
            unless it is one sequence alone.
        """
        if not all(sequences):
            raise InputError("sequence", (), "not empty; give a start token or a prompt")
        longest = max(map(len, sequences), default=0)
        if self.context is not None and longest > self.context:
            expected = f"at most {self.context}, the model's context"
            raise InputError("tokens in a sequence", longest, expected)
        runs = batches.plan(sequences, self._shares)
        self._check(runs)
        return self._answers(runs, len(sequences), tokens)

    def encode(self, text: str) -> Word:
        """Return the ids of a text, without start tokens.

        Raises:
            InputError: the model has no tokenizer, or no column for one of the ids.
        """
        if self._tokenizer is None:
            raise InputError("text", text, "left out: the model comes without a tokenizer")
        found = tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        if max(found, default=0) >= self.vocabulary_size:
            expected = f"of tokens in the model's vocabulary of {self.vocabulary_size}"
            raise InputError("text", text, expected)
        return found

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ids.

        Raises:
            InputError: the model has no tokenizer.
        """
        if self._tokenizer is None:
            shown = ShownAs("tokens")
            raise InputError("text", shown, "left out: the model comes without a tokenizer")
        found: str = self._tokenizer.decode(list(tokens), clean_up_tokenization_spaces=False)
        return found

    def _check(self, runs: Sequence[batches.Run]) -> None:
        for run in runs:
            for token in (min(run.tokens), max(run.tokens)):
                if not 0 <= token < self.vocabulary_size:
                    raise InputError("token", token, f"an id in 0..{self.vocabulary_size - 1}")
            self._check(run.tails)

    def _answers(
        self, runs: Sequence[batches.Run], many: int, tokens: Sequence[int] | None
    ) -> floats.Array:
        """Return the logits of all sequences that the runs read."""
        torch = self._torch
        answers = _Answers(
            np.empty((many, self.vocabulary_size if tokens is None else len(tokens))),
            None if tokens is None else torch.tensor(tokens, device=self._device),
        )
        alone = [run for run in runs if not run.tails]
        heads = [run for run in runs if run.tails]
        try:
            with self._few_threads(), torch.inference_mode():
                for chunk in self._chunks(alone, 0):
                    self._run([alone[i] for i in chunk], answers)
                for chunk in self._chunks(heads, 0):
                    self._continue([heads[i] for i in chunk], answers)
        except (MemoryError, RuntimeError) as error:
            # the one for lack of memory on a CPU has no class of its own
            if not isinstance(error, MemoryError) and "memory" not in str(error):
                raise
            message = (
                f"the model ran out of memory on {self._device}: {shorten(ShownAs(error), 200)}"
            )
            done = np.flatnonzero(answers.done)
            raise UnansweredError(message, done.tolist(), answers.found[done]) from None
        return answers.found

    def _chunks(self, runs: Sequence[batches.Run], before: int) -> Iterator[list[int]]:
        most_reads = MAX_LOGITS // self.vocabulary_size
        return batches.chunks(runs, before, self._most_tokens, most_reads)

    def _continue(self, heads: Sequence[batches.Run], answers: _Answers) -> None:
        """Run heads of one length, and their tails from the keys and values that they leave."""
        cache = self._run(heads, answers, keep=True)
        tails = [tail for head in heads for tail in head.tails]
        owners = [row for row, head in enumerate(heads) for _ in head.tails]
        for chunk in self._chunks(tails, len(heads[0].tokens)):
            rows = self._torch.tensor([owners[i] for i in chunk], device=self._device)
            self._run([tails[i] for i in chunk], answers, _selected(cache, rows))

    def _run(
        self,
        runs: Sequence[batches.Run],
        answers: _Answers,
        cache: Any = None,
        keep: bool = False,
    ) -> Any:
        """Run sequences in one pass, padded on the right; return the cache if it is to be kept."""
        torch = self._torch
        ids = np.zeros((len(runs), max(len(run.tokens) for run in runs)), dtype=np.int64)
        for row, run in enumerate(runs):
            ids[row, : len(run.tokens)] = run.tokens
        reads = np.array([(row, *read) for row, run in enumerate(runs) for read in run.reads])
        rows, places, numbers = reads.reshape(-1, 3).T
        kept, places = np.unique(places, return_inverse=True)
        found = self._model(
            torch.from_numpy(ids).to(self._device),
            **({} if cache is None else {"past_key_values": cache}),
            use_cache=keep or cache is not None,
            # a model that is asked for no place at all may return every one
            logits_to_keep=torch.tensor(kept if len(kept) else [0], device=self._device),
        )
        if len(kept):
            at = [torch.from_numpy(x).to(self._device) for x in (rows, places)]
            chosen = found.logits[at[0], at[1]]
            if answers.columns is not None:
                chosen = chosen[:, answers.columns]
            answers.found[numbers] = chosen.to("cpu", torch.float64).numpy()
            answers.done[numbers] = True
        return found.past_key_values if keep else None

    def _probe(self) -> bool:
        """Say whether runs may continue from a cache.

        Raises:
            InputError: later tokens change the logits at an earlier one.
        """
        length = min(3, self.context or 3)
        word = tuple(i % self.vocabulary_size for i in range(length))
        singly = [self.logits([word[: i + 1]])[0] for i in range(length)]
        together = self.logits([word[: i + 1] for i in range(length)])
        if not self._agree(singly, together):
            raise InputError(
                "model", ShownAs("one whose logits depend on later tokens"), "a causal model"
            )
        tails = tuple(batches.Run(word[-1:], ((0, i),)) for i in range(2))
        try:
            shared = self._answers([batches.Run(word[:-1], (), tails)], 2, None)
        except Exception:
            # no cache, or one of another kind; such a model runs every sequence whole
            return False
        return length > 1 and self._agree([singly[-1]] * 2, shared)

    def _agree(self, some: Sequence[floats.Array], others: floats.Array) -> bool:
        here = np.array(some)
        apart = (here - here.mean(axis=1, keepdims=True)) - (
            others - others.mean(axis=1, keepdims=True)
        )
        return not np.abs(apart).max() > self.reproducible

    @contextmanager
    def _few_threads(self) -> Iterator[None]:
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(self._threads)
        try:
            yield
        finally:
            self._torch.set_num_threads(before)


class _Answers:
    """Where answers go, which are there, and which columns of the logits they are; None: all."""

    def __init__(self, found: floats.Array, columns: Any) -> None:
        self.found, self.columns = found, columns
        self.done = np.zeros(len(found), dtype=bool)


def _selected(cache: Any, rows: Any) -> Any:
    """Return a cache with the chosen rows of another one, which stays as it is."""
    found = copy.copy(cache)
    found.layers = [copy.copy(layer) for layer in cache.layers]
    found.batch_select_indices(rows)
    return found


def _check_device(device: str, torch: Any) -> str:
    try:
        torch.zeros(1, device=device).item()
    except Exception as error:  # each device has an error of its own
        raise InputError(
            "device", device, f"one that torch can use ({str(error).splitlines()[0]})"
        ) from None
    return device


def _start(start: int | str | None, loaded: Loaded, config: Any) -> Word:
    """Return the ids that come before every text."""
    if start == "none":
        return ()
    known = f"an id in 0..{loaded.vocabulary_size - 1}, or none"
    value: Any = start
    if start is None:
        value = getattr(loaded.tokenizer, "bos_token_id", None)
        value = getattr(config, "bos_token_id", None) if value is None else value
        if value is None:
            raise InputError("start", ShownAs("left out: the model names no start token"), known)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError("start", value, known)
    if not 0 <= value < loaded.vocabulary_size:
        own = "" if start is not None else ", the model's own start token"
        raise InputError("start", ShownAs(f"{value}{own}"), known)
    return (value,)
