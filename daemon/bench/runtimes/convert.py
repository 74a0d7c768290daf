"""Converts the weights of a CTranslate2 Whisper model in memory, so that peers run on the very same weights."""

from pathlib import Path
from typing import Any

import numpy as np

from daemon.engine.generate.model_bin import Weights, layers, read_weights
from daemon.errors import Unavailable

MULTILINGUAL_VOCABULARY = 51865
"""The vocabulary of the first multilingual models; those for English alone have fewer tokens."""


def dimensions(weights: Weights) -> dict[str, int]:
    """Return the sizes of a model under openai-whisper's names."""
    vocabulary, width = weights["decoder/embeddings/weight"].shape
    return {
        "n_mels": weights["encoder/conv1/weight"].shape[1],
        "n_audio_ctx": weights["encoder/position_encodings/encodings"].shape[0],
        "n_audio_state": width,
        "n_audio_head": int(weights["encoder/num_heads"]),
        "n_audio_layer": layers(weights, "encoder"),
        "n_vocab": vocabulary,
        "n_text_ctx": weights["decoder/position_encodings/encodings"].shape[0],
        "n_text_state": width,
        "n_text_head": int(weights["decoder/num_heads"]),
        "n_text_layer": layers(weights, "decoder"),
    }


def is_multilingual(sizes: dict[str, int]) -> bool:
    """Return whether a model of these sizes has languages and tasks to choose from."""
    return sizes["n_vocab"] >= MULTILINGUAL_VOCABULARY


def openai_whisper(folder: Path) -> Any:
    """Return a `whisper.model.Whisper` (openai-whisper, torch, float32) with the weights of a CTranslate2 model."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    weights = read_weights(folder / "model.bin")
    model = Whisper(ModelDimensions(**dimensions(weights)))
    state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in renamed(weights).items()}
    # The causal mask is not among the weights: openai-whisper computes it itself.
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or any("mask" not in name for name in missing):
        raise Unavailable(f"the weights of {folder} do not fit openai-whisper: {unexpected or missing}")
    return model.eval()


SIDES = ("encoder", "decoder")


def renamed(weights: Weights) -> Weights:
    """Return the weights under openai-whisper's names, with fused projections taken apart."""
    made: Weights = {
        "encoder.positional_embedding": weights["encoder/position_encodings/encodings"],
        "decoder.positional_embedding": weights["decoder/position_encodings/encodings"],
        "decoder.token_embedding.weight": weights["decoder/embeddings/weight"],
    }
    for part in ("conv1", "conv2"):
        for kind in ("weight", "bias"):
            made[f"encoder.{part}.{kind}"] = weights[f"encoder/{part}/{kind}"]
    made |= _norm("encoder.ln_post", "encoder/layer_norm", weights)
    made |= _norm("decoder.ln", "decoder/layer_norm", weights)
    for side in SIDES:
        for number in range(layers(weights, side)):
            ours, theirs = f"{side}/layer_{number}", f"{side}.blocks.{number}"
            made |= _attention(f"{theirs}.attn", f"{ours}/self_attention", weights)
            made |= _norm(f"{theirs}.attn_ln", f"{ours}/self_attention/layer_norm", weights)
            if side == "decoder":
                made |= _attention(f"{theirs}.cross_attn", f"{ours}/attention", weights)
                made |= _norm(f"{theirs}.cross_attn_ln", f"{ours}/attention/layer_norm", weights)
            made |= _linear(f"{theirs}.mlp.0", f"{ours}/ffn/linear_0", weights)
            made |= _linear(f"{theirs}.mlp.2", f"{ours}/ffn/linear_1", weights)
            made |= _norm(f"{theirs}.mlp_ln", f"{ours}/ffn/layer_norm", weights)
    return made


def _attention(theirs: str, ours: str, weights: Weights) -> Weights:
    """Take apart an attention: [query, key, value] fused and output, or query, [key, value] fused and output."""
    fused = [f"{ours}/linear_{number}" for number in range(3) if f"{ours}/linear_{number}/weight" in weights]
    *inputs, output = fused
    weight = np.concatenate([weights[f"{name}/weight"] for name in inputs])
    bias = np.concatenate([weights[f"{name}/bias"] for name in inputs])
    made = _linear(f"{theirs}.out", output, weights)
    for name, part, offset in zip(("query", "key", "value"), np.split(weight, 3), np.split(bias, 3), strict=True):
        made[f"{theirs}.{name}.weight"] = part
        if name != "key":  # Whisper's keys have none
            made[f"{theirs}.{name}.bias"] = offset
    return made


def _linear(theirs: str, ours: str, weights: Weights) -> Weights:
    return {f"{theirs}.{kind}": weights[f"{ours}/{kind}"] for kind in ("weight", "bias")}


def _norm(theirs: str, ours: str, weights: Weights) -> Weights:
    return {f"{theirs}.weight": weights[f"{ours}/gamma"], f"{theirs}.bias": weights[f"{ours}/beta"]}
