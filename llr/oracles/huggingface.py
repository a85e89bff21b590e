"""Language models of the transformers library, from a folder or the hub: safetensors only.

Nothing that is loaded can run code: weights come from safetensors files, never from pickles, and a
model that needs code of its own is refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from llr.errors import InputError, ShownAs
from llr.models.base import Word, check_size
from llr.numbers import floats

DTYPES = ("float32", "float64", "bfloat16", "float16")
REPRODUCIBLE = {"float64": 1e-9, "float32": 1e-3, "float16": 0.25, "bfloat16": 1.0}
"""How far answers of one prefix in different batches may lie apart, in nats."""

FILES = ("*.json", "*.txt", "*.model", "*.jinja", "model*.safetensors")
"""What is taken from the hub."""

MAX_TOKENS = 1 << 14
"""Tokens run in one pass."""


def library(name: str) -> Any:
    """Return a module that the extra ``hf`` installs.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            "hf", ShownAs(str(error)), 'used with its extra: pip install "llr[hf]"'
        ) from None


class HuggingFaceOracle:
    """A causal language model of the transformers library.

    Args:
        model: a folder, or the id of a model on the hub.
        dtype: of weights and activations, one of :data:`DTYPES`.
        device: where it runs, such as ``cpu`` or ``cuda:0``.
        revision: branch, tag or commit of a model on the hub.
        start: id of the token that comes before every text; "none": no such token; None: the
            start token that tokenizer or configuration name.
        threads: threads that torch may use.

    Attributes:
        context: the longest sequence, in tokens; None: not known.
        tokenizer: of the model; None if there is none.

    Raises:
        InputError: an argument cannot be used, or the model cannot be loaded.
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
        self._torch = library("torch")
        transformers = library("transformers")
        self._threads = check_size(threads, 1, "threads")
        if dtype not in DTYPES:
            raise InputError("dtype", dtype, "one of " + ", ".join(DTYPES))
        folder = _folder(model, revision)
        self._device = device
        try:
            self._model = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(self._torch, dtype),
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
            )
        except Exception as error:
            raise InputError(
                "model", ShownAs(f"{model}: {error}"), "a causal model saved as safetensors"
            ) from None
        self._model.to(device).eval()
        try:
            self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
        except Exception:
            self.tokenizer = None
        self.vocabulary_size: int = self._model.get_output_embeddings().weight.shape[0]
        self.context: int | None = getattr(self._model.config, "max_position_embeddings", None)
        self.start = self._start(start)
        self.reproducible = REPRODUCIBLE[dtype]
        self.identity: Mapping[str, Any] = {
            "kind": "huggingface",
            "weights": fingerprint(folder),
            "dtype": dtype,
            "device": device,
        }

    def logits(
        self, sequences: Sequence[Word], tokens: Sequence[int] | None = None
    ) -> floats.Array:
        """Return one row of logits in float64 per sequence.

        Args:
            sequences: of ids, start token included.
            tokens: the ids whose columns are wanted, in that order; None: all V.

        Raises:
            InputError: a sequence is empty or longer than the model's context.
        """
        torch = self._torch
        self._check(sequences)
        found = np.empty((len(sequences), self.vocabulary_size if tokens is None else len(tokens)))
        columns = None if tokens is None else torch.tensor(tokens, device=self._device)
        order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
        with self._alone(), torch.inference_mode():
            while order:
                longest = len(sequences[order[-1]])
                here = order[-max(1, MAX_TOKENS // longest) :]
                del order[-len(here) :]
                batch = torch.zeros((len(here), longest), dtype=torch.long)
                for row, i in enumerate(here):
                    batch[row, : len(sequences[i])] = torch.tensor(sequences[i])
                ends = [len(sequences[i]) - 1 for i in here]
                keep = sorted(set(ends))
                out = self._model(
                    batch.to(self._device),
                    use_cache=False,
                    logits_to_keep=torch.tensor(keep, device=self._device),
                ).logits
                places = torch.tensor([keep.index(e) for e in ends], device=self._device)
                rows = out[torch.arange(len(here), device=self._device), places]
                if columns is not None:
                    rows = rows[:, columns]
                found[here] = rows.to("cpu", torch.float64).numpy()
        return found

    def encode(self, text: str) -> Word:
        """Return the ids of a text, without start tokens.

        Raises:
            InputError: the model comes without a tokenizer.
        """
        return tuple(self._tokenizer()(text, add_special_tokens=False)["input_ids"])

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ids.

        Raises:
            InputError: the model comes without a tokenizer.
        """
        found: str = self._tokenizer().decode(list(tokens))
        return found

    def _tokenizer(self) -> Any:
        if self.tokenizer is None:
            raise InputError("text", ShownAs("text"), "left out: the model has no tokenizer")
        return self.tokenizer

    def _start(self, start: int | str | None) -> Word:
        if start == "none":
            return ()
        if start is None:
            start = getattr(self.tokenizer, "bos_token_id", None)
            if start is None:
                start = getattr(self._model.config, "bos_token_id", None)
            if not isinstance(start, int) or start >= self.vocabulary_size:
                raise InputError(
                    "start",
                    ShownAs("missing: the model names no start token"),
                    f"an id in 0..{self.vocabulary_size - 1}, or none",
                )
        if isinstance(start, str) or not 0 <= start < self.vocabulary_size:
            raise InputError("start", start, f"an id in 0..{self.vocabulary_size - 1}, or none")
        return (start,)

    def _check(self, sequences: Sequence[Word]) -> None:
        for sequence in sequences:
            if not sequence:
                raise InputError("sequence", sequence, "not empty: give start= or a prompt")
            if self.context is not None and len(sequence) > self.context:
                raise InputError(
                    "sequence",
                    ShownAs(f"{len(sequence)} tokens"),
                    f"at most {self.context} tokens long, the model's context",
                )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Use as many threads as were asked for; the number is global in torch."""
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(self._threads)
        try:
            yield
        finally:
            self._torch.set_num_threads(before)


def fingerprint(folder: str | Path) -> str:
    """Return the SHA-256 of a model's configuration and safetensors files, in order of name."""
    whole = hashlib.sha256()
    for path in [*sorted(Path(folder).glob("*.safetensors")), Path(folder, "config.json")]:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(f"{path.name} {digest}\n".encode())
    return whole.hexdigest()


def _folder(model: str, revision: str | None) -> str:
    """Return the folder of a model; one on the hub is fetched unless it is already here."""
    if Path(model).is_dir():
        if revision is not None:
            raise InputError("revision", revision, "left out: the model is a folder")
        return model
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", model):
        raise InputError("model", model, "a folder, or the id of a model on the hub")
    hub = library("huggingface_hub")
    try:
        found: str = hub.snapshot_download(model, revision=revision, allow_patterns=list(FILES))
    except Exception as error:
        raise InputError(
            "model", ShownAs(f"{model}: {error}"), "a folder, or the id of a model on the hub"
        ) from None
    return found
