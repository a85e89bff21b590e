"""Language models for tests: random ones in no time, a trained one in seconds.

Every folder is in Hugging Face's format, with a byte-level tokenizer.  Token 0 starts a text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import train_small_lm
from train_small_lm import Plan, Size, Text

SMALL = Size(layers=2, width=32, inner=64, heads=2, context=64, batch=8)
STEPS = 120
LINES = 3000


def documentation() -> Text:
    """Return some of Python's documentation: text that is there wherever Python is."""
    text = train_small_lm.python_documentation()
    return Text(text.lines[:LINES], text.source, text.licence)


def small_plan(seed: int = 0, steps: int = STEPS, vocabulary: int = 300) -> Plan:
    """Return a plan of a few seconds."""
    return Plan(seed, vocabulary, steps, size=SMALL)


def write_trained(folder: Path) -> dict[str, Any]:
    """Write ``full``, ``half`` and ``untrained``; return the record."""
    found = train_small_lm.train(documentation(), small_plan())
    train_small_lm.save(found, folder)
    return found.record


def write_random(
    folder: Path, kind: str = "llama", vocabulary: int = 300, seed: int = 0, context: int = 64
) -> Path:
    """Write a model with random weights large enough for spread-out logits; return the folder.

    Args:
        kind: ``"llama"`` or ``"gpt2"``.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaForCausalLM, PreTrainedTokenizerFast

    text = documentation()
    tokenizer = train_small_lm.make_tokenizer(text.lines[:500], vocabulary)
    with torch.random.fork_rng(devices=[]):
        if kind == "gpt2":
            model: Any = GPT2LMHeadModel(
                GPT2Config(
                    vocab_size=vocabulary,
                    n_positions=context,
                    n_embd=16,
                    n_layer=2,
                    n_head=2,
                    bos_token_id=0,
                    eos_token_id=0,
                )
            )
        else:
            size = Size(layers=2, width=16, inner=32, heads=2, context=context)
            model = LlamaForCausalLM(train_small_lm.configuration(vocabulary, size))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.normal_(0.0, 0.4, generator=generator)
    model.save_pretrained(folder)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=train_small_lm.START)
    wrapped.save_pretrained(folder)
    return folder
