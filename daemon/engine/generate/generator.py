"""What the encoder heard -> texts: by a decoder of our own where it is quicker, else by CTranslate2.

Runs in the engine child.
"""

import json
import logging
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel

from daemon.config.engines import CTRANSLATE2, ONNXRUNTIME
from daemon.engine.encoder import FRAMES_PER_S, SILENCE, pick
from daemon.engine.generate.alignment import Aligner
from daemon.engine.generate.beam_search import BeamSearch, Rules, Text
from daemon.engine.generate.decoder import Decoder, Floats, Memory
from daemon.engine.generate.decoder_graphs import Shape
from daemon.engine.generate.model_bin import Weights, read_all
from daemon.engine.generate.token_rules import Vocabulary
from daemon.engine.model_files import CONFIG_FILE, MODEL_FILE
from daemon.errors import Unavailable

log = logging.getLogger(__name__)

INT8 = ("int8", "int8_float32")
MEASURED_ON = ("x86_64", "AMD64")
WIDEST = 512
"""The width of `base`: wider decoders are larger, and whether they gain was not measured."""
PLAIN = {"alibi": 0, "pre_norm": 1, "scale_embeddings": 0, "start_from_zero_embedding": 0, "activation": 3}
"""What `model.bin` says of the decoder of every Whisper model; 3 is GELU."""
MAX_INITIAL_TIMESTAMP = 50
"""The first text begins within 1 s, in units of 20 ms; faster-whisper's default."""
POSITIONS = 448
"""Tokens that the decoder can hold, the prompt included (`n_text_ctx` of all Whisper models)."""
BEST_OF = 5
"""Samples drawn at temperatures above 0, of which the likeliest is kept; faster-whisper's default."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How texts are to be generated."""

    beam_size: int
    """1 is a greedy search; nothing at temperatures above 0."""
    temperature: float
    new_tokens: int
    """At most so many."""
    suppressed: tuple[int, ...]
    """Tokens that are never said."""


class Speech:
    """What the encoder heard of a batch; several searches have in common what a decoder makes of it."""

    def __init__(self, encoded: Any, decoder: Decoder | None) -> None:
        self._encoded = encoded
        self._decoder = decoder
        self._memory: Memory | None = None

    def of(self, members: Sequence[int]) -> "Speech":
        """Return that of some items, of which there is one at least."""
        part = Speech(self.encoded(members), self._decoder)
        part._memory = self._memory and self._memory.pick(members)
        return part

    def encoded(self, members: Sequence[int]) -> Any:
        """Return the encoder's output of some items: ctranslate2.StorageView, shape (items, context / 2, d_model)."""
        everything = list(range(self._encoded.shape[0]))
        return self._encoded if list(members) == everything else pick(self._encoded, members)

    def memory(self, members: Sequence[int]) -> Memory:
        """Return what the decoder keeps of some items."""
        if self._memory is None:
            assert self._decoder is not None
            self._memory = self._decoder.remember(np.asarray(self._encoded))
        return self._memory.pick(members)


class Generator:
    """Generates texts with a Whisper model."""

    def __init__(self, model: WhisperModel, folder: Path, threads: int, decoder: str = "auto") -> None:
        """Choose what generates.

        Args:
            model: The model, loaded.
            folder: Where it was loaded from.
            threads: How many compute a step of our own decoder.
            decoder: As `model.decoder` has it.

        Raises:
            Unavailable: Our own decoder is asked for, and cannot compute this model.
        """
        self._model = model.model
        self._vocabulary = _vocabulary(model)
        self._decoder = _decoder(model, folder, self._vocabulary.end, threads, decoder)
        self._search = BeamSearch(self._decoder, self._vocabulary) if self._decoder else None
        self._heads = _alignment_heads(folder, self._decoder.shape) if self._decoder else []

    @property
    def decoder(self) -> str:
        """What generates: `onnxruntime` or `ctranslate2`."""
        return ONNXRUNTIME if self._decoder else CTRANSLATE2

    @property
    def device(self) -> str:
        """The kind of device that the model is on."""
        return str(self._model.device)

    def speech(self, encoded: Any) -> Speech:
        """Return what the encoder heard, as texts are generated from it.

        Args:
            encoded: ctranslate2.StorageView, shape (batch, context / 2, d_model).
        """
        return Speech(encoded, self._decoder)

    def generate(
        self, speech: Speech, members: Sequence[int], prompts: Sequence[Sequence[int]], wanted: Wanted
    ) -> list[Text]:
        """Return a text for each of some items.

        Samples, and texts without time stamps, are left to CTranslate2.

        Args:
            speech: What was heard.
            members: Places in it.
            prompts: One for each of the members, all of one length.
            wanted: How.

        Raises:
            RuntimeError: CTranslate2 or ONNX Runtime failed, for example out of memory.
        """
        if self._search is None or wanted.temperature > 0 or not self._is_timed(prompts):
            return self._by_ctranslate2(speech.encoded(members), prompts, wanted)
        longest = min(wanted.new_tokens, POSITIONS - len(prompts[0]) + 1)
        rules = Rules(wanted.suppressed, MAX_INITIAL_TIMESTAMP, longest)
        return self._search.run(speech.memory(members), prompts, wanted.beam_size, rules)

    def aligner(self, speech: Speech, members: Sequence[int], texts: Sequence[Text]) -> Aligner | None:
        """Return what tells when the tokens of texts are said; None if CTranslate2 is to do it.

        Args:
            speech: What was heard.
            members: Places in it.
            texts: What was found for each of them.
        """
        if self._decoder is None or not self._heads or any(text.each is None for text in texts):
            return None
        return Aligner(self._decoder, self._heads, self._vocabulary, speech.memory(members), texts)

    def _by_ctranslate2(self, encoded: Any, prompts: Sequence[Sequence[int]], wanted: Wanted) -> list[Text]:
        length = len(prompts[0])
        results = self._model.generate(
            encoded,
            [list(prompt) for prompt in prompts],
            # CTranslate2 generates at most half of max_length, and at most what the prompt leaves of it.
            max_length=min(POSITIONS, max(2 * wanted.new_tokens, wanted.new_tokens + length)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=list(wanted.suppressed),
            max_initial_timestamp_index=MAX_INITIAL_TIMESTAMP,
            **_options(wanted),
        )
        return [_found(result) for result in results]

    def _is_timed(self, prompts: Sequence[Sequence[int]]) -> bool:
        return all(self._vocabulary.start <= prompt[-1] < self._vocabulary.no_timestamps for prompt in prompts)


def is_known(weights: Weights) -> bool:
    """Tell whether these are the weights of a decoder that ours can compute."""
    plain = all(int(weights.get(f"decoder/{name}", np.array(-1))) == value for name, value in PLAIN.items())
    return plain and all(
        array.dtype in (np.int8, np.float16, np.float32)
        for name, array in weights.items()
        if name.startswith("decoder/") and name.endswith("/weight")
    )


def _decoder(model: WhisperModel, folder: Path, text: int, threads: int, wanted: str) -> Decoder | None:
    """Return a decoder of our own; None if CTranslate2 is to generate."""
    if wanted == CTRANSLATE2:
        return None
    why_not = _why_not(model, wanted)
    if not why_not:
        try:
            return _made(model, folder, text, threads, WIDEST if wanted == "auto" else None)
        except Unavailable as error:
            why_not = error.message
        except Exception as error:  # whatever it is, CTranslate2 has loaded the model and may do without
            why_not = f"{type(error).__name__}: {error}"
    if wanted == ONNXRUNTIME:
        raise Unavailable(f"model.decoder {ONNXRUNTIME!r} cannot be used: {why_not}", 'set it to "auto"')
    log.info("texts come from CTranslate2, not from the decoder in ONNX Runtime: %s", why_not)
    return None


def _made(model: WhisperModel, folder: Path, text: int, threads: int, widest: int | None) -> Decoder:
    weights = read_all(folder / MODEL_FILE)
    if not is_known(weights):
        raise Unavailable(f"{folder} has a decoder that is not Whisper's")
    width = weights["decoder/embeddings/weight"].shape[1]
    if widest and width > widest:
        raise Unavailable(f"it was not measured with models wider than base, and this one has {width}")
    return Decoder(weights, text, _loudness(model), threads)


def _alignment_heads(folder: Path, shape: Shape) -> list[tuple[int, int]]:
    """Return the layers and numbers of the heads that follow the speech; none if the model does not tell."""
    try:
        told = json.loads((folder / CONFIG_FILE).read_bytes())["alignment_heads"]
        heads = [(int(layer), int(head)) for layer, head in told]
    except (OSError, ValueError, TypeError, LookupError):  # CTranslate2 has loaded the model, and knows what to do
        return []
    fits = all(0 <= layer < shape.layers and 0 <= head < shape.heads for layer, head in heads)
    return heads if fits else []


def _why_not(model: WhisperModel, wanted: str) -> str:
    """Return why our own decoder does not fit the place and the precision of a model; "" if it does."""
    if model.model.device != "cpu":
        return f"the model is on {model.model.device}, and this decoder computes on a CPU"
    if model.model.compute_type not in INT8:
        return f"the model's compute type is {model.model.compute_type}, and this decoder computes in int8"
    if wanted == "auto" and platform.machine() not in MEASURED_ON:
        return f"it was not measured on {platform.machine()}"
    return ""


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


def _options(wanted: Wanted) -> dict[str, Any]:
    if wanted.temperature == 0:
        return {"beam_size": wanted.beam_size, "patience": 1}
    return {
        "beam_size": 1,
        "num_hypotheses": BEST_OF,
        "sampling_topk": 0,
        "sampling_temperature": wanted.temperature,
    }


def _found(result: Any) -> Text:
    tokens = result.sequences_ids[0]
    # CTranslate2 divides the sum by length ** length_penalty (here 1); the mean also counts the end token.
    return Text(tokens, result.scores[0] * len(tokens) / (len(tokens) + 1), result.no_speech_prob, None)
