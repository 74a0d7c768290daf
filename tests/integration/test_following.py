"""Recordings of every container that can be read while it grows, as real muxers write them, decoded meanwhile."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest

from daemon.chunk import Chunk, Options
from daemon.clips import CLIPS
from daemon.decode.chunker import Look
from daemon.decode.growing import Interrupted
from daemon.decode.opened import OpenRecording
from daemon.decode.vad import Looks
from daemon.errors import BadRecording
from daemon.processes.protocol import Open
from daemon.transcribe.queue import FOLLOWED_WINDOW_S
from tests import media
from tests.media import AudioTrack

LENGTH_S = 190
OPTIONS = Options(language="en")
MEANWHILE = replace(OPTIONS, window_s=FOLLOWED_WINDOW_S)
CONTAINERS = [
    ("wav", "pcm_s16le", "wav"),
    ("mp3", "libmp3lame", "mp3"),
    ("ogg", "libopus", "ogg"),
    *(
        pytest.param(kind, marks=pytest.mark.faults)
        for kind in (
            ("flac", "flac", "flac"),
            ("mkv", "aac", "matroska"),
            ("ts", "aac", "mpegts"),
            ("oga", "flac", "ogg"),
            ("mka", "libopus", "matroska"),
            ("webm", "libopus", "webm"),
            ("aac", "aac", "adts"),
        )
    ),
]
WITH_LENGTH = ("mp3",)
"""Where a first frame says at the end how much of the sound is to be left out at its two ends."""


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Speech in a noise that becomes louder from minute to minute."""
    sound = media.clip(*sorted(CLIPS.glob("memo-*.opus")))
    said = np.tile(sound, 1 + LENGTH_S * 16_000 // len(sound))[: LENGTH_S * 16_000]
    noise = np.random.default_rng(7).normal(0, 1, len(said)) * 2.0 ** (2 + np.arange(len(said)) // (60 * 16_000))
    return (said / 2 + noise / 32768).astype(said.dtype)


@dataclass
class Recorded:
    """What a program writes while it records, and what the file is when it has closed it."""

    path: Path
    meanwhile: bytes
    complete: bytes


def recorded(folder: Path, kind: tuple[str, str, str], sound: np.ndarray) -> Recorded:
    suffix, codec, container = kind
    path = folder / f"talk.{suffix}"
    with av.open(str(path), "w", format=container) as out:
        rate = 16_000 if codec == "pcm_s16le" else 48_000
        track = AudioTrack(sound, codec, rate)
        stream = media._stream(out, track)
        for packet in media._encoded(stream, track):
            out.mux(packet)
        meanwhile = path.read_bytes()
    return Recorded(path, meanwhile, path.read_bytes())


def opened(path: Path, order: Open, wait: Callable[[], bool] | None = None, look: Look | None = None) -> OpenRecording:
    return OpenRecording(order, os.open(path, os.O_RDONLY), wait, look)


def order(path: Path, *, growing: bool = False, given: int = 0) -> Open:
    options = MEANWHILE if growing else OPTIONS
    return Open(1, 1 if growing else 2, options, path.stat().st_size, "en", growing, given)


def cut(recording: OpenRecording) -> list[Chunk]:
    """The chunks of a recording, to its end."""
    return media.to_its_end(recording)[0]


class Growing:
    """A recording that is decoded while a program writes it, block by block."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.left = path, content
        self.path.write_bytes(b"")
        self.chunks: list[Chunk] = []
        self.recording: OpenRecording | None = None
        self.at_end: Callable[[], bool] = lambda: False

    def more(self) -> bool:
        block, self.left = self.left[:40_000], self.left[40_000:]
        if not block:
            return self.at_end()
        with self.path.open("ab") as file:
            file.write(block)
        return True

    def follow(self) -> None:
        self.recording = opened(self.path, order(self.path, growing=True), self.more, Looks())
        with pytest.raises(Interrupted):
            while True:
                self.chunks += self.recording.next_window().chunks

    def close(self) -> None:
        if self.recording is not None:
            self.recording.close()


def as_if_not_followed(chunks: list[Chunk]) -> list[Chunk]:
    return [replace(chunk, run=2, spoken=()) for chunk in chunks]


def spoken_s(chunk: Chunk) -> float:
    return sum(end_s - start_s for start_s, end_s in chunk.spoken)


@pytest.mark.guarantee(3)
@pytest.mark.parametrize("kind", CONTAINERS, ids="-".join)
def test_what_is_cut_while_it_grows_and_afterwards_is_what_is_cut_of_the_complete_file(
    tmp_path: Path, speech: np.ndarray, kind: tuple[str, str, str]
) -> None:
    made = recorded(tmp_path, kind, speech)
    plain = cut(opened(made.path, order(made.path)))
    growing = Growing(made.path, made.meanwhile)

    completed: list[bool] = []

    def closed() -> bool:
        """The program ends, and the daemon says so while the decoder waits for more."""
        made.path.write_bytes(made.complete)
        assert growing.recording is not None
        given = growing.recording.given
        completed.append(growing.recording.complete(order(made.path, given=given), os.open(made.path, os.O_RDONLY)))
        return completed[-1]

    growing.at_end = closed
    growing.recording = opened(made.path, order(made.path, growing=True), growing.more, Looks())
    chunks: list[Chunk] = []
    try:
        last = False
        while not last:
            window = growing.recording.next_window()
            chunks, last = [*chunks, *window.chunks], window.last
    except Interrupted:
        assert chunks
        chunks = cut(opened(made.path, order(made.path), look=growing.recording.look))
    growing.close()
    assert completed == [kind[0] not in WITH_LENGTH]
    assert as_if_not_followed(chunks) == [replace(chunk, spoken=()) for chunk in plain]
    for chunk, other in zip(chunks, plain, strict=True):
        # The VAD remembers what came before in its window, and these may begin elsewhere.
        assert spoken_s(chunk) == pytest.approx(spoken_s(other), abs=0.3)


def wav_of(tmp_path: Path, speech: np.ndarray) -> Recorded:
    return recorded(tmp_path, ("wav", "pcm_s16le", "wav"), speech[: 100 * 16_000])


@pytest.mark.parametrize(
    "change", ["a sample", "the rate", "shorter", "two files", "chunks after the samples", "another"]
)
def test_of_a_file_that_has_changed_nothing_is_kept_that_it_does_not_hold(
    tmp_path: Path, speech: np.ndarray, change: str
) -> None:
    made = wav_of(tmp_path, speech)
    growing = Growing(made.path, made.meanwhile)
    growing.follow()
    assert growing.recording is not None and growing.chunks
    now = bytearray(made.complete)
    match change:
        case "a sample":
            now[1_000_001] ^= 64
        case "the rate":
            now[24:32] = (8000).to_bytes(4, "little") + (16000).to_bytes(4, "little")
        case "shorter":
            del now[2_000_000:]
        case "two files":
            now += made.complete
        case "chunks after the samples":
            now += b"LIST\x04\0\0\0INFO"
        case "another":
            now = bytearray((CLIPS / "memo-1.opus").read_bytes())
    made.path.write_bytes(now)
    plain = cut(opened(made.path, order(made.path)))
    given = growing.recording.given
    fd = os.open(made.path, os.O_RDONLY)
    try:
        goes_on = growing.recording.complete(order(made.path, given=given), fd)
    except BadRecording:
        goes_on = False
    # What follows the samples is told apart by the header of the complete file, and has not been read before.
    assert goes_on == (change == "chunks after the samples")
    look = growing.recording.look
    growing.close()
    assert cut(opened(made.path, order(made.path), look=look)) == plain


def test_chunks_that_have_not_arrived_are_cut_again(tmp_path: Path, speech: np.ndarray) -> None:
    made = wav_of(tmp_path, speech)
    growing = Growing(made.path, made.meanwhile)
    growing.follow()
    assert growing.recording is not None and growing.recording.given
    made.path.write_bytes(made.complete)
    fd = os.open(made.path, os.O_RDONLY)
    assert not growing.recording.complete(order(made.path, given=growing.recording.given - 1), fd)
    os.close(fd)
    growing.close()


@pytest.mark.parametrize("kind", [("mp4", "aac", "mp4"), ("m4a", "aac", "ipod"), ("aiff", "pcm_s16be", "aiff")])
def test_other_kinds_of_files_wait(tmp_path: Path, speech: np.ndarray, kind: tuple[str, str, str]) -> None:
    made = recorded(tmp_path, kind, speech[: 20 * 16_000])
    growing = Growing(made.path, made.complete)
    with pytest.raises(BadRecording, match="before it is complete"):
        growing.follow()


def test_a_recording_is_no_longer_waited_for_once_something_else_is_to_be_done(tmp_path: Path) -> None:
    """Also while it is being opened, when there is hardly anything of it."""
    path = tmp_path / "talk.ogg"
    path.write_bytes(b"OggS")
    asked = threading.Event()

    def wait() -> bool:
        asked.set()
        return False

    with pytest.raises(BadRecording):
        opened(path, order(path, growing=True), wait)
    assert asked.is_set()
