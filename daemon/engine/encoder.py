"""Speech -> log-mel features -> encoder outputs (runs in the engine child)."""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from daemon.chunk import Chunk

FRAMES_PER_S = 100
"""Mel frames of 10 ms."""
MAX_FRAMES = 3000
"""Mel frames in the 30 s that the encoder was trained on."""
ENCODED_MARGIN = 100
ENCODED_STEP = 50
"""Frames: on a CPU a cut context is encoded to at least a second after the speech, in steps of half a second."""
SILENCE = -0.9
"""Log-mel value of silence, as Whisper scales it: (log10 of the power - 8 below the loudest + 4) / 4, here for a quiet
recording. Of -0.5, -0.7 and -0.9 it gave the fewest errors on real speech (docs/design-notes.md)."""

Features = NDArray[np.float32]


class Encoder:
    """The encoder of a Whisper model."""

    def __init__(self, model: WhisperModel) -> None:
        self._model = model
        self._silence = lru_cache(maxsize=None)(self._encode_silence)

    def features(self, chunk: Chunk) -> Features:
        """Compute log-mel features, shape (n_mels, frames), float32; one frame is 10 ms."""
        samples = np.frombuffer(chunk.audio, dtype="<i2").astype(np.float32) / 32768.0
        features: Features = self._model.feature_extractor(samples)[:, :-1]
        return features[:, :MAX_FRAMES]

    def encode(self, features: list[Features], context: int, *, whole: bool) -> Any:
        """Compute the encoder output of features padded to `context` frames: (batch, context / 2, d_model), float32.

        On a CPU one item at a time: as fast, and the attention of the batch need not fit into memory at once.
        """
        if self._model.model.device != "cpu":
            return self._encoded(_stack(features, context))
        return ctranslate2.StorageView.from_array(
            np.concatenate([self._encode_one(item, context, whole=whole) for item in features])
        )

    def _encoded(self, padded: Features) -> Any:
        return self._model.model.encode(ctranslate2.StorageView.from_array(padded))

    def _encode_one(self, item: Features, context: int, *, whole: bool) -> NDArray[np.float32]:
        """Compute the encoder output of one item, shape (1, context / 2, d_model).

        The decoder needs to hear some seconds of silence after the speech, or it runs on; the encoder need not look
        at them each time. A cut context, unless the whole of it is asked for, is encoded up to a second after the
        speech, and what follows is the encoding of silence at these positions, which is computed once.
        """
        heard = context
        if not whole:
            heard = min(context, ENCODED_STEP * ceil((item.shape[1] + ENCODED_MARGIN) / ENCODED_STEP))
        speech = np.asarray(self._encoded(_stack([item], heard)))
        return speech if heard == context else np.concatenate([speech, self._silence(context)[:, heard // 2 :]], axis=1)

    def _encode_silence(self, context: int) -> NDArray[np.float32]:
        n_mels = self._model.model.n_mels
        return np.asarray(self._encoded(np.full((1, n_mels, context), SILENCE, dtype=np.float32)))


def pick(encoded: Any, members: Sequence[int]) -> Any:
    """Return some items of an encoder output, in the host's memory; CTranslate2 copies them to its device."""
    outputs = np.asarray(encoded.to_device(ctranslate2.Device.cpu))
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(outputs[list(members)]))


def _stack(features: list[Features], context: int) -> Features:
    """Return features of shape (batch, n_mels, context), padded at the end.

    The full context is padded with zeros, as faster-whisper does and the models are used to. A cut one is padded
    with the quietest value of the item: a model that does not hear 10 s of padding needs to hear silence to know
    that the speech is over (a fifth fewer errors than with zeros).
    """
    batch = np.zeros((len(features), features[0].shape[0], context), dtype=np.float32)
    for row, item in zip(batch, features, strict=True):
        if context < MAX_FRAMES:
            row[:] = item.min()
        row[:, : item.shape[1]] = item
    return batch
