"""A Whisper model of the right shape with random weights, in CTranslate2's format: small, and made in no time."""

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np

from daemon.engine.model_files import resolve

WIDTH, HEADS, ENCODER_LAYERS, DECODER_LAYERS, VOCABULARY = 32, 2, 1, 2, 51864


def write_model(folder: Path) -> Path:
    """Write model.bin, beside it the tokens of tiny.en, which has the same vocabulary."""
    rng = np.random.default_rng(3)

    def random(*shape: int) -> Any:
        return (rng.standard_normal(shape) / shape[-1] ** 0.5).astype(np.float32)

    def linear(name: str, out: int, inside: int) -> dict[str, Any]:
        return {f"{name}/weight": random(out, inside), f"{name}/bias": random(out)}

    def norm(name: str) -> dict[str, Any]:
        return {f"{name}/gamma": 1 + random(WIDTH), f"{name}/beta": random(WIDTH)}

    made = {"decoder/embeddings/weight": random(VOCABULARY, WIDTH)}
    for side, places in (("encoder", 1500), ("decoder", 448)):
        made[f"{side}/num_heads"] = np.array(HEADS, np.int16)
        made[f"{side}/position_encodings/encodings"] = random(places, WIDTH)
        made |= norm(f"{side}/layer_norm")
    for name, inside in (("conv1", 80), ("conv2", WIDTH)):
        made[f"encoder/{name}/weight"] = random(WIDTH, inside, 3)
        made[f"encoder/{name}/bias"] = random(WIDTH)
    for side, count in (("encoder", ENCODER_LAYERS), ("decoder", DECODER_LAYERS)):
        for number in range(count):
            at = f"{side}/layer_{number}"
            made |= norm(f"{at}/self_attention/layer_norm") | norm(f"{at}/ffn/layer_norm")
            made |= linear(f"{at}/self_attention/linear_0", 3 * WIDTH, WIDTH)
            made |= linear(f"{at}/self_attention/linear_1", WIDTH, WIDTH)
            made |= linear(f"{at}/ffn/linear_0", 4 * WIDTH, WIDTH) | linear(f"{at}/ffn/linear_1", WIDTH, 4 * WIDTH)
            if side == "decoder":
                made |= norm(f"{at}/attention/layer_norm") | linear(f"{at}/attention/linear_0", WIDTH, WIDTH)
                made |= linear(f"{at}/attention/linear_1", 2 * WIDTH, WIDTH)
                made |= linear(f"{at}/attention/linear_2", WIDTH, WIDTH)
            # Whisper's keys have no bias.
            made[f"{at}/self_attention/linear_0/bias"][WIDTH : 2 * WIDTH] = 0
            if side == "decoder":
                made[f"{at}/attention/linear_1/bias"][:WIDTH] = 0
    (folder / "model.bin").write_bytes(_binary(made))
    for name in ("tokenizer.json", "config.json"):
        shutil.copy(resolve("tiny.en") / name, folder / name)
    assert json.loads((folder / "config.json").read_text("utf-8"))["suppress_ids"]
    return folder


def _binary(made: dict[str, Any]) -> bytes:
    kinds = {"float32": 0, "int16": 2}
    parts = [struct.pack("<I", 6), _text("WhisperSpec"), struct.pack("<II", 3, len(made))]
    for name, array in made.items():
        parts += [_text(name), struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)]
        parts += [struct.pack("<BI", kinds[str(array.dtype)], array.nbytes), array.tobytes()]
    return b"".join([*parts, struct.pack("<I", 0)])


def _text(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw
