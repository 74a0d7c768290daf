"""The real speaker model, on the shipped clips: three voices of a speech synthesizer, joined to conversations."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from faster_whisper.audio import decode_audio

from daemon.chunk import SAMPLE_RATE, Options
from daemon.clips import CLIPS
from daemon.config.speaker_models import CAMPPLUS_8_BITS_SHA256, CAMPPLUS_SHA256, FOR_8_BITS, in_8_bits
from daemon.decode.chunker import Chunker
from daemon.decode.diarization import diarize
from daemon.decode.vad import Samples
from daemon.decode.voices import SpeakerModel, voices
from daemon.processes.environment import has
from daemon.voice import Turn, Voice

pytestmark = pytest.mark.model

CONVERSATION = (("slt", 1), ("rms", 2), ("slt", 4), ("rms", 5), ("awb", 3), ("slt", 12), ("awb", 7), ("rms", 9))
"""Who reads, and the number of the memo."""


@pytest.fixture(scope="module")
def model(speaker_model: Path) -> SpeakerModel:
    return SpeakerModel(speaker_model)


def recording(memos: Sequence[int], pause_s: float = 0.3) -> tuple[Samples, list[tuple[float, float]]]:
    """Return memos one after another, and where each of them is."""
    pause = np.zeros(round(pause_s * SAMPLE_RATE), np.float32)
    parts: list[np.ndarray] = []
    places: list[tuple[float, float]] = []
    for memo in memos:
        start_s = sum(map(len, parts)) / SAMPLE_RATE
        parts += [decode_audio(str(CLIPS / f"memo-{memo}.opus")), pause]
        places.append((start_s, start_s + len(parts[-2]) / SAMPLE_RATE))
    return (np.concatenate(parts) * 32767).astype(np.int16), places


def heard(model: SpeakerModel, samples: Samples) -> list[Voice]:
    """Return the voices of a recording, chunk by chunk, as a decoder makes them."""
    chunker = Chunker(Options())
    cuts = [*chunker.feed(samples), *chunker.finish()]
    return [voice for spans, audio, *_ in cuts for voice in voices(model, spans, np.frombuffer(audio, "<i2"))]


def seconds_of(turns: Sequence[Turn], place: tuple[float, float]) -> dict[str, float]:
    """Return for how long each speaker is heard in a part of the recording."""
    found: dict[str, float] = {}
    for turn in turns:
        length_s = min(turn.end_s, place[1]) - max(turn.start_s, place[0])
        if length_s > 0:
            found[turn.speaker] = found.get(turn.speaker, 0.0) + length_s
    return found


def test_the_model_is_the_one_that_is_pinned(speaker_model: Path) -> None:
    pinned = {speaker_model: CAMPPLUS_SHA256, in_8_bits(speaker_model): CAMPPLUS_8_BITS_SHA256}
    for file, sha256 in pinned.items():
        assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256


@pytest.mark.skipif(not has(FOR_8_BITS), reason=f"this processor has no {FOR_8_BITS}: 8 bits are not used here")
def test_in_8_bits_a_voice_sounds_the_same(speaker_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = recording([memo for _, memo in CONVERSATION])
    sounds = []
    for flags in ((), (FOR_8_BITS,)):
        monkeypatch.setattr("daemon.decode.voices.has", flags.__contains__)
        found = heard(SpeakerModel(speaker_model), samples)
        sounds.append(np.array([np.frombuffer(voice.embedding, "<f2").astype(np.float32) for voice in found]))
    cosines = (sounds[0] * sounds[1]).sum(axis=1)
    assert np.median(cosines) > 0.97 and 0.9 < cosines.min() < 1.0


def test_readers_are_told_apart_and_found_again(model: SpeakerModel) -> None:
    samples, places = recording([memo for _, memo in CONVERSATION])
    turns, centres = diarize(heard(model, samples), "auto")
    assert len(centres) == 3
    names = {"slt": "S1", "rms": "S2", "awb": "S3"}
    right = sum(
        seconds_of(turns, place).get(names[who], 0.0) for (who, _), place in zip(CONVERSATION, places, strict=True)
    )
    said = sum(sum(seconds_of(turns, place).values()) for place in places)
    assert right / said > 0.97
    assert said > 0.8 * sum(end - start for start, end in places)


def test_one_reader_is_one_person(model: SpeakerModel) -> None:
    samples, _ = recording([memo for who, memo in CONVERSATION if who == "rms"])
    assert len(diarize(heard(model, samples), "auto")[1]) == 1


def test_silence_and_noise_have_no_speaker(model: SpeakerModel) -> None:
    assert heard(model, np.zeros(20 * SAMPLE_RATE, np.int16)) == []
    noise = np.random.default_rng(0).normal(0, 300, 20 * SAMPLE_RATE).astype(np.int16)
    assert diarize(heard(model, noise), "auto") == ([], {})
