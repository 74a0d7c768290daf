"""Models for a machine without network: random weights in the shape of a published model, for speed and memory alone.

They are made with transformers, in float16, and converted with CTranslate2's own loader. The tokenizer, and with it the
vocabulary of 51865 tokens (large-v3 has one more), is that of the multilingual `base`, which is carried along.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VOCABULARY = 51865
END, START, ENGLISH, TRANSLATE, TRANSCRIBE, NO_TIMES = 50257, 50258, 50259, 50358, 50359, 50363
"""Tokens of the multilingual models."""
TOKENIZER = ("tokenizer.json", "vocabulary.txt", "config.json")
"""What is taken from `base`."""
ALIGNMENT_HEADS = 10
"""As many as large-v3 aligns words with."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a Whisper model."""

    mels: int
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int


SHAPES = {
    "large-v3": Shape(128, 1280, 20, 32, 32),
    "turbo": Shape(128, 1280, 20, 32, 4),
    "small-shape": Shape(128, 64, 2, 2, 2),
}
"""The last one is for trying the script on a processor."""


def make(name: str, tokenizer: Path, into: Path, device: str) -> dict[str, Any]:
    """Make a model: `into/NAME-hf` for transformers, `into/NAME` for CTranslate2; return what came of it.

    Args:
        name: Of the shape.
        tokenizer: A folder with the files of TOKENIZER.
        into: Where the folders are made.
        device: `cuda` or `cpu`: where the weights are drawn.
    """
    import torch
    from ctranslate2.converters.transformers import WhisperLoader
    from transformers import WhisperForConditionalGeneration

    torch.manual_seed(7)
    with torch.device(device):
        model = WhisperForConditionalGeneration(_config(SHAPES[name])).half().eval()
    tell_tokens(model.generation_config)
    model.save_pretrained(into / f"{name}-hf")
    model.cpu()
    loader = WhisperLoader()
    spec = loader.get_model_spec(model)
    known = json.loads((tokenizer / "config.json").read_text("utf-8"))
    for key in ("suppress_ids", "suppress_ids_begin", "lang_ids"):
        setattr(spec.config, key, known[key])
    last = SHAPES[name].decoder_layers - 1
    spec.config.alignment_heads = [[last, head % SHAPES[name].heads] for head in range(ALIGNMENT_HEADS)]
    spec.register_vocabulary((tokenizer / "vocabulary.txt").read_text("utf-8").split("\n")[:VOCABULARY])
    spec.validate()
    spec.optimize(quantization="float16")
    folder = into / name
    folder.mkdir()
    spec.save(str(folder))
    shutil.copy(tokenizer / "tokenizer.json", folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": SHAPES[name].mels}))
    weights = sum(parameter.numel() for parameter in model.parameters())
    return {"model": name, "weights": weights, "mb": round((folder / "model.bin").stat().st_size / 1e6)}


def _config(shape: Shape) -> Any:
    from transformers import WhisperConfig

    return WhisperConfig(
        vocab_size=VOCABULARY, num_mel_bins=shape.mels, d_model=shape.width, encoder_layers=shape.encoder_layers,
        decoder_layers=shape.decoder_layers, encoder_attention_heads=shape.heads, decoder_attention_heads=shape.heads,
        encoder_ffn_dim=4 * shape.width, decoder_ffn_dim=4 * shape.width, max_source_positions=1500,
        max_target_positions=448, decoder_start_token_id=START, bos_token_id=END, eos_token_id=END, pad_token_id=END,
        suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip


def tell_tokens(generation: Any) -> None:
    """Tell transformers which tokens start a transcription in English without time stamps."""
    generation.is_multilingual = True
    generation.lang_to_id = {"<|en|>": ENGLISH}
    generation.task_to_id = {"transcribe": TRANSCRIBE, "translate": TRANSLATE}
    generation.no_timestamps_token_id = NO_TIMES
    generation.decoder_start_token_id = START
    generation.eos_token_id = generation.pad_token_id = generation.bos_token_id = END
