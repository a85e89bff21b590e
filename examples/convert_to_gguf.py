"""Convert a small Llama with a byte-level BPE tokenizer to GGUF in float32, for llama.cpp.

python examples/convert_to_gguf.py models/full models/full.gguf
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from llr.errors import InputError

NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
LAYER_NAMES = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}

NO_MERGE = "<s> <s>"


def gguf_name(name: str) -> str:
    """Return llama.cpp's name of a tensor."""
    if name in NAMES:
        return NAMES[name]
    layer, _, rest = name.removeprefix("model.layers.").partition(".")
    if rest not in LAYER_NAMES:
        raise InputError("model", name, "made of a Llama's tensors without biases")
    return f"blk.{layer}.{LAYER_NAMES[rest]}"


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Return a query or key matrix with its rows in llama.cpp's order.

    transformers rotates coordinate i of a head together with i + half, llama.cpp 2i with 2i + 1.
    """
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def read_tensors(folder: Path) -> dict[str, np.ndarray]:
    """Return a folder's weights by llama.cpp's names, in float32 and llama.cpp's order."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    config = read(folder / "config.json")
    try:
        weights = load_file(folder / "model.safetensors")
    except (OSError, SafetensorError) as error:
        raise InputError(
            "model", str(folder), f"a folder with model.safetensors ({error})"
        ) from None
    found = {}
    for name, weight in weights.items():
        new = gguf_name(name)
        if new.endswith("attn_q.weight"):
            weight = interleaved(weight, config["num_attention_heads"])
        elif new.endswith("attn_k.weight"):
            weight = interleaved(weight, config["num_key_value_heads"])
        found[new] = weight.astype(np.float32)
    return found


def read(path: Path) -> Any:
    """Return a JSON file's value, or raise InputError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("model", str(path), f"a readable JSON file ({error})") from None


def convert(folder: Path, file: Path) -> None:
    """Write a model's weights and tokenizer as one GGUF file.

    Raises:
        InputError: the folder holds no Llama with a byte-level BPE tokenizer.
    """
    import gguf

    config, tokenizer = read(folder / "config.json"), read(folder / "tokenizer.json")
    if config.get("model_type") != "llama":
        raise InputError("model", config.get("model_type"), "a Llama")
    scaling = config.get("rope_parameters", {})
    if scaling.get("rope_type", "default") != "default":
        raise InputError("model", scaling, "a Llama with plain rotary positions")
    if config.get("hidden_act") != "silu":
        raise InputError("model", config.get("hidden_act"), "a Llama with the activation silu")
    bpe = tokenizer["model"]
    before = {"type": None, **(tokenizer["pre_tokenizer"] or {})}
    kind = (bpe["type"], before["type"], before.get("use_regex"), before.get("add_prefix_space"))
    if kind != ("BPE", "ByteLevel", True, False):
        raise InputError("model", kind, "a Llama with a byte-level BPE tokenizer like GPT-2's")
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    tokens = {**{i: token for token, i in bpe["vocab"].items()}, **special}
    if sorted(tokens) != list(range(config["vocab_size"])):
        raise InputError(
            "model", f"{len(tokens)} tokens", f"one with {config['vocab_size']} tokens"
        )
    tensors = read_tensors(folder)
    if not file.parent.is_dir() or file.is_dir():
        raise InputError("file", str(file), "a file in a folder that exists")

    writer = gguf.GGUFWriter(file, "llama")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(float(scaling.get("rope_theta", 10_000.0)))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([tokens[i] for i in range(len(tokens))])
    kinds = (gguf.TokenType.NORMAL, gguf.TokenType.CONTROL)
    writer.add_token_types([kinds[i in special] for i in range(len(tokens))])
    # llama.cpp wants this key even where nothing is merged: then a pair that no text spells.
    writer.add_token_merges([" ".join(pair) for pair in bpe["merges"]] or [NO_MERGE])
    start = config["bos_token_id"]
    writer.add_bos_token_id(start)
    # Left out, llama.cpp takes token 11 as the end of text.
    writer.add_eos_token_id(start)
    writer.add_add_bos_token(True)
    for name, weight in tensors.items():
        writer.add_tensor(name, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@click.command()
@click.argument("folder")
@click.argument("file")
def main(folder: str, file: str) -> None:
    """Write the model in FOLDER as the GGUF FILE."""
    try:
        convert(Path(folder), Path(file))
    except InputError as error:
        raise click.UsageError(str(error)) from None


if __name__ == "__main__":
    main()
