"""Encoder outputs and prompts -> texts: by a decoder of our own where it is quicker, else by CTranslate2.

Runs in the engine child.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel

from daemon.engine.decoder import Decoder, Floats, Memory
from daemon.engine.encoder import FRAMES_PER_S, SILENCE
from daemon.engine.model_bin import Weights, read_weights
from daemon.engine.search import Rules, Search
from daemon.engine.token_rules import Vocabulary
from daemon.errors import Unavailable

INT8 = ("int8", "int8_float32")
WIDEST = 512
"""The width of `base`: wider decoders are larger, and whether they gain was not measured."""
PLAIN = {"alibi": 0, "pre_norm": 1, "scale_embeddings": 0, "start_from_zero_embedding": 0, "activation": 3}
"""What `model.bin` says of the decoder of every Whisper model; 3 is GELU."""


class Generator:
    """Generates as CTranslate2's `Whisper.generate` does, as far as the engine asks for it."""

    def __init__(self, model: WhisperModel, folder: Path, threads: int = 1) -> None:
        self._model = model.model
        self._vocabulary = _vocabulary(model)
        self._decoder = _decoder(model, folder, self._vocabulary.end, threads)

    @property
    def own(self) -> bool:
        """Whether texts come from the decoder of our own."""
        return self._decoder is not None

    def remember(self, encoded: Any) -> Memory | None:
        """Return what several searches of the same items can have in common; None where CTranslate2 searches."""
        return self._decoder.remember(np.asarray(encoded)) if self._decoder else None

    def generate(
        self, encoded: Any, prompts: Sequence[Sequence[int]], *, memory: Memory | None = None, **options: Any
    ) -> list[Any]:
        """Return a text for each item of the encoder's output, with the fields of a WhisperGenerationResult.

        Args:
            encoded: ctranslate2.StorageView, shape (batch, time, width).
            prompts: One for each item, all of one length.
            memory: What `remember` returned for the same items.
            options: Those of CTranslate2. Samples, and texts without time stamps, are left to it.
        """
        if self._decoder is None or not self._plain(prompts, options):
            return list(self._model.generate(encoded, [list(prompt) for prompt in prompts], **options))
        longest = options["max_length"]
        rules = Rules(
            tuple(options["suppress_tokens"]),
            options["max_initial_timestamp_index"],
            min(longest // 2, longest - len(prompts[0]) + 1),
        )
        heard = memory or self._decoder.remember(np.asarray(encoded))
        return list(Search(self._decoder, self._vocabulary).run(heard, prompts, options["beam_size"], rules))

    def _plain(self, prompts: Sequence[Sequence[int]], options: dict[str, Any]) -> bool:
        if options.get("sampling_temperature") or options.get("patience", 1) != 1:
            return False
        return all(self._vocabulary.start <= prompt[-1] < self._vocabulary.no_timestamps for prompt in prompts)


def is_known(weights: Weights) -> bool:
    """Tell whether these are the weights of a decoder that ours can compute, and not too wide."""
    plain = all(int(weights.get(f"decoder/{name}", np.array(-1))) == value for name, value in PLAIN.items())
    floats = all(array.dtype in (np.int8, np.float16, np.float32) for name, array in weights.items()
                 if name.startswith("decoder/") and name.endswith("/weight"))  # fmt: skip
    return plain and floats and weights["decoder/embeddings/weight"].shape[1] <= WIDEST


def _decoder(model: WhisperModel, folder: Path, text: int, threads: int) -> Decoder | None:
    if model.model.device != "cpu" or model.model.compute_type not in INT8:
        return None
    try:
        weights = read_weights(folder / "model.bin")
    except Unavailable:  # CTranslate2 knows more versions of its format
        return None
    return Decoder(weights, text, _loudness(model), threads) if is_known(weights) else None


def _loudness(model: WhisperModel) -> Floats:
    """Return the largest value of each channel of the encoder's output, by what it makes of a second of silence."""
    silence = np.full((1, model.model.n_mels, FRAMES_PER_S), SILENCE, np.float32)
    encoded = np.asarray(model.model.encode(ctranslate2.StorageView.from_array(silence)))
    return np.asarray(np.abs(encoded).max(axis=(0, 1)), np.float32)


def _vocabulary(model: WhisperModel) -> Vocabulary:
    def number(*names: str) -> int:
        return int(next(found for name in names if (found := model.hf_tokenizer.token_to_id(name)) is not None))

    return Vocabulary(
        end=number("<|endoftext|>"),
        start=number("<|startoftranscript|>"),
        no_speech=number("<|nospeech|>", "<|nocaptions|>"),
        no_timestamps=number("<|notimestamps|>"),
    )
