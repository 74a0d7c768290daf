"""Brings decoded frames of any kind to float32 samples at 16 kHz, every channel kept (runs in the decoder child)."""

from collections.abc import Iterable, Iterator

import av
import numpy as np
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE

Sound = NDArray[np.float32]
"""Samples at 16 kHz between -1 and 1, shape (samples, channels)."""

BLOCK = SAMPLE_RATE // 2
"""Samples that are handed on at once."""
GATHERED_S = 0.5
"""Frames are resampled together, this much at once: for one of 20 ms, PyAV's filter graph takes three times as long as
what is done in it."""
CHANNELS_MAX = 64
"""Channels that FFmpeg's resampler takes at once (SWR_CH_MAX)."""


class Resampler:
    """Resamples the frames of one stream, whose format, rate and channels may change on the way."""

    def __init__(self) -> None:
        self._form: tuple[object, ...] | None = None
        self._resamplers: list[av.AudioResampler] = []
        self._gathered = av.AudioFifo()

    @property
    def gathered_s(self) -> float:
        """How much was taken and has not been given yet, what resampling itself delays aside."""
        rate = self._gathered.sample_rate if self._gathered.samples else 0
        return self._gathered.samples / rate if rate else 0.0

    def take(self, frame: av.AudioFrame) -> Iterator[Sound]:
        """Take a frame, and yield what there is to give; if it has another form than those before, all of these.

        Raises:
            FFmpegError, ValueError: The frame cannot be resampled; the next one can.
        """
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            yield from self.finish()
            self._form = form
            self._resamplers = [_resampler() for _ in range(0, frame.layout.nb_channels, CHANNELS_MAX)]
        frame.pts = None
        if len(self._resamplers) > 1:
            yield from self._resampled(_slabs(frame))
            return
        self._gathered.write(frame)
        if self.gathered_s >= GATHERED_S:
            yield from self.give()

    def give(self) -> Iterator[Sound]:
        """Yield what was gathered."""
        if self._gathered.samples:
            yield from self._resampled([self._gathered.read()])

    def finish(self) -> Iterator[Sound]:
        """Yield all that is left."""
        if self._resamplers:
            yield from self.give()
            yield from self._resampled([None] * len(self._resamplers))
        self._form, self._resamplers, self._gathered = None, [], av.AudioFifo()

    def _resampled(self, slabs: list[av.AudioFrame | None]) -> Iterator[Sound]:
        done = [resampler.resample(slab) for resampler, slab in zip(self._resamplers, slabs, strict=True)]
        for blocks in zip(*done, strict=True):
            columns = [_table(block) for block in blocks]
            yield columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)


def _resampler() -> av.AudioResampler:
    # Packed samples: PyAV gets planar ones wrong from nine channels on (docs/facts.md, fact 14).
    return av.AudioResampler(format="flt", layout=None, rate=SAMPLE_RATE)


def _slabs(frame: av.AudioFrame) -> list[av.AudioFrame | None]:
    """Return a frame of more than CHANNELS_MAX channels in pieces of at most so many."""
    channels = frame.layout.nb_channels
    if frame.format.is_planar:
        raise ValueError(f"{channels} channels in planes are more than can be taken apart")
    samples = frame.to_ndarray().reshape(-1, channels)
    slabs: list[av.AudioFrame | None] = []
    for first in range(0, channels, CHANNELS_MAX):
        some = np.ascontiguousarray(samples[:, first : first + CHANNELS_MAX])
        slab = av.AudioFrame.from_ndarray(
            some.reshape(1, -1), format=frame.format.name, layout=f"{some.shape[1]} channels"
        )
        slab.sample_rate = frame.sample_rate
        slabs.append(slab)
    return slabs


def _table(block: av.AudioFrame) -> Sound:
    # Packed samples are all in one plane; on short frames `to_ndarray` takes several times as long.
    channels = block.layout.nb_channels
    table: Sound = np.frombuffer(block.planes[0], dtype=np.float32, count=block.samples * channels)
    return table.reshape(-1, channels)


def joined(blocks: Iterable[Sound]) -> Iterator[Sound]:
    """Yield the same samples in larger blocks, without those that are no numbers.

    A frame has as little as 20 ms, for which a call costs more than what it does.
    """
    held: list[Sound] = []
    length = 0
    for block in blocks:
        if held and (length >= BLOCK or held[0].shape[1] != block.shape[1]):
            yield np.nan_to_num(np.concatenate(held))
            held, length = [], 0
        held.append(block)
        length += len(block)
    if held:
        yield np.nan_to_num(np.concatenate(held))
