"""Decides which channels carry the same sound and are mixed, and which are heard on their own (pure).

The two sides of a call, one on each channel, give word salad when they are mixed. The same voice on both channels,
one of them inverted, gives silence.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE
from daemon.decode.resample import Sound

Levels = NDArray[np.float32]
"""Levels in dB of full scale of each frame and channel, shape (frames, channels)."""
Group = tuple[int, ...]
"""Channels, from 0, that are mixed; the first one gives the group its number."""
Streams = Mapping[int, NDArray[np.float32]]
"""What is heard: samples by channel, from 1, or 0 for all channels mixed. All are of one length."""

FRAME = 512
"""32 ms, a window of the VAD."""
BLOCK = 960 * FRAME
"""30.72 s: the channels are compared for so long at a time."""
QUIETEST_DB = -100.0
ACTIVE_DB = 10.0
"""A frame in which a channel is this much louder than its quietest tenth has something to hear."""
ACTIVE_MIN = SAMPLE_RATE // FRAME
"""A second of such frames is needed to say anything about the channels; with less, what was said before stands."""
ALIKE = 0.3
"""Channels whose samples correlate more than this, whatever the sign, carry the same sound."""
TOGETHER = 0.5
"""So do those whose levels rise and fall together to this degree, as of two microphones in one room."""
STREAMS_MAX = 16
"""More groups than this are mixed into the last one."""
BLEED_DB, BLEED_ALIKE = 6.0, 0.4
"""A channel that is this much quieter than another and correlates with it, echo included, only lets it through. Of half
a second, two voices correlate to 0.25 by chance, and a voice with its echo in a room to 0.5 or more."""
BLEED = 16 * FRAME
"""512 ms: for so long at a time a channel is silenced."""
ECHO = SAMPLE_RATE // 25
"""40 ms: how late a sound may come through on another channel."""


class Mixer:
    """Turns samples of several channels into one or more streams of one channel each.

    Args:
        channels: As `Options.channels` has it: `auto`, `mix`, `split` or the number of a channel.
    """

    def __init__(self, channels: str | int) -> None:
        self._channels = channels
        self._held: list[Sound] = []
        self._length = 0
        self._groups: tuple[Group, ...] = ()
        self._signs: NDArray[np.float32] = np.ones(0, dtype=np.float32)

    def feed(self, block: Sound) -> Iterator[Streams]:
        """Take samples, shape (samples, channels), and yield what can be heard by now."""
        if self._held and self._held[0].shape[1] != block.shape[1]:
            yield from self.finish()
        match self._channels:
            case int(number):
                yield {number: block[:, number - 1] if number <= block.shape[1] else np.zeros(len(block), np.float32)}
            case "split" if block.shape[1] > 1:
                yield {at + 1: block[:, at] for at in range(min(block.shape[1], STREAMS_MAX))}
            case _ if block.shape[1] == 1:
                yield {0: block[:, 0]}
            case _:
                self._held.append(block)
                self._length += len(block)
                while self._length >= BLOCK:
                    samples = np.concatenate(self._held)
                    self._held, self._length = [samples[BLOCK:]], self._length - BLOCK
                    yield self._heard(samples[:BLOCK])

    def finish(self) -> Iterator[Streams]:
        """Yield what is left."""
        if self._length:
            samples = np.concatenate(self._held)
            self._held, self._length = [], 0
            yield self._heard(samples)

    def _heard(self, samples: Sound) -> Streams:
        channels = samples.shape[1]
        if len(self._signs) != channels:
            self._groups, self._signs = (tuple(range(channels)),), np.ones(channels, dtype=np.float32)
        levels = _levels(samples)
        floor = np.percentile(levels, 10, axis=0)
        active = levels[np.any(levels > floor + ACTIVE_DB, axis=1)]
        if len(active) >= ACTIVE_MIN:
            self._groups, self._signs = _grouped(samples, active)
            if self._channels == "mix":
                self._groups = (tuple(sorted(at for group in self._groups for at in group)),)
        mixed = {_number(group, channels): _mixed(samples, group, self._signs) for group in self._groups}
        return mixed if len(mixed) == 1 else without_bleed(mixed)


def _number(group: Group, channels: int) -> int:
    return 0 if len(group) == channels else group[0] + 1


def _mixed(samples: Sound, group: Group, signs: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(group) == 1:
        return samples[:, group[0]]
    mixed: NDArray[np.float32] = samples[:, list(group)] @ signs[list(group)] / np.float32(len(group))
    return mixed


def _levels(samples: Sound) -> Levels:
    frames = len(samples) // FRAME or 1
    squares = np.square(samples[: frames * FRAME]).reshape(frames, -1, samples.shape[1]).mean(axis=1)
    return np.maximum(_decibels(squares), QUIETEST_DB)


def _decibels(mean_squares: NDArray[np.float32]) -> Levels:
    levels: Levels = 10 * np.log10(np.maximum(mean_squares, 1e-12))
    return levels


def _grouped(samples: Sound, levels: Levels) -> tuple[tuple[Group, ...], NDArray[np.float32]]:
    """Return which channels carry the same sound, and the sign with which each one is mixed.

    Channels that are silent throughout are in no group.

    Args:
        samples: Shape (samples, channels).
        levels: Of the frames in which some channel has something to hear.
    """
    channels = samples.shape[1]
    signs = np.ones(channels, dtype=np.float32)
    groups: list[list[int]] = []
    energies = np.einsum("ij,ij->j", samples, samples)
    for at in range(channels):
        if levels[:, at].max() <= QUIETEST_DB:
            continue
        for group in groups:
            first = group[0]
            scale = float(np.sqrt(energies[at]) * np.sqrt(energies[first])) or 1.0
            alike = float(samples[:, at] @ samples[:, first]) / scale
            if abs(alike) >= ALIKE or _together(levels[:, [first, at]]) >= TOGETHER:
                signs[at] = signs[first] * (-1 if alike <= -ALIKE else 1)
                group.append(at)
                break
        else:
            groups.append([at])
    if len(groups) > STREAMS_MAX:
        groups[STREAMS_MAX - 1 :] = [[at for group in groups[STREAMS_MAX - 1 :] for at in group]]
    return tuple(map(tuple, groups)) or (tuple(range(channels)),), signs


def _together(levels: Levels) -> float:
    """Return the correlation of the levels of two channels; 0 if one of them does not change."""
    spread = levels.std(axis=0)
    if spread.min() < 1e-3:
        return 0.0
    one, other = (levels - levels.mean(axis=0)).T
    return float(np.mean(one * other) / (spread[0] * spread[1]))


def without_bleed(streams: Streams) -> Streams:
    """Silence each stream wherever it only lets through what is louder on another one.

    Where two people speak at once, both are kept: what they say does not correlate.
    """
    numbers = list(streams)
    length = len(streams[numbers[0]])
    table = np.zeros((len(numbers), -(-length // BLEED) * BLEED), dtype=np.float32)
    for row, number in zip(table, numbers, strict=True):
        row[:length] = streams[number]
    pieces = table.reshape(len(numbers), -1, BLEED)
    levels = _decibels(np.asarray(np.mean(np.square(pieces), axis=2)))
    quiet = np.zeros(levels.shape, dtype=bool)
    for one in range(len(numbers)):
        for other in range(len(numbers)):
            louder = np.flatnonzero(levels[other] - levels[one] >= BLEED_DB)
            if other != one and len(louder):
                quiet[one, louder] |= _echoes(pieces[other, louder], pieces[one, louder]) >= BLEED_ALIKE
    open_at = np.arange(len(pieces[0])) * BLEED + BLEED // 2
    gains = [np.interp(np.arange(length), open_at, 1.0 - silenced).astype(np.float32) for silenced in quiet]
    return {number: streams[number] * gain for number, gain in zip(numbers, gains, strict=True)}


def _echoes(loud: NDArray[np.float32], quiet: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how much of each quiet piece is the loud one, up to ECHO later or earlier; shape (pieces,)."""
    size = loud.shape[1] + ECHO
    product = np.fft.irfft(np.conj(np.fft.rfft(loud, size)) * np.fft.rfft(quiet, size), size)
    near = np.abs(np.concatenate([product[:, : ECHO + 1], product[:, -ECHO:]], axis=1)).max(axis=1)
    scale = np.sqrt(np.square(loud).sum(axis=1) * np.square(quiet).sum(axis=1))
    echoes: NDArray[np.float64] = near / np.maximum(scale, 1e-9)
    return echoes
