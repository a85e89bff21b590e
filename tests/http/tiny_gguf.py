"""A random llama of a few thousand weights: written as GGUF, and computed with numpy alone."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

SIZE, WIDTH, HEADS, LAYERS, CONTEXT = 48, 32, 2, 2, 64
EPSILON, BASE = 1e-5, 10000.0
LETTERS = "abcdefghijklmnopqrstuvwxyzĠ.,"  # Ġ is how this kind of tokenizer writes a blank
HALVES = "abcdefghijklmnopqrstuvwxyzĠÃÂ"  # bytes C3 and C2: halves of characters, as it writes them
START, END = 0, 1


class Tiny:
    """A random model.

    Args:
        seed: of the weights.
        letters: tokens of one byte.
        spread: of the read-out weights: how far the logits are apart.
    """

    def __init__(self, seed: int = 0, letters: str = LETTERS, spread: float = 0.2) -> None:
        rng = np.random.default_rng(seed)
        pairs = [(a, b) for a in letters for b in letters][: SIZE - 2 - len(letters)]
        self.tokens = ["<s>", "</s>", *letters, *(a + b for a, b in pairs)]
        self._merges = [f"{a} {b}" for a, b in pairs]
        shapes = {"token_embd": (SIZE, WIDTH), "output": (SIZE, WIDTH)}
        for i in range(LAYERS):
            for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
                shapes[f"blk.{i}.{name}"] = (WIDTH, WIDTH)
            for name in ("ffn_gate", "ffn_up"):
                shapes[f"blk.{i}.{name}"] = (2 * WIDTH, WIDTH)
            shapes[f"blk.{i}.ffn_down"] = (WIDTH, 2 * WIDTH)
        scales = {"token_embd": 1.0, "output": spread}
        self._weights = {
            name: rng.normal(0, scales.get(name, 0.2), shape).astype(np.float32)
            for name, shape in shapes.items()
        }

    def write(self, path: Path, start: bool = True) -> Path:
        """Write the model; without ``start`` its tokenizer puts nothing before a text."""
        w = gguf.GGUFWriter(str(path), "llama")
        w.add_block_count(LAYERS)
        w.add_context_length(CONTEXT)
        w.add_embedding_length(WIDTH)
        w.add_feed_forward_length(2 * WIDTH)
        w.add_head_count(HEADS)
        w.add_head_count_kv(HEADS)
        w.add_rope_dimension_count(WIDTH // HEADS)
        w.add_layer_norm_rms_eps(EPSILON)
        w.add_vocab_size(SIZE)
        w.add_tokenizer_model("gpt2")
        w.add_tokenizer_pre("gpt-2")
        w.add_token_list(self.tokens)
        control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
        w.add_token_types([control] * 2 + [normal] * (SIZE - 2))
        w.add_token_merges(self._merges)
        w.add_eos_token_id(END)
        if start:
            w.add_bos_token_id(START)
        w.add_add_bos_token(start)
        ones = [
            "output_norm",
            *(f"blk.{i}.{n}_norm" for i in range(LAYERS) for n in ("attn", "ffn")),
        ]
        for name in ones:
            w.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
        for name, value in self._weights.items():
            w.add_tensor(f"{name}.weight", value)
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()
        return path

    def log_probabilities(self, prompt: tuple[int, ...]) -> np.ndarray:
        """Return those of the next token, in float64."""
        w = {name: value.astype(np.float64) for name, value in self._weights.items()}
        x = w["token_embd"][list(prompt)]
        for i in range(LAYERS):
            q, k, v = (normed(x) @ w[f"blk.{i}.attn_{name}"].T for name in "qkv")
            x = x + attention(turned(q), turned(k), v) @ w[f"blk.{i}.attn_output"].T
            gate = normed(x) @ w[f"blk.{i}.ffn_gate"].T
            up = normed(x) @ w[f"blk.{i}.ffn_up"].T
            x = x + (gate / (1 + np.exp(-gate)) * up) @ w[f"blk.{i}.ffn_down"].T
        logits = w["output"] @ normed(x)[-1]
        logits = logits - logits.max()
        return logits - np.log(np.exp(logits).sum())


def normed(x: np.ndarray) -> np.ndarray:
    """Return every row over its root mean square."""
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + EPSILON)


def turned(x: np.ndarray) -> np.ndarray:
    """Return rows whose neighbouring entries are turned by angles that grow with the position."""
    size = WIDTH // HEADS
    angles = np.outer(np.arange(len(x)), BASE ** (-np.arange(0, size, 2) / size))
    pairs = x.reshape(len(x), HEADS, size // 2, 2)
    whole = pairs[..., 0] + 1j * pairs[..., 1]
    whole = whole * np.exp(1j * angles)[:, None, :]
    return np.stack([whole.real, whole.imag], axis=-1).reshape(x.shape)


def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return causal attention, head by head."""
    n, size = len(q), WIDTH // HEADS
    heads = [m.reshape(n, HEADS, size).transpose(1, 0, 2) for m in (q, k, v)]
    scores = heads[0] @ heads[1].transpose(0, 2, 1) / np.sqrt(size)
    scores = np.where(np.tril(np.ones((n, n), bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights @ heads[2]).transpose(1, 0, 2).reshape(n, WIDTH)
