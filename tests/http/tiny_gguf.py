"""A random llama of a few thousand weights, written as GGUF with numpy alone."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, LAYERS, CONTEXT = 32, 2, 2, 64
LETTERS = "abcdefghijklmnopqrstuvwxyzĠ.,"  # Ġ is how this kind of tokenizer writes a blank
START, END = "<s>", "</s>"


SIZE = 48


def vocabulary(letters: str) -> tuple[list[str], list[str]]:
    """Return tokens and merges of a byte-level BPE; the first two tokens are the special ones."""
    pairs = [(a, b) for a in letters for b in letters][: SIZE - 2 - len(letters)]
    tokens = [START, END, *letters, *(a + b for a, b in pairs)]
    assert len(set(tokens)) == SIZE
    return tokens, [f"{a} {b}" for a, b in pairs]


def write(
    path: Path, seed: int = 0, start: bool = True, letters: str = LETTERS, scale: float = 0.2
) -> Path:
    """Write a model and return its path.

    Args:
        path: of the file.
        seed: of the weights.
        start: whether the tokenizer puts the start token before a text.
        letters: tokens of one byte, as this kind of tokenizer writes bytes.
        scale: of the read-out weights: how far the logits are apart.
    """
    rng = np.random.default_rng(seed)
    tokens, merges = vocabulary(letters)
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_name(f"tiny-{seed}")
    w.add_block_count(LAYERS)
    w.add_context_length(CONTEXT)
    w.add_embedding_length(WIDTH)
    w.add_feed_forward_length(2 * WIDTH)
    w.add_head_count(HEADS)
    w.add_head_count_kv(HEADS)
    w.add_rope_dimension_count(WIDTH // HEADS)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(SIZE)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(tokens)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    w.add_token_types([control] * 2 + [normal] * (SIZE - 2))
    w.add_token_merges(merges)
    w.add_eos_token_id(1)
    if start:
        w.add_bos_token_id(0)
    w.add_add_bos_token(start)

    def weight(name: str, *shape: int, spread: float = 0.2) -> None:
        w.add_tensor(f"{name}.weight", rng.normal(0, spread, shape).astype(np.float32))

    def ones(name: str) -> None:
        w.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))

    weight("token_embd", SIZE, WIDTH, spread=1)
    ones("output_norm")
    weight("output", SIZE, WIDTH, spread=scale)
    for i in range(LAYERS):
        for name in ("attn_norm", "ffn_norm"):
            ones(f"blk.{i}.{name}")
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weight(f"blk.{i}.{name}", WIDTH, WIDTH)
        weight(f"blk.{i}.ffn_gate", 2 * WIDTH, WIDTH)
        weight(f"blk.{i}.ffn_up", 2 * WIDTH, WIDTH)
        weight(f"blk.{i}.ffn_down", WIDTH, 2 * WIDTH)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return path
