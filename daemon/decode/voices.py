"""How somebody sounds from moment to moment: windows of speech through a speaker model (runs in the decoder child)."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE
from daemon.config.speaker_models import FOR_8_BITS, in_8_bits
from daemon.decode.vad import PAD, Samples
from daemon.errors import Unavailable
from daemon.processes.environment import has
from daemon.voice import Voice

WINDOW = 3 * SAMPLE_RATE // 2
"""The length of a window that is aimed at: 1.5 s."""
LONGEST = 2 * SAMPLE_RATE
"""CAM++ averages over 2 s, and the graph that is built here takes them to be all that there is."""
NOT_BEFORE = 3 * SAMPLE_RATE // 5
"""Where speech goes on for longer, a window ends at its quietest moment between 0.6 and 2 s: where one person stops and
another one begins there is nearly always one that is quieter than the words around it."""
FRAME = SAMPLE_RATE // 50
QUIET_FRAMES = 5
"""The level of a moment is that of the 100 ms around it."""
DB_PER_FRAME = 0.1
"""What a moment must be quieter for each 20 ms that it is further from WINDOW."""
AUDIBLE = 0.3
"""Of the way from the faintest to the loudest, in dB: what is fainter at the ends of a span is the silence that the VAD
has left around the speech."""
SHORTEST = 2 * SAMPLE_RATE // 5
"""Speech of less than 0.4 s says too little of the voice."""
BANDS = 80
Stretch = tuple[float, float]
"""From when to when, in seconds of the recording."""


class SpeakerModel:
    """A model that turns filter banks, float32 (windows, frames, 80), into directions, (windows, dimensions).

    In 8 bits it takes half the time on processors that multiply bytes, and there it is used where it lies beside.

    Args:
        file: The model, for ONNX Runtime.

    Raises:
        Unavailable: It cannot be loaded, or takes something else.
    """

    def __init__(self, file: Path) -> None:
        import onnxruntime

        if has(FOR_8_BITS) and in_8_bits(file).is_file():
            file = in_8_bits(file)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Both keep memory for the next run, as much as the largest one ever needed.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        options.log_severity_level = 4  # what goes wrong is raised as well
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common class
            raise _unfit(file, str(error).strip().splitlines()[0]) from error
        given, made = self._session.get_inputs(), self._session.get_outputs()
        if len(given) != 1 or len(given[0].shape) != 3 or given[0].shape[2] != BANDS:
            shapes = ", ".join(f"{each.name} {each.shape}" for each in given)
            raise _unfit(file, f"it takes {shapes}, not filter banks of {BANDS} bands alone")
        self._input, self._output = given[0].name, made[0].name

    def embed(self, banks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a direction of length 1 for each window, shape (windows, dimensions)."""
        (found,) = self._session.run([self._output], {self._input: banks})
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def voices(
    model: SpeakerModel, spans: Sequence[Stretch], samples: Samples, spoken: Sequence[Stretch] = ()
) -> list[Voice]:
    """Return how the speech of a chunk sounds, window by window, in the order of the recording.

    Args:
        model: What listens.
        spans: The (start_s, end_s) pieces of the recording, in seconds.
        samples: Their int16 samples, one after another, shape (samples,).
        spoken: Where in the spans somebody speaks, as `Chunk.spoken`; () if that is not known.

    Returns:
        A voice for each stretch of a window in which somebody speaks; those of one window sound the same.
    """
    heard: list[Voice] = []
    at = 0
    for start_s, end_s in spans:
        length = round((end_s - start_s) * SAMPLE_RATE)
        for first, last in cut(samples[at : at + length]):
            window = start_s + first / SAMPLE_RATE, start_s + last / SAMPLE_RATE
            stretches = within(window, spoken) if spoken else [window]
            if stretches and (embedding := _embedding(model, samples[at + first : at + last])):
                heard += [Voice(*stretch, embedding) for stretch in stretches]
        at += length
    return heard


def within(window: Stretch, stretches: Sequence[Stretch]) -> list[Stretch]:
    """Return what of some stretches lies in a window."""
    parts = ((max(start_s, window[0]), min(end_s, window[1])) for start_s, end_s in stretches)
    return [(start_s, end_s) for start_s, end_s in parts if start_s < end_s]


def cut(samples: Samples) -> list[tuple[int, int]]:
    """Cut the samples of a span into windows, and return their borders, in samples from its start."""
    frames = len(samples) // FRAME
    if frames == 0:
        return []
    whole = samples[: frames * FRAME].reshape(frames, FRAME).astype(np.float32)
    power = np.square(whole).mean(axis=1) + 1.0
    levels = 10 * np.log10(np.convolve(np.pad(power, QUIET_FRAMES // 2, "edge"), np.ones(QUIET_FRAMES), "valid"))
    start, end = _audible(levels)
    borders = [start]
    while end - borders[-1] > LONGEST // FRAME:
        ahead = np.arange(NOT_BEFORE // FRAME, min(LONGEST // FRAME, end - borders[-1] - SHORTEST // FRAME) + 1)
        dear = levels[borders[-1] + ahead] + DB_PER_FRAME * np.abs(ahead - WINDOW // FRAME)
        borders.append(borders[-1] + int(ahead[dear.argmin()]))
    borders.append(end)
    return [(first * FRAME, last * FRAME) for first, last in pairwise(borders) if (last - first) * FRAME >= SHORTEST]


def _audible(levels: NDArray[np.float32]) -> tuple[int, int]:
    """Return from which frame to which one there is speech, all but the silence that the VAD leaves at the ends."""
    faintest, loudest = np.percentile(levels, (5, 95))
    audible = np.flatnonzero(levels > faintest + AUDIBLE * (loudest - faintest))
    if not len(audible):
        return 0, len(levels)
    most = PAD // FRAME
    return min(int(audible[0]), most), max(int(audible[-1]) + 1, len(levels) - most)


def filter_banks(samples: Samples) -> NDArray[np.float32]:
    """Return the logarithms of Kaldi's filter banks, without their mean over time; shape (frames, 80)."""
    import kaldi_native_fbank

    options: Any = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.mel_opts.num_bins = BANDS
    banks: Any = kaldi_native_fbank.OnlineFbank(options)
    banks.accept_waveform(SAMPLE_RATE, (samples.astype(np.float32) / 32768).tolist())
    banks.input_finished()
    frames = np.stack([banks.get_frame(nth) for nth in range(banks.num_frames_ready)])
    return np.asarray(frames - frames.mean(axis=0), dtype=np.float32)


def _embedding(model: SpeakerModel, samples: Samples) -> bytes:
    found = model.embed(filter_banks(samples)[None])[0]
    return found.astype("<f2").tobytes() if np.isfinite(found).all() else b""


def _unfit(file: Path, reason: str) -> Unavailable:
    return Unavailable(
        f"{file} is no speaker model: {reason}", "transcribed speakers install, or correct speakers.model"
    )
