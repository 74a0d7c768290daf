"""Cuts samples into chunks of at most 30 s of speech, at pauses, window by window (runs in the decoder child)."""

from collections.abc import Callable, Iterator
from math import log10

import numpy as np

from daemon.chunk import CHUNK_MAX_S, SAMPLE_RATE, Options
from daemon.decode.second_look import whispers
from daemon.decode.vad import (
    LASTING,
    PAD,
    POSSIBLE,
    VAD_SLICE,
    VAD_WINDOW,
    Probabilities,
    Region,
    Samples,
    lift,
    padded,
    probabilities,
    runs,
    stretches,
)

Spans = tuple[tuple[float, float], ...]
"""(start_s, end_s) pieces of the recording, in seconds."""
Cut = tuple[Spans, bytes, float, bool, Spans]
"""The spans of a chunk, the samples of these spans as bytes, the level of the noise in these samples, in dB of full
scale, whether it is doubtful that anybody speaks there, and where in the spans somebody does: without the padding, and
without pauses of BREATH."""

Look = Callable[[Samples], Probabilities]

CHUNK_MAX = int(CHUNK_MAX_S * SAMPLE_RATE)
PACKED, PAUSELESS = 15 * SAMPLE_RATE, 20 * SAMPLE_RATE
"""Where the encoder's context is cut, stretches of speech are packed together up to the first length, and speech
without a pause is cut at the second: the encoder needs less time for two chunks of 15 s than for one of 30 s, batches
are fuller, and the model loses its way less often, above all when something is said twice (docs/design-notes.md).
Where every chunk costs the full context, chunks are as long as possible."""
BREATH = 3 * SAMPLE_RATE // 10
"""A pause of 0.3 s, in which nobody speaks where it is told who speaks when, as in the references of NIST."""
NARROW = 0.5
"""The fraction of the VAD's threshold that counts then where there is no more than 4 kHz, as over a telephone, where it
misses soft ends of words. Of 24 built conversations of 2 to 6 people and up to 2 minutes 2.9 % of the speech is missed
or invented on clean lines, 6.4 in noise and 5.5 over a telephone; with 0.6 on all lines 3.5, 8.0 and 5.8. Without
looking for such pauses at all, 4.9, 6.2 and 5.0 % of 24 others where the whole threshold gives 2.7, 4.7 and 5.6."""
QUIET_SEARCH = 10 * SAMPLE_RATE
"""Speech without a pause is cut at its quietest moment in the last 10 s before a chunk is full."""
QUIET_WINDOW = SAMPLE_RATE // 10
QUIET, QUIET_TO = 0.03, 0.3
"""Of full scale: a chunk that peaks below -30 dBFS is brought to -10. Whisper's features leave out what is 80 dB below
the loudest, and what is below -100 dBFS."""
FIRST_WINDOW_S = 60.0
"""The first window is this long and each later one twice as long as the one before, up to the configured length, so
that the engine gets its first chunks soon."""
EXTENT = 120 * SAMPLE_RATE
"""A chunk covers at most this much of the recording: one that took hours to fill would have to be kept in memory for
hours."""
APART = 10 * SAMPLE_RATE
"""Speech that is further apart is not packed together. It tells the model nothing about each other, and a line that
begins before the pause and ends behind it would be read long before it is said."""


class Chunker:
    """Cuts a stream of samples, window by window.

    Every sample goes through the VAD once, and is searched for a quiet moment at most once. Only the window is kept in
    memory, and before it at most EXTENT and one pause that may still turn out to be none, so that the cost of a second
    of audio does not depend on what came before it.

    The cuts depend only on the samples and the options, never on timing, so that decoding again after
    a crash gives the same chunks with the same numbers.

    Args:
        options: How to cut.
        start: Where in the recording the stream begins, in samples.
        window_s: The length of its first window, in seconds.
        look: Gives the probabilities of speech in some samples; None for the VAD.
        narrow: Whether the samples have no more than 4 kHz.
    """

    def __init__(
        self,
        options: Options,
        start: int = 0,
        window_s: float = FIRST_WINDOW_S,
        look: Look | None = None,
        *,
        narrow: bool = False,
    ) -> None:
        self._options = options
        self._look = look or probabilities
        self._sure = options.vad_threshold * (NARROW if narrow else 1.0)
        self._packed, self._pauseless = (CHUNK_MAX, CHUNK_MAX) if options.context == "full" else (PACKED, PAUSELESS)
        self.window_s = min(window_s, options.window_s)
        """The length of the next window, in seconds."""
        self.speech_s = 0.0
        self._blocks: list[Samples] = []
        """The samples that are kept, from sample `_base` on."""
        self._base = self._end = self._cut_at = start
        """`_cut_at`: where the last window ended."""
        self._noise: list[tuple[int, float]] = [(start, float("-inf"))]
        """From which sample on the noise has which level, in dB of full scale."""
        self._doubtful: list[Region] = []
        """Where the VAD has found nothing, and somebody may whisper."""
        self._probabilities = np.zeros(0, dtype=np.float32)
        """The probability of each VAD window from `_base` on, as far as the VAD has looked."""
        self._open = start
        """All speech before this sample has been found."""
        self._group: list[Region] = []
        """Speech that has been found for the next chunk, which may still get more. This and the samples above count
        from the start of the recording."""

    def feed(self, block: Samples) -> Iterator[Cut]:
        """Take samples, and yield chunks each time a window is full.

        Args:
            block: int16 samples at 16 kHz, shape (samples,).
        """
        self._blocks.append(block)
        self._end += len(block)
        if self._end - self._cut_at >= self.window_s * SAMPLE_RATE:
            yield from self._cut(final=False)
            self.window_s = min(2 * self.window_s, self._options.window_s)

    def finish(self) -> Iterator[Cut]:
        """Yield the chunks of what is left."""
        if self._end:
            yield from self._cut(final=True)

    @property
    def position_s(self) -> float:
        """Seconds of the recording taken so far."""
        return self._end / SAMPLE_RATE

    def _cut(self, *, final: bool) -> Iterator[Cut]:
        buffer = np.concatenate(self._blocks)
        pieces = self._pieces(buffer, final=final)
        *groups, self._group = pack(pieces, self._packed, self._group) or [[]]
        if self._group and (final or self._open >= min(self._group[0][0] + EXTENT, self._group[-1][1] + APART)):
            groups.append(self._group)
            self._group = []
        for group in groups:
            yield self._chunk(buffer, group)
        self._cut_at = self._end
        self._forget(buffer, self._group[0][0] if self._group else self._open)

    def _chunk(self, buffer: Samples, group: list[Region]) -> Cut:
        spans = tuple((start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in group)
        self.speech_s += sum(end - start for start, end in spans)
        samples = np.concatenate([buffer[start - self._base : end - self._base] for start, end in group])
        gain = lift(samples, QUIET, QUIET_TO)
        if gain != 1:
            samples = np.rint(samples * gain)
        doubtful = all(any(first <= start and end <= last for first, last in self._doubtful) for start, end in group)
        noise_db = next(level for since, level in reversed(self._noise) if since < group[-1][1])
        spoken = tuple(stretch for region in group for stretch in self._spoken(region))
        return spans, samples.astype("<i2").tobytes(), round(noise_db + 20 * log10(gain), 1), doubtful, spoken

    def _spoken(self, region: Region) -> Iterator[tuple[float, float]]:
        """Yield where in a region somebody speaks, in seconds."""
        start, end = region
        first, last = (start - self._base) // VAD_WINDOW, -((self._base - end) // VAD_WINDOW)
        look = self._probabilities[first:last] if self._options.vad else np.ones(last - first, dtype=np.float32)
        origin = self._base + first * VAD_WINDOW
        for begins, ends in stretches(look, self._sure, BREATH):
            yield max(start, origin + begins) / SAMPLE_RATE, min(end, origin + ends) / SAMPLE_RATE

    def _forget(self, buffer: Samples, before: int) -> None:
        windows = (before - self._base) // VAD_WINDOW
        self._base += windows * VAD_WINDOW
        self._blocks = [buffer[windows * VAD_WINDOW :].copy()]
        self._probabilities = self._probabilities[windows:]
        self._doubtful = [region for region in self._doubtful if region[1] > self._base]
        while len(self._noise) > 1 and self._noise[1][0] <= self._base:
            del self._noise[0]

    def _pieces(self, buffer: Samples, *, final: bool) -> list[Region]:
        """Return the stretches of speech from `_open` on that will not change any more, none longer than a chunk."""
        regions = self._speech(buffer, final=final)
        pieces = [
            piece
            for region in regions
            for piece in split(buffer, self._base, region, self._pauseless)
            if piece[1] > piece[0]
        ]
        if final:
            self._open = self._end
        elif pieces and pieces[-1][1] > self._settled:
            start, _ = pieces.pop()
            if start > regions[-1][0] and self._options.vad:
                # Cut within speech: what follows is the same speech, even if the VAD on its own is not sure of that.
                self._probabilities[(start - self._base) // VAD_WINDOW] = 1.0
            self._open = start
        else:
            self._open = max(self._open, self._undecided)
        return pieces

    def _speech(self, buffer: Samples, *, final: bool) -> list[Region]:
        """Return where there is speech from `_open` on."""
        if not self._options.vad:
            return [(self._open, self._end)]
        fresh = buffer[self._seen - self._base :]
        # Slices start at the same samples, whatever the length of the window.
        whole = len(fresh) if final else len(fresh) // VAD_SLICE * VAD_SLICE
        looks = [self._look(fresh[at : min(at + VAD_SLICE, whole)]) for at in range(0, whole, VAD_SLICE)]
        for nth, look in enumerate(looks):
            self._listen(fresh[nth * VAD_SLICE :][: len(look) * VAD_WINDOW], look, self._seen + nth * VAD_SLICE)
        self._probabilities = np.concatenate([self._probabilities, *looks])
        first = (self._open - self._base) // VAD_WINDOW
        origin = self._base + first * VAD_WINDOW
        found = stretches(self._probabilities[first:], self._options.vad_threshold, self._silence)
        return padded([(origin + start, origin + end) for start, end in found], self._open, min(self._seen, self._end))

    def _listen(self, samples: Samples, look: Probabilities, start: int) -> None:
        """Take the level of the noise from what the VAD has just looked at, and look for whispers if it is all noise.

        Args:
            samples: What it has looked at.
            look: Its probabilities, in which whispers are entered as speech.
            start: Where in the recording this is, in samples.
        """
        windows = samples[: len(samples) // VAD_WINDOW * VAD_WINDOW].reshape(-1, VAD_WINDOW)
        still = windows[look[: len(windows)] < POSSIBLE * self._options.vad_threshold]
        if len(still) * VAD_WINDOW >= LASTING:
            middle = float(np.median(np.square(still / np.float32(32768)).mean(axis=1)))
            self._noise.append((start, 10 * log10(middle) if middle else float("-inf")))
        if len(still) == len(windows):
            for first, last in whispers(samples, [(0, len(samples))]):
                look[first // VAD_WINDOW : last // VAD_WINDOW] = self._options.vad_threshold
                margin = PAD + VAD_WINDOW
                self._doubtful.append((start + first - margin, start + last + margin))

    @property
    def _seen(self) -> int:
        """How far the VAD has looked (the last window of a recording is padded)."""
        return self._base + len(self._probabilities) * VAD_WINDOW

    @property
    def _silence(self) -> int:
        """The length of a pause that ends a stretch of speech, in samples."""
        return self._options.vad_min_silence_ms * SAMPLE_RATE // 1000

    @property
    def _settled(self) -> int:
        """Speech that ends before this sample cannot grow, and no later speech takes any of the padding around it."""
        return self._seen - max(2 * VAD_WINDOW, self._silence) - 2 * PAD if self._options.vad else 0

    @property
    def _undecided(self) -> int:
        """Where speech may begin that does not count yet.

        What may be speech at the end of what the VAD has seen may be too short only because there is more to come.
        """
        windows = len(self._probabilities)
        pending = runs(self._probabilities, self._options.vad_threshold, self._silence)[-1:]
        begins = int(pending[0][0]) if pending and self._base + pending[0][-1] * VAD_WINDOW > self._settled else windows
        return max(self._base + begins * VAD_WINDOW - PAD, self._seen - EXTENT, 0)


def split(buffer: Samples, base: int, region: Region, longest: int) -> Iterator[Region]:
    """Cut a region that is longer than `longest` samples at its quietest moments.

    Args:
        buffer: int16 samples, shape (samples,).
        base: Where in the recording the buffer begins, in samples.
        region: (start, end) in samples from the start of the recording.
        longest: The most samples in a piece.
    """
    start, end = region
    while end - start > longest:
        latest = start + longest
        earliest = max(start + QUIET_WINDOW, latest - QUIET_SEARCH)
        cut = earliest + quietest(buffer[earliest - base : latest - base])
        yield start, cut
        start = cut
    yield start, end


def quietest(samples: Samples) -> int:
    """Return the middle of the 100 ms with the least energy, as an index of a sample."""
    energy = np.cumsum(np.square(samples.astype(np.float64)))
    return int(np.argmin(energy[QUIET_WINDOW:] - energy[:-QUIET_WINDOW])) + QUIET_WINDOW // 2


def pack(pieces: list[Region], longest: int, group: list[Region]) -> list[list[Region]]:
    """Group neighbouring pieces, because context helps the model; a piece longer than `longest` stays alone.

    Args:
        pieces: (start, end) in samples.
        longest: The most samples in a group, which may come from at most EXTENT of the recording, without a pause
            longer than APART.
        group: The group so far, to which more may be added.
    """
    groups = [list(group)] if group else []
    room = longest - sum(end - start for start, end in group)
    for start, end in pieces:
        apart = bool(groups) and (end - groups[-1][0][0] > EXTENT or start - groups[-1][-1][1] > APART)
        if not groups or apart or end - start > room:
            groups.append([])
            room = longest
        groups[-1].append((start, end))
        room -= end - start
    return groups
