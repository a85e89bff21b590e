"""Tiny models with random weights, saved as a real one is."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    BertConfig,
    BertLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
)

VOCABULARY = 61
CONTEXT = 48
START = 1
WORDS = ("the", "cat", "sat", "on", "a", "mat")

TOKENS = {"bos_token_id": START, "eos_token_id": 2, "vocab_size": VOCABULARY}
SIZES = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": CONTEXT,
}


def make(kind, seed=0, **changes):
    """Return a model with random weights, large enough for logits that spread."""
    if kind == "gpt2":
        sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": CONTEXT}
        config, build = GPT2Config(**TOKENS | sizes | changes), GPT2LMHeadModel
    elif kind == "llama":
        config, build = LlamaConfig(**TOKENS | SIZES | changes), LlamaForCausalLM
    elif kind == "mistral":
        window = {"num_key_value_heads": 1, "sliding_window": 4}
        config, build = MistralConfig(**TOKENS | SIZES | window | changes), MistralForCausalLM
    elif kind == "mamba":
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}
        config, build = MambaConfig(**TOKENS | sizes | changes), MambaForCausalLM
    elif kind == "bert":
        config = BertConfig(**TOKENS | SIZES | {"is_decoder": False} | changes)
        build = BertLMHeadModel
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.normal_(0.0, 0.4, generator=generator)
    return model


def write(folder: Path, kind="gpt2", seed=0, **changes) -> str:
    """Write a model; return its folder."""
    make(kind, seed, **changes).save_pretrained(folder)
    return str(folder)


def write_tokenizer(folder, words=WORDS) -> None:
    """Add a tokenizer of words to a model's folder; id 1 is its start token."""
    known = {word: i for i, word in enumerate(["[UNK]", "[START]", *words])}
    plain = Tokenizer(WordLevel(known, unk_token="[UNK]"))
    plain.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="[START]", unk_token="[UNK]"
    ).save_pretrained(folder)
