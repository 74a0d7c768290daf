"""How loud a recording is from moment to moment, for people who look at it (runs in the decoder child)."""

import numpy as np
from numpy.typing import NDArray

from daemon.chunk import SAMPLE_RATE

LEVELS_PER_S = 20
"""So many a second: with 1000 pixels, one of them is more than that of anything that is longer than a minute."""
SPAN = SAMPLE_RATE // LEVELS_PER_S
FULL = 255
"""Peaks are kept in 8 bits: 0 for silence, this for full scale."""


class Waveform:
    """The peak of every twentieth of a second; of several channels or tracks, the loudest counts."""

    def __init__(self) -> None:
        self._levels = bytearray()
        self._at = 0
        """Samples of the track so far."""

    @property
    def levels(self) -> bytes:
        """One byte for each twentieth of a second: 72 kB for an hour."""
        return bytes(self._levels)

    def begin_track(self, *, alternative: bool) -> None:
        """Go back to the beginning, for the next track.

        Args:
            alternative: It is heard instead of those before it, not beside them.
        """
        self._at = 0
        if alternative:
            self._levels.clear()

    def feed(self, heard: NDArray[np.float32]) -> None:
        """Take the next samples of a track.

        Args:
            heard: Their absolute values, from 0 to 1 at full scale, at 16 kHz, shape (samples,).
        """
        if not len(heard):
            return
        first = self._at // SPAN
        lead = self._at % SPAN
        starts = np.maximum(np.arange(-lead, len(heard), SPAN), 0)
        peaks = np.maximum.reduceat(heard, starts)
        fresh = np.minimum(peaks * (FULL + 1), FULL).astype(np.uint8)
        self._levels.extend(bytes(max(0, first + len(fresh) - len(self._levels))))
        there = np.frombuffer(self._levels, dtype=np.uint8)[first : first + len(fresh)]
        merged = np.maximum(there, fresh).tobytes()
        del there  # a bytearray that somebody looks at cannot grow
        self._levels[first : first + len(fresh)] = merged
        self._at += len(heard)
