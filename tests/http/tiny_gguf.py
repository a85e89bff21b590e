"""Write a random llama of a few thousand weights as GGUF: ``python tiny.py FILE [SEED] [TOKENS]``."""

from __future__ import annotations

import sys

import gguf
import numpy as np

WIDTH, HEADS, LAYERS, CONTEXT = 32, 2, 2, 64
LETTERS = "abcdefghijklmnopqrstuvwxyzĠ.,"  # Ġ is how this kind of tokenizer writes a blank
START, END = "<s>", "</s>"


def vocabulary(size: int) -> tuple[list[str], list[str]]:
    """Return tokens and merges of a byte-level BPE; the first two tokens are the special ones."""
    pairs = [(a, b) for a in LETTERS for b in LETTERS][: size - 2 - len(LETTERS)]
    tokens = [START, END, *LETTERS, *(a + b for a, b in pairs)]
    assert len(set(tokens)) == size
    return tokens, [f"{a} {b}" for a, b in pairs]


def write(path: str, seed: int = 0, size: int = 48, start: bool = True) -> None:
    """Write the model; without ``start`` the server puts no token before a text."""
    rng = np.random.default_rng(seed)
    tokens, merges = vocabulary(size)
    w = gguf.GGUFWriter(path, "llama")
    w.add_name(f"tiny-{seed}")
    w.add_block_count(LAYERS)
    w.add_context_length(CONTEXT)
    w.add_embedding_length(WIDTH)
    w.add_feed_forward_length(2 * WIDTH)
    w.add_head_count(HEADS)
    w.add_head_count_kv(HEADS)
    w.add_rope_dimension_count(WIDTH // HEADS)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(size)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(tokens)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    w.add_token_types([control] * 2 + [normal] * (size - 2))
    w.add_token_merges(merges)
    w.add_eos_token_id(1)
    if start:
        w.add_bos_token_id(0)
    w.add_add_bos_token(start)

    def weight(name: str, *shape: int, scale: float = 0.2) -> None:
        w.add_tensor(f"{name}.weight", rng.normal(0, scale, shape).astype(np.float32))

    def ones(name: str) -> None:
        w.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))

    weight("token_embd", size, WIDTH, scale=1)
    ones("output_norm")
    weight("output", size, WIDTH)
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


if __name__ == "__main__":
    write(sys.argv[1], *map(int, sys.argv[2:]))
