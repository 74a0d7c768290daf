"""One clip in every container, codec, rate, layout, level and phase: always the same text, at the same time."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import jiwer
import numpy as np
import pytest

from daemon.chunk import BEAM, SAMPLE_RATE, Chunk, Decoded
from daemon.clips import CLIPS, references
from daemon.engine.model_files import resolve
from daemon.engine.whisper import Whisper
from tests.integration.test_media import decode
from tests.media import AudioTrack, Sound, clip, write
from tests.support import words

CLIP = CLIPS / "memo-8.opus"
CODECS = {
    "wav": ("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_u8", "pcm_alaw", "pcm_mulaw", "adpcm_ms",
            "adpcm_ima_wav", "libmp3lame", "ac3"),
    "w64": ("pcm_s16le", "pcm_s24le"),
    "aiff": ("pcm_s16be", "pcm_s24be", "pcm_f32be"),
    "caf": ("pcm_s16le", "pcm_s24le", "alac", "flac", "libopus"),
    "au": ("pcm_s16be", "pcm_mulaw", "pcm_s24be"),
    "flac": ("flac",),
    "mp3": ("libmp3lame",),
    "mp2": ("mp2",),
    "m4a": ("aac", "alac", "ac3"),
    "mp4": ("aac", "libmp3lame", "ac3", "eac3", "flac", "libopus"),
    "mov": ("pcm_s16le", "pcm_s24le", "aac", "alac", "pcm_mulaw"),
    "3gp": ("aac",),
    "aac": ("aac",),
    "ogg": ("libopus", "flac"),
    "opus": ("libopus",),
    "mkv": ("libopus", "aac", "flac", "pcm_s16le", "pcm_s24le", "ac3", "eac3", "mp2", "libmp3lame", "alac", "pcm_f32le"),
    "webm": ("libopus",),
    "avi": ("mp2", "libmp3lame", "pcm_s16le", "ac3"),
    "flv": ("libmp3lame", "aac"),
    "ts": ("mp2", "aac", "ac3", "eac3"),
    "mpg": ("mp2", "ac3"),
    "wma": ("wmav2", "wmav1"),
    "ac3": ("ac3",),
}  # fmt: skip
RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)
CARRIES_SPEECH = 16_000
"""At lower rates the text may differ: half of what distinguishes consonants is missing."""
PADDING = 2048
"""Samples by which a codec with frames of 1024 may lengthen a recording, where the container does not say so."""
MODEST = frozenset(("pcm_u8", "adpcm_ms", "adpcm_ima_wav", "wmav1"))
"""Codecs with so much noise of their own that quiet speech drowns in it."""


@dataclass(frozen=True)
class Case:
    suffix: str
    codec: str
    rate: int = 48_000
    channels: int = 1
    peak_db: float = -6.0
    inverted: bool = False
    late_s: float = 0.0

    def __str__(self) -> str:
        return "-".join(str(value) for value in (self.suffix, self.codec, self.rate, self.channels, self.peak_db)) + (
            "-inverted" * self.inverted + "-late" * bool(self.late_s)
        )


def cases() -> list[Case]:
    """Every container and codec plainly, and then with one or two things unusual about it."""
    plain = [Case(suffix, codec) for suffix, codecs in CODECS.items() for codec in codecs]
    found = list(plain)
    found += [replace(case, rate=rate) for case in plain for rate in RATES if rate != 48_000 and _odd(case, rate)]
    found += [replace(case, channels=channels) for case in plain for channels in (2, 6, 32)]
    found += [replace(case, channels=2, inverted=True) for case in plain]
    found += [replace(case, peak_db=-45.0) for case in plain if case.codec not in MODEST]
    found += [replace(case, late_s=3.0) for case in plain if case.suffix in ("mp4", "mkv", "ts", "mpg")]
    return found


def _odd(case: Case, rate: int) -> bool:
    """Choose two of the rates for each codec, others for the next."""
    return (sum(map(ord, case.suffix + case.codec)) + RATES.index(rate)) % 4 == 0


def encoded(path: Path, speech: Sound, case: Case) -> bool:
    """Write a case; False if FFmpeg cannot."""
    loud = speech / np.abs(speech).max() * 10 ** (case.peak_db / 20)
    signs = [-1.0 if case.inverted and at % 2 else 1.0 for at in range(case.channels)]
    table = np.stack([sign * loud for sign in signs]).astype(np.float32)
    try:
        write(path, AudioTrack(table, case.codec, case.rate, late_s=case.late_s), picture_s=12.0 if case.late_s else 0)
    except (av.error.FFmpegError, OSError, ValueError, RuntimeError):
        path.unlink(missing_ok=True)
        return False
    return path.stat().st_size > 500


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    return Whisper(resolve("tiny.en"), "cpu", 0, "int8", 2, 1)


def batches(chunks: list[Chunk], size: int = 8) -> Iterator[list[Chunk]]:
    for _, alike in itertools.groupby(sorted(chunks, key=lambda chunk: chunk.context_s), lambda chunk: chunk.context_s):
        yield from _batched(list(alike), size)


def _batched(chunks: list[Chunk], size: int) -> Iterator[list[Chunk]]:
    for at in range(0, len(chunks), size):
        yield chunks[at : at + size]


def text(result: Decoded) -> str:
    return " ".join(words(" ".join(segment.text for segment in result.segments))) or "-"


def errors(expected: str, heard: str) -> int:
    """Words that are wrong, missing or too many."""
    found = jiwer.process_words(expected, heard)
    return found.substitutions + found.deletions + found.insertions


def check(tmp_path: Path, whisper: Whisper, chosen: list[Case]) -> int:
    """Write the cases, decode and transcribe them; the number of those that FFmpeg can write.

    The model hears the full context and searches with a beam, for what is compared is what it is given: of a cut
    context, the noise of a codec costs it some words more, and a greedy search may end too early, which the daemon mends.
    """
    speech = clip(CLIP)
    length_s = len(speech) / SAMPLE_RATE
    wrong: list[str] = []
    chunks: list[Chunk] = []
    made: list[Case] = []
    for number, case in enumerate(chosen):
        path = tmp_path / f"{number}.{case.suffix}"
        if not encoded(path, speech, case):
            continue
        made.append(case)
        found, window = decode(path, vad=True, context="full")
        path.unlink()
        if window.damaged or abs(window.duration_s - length_s - case.late_s) > max(0.15, PADDING / case.rate):
            wrong.append(f"{case}: {window.duration_s:.2f} s instead of {length_s + case.late_s:.2f}, {window.damaged}")
        if len(found) != 1 or abs(found[0].start_s - case.late_s) > 0.35:
            wrong.append(f"{case}: chunks at {[chunk.start_s for chunk in found]}")
        chunks += [replace(chunk, job_id=len(made) - 1, language="en", search=BEAM) for chunk in found]
    (plain,) = decode(CLIP, vad=True, context="full")[0]
    original = text(whisper.run([replace(plain, language="en", search=BEAM)])[0])
    assert errors(" ".join(words(references()[CLIP])), original) < 6
    for batch in batches(chunks):
        for chunk, result in zip(batch, whisper.run(batch), strict=True):
            case = made[chunk.job_id]
            if case.rate >= CARRIES_SPEECH and errors(original, text(result)) > 2:
                wrong.append(f"{case}: {text(result)!r}")
    assert not wrong, "\n".join(wrong)
    return len(made)


@pytest.mark.faults
@pytest.mark.model
@pytest.mark.guarantee(29)
@pytest.mark.timeout(300)
def test_one_clip_in_a_few_forms(tmp_path: Path, whisper: Whisper) -> None:
    assert check(tmp_path, whisper, cases()[::43]) >= 10


@pytest.mark.faults
@pytest.mark.model
@pytest.mark.guarantee(29)
@pytest.mark.timeout(1800)
def test_one_clip_in_every_form(tmp_path: Path, whisper: Whisper) -> None:
    assert check(tmp_path, whisper, cases()) >= 300
