"""Lines: what they do to the sound, and that nothing moves on the way."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.bench.speakers.lines import LINES, NOISE_DB, write
from daemon.bench.speakers.people import LEVEL_DB
from daemon.chunk import SAMPLE_RATE
from daemon.decode.media import Media, samples
from daemon.decode.parts import Part

BURSTS_S = ((1.0, 1.4), (3.0, 3.2), (7.5, 9.0))
HZ = (100, 1000, 6000)


def bursts(channels: int = 1, tones: tuple[int, ...] = HZ, peak: float = 0.05) -> NDArray[np.float32]:
    at = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    sound = peak * sum(np.sin(2 * np.pi * hz * at) for hz in tones)
    audible = np.any([(start <= at) & (at < end) for start, end in BURSTS_S], axis=0)
    return np.repeat((sound * audible).astype(np.float32)[:, None], channels, axis=1)


def level(sound: NDArray[np.float32], hz: int) -> float:
    moment = sound[int(7.8 * SAMPLE_RATE) : int(8.8 * SAMPLE_RATE)]
    return float(2 * abs(np.mean(moment * np.exp(-2j * np.pi * hz * np.arange(len(moment)) / SAMPLE_RATE))))


@pytest.mark.parametrize("line", LINES)
def test_what_comes_out_is_where_it_was(line: str, tmp_path: Path) -> None:
    file = write(bursts(1, (1000,), 0.3), line, tmp_path / "talk")
    heard = np.frombuffer(samples(file), "<i2").astype(np.float32) / np.float32(32768)
    assert abs(len(heard) / SAMPLE_RATE - 10) < 0.05
    steps = np.abs(heard[: len(heard) // 160 * 160]).reshape(-1, 160).max(axis=1)
    loud = np.flatnonzero(steps > 0.15) / 100
    for start, end in BURSTS_S:
        inside = loud[(loud > start - 0.2) & (loud < end + 0.2)]
        assert abs(inside[0] - start) <= 0.03 and abs(inside[-1] - end) <= 0.03, line


def test_a_telephone_has_no_low_and_no_high_sounds(tmp_path: Path) -> None:
    levels = {}
    for line in ("clean", "telephone", "opus"):
        file = write(bursts(), line, tmp_path / line)
        heard = np.frombuffer(samples(file), "<i2").astype(np.float32) / np.float32(32768)
        levels[line] = {hz: level(heard, hz) for hz in HZ}
    assert all(abs(levels["clean"][hz] - 0.05) < 0.001 for hz in HZ)
    assert abs(levels["telephone"][1000] - 0.05) < 0.01
    assert levels["telephone"][100] < 0.003 and levels["telephone"][6000] < 0.001
    assert levels["opus"][6000] > 0.005, "16 kbit/s are wideband"


def test_files_are_of_the_kind_that_the_line_makes(tmp_path: Path) -> None:
    found = {}
    for line in LINES:
        file = write(bursts(2), line, tmp_path / line)
        with file.open("rb") as opened:
            media = Media(opened.fileno(), Part(0, file.stat().st_size))
            (track,) = media.tracks
            media.close()
        found[line] = (file.suffix, track.codec, track.channels, track.sample_rate)
    assert found["clean"] == found["noise"] == (".wav", "pcm_s16le", 2, 16_000)
    assert found["telephone"] == (".wav", "pcm_mulaw", 2, 8_000)
    assert found["opus"][:3] == (".opus", "libopus", 2) or found["opus"][:3] == (".opus", "opus", 2)
    speech = np.random.default_rng(0).normal(0, 0.05, (30 * SAMPLE_RATE, 1)).astype(np.float32)
    assert 40_000 < write(speech, "opus", tmp_path / "voice").stat().st_size < 80_000, "16 kbit/s are 60 kB in 30 s"


def test_the_noise_is_as_far_below_the_speech_as_it_says(tmp_path: Path) -> None:
    silence = np.zeros((40 * SAMPLE_RATE, 1), dtype=np.float32)
    noise = np.frombuffer(samples(write(silence, "noise", tmp_path / "n")), "<i2").astype(np.float32) / np.float32(
        32768
    )
    for part in (noise[: 20 * SAMPLE_RATE], noise[20 * SAMPLE_RATE :]):
        assert abs(10 * np.log10(np.mean(part**2)) - (LEVEL_DB - NOISE_DB)) < 0.7
    power = np.abs(np.fft.rfft(noise[: 16 * SAMPLE_RATE])) ** 2
    octaves = [power[16 * hz : 32 * hz].mean() for hz in (200, 400, 800, 1600, 3200)]
    falls = 10 * np.log10(np.array(octaves[:-1]) / octaves[1:])
    assert np.all(np.abs(falls - 3) < 1), "pink"
