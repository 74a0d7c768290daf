"""Whispering, which the VAD takes for noise: where it may be (runs in the decoder child).

A whisper has no pitch, and pitch is much of what a VAD goes by. What it keeps is the rhythm of syllables, and sounds
that differ from one tenth of a second to the next. Noise does not change; music and animals have pitch; what clicks,
beats or rustles is short or sounds the same again and again. So three measures of each second tell them apart
(docs/design-notes.md has the figures). What is found is a candidate: the engine has the last word.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE
from daemon.decode.vad import Region, Samples, peak

FRAME, HOP = 512, 160
"""Samples of a spectrum, and from one to the next: 32 and 10 ms."""
SMOOTHED = 6
"""Spectra that are averaged: in single ones of noise, chance is larger than what tells the sounds of speech apart."""
BLOCK, STEP = SAMPLE_RATE, SAMPLE_RATE // 2
"""A second is judged at once, twice a second."""
FEWEST, BRIDGED = 3, 4
"""So many such blocks are a stretch, if none begins more than two seconds after the one before, and if they are at
least half of the blocks there."""
SILENT = 3
"""A block whose samples are no larger is silent: there is only dither."""
LOWEST_HZ, HIGHEST_HZ, BANDS = 300.0, 6000.0, 12
"""Bands of equal width in mel, over the frequencies that tell the sounds of speech apart."""
RANGE = 1e-6
"""What is 60 dB below the loudest band of its block counts as silent."""
LEVEL_DB = (3.5, 18.0)
"""How far the level goes up and down: in whispers 3.5 to 13, in steady sounds 0 to 3, in single ones 25 and more."""
CHANGE_DB, CHANGE_FRAMES = 3.0, 10
"""How much the bands change against one another within a tenth of a second: in whispers 3 to 11, in noise 1 to 2."""
GRAIN_DB = (1.48, 2.05)
"""How far the spectrum is from a smooth one: in noise and whispers 1.5 to 1.95, in what has pitch 2.1 to 12, in what is
a sum of short sounds, as water is, 1.2 to 1.6."""
GRAIN_BINS, GRAIN_LOUDEST = 9, 0.7
"""Smooth is the mean of so many spectral lines; this share of the spectra, the loudest of them, count."""
FINEST = 1e-4
"""Single lines may be another 40 dB below the loudest band."""


def whispers(samples: Samples, gaps: Sequence[Region]) -> list[Region]:
    """Return the stretches that may be whispered speech.

    Args:
        samples: int16 samples at 16 kHz, shape (samples,).
        gaps: where no speech has been found, as (start, end) in samples.

    Returns:
        Stretches of two seconds or more within the gaps, as (start, end) in samples, in their order.
    """
    return [region for start, end in gaps for region in _within(samples, start, end)]


def _within(samples: Samples, start: int, end: int) -> Iterator[Region]:
    """Yield the stretches of one gap, with half a second more on each side."""
    begins = range(start, end - BLOCK + 1, STEP)
    hits = np.flatnonzero([_is_like_whispering(samples[at : at + BLOCK]) for at in begins])
    for run in np.split(hits, np.flatnonzero(np.diff(hits) > BRIDGED) + 1):
        if len(run) >= FEWEST and 2 * len(run) > run[-1] - run[0]:
            yield max(start, begins[run[0]] - STEP), min(end, begins[run[-1]] + BLOCK + STEP)


def _is_like_whispering(block: Samples) -> bool:
    """Tell whether a second has the rhythm of syllables, changes like speech, and has no pitch."""
    if peak(block) <= SILENT:
        return False
    level_db, change_db, grain_db = measures(block)
    return LEVEL_DB[0] <= level_db <= LEVEL_DB[1] and change_db >= CHANGE_DB and GRAIN_DB[0] <= grain_db <= GRAIN_DB[1]


def measures(block: Samples) -> tuple[float, float, float]:
    """Return how far the level goes up and down, how much the bands change, and the grain of the spectrum, all in dB.

    Args:
        block: int16 samples at 16 kHz, shape (samples,), not all of them silent.
    """
    windows = np.lib.stride_tricks.sliding_window_view(block, FRAME)[::HOP] * _WINDOW
    power = _averaged(np.square(np.abs(np.fft.rfft(windows))))
    bands = np.add.reduceat(power, _EDGES[:-1], axis=1) / np.diff(_EDGES)
    least = RANGE * float(bands.max()) or RANGE
    bands_db, level_db = _decibels(bands, least), _decibels(bands.sum(axis=1), least)
    against = bands_db - bands_db.mean(axis=1, keepdims=True)
    change_db = np.abs(against[CHANGE_FRAMES:] - against[:-CHANGE_FRAMES]).mean()
    loud = power[level_db >= np.quantile(level_db, 1 - GRAIN_LOUDEST), _EDGES[0] : _EDGES[-1]]
    bins_db = _decibels(loud, FINEST * least)
    smooth = _averaged(bins_db.T, GRAIN_BINS).T
    margin = GRAIN_BINS // 2
    grain_db = np.abs(bins_db[:, margin:-margin] - smooth).mean()
    return float(level_db.std()), float(change_db), float(grain_db)


def _averaged(values: NDArray[np.float64], count: int = SMOOTHED) -> NDArray[np.float64]:
    """Return the means of each `count` neighbours along the first axis, of which there are count - 1 fewer."""
    sums = np.cumsum(np.concatenate([np.zeros_like(values[:1]), values]), axis=0)
    return np.asarray((sums[count:] - sums[:-count]) / count)


def _decibels(power: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    return np.asarray(10 * np.log10(np.maximum(power, least)))


def _edges() -> NDArray[np.intp]:
    """Return where the bands begin and the last one ends, as numbers of spectral lines."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (LOWEST_HZ, HIGHEST_HZ))
    hertz = 700 * (10 ** (np.linspace(low, high, BANDS + 1) / 2595) - 1)
    return np.asarray(np.round(hertz * FRAME / SAMPLE_RATE), dtype=np.intp)


_WINDOW = np.hanning(FRAME) / 32768.0
_EDGES = _edges()
