"""Whispered speech, made from speech."""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

FRAME, HOP = 512, 128
ENVELOPE = 24
"""How much of the cepstrum is kept: what is slower than 1.5 ms is the shape of the mouth, the rest is the voice."""
TILT_HZ = 700.0
"""A whisper has little below this."""


def whispered(speech: Samples, seed: int = 0) -> Samples:
    """Return speech with noise in the place of the voice, with the mouth as it was.

    Args:
        speech: int16 samples at 16 kHz.
        seed: of the noise.
    """
    hertz = np.fft.rfftfreq(FRAME, 1 / 16_000)
    window = np.hanning(FRAME)
    source = np.pad(speech.astype(np.float64) / 32768, FRAME)
    noise = np.random.default_rng(seed).normal(size=len(source))
    made, weight = np.zeros(len(source)), np.zeros(len(source))
    for at in range(0, len(source) - FRAME, HOP):
        here = slice(at, at + FRAME)
        cepstrum = np.fft.irfft(np.log(np.abs(np.fft.rfft(source[here] * window)) + 1e-6))
        cepstrum[ENVELOPE : 1 - ENVELOPE] = 0
        envelope = np.exp(np.fft.rfft(cepstrum).real) * np.minimum(1, hertz / TILT_HZ)
        made[here] += np.fft.irfft(np.fft.rfft(noise[here] * window) * envelope) * window
        weight[here] += window**2
    whisper = (made / np.maximum(weight, 1e-3))[FRAME:-FRAME]
    return np.asarray(np.round(whisper / np.abs(whisper).max() * 10_000), dtype=np.int16)
