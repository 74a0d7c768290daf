"""What becomes of a conversation on its way: noise, a telephone, a codec. Written as files, as recordings are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

from daemon.bench.speakers.people import LEVEL_DB, Sound
from daemon.chunk import SAMPLE_RATE

NOISE_DB = 15.0
"""How much louder speech is than the noise."""
NOISE_S = 30.0
"""The noise repeats after so long."""
TELEPHONE_HZ = (300, 3400)
TELEPHONE_RATE = 8000
OPUS_BITS = 16_000
BLOCK = SAMPLE_RATE
"""Samples that are encoded at once."""
Graph = tuple[tuple[str, str], ...]
"""Filters of FFmpeg with what they are told, one after another."""


@dataclass(frozen=True, slots=True)
class Line:
    """A way that sound takes."""

    suffix: str
    codec: str
    rate: int = SAMPLE_RATE
    bits: int | None = None
    filters: Graph = ()
    spoil: Callable[[Sound], Sound] = lambda sound: sound
    """What becomes of the samples first, shape (samples, channels)."""


def _noisy(sound: Sound) -> Sound:
    """Add pink noise, the same to all channels: its power falls by 3 dB an octave, like that of a room or a street."""
    rng = np.random.default_rng(0)
    length = round(NOISE_S * SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.standard_normal(length))
    spectrum[0] = 0
    pink = np.fft.irfft(spectrum[: length // 2 + 1] / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), length)
    pink *= 10 ** ((LEVEL_DB - NOISE_DB) / 20) / np.sqrt(np.mean(np.square(pink)))
    noise = np.resize(pink.astype(np.float32), len(sound))
    noisy: Sound = np.clip(sound + noise[:, None], -1.0, 1.0)
    return noisy


def _band(low: int, high: int) -> Graph:
    """Return filters that fall by 24 dB an octave beyond a band, as a telephone's does."""
    return (("highpass", f"f={low}"), ("highpass", f"f={low}"), ("lowpass", f"f={high}"), ("lowpass", f"f={high}"))


LINES: dict[str, Line] = {
    "clean": Line(".wav", "pcm_s16le"),
    "noise": Line(".wav", "pcm_s16le", spoil=_noisy),
    "telephone": Line(".wav", "pcm_mulaw", TELEPHONE_RATE, filters=_band(*TELEPHONE_HZ)),
    "opus": Line(".opus", "libopus", bits=OPUS_BITS),
}
"""By the name in the table: as it is; noise 15 dB below the speech; 300 to 3400 Hz and the µ-law of ISDN; Opus at 16
kbit/s, as messengers send voice."""


def write(sound: Sound, name: str, path: Path) -> Path:
    """Write what comes out of a line into a file, and return it.

    Args:
        sound: What goes in, shape (samples, channels).
        name: The line.
        path: The file without the ending, which is the line's.
    """
    line = LINES[name]
    file = path.with_name(path.name + line.suffix)
    spoiled = line.spoil(sound)
    layout = "mono" if sound.shape[1] == 1 else "stereo"
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream(line.codec, line.rate)
        stream.layout = layout
        if line.bits is not None:
            stream.bit_rate = line.bits
        for frame in _filtered(_frames(spoiled, layout), line, layout):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


def _frames(sound: Sound, layout: str) -> Iterator[Any]:
    for at in range(0, len(sound), BLOCK):
        samples = np.rint(sound[at : at + BLOCK] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", layout)
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, at, Fraction(1, SAMPLE_RATE)
        yield frame


def _filtered(frames: Iterator[Any], line: Line, layout: str) -> Iterator[Any]:
    """Yield frames as the line's filters leave them, at its rate."""
    if not line.filters:
        yield from frames
        return
    graph: Any = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=SAMPLE_RATE, format="s16", layout=layout, time_base=Fraction(1, SAMPLE_RATE))
    steps = [
        source,
        *(graph.add(*each) for each in (*line.filters, ("aresample", str(line.rate)))),
        graph.add("abuffersink"),
    ]
    for before, after in pairwise(steps):
        before.link_to(after)
    graph.configure()
    for frame in (*frames, None):
        source.push(frame)
        while True:
            try:
                yield steps[-1].pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                break
