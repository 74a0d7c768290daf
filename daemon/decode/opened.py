"""One recording between its opening and its last window (runs in the decoder child)."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator

import numpy as np

from daemon.chunk import SAMPLE_RATE, Chunk
from daemon.decode.channels import Mixer, Streams
from daemon.decode.chunker import FIRST_WINDOW_S, Chunker, Cut, Look
from daemon.decode.growing import GrowingFile
from daemon.decode.media import Media, as_int16
from daemon.decode.parts import Joints, Part, parts, samples_end
from daemon.decode.tracks import described, playlist
from daemon.decode.waveform import Waveform
from daemon.errors import BadRecording
from daemon.processes.protocol import Open, Window
from daemon.sound import NOTHING_HEARD, Sound

HASH_BLOCK = 1 << 20
TELEPHONE_RATE = 8000
"""Hertz: what has so low a sample rate has no more than 4 kHz."""
DIGEST_BYTES = 16
"""Of a chunk: enough that no two are taken for the same."""


class OpenRecording:
    """A recording that is decoded window by window.

    Its parts (files that were joined) follow one another, and so do its tracks, if several are taken. Every stream of
    sound, which is a channel or a mix of channels, has a chunker of its own; all of them get to hear the same length,
    silence where their channel has nothing to say.

    Args:
        order: What the daemon wants.
        fd: A readable descriptor, which is closed with the recording.
        wait: Where the file still grows, called when there is no more of it for now; see `GrowingFile`.
        look: Gives the probabilities of speech; None for the VAD.

    Raises:
        BadRecording: It is no recording, or its container says that it is too long.
    """

    def __init__(self, order: Open, fd: int, wait: Callable[[], bool] | None = None, look: Look | None = None) -> None:
        self._order = order
        self.run = order.run
        self._fd = fd
        self._wait = wait
        self._growing: GrowingFile | None = None
        self._kept: Window | None = None
        self.look = look
        self._idx = 0
        self.content_hash: str | None = None
        self._parts = [Part(0, sys.maxsize)]
        if wait is None:
            self.content_hash, starts = _read_through(fd)
            self._parts = parts(fd, starts, order.size_bytes)
        self._media = self._opened(self._parts[0])
        self.header_s = self._media.header_s if len(self._parts) == 1 else None
        self._limit_s = order.options.max_hours * 3600
        if self.header_s is not None and self.header_s > self._limit_s:
            self._media.close()
            raise _too_long(self.header_s, self._limit_s)
        try:
            self._playlist = playlist(self._media.tracks, order.options.audio_tracks, order.language)
        except BadRecording:
            self._media.close()
            raise
        self._unread = True
        """Whether what is open is the beginning of the file."""
        self._tracks = self._media.tracks
        self._recorded_at = self._media.recorded_at
        self._damaged = 0
        """Of the parts and tracks that are behind us."""
        self._taken: list[int] = []
        self._chunkers: dict[int, Chunker] = {}
        self._speech_s = 0.0
        """In the tracks that are behind us."""
        self._position = 0
        """Samples of the track so far, the same number of every stream."""
        self._duration_s = 0.0
        self._first_channel = 0
        """Where the channels of the track are counted from, if several tracks are taken."""
        self._audible: set[int] = set()
        """The streams that had some sound."""
        self._waveform = Waveform()
        self._ended = False
        self._windows = self._decode()

    def close(self) -> None:
        """Close the file and its descriptor."""
        self._media.close()
        os.close(self._fd)

    def complete(self, order: Open, fd: int) -> bool:
        """Go on with the complete file, if all that it has given so far is what that gives; else change nothing.

        Args:
            order: What the daemon wants now.
            fd: A readable descriptor of the file, which is closed with the recording.

        Raises:
            BadRecording: It is no recording, or its container says that it is too long.
        """
        growing, header = self._growing, self._media.payload_at
        if growing is None or header is None or order.given != self._idx or not growing.is_beginning_of(fd, header):
            return False
        content_hash, starts = _read_through(fd)
        part, *others = parts(fd, starts, order.size_bytes)
        media = Media(fd, part)
        try:
            if media.header_s is not None and media.header_s > self._limit_s:
                raise _too_long(media.header_s, self._limit_s)
            if others or not self._media.becomes(media) or not growing.complete(fd, samples_end(fd, part)):
                return False
        finally:
            media.close()
        os.close(self._fd)
        self._order, self.run, self._fd, self._wait = order, order.run, fd, None
        self.content_hash, self.header_s, self._parts = content_hash, media.header_s, [part]
        self._recorded_at = media.recorded_at
        return True

    @property
    def speaker_model(self) -> str:
        """The file of the model that tells voices apart; "" where nobody asks for that."""
        return self._order.speaker_model

    @property
    def given(self) -> int:
        """How many chunks it has given so far."""
        return self._idx

    def keep(self, window: Window) -> None:
        """Put a window back, to be the next one."""
        self._kept = window

    def next_window(self) -> Window:
        """Decode until some chunks are ready or a window's worth of audio has been read.

        Raises:
            BadRecording: The recording is too long, or has no audio that can be decoded.
        """
        if self._kept is not None:
            window, self._kept = self._kept, None
            return window
        chunks = [self._chunk(channel, cut) for channel, cut in next(self._windows)]
        return Window(
            job_id=self._order.job_id,
            run=self.run,
            chunks=tuple(chunks),
            last=self._ended,
            duration_s=max(self._duration_s, self._position / SAMPLE_RATE),
            speech_s=self._speech_s + self._track_speech_s,
            damaged=self._damaged + self._media.damaged,
            sound=self._sound if self._ended else NOTHING_HEARD,
            waveform=self._waveform.levels if self._ended else b"",
            voices_follow=bool(self.speaker_model),
        )

    @property
    def _track_speech_s(self) -> float:
        return sum(chunker.speech_s for chunker in self._chunkers.values())

    def _decode(self) -> Iterator[list[tuple[int, Cut]]]:
        """Yield the chunks of each window, with the streams that they are of."""
        cuts: list[tuple[int, Cut]] = []
        for track in self._playlist.tracks:
            self._begin(track)
            stop_s = self._window_s
            for streams in self._streams(track):
                cuts += self._hear(streams)
                if cuts or self._position / SAMPLE_RATE >= stop_s:
                    yield cuts
                    cuts, stop_s = [], self._position / SAMPLE_RATE + self._window_s
            cuts += [(number, cut) for number, chunker in self._chunkers.items() for cut in chunker.finish()]
            self._duration_s = max(self._duration_s, self._position / SAMPLE_RATE)
            if self._playlist.alternatives and self._track_speech_s:
                break
        if not self._duration_s:
            raise BadRecording("none of its audio could be decoded", "the file may be damaged or cut short")
        self._ended = True
        yield cuts

    def _begin(self, track: int) -> None:
        """Get ready for a track; one that had no speech does not count as taken."""
        if self._playlist.alternatives:
            self._taken = []
        elif self._taken:
            self._first_channel += max(1, self._tracks[self._taken[-1] - 1].channels)
        self._taken.append(track)
        self._speech_s += self._track_speech_s
        self._chunkers = {}
        self._position = 0
        self._waveform.begin_track(alternative=self._playlist.alternatives)

    @property
    def _window_s(self) -> float:
        """Seconds until the next window is full."""
        return max((chunker.window_s for chunker in self._chunkers.values()), default=FIRST_WINDOW_S)

    def _streams(self, track: int) -> Iterator[Streams]:
        """Yield what is to be heard of a track, through all parts of the file."""
        options = self._order.options
        # Without a VAD, all of a channel would go to the model: its pauses, time code, music.
        mixer = Mixer("mix" if options.channels == "auto" and not options.vad else options.channels)
        for part in self._parts:
            if not (self._unread and self._media.track == track):
                self._damaged += self._media.damaged
                self._media.close()
                self._media = self._opened(part, track)
            self._unread = False
            for block in self._media.samples():
                yield from mixer.feed(block)
            if self._growing is not None and not self._growing.is_complete:
                raise self._growing.ended or BadRecording("it cannot be read on before it is complete")
        yield from mixer.finish()

    def _opened(self, part: Part, track: int | None = None) -> Media:
        self._growing = None if self._wait is None else GrowingFile(self._fd, self._wait)
        return Media(self._fd, part, track, self._growing)

    def _hear(self, streams: Streams) -> list[tuple[int, Cut]]:
        """Feed what is heard to the chunkers, silence to those whose channel is not among it."""
        length = len(next(iter(streams.values())))
        numbers = {self._number(channel): samples for channel, samples in streams.items()}
        window_s = self._window_s
        for number in numbers.keys() - self._chunkers.keys():
            narrow = 0 < self._tracks[self._taken[-1] - 1].sample_rate <= TELEPHONE_RATE
            self._chunkers[number] = Chunker(self._order.options, self._position, window_s, self.look, narrow=narrow)
        cuts: list[tuple[int, Cut]] = []
        for number, chunker in self._chunkers.items():
            heard = numbers.get(number)
            block = np.zeros(length, dtype=np.int16) if heard is None else as_int16(heard)
            if number not in self._audible and block.any():
                self._audible.add(number)
            cuts += [(number, cut) for cut in chunker.feed(block)]
        self._waveform.feed(np.max([np.abs(heard) for heard in streams.values()], axis=0))
        self._position += length
        if self._position / SAMPLE_RATE > self._limit_s:
            raise _too_long(self._position / SAMPLE_RATE, self._limit_s)
        return cuts

    def _number(self, channel: int) -> int:
        """Return the number of a stream: where several tracks are taken, channels are counted through all of them."""
        several = not self._playlist.alternatives and len(self._playlist.tracks) > 1
        return self._first_channel + max(1, channel) if several else channel

    @property
    def _sound(self) -> Sound:
        channels = tuple(sorted(number for number, chunker in self._chunkers.items() if number and chunker.speech_s))
        return Sound(self._tracks, tuple(self._taken), channels, self._recorded_at, tuple(self._warnings()))

    def _warnings(self) -> Iterator[str]:
        if len(self._parts) > 1:
            yield f"the file holds {len(self._parts)} recordings, one after another"
        elif self._parts[0].patches:
            yield "its header says that it is shorter than it is; all of it was transcribed"
        others = [track for track in self._tracks if track.number not in self._taken]
        if others and self._track_speech_s:
            taken = described([self._tracks[number - 1] for number in self._taken])
            yield f"audio track {taken} was transcribed, and not {described(others)}"
        mute = [
            str(number)
            for number, chunker in sorted(self._chunkers.items())
            if number and number in self._audible and not chunker.speech_s
        ]
        if mute and self._track_speech_s:
            yield f"no speech was found on channel {', '.join(mute)}"

    def _chunk(self, channel: int, cut: Cut) -> Chunk:
        spans, audio, noise_db, doubtful, spoken = cut
        options = self._order.options
        chunk = Chunk(
            job_id=self._order.job_id,
            idx=self._idx,
            spans=spans,
            audio=audio,
            run=self.run,
            language=self._order.language,
            task=options.task,
            beam_size=options.beam_size,
            search=options.search,
            word_timestamps=options.word_timestamps,
            full_context=options.context == "full",
            channel=channel,
            noise_db=noise_db,
            doubtful=doubtful,
            spoken=spoken,
            digest=hashlib.blake2b(audio, digest_size=DIGEST_BYTES).hexdigest(),
        )
        self._idx += 1
        return chunk


def _read_through(fd: int) -> tuple[str, list[int]]:
    """Return the SHA-256 of a file, and where the recordings in it begin."""
    digest = hashlib.sha256()
    joints = Joints()
    offset = 0
    while block := os.pread(fd, HASH_BLOCK, offset):
        digest.update(block)
        joints.feed(block)
        offset += len(block)
    return digest.hexdigest(), joints.starts


def _too_long(length_s: float, limit_s: float) -> BadRecording:
    return BadRecording(
        f"longer than the limit: {length_s / 3600:.1f} h, allowed {limit_s / 3600:g} h",
        "raise watching.max_hours or cut the recording",
    )
