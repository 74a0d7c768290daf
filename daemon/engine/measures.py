"""Measures of a chunk's sound and text, and its times in the recording (runs in the engine child)."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE, Chunk, Word

NOISE_MARGIN_DB = 3.0
"""A line whose loudest moment is no more than this above the recording's noise was not spoken. Five seconds of steady
noise reach 0.3 to 2 dB above their own level, speech that is no louder than the noise 3.8 dB (docs/design-notes.md)."""
MOMENT = SAMPLE_RATE // 10
"""Samples over which a level is taken: shorter than a syllable, longer than a click."""
PAUSE_RANGE = 4.0
"""Moments with up to this many times the energy of the quietest one (6 dB) are as good a pause."""
DIVISIBLE = 3 * SAMPLE_RATE
"""Audio of fewer samples is not cut in two: each piece has at least a quarter of it."""


def compression_ratio(text: str) -> float:
    """Return the bytes of the text per byte of its zlib compression (openai/whisper's measure of repetition)."""
    raw = text.encode("utf-8")
    return len(raw) / len(zlib.compress(raw))


def loudest_db(audio: bytes, start_s: float, end_s: float) -> float:
    """Return the level of the loudest tenth of a second between two times.

    The mean over a line would not do: its time stamps often take in the pauses around it.

    Args:
        audio: int16 samples at 16 kHz.
        start_s: seconds into the audio.
        end_s: likewise.

    Returns:
        The root mean square in dB of full scale; -inf for digital silence.
    """
    samples = np.frombuffer(audio, dtype="<i2")[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
    return _db(_moments(samples).max()) if len(samples) else float("-inf")


def silence_db(chunk: Chunk) -> float:
    """Return the level, in dB of full scale, that the loudest moment of a line must exceed if somebody has said it."""
    return min(chunk.noise_db, quiet_db(chunk.audio)) + NOISE_MARGIN_DB


def quiet_db(audio: bytes) -> float:
    """Return the level that a tenth of int16 samples keeps below, in dB of full scale.

    What nobody says in a recording may be louder than what somebody says, as music is; but within a chunk of speech
    there are moments between the words.
    """
    samples = np.frombuffer(audio, dtype="<i2")
    return _db(np.quantile(_moments(samples), 0.1)) if len(samples) else float("-inf")


def pause_s(audio: bytes) -> float | None:
    """Return where to cut int16 samples in two: at a pause near their middle. None if they are few.

    Of the moments in the middle half that are hardly louder than the quietest one, it is the one next to the middle.
    """
    samples = np.frombuffer(audio, dtype="<i2")
    if len(samples) < DIVISIBLE:
        return None
    begin = len(samples) // 4
    moments = _moments(samples[begin : begin + len(samples) // 2])
    quiet = np.flatnonzero(moments <= PAUSE_RANGE * moments.min())
    middle = quiet[np.abs(quiet - (len(moments) - 1) / 2).argmin()]
    return (begin + int(middle) * MOMENT + MOMENT // 2) / SAMPLE_RATE


def _db(mean_square: float) -> float:
    return 10.0 * float(np.log10(mean_square)) if mean_square > 0 else float("-inf")


def _moments(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the mean square of each tenth of a second, as a fraction of full scale; the last may be half as long."""
    # In whole numbers: exact, and in small arrays, which the allocator keeps.
    energy = np.square(samples, dtype=np.int32)
    begins = np.arange(0, max(1, len(energy) - MOMENT // 2), MOMENT)
    lengths = np.diff(np.append(begins, len(energy)))
    moments: NDArray[np.float64] = np.add.reduceat(energy, begins, dtype=np.int64) / (lengths * 32768.0**2)
    return moments


def in_recording(chunk: Chunk, words: Sequence[Word]) -> tuple[Word, ...]:
    """Return words, whose times are seconds of the chunk's audio, with times in the recording."""
    return tuple(
        Word(
            round(chunk.in_recording(word.start_s), 3),
            round(chunk.in_recording(word.end_s, is_end=True), 3),
            word.word,
            word.probability and round(word.probability, 4),
        )
        for word in words
    )
