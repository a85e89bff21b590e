"""Models of the transformers library from a folder or the hub; nothing in them can run code.

Weights come from safetensors files, never from pickles.  A model that needs code of its own is
refused, and so is one whose configuration names kernels to be fetched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from llr.errors import InputError, ShownAs, shorten
from llr.models.files import read_json

DTYPES = ("float32", "float64", "bfloat16", "float16")

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "spiece.model",
    "vocab.json",
    "vocab.txt",
)

FETCHED = ("*.json", "*.txt", "*.model", "*.jinja", "model*.safetensors")
"""What is taken from the hub."""


@dataclass(frozen=True)
class Loaded:
    """A model as it was loaded.

    Attributes:
        model: causal, with its weights on their device.
        tokenizer: None if there is none.
        vocabulary_size: the width of its output.
        fingerprint: SHA-256 over the digests of configuration and weights.
    """

    model: Any
    tokenizer: Any
    vocabulary_size: int
    fingerprint: str


def library(name: str) -> Any:
    """Return a module that the extra ``hf`` installs.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            "hf", ShownAs(f"without it ({error})"), 'used with its extra: pip install "llr[hf]"'
        ) from None


def load(model: str, dtype: str, device: str, revision: str | None) -> Loaded:
    """Return a model of the transformers library.

    Args:
        model: a folder, or the id of a model on the hub; what was fetched once is not fetched again
            where the hub cannot be reached.
        dtype: one of :data:`DTYPES`.
        device: for its weights.
        revision: branch, tag or commit on the hub.

    Raises:
        InputError: there is no such model, it has no safetensors, wants to run code of its own, or
            some of its weights are missing.
    """
    torch, transformers = library("torch"), library("transformers")
    library("safetensors")
    options = {"trust_remote_code": False, "local_files_only": True}
    with _quiet(transformers):
        folder = _folder(model, revision)
        _check_files(folder)
        try:
            found, report = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
            found = found.to(device).eval()
        except Exception as error:  # whatever a broken file raises
            raise _refused(model, error, "a causal model saved as safetensors") from None
        # weights that are not there would be drawn at random
        missing = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
        if missing:
            expected = f"complete (it lacks {shorten(ShownAs(', '.join(missing)))})"
            raise InputError("model", model, expected)
        tokenizer = None
        if any((folder / name).exists() for name in TOKENIZER_FILES):
            try:
                tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **options)
            except Exception as error:
                raise _refused(model, error, "one with a readable tokenizer, or none") from None
    output = found.get_output_embeddings()
    if output is None or "logits_to_keep" not in signature(found.forward).parameters:
        expected = f"of a type that returns logits at chosen places ({type(found).__name__} is not)"
        raise InputError("model", model, expected)
    return Loaded(found, tokenizer, output.weight.shape[0], fingerprint(folder))


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 over the digests of a model's configuration and safetensors files."""
    whole = hashlib.sha256()
    for path in [folder / "config.json", *sorted(folder.glob("*.safetensors*"))]:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(f"{path.name} {digest}\n".encode())
    return whole.hexdigest()


def _folder(model: str, revision: str | None) -> Path:
    """Return the folder of a model; one on the hub is fetched."""
    expected = "a folder, or the id of a model on the hub"
    if Path(model).is_dir():
        if revision is not None:
            raise InputError("revision", revision, "left out for a folder")
        return Path(model)
    if Path(model).exists() or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", model):
        raise InputError("model", model, expected)
    hub = library("huggingface_hub")
    try:
        return Path(hub.snapshot_download(model, revision=revision, allow_patterns=list(FETCHED)))
    except Exception as error:  # no such model, no such revision, no network
        raise _refused(model, error, expected) from None


def _check_files(folder: Path) -> None:
    """Refuse what transformers would load in another way than we promise."""
    path = folder / "config.json"
    if not path.is_file():
        raise InputError("model", str(folder), "a folder with a config.json")
    if (folder / "adapter_config.json").exists():
        raise InputError("model", str(folder), "a whole model: it has an adapter")
    for key, value in _entries(read_json(path)):
        if key.endswith("_implementation") and value is not None:
            shown = ShownAs(f"{key} = {value}")
            raise InputError("config.json", shown, "one that names no code to be used")


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a JSON object and of all objects in it."""
    if isinstance(value, dict):
        yield from value.items()
    if isinstance(value, dict | list):
        for inside in value.values() if isinstance(value, dict) else value:
            yield from _entries(inside)


def _refused(model: str, error: Exception, expected: str) -> InputError:
    reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return InputError("model", model, f"{expected} ({shorten(ShownAs(reason), 160)})")


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep transformers, and the hub's client, from writing on the screen while they load."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
