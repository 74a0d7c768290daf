"""What can be heard in a file reaches the chunks, at its time: joined files, wrong headers, late starts, tracks."""

import struct
import time
from pathlib import Path

import av
import numpy as np
import pytest

from daemon.chunk import SAMPLE_RATE, Chunk
from daemon.clips import CLIPS
from daemon.errors import BadRecording
from daemon.processes.protocol import Window
from tests.integration.test_media import decode
from tests.media import AudioTrack, Sound, clip, one, write

SPEECH = clip(CLIPS / "memo-11.opus")
OTHER = clip(CLIPS / "memo-9.opus")
LENGTH_S = len(SPEECH) / SAMPLE_RATE
SILENCE = np.zeros(3 * SAMPLE_RATE, dtype=np.float32)

pytestmark = pytest.mark.guarantee(29)


def heard(path: Path, **options: object) -> tuple[list[Chunk], Window]:
    return decode(path, vad=True, **options)


def audio(chunks: list[Chunk]) -> Sound:
    joined: Sound = np.frombuffer(b"".join(chunk.audio for chunk in chunks), dtype="<i2").astype(np.float32)
    return joined / np.float32(32768)


def starts_s(chunks: list[Chunk]) -> list[float]:
    return [round(start, 1) for chunk in chunks for start, _ in chunk.spans]


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("wav", "pcm_s16le"), ("w64", "pcm_s16le"), ("aiff", "pcm_s16be"), ("caf", "pcm_s16le"), ("au", "pcm_s16be"),
        ("flac", "flac"), ("mp3", "libmp3lame"), ("m4a", "aac"), ("mov", "alac"), ("ogg", "libopus"), ("mkv", "libopus"),
        ("webm", "libopus"), ("flv", "libmp3lame"), ("avi", "mp2"), ("ts", "mp2"), ("aac", "aac"), ("ac3", "ac3"),
        ("mp2", "mp2"), ("wma", "wmav2"),
    ],
)  # fmt: skip
def test_joined_files_are_heard_to_the_end(tmp_path: Path, suffix: str, codec: str) -> None:
    path = one(tmp_path / f"a.{suffix}", SPEECH, codec)
    path.write_bytes(path.read_bytes() * 3)
    _, window = heard(path)
    assert window.duration_s == pytest.approx(3 * LENGTH_S, abs=0.3)
    assert window.damaged == 0


@pytest.mark.parametrize(("suffix", "codec"), [("wav", "pcm_s16le"), ("flac", "flac"), ("mp3", "libmp3lame")])
def test_joined_files_may_have_other_rates_and_channels(tmp_path: Path, suffix: str, codec: str) -> None:
    first = one(tmp_path / f"a.{suffix}", SPEECH, codec, 44_100)
    second = one(tmp_path / f"b.{suffix}", np.stack([OTHER, OTHER]), codec, 16_000)
    first.write_bytes(first.read_bytes() + second.read_bytes())
    chunks, window = heard(first)
    assert window.duration_s == pytest.approx(LENGTH_S + len(OTHER) / SAMPLE_RATE, abs=0.2)
    assert window.damaged == 0 and len(chunks) == 1
    assert "the file holds 2 recordings" in window.sound.warnings[0]


def test_a_recorder_that_lost_its_power_loses_no_sample(tmp_path: Path) -> None:
    path = one(tmp_path / "a.wav", SPEECH, "pcm_s16le", SAMPLE_RATE)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", SAMPLE_RATE)
    path.write_bytes(content)
    _, window = heard(path)
    assert window.duration_s == pytest.approx(LENGTH_S, abs=0.02)
    assert window.damaged == 0
    assert "shorter than it is" in window.sound.warnings[0]


@pytest.mark.parametrize(
    "codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"]
)
@pytest.mark.parametrize("suffix", ["wav", "mov"])
def test_pcm_of_every_width_is_whole(tmp_path: Path, codec: str, suffix: str) -> None:
    chunks, window = heard(one(tmp_path / f"a.{suffix}", SPEECH, codec, 16_000))
    assert window.duration_s == pytest.approx(LENGTH_S, abs=0.01)
    assert window.damaged == 0 and not window.sound.warnings
    assert np.abs(audio(chunks)).max() == pytest.approx(np.abs(SPEECH).max(), abs=0.02)


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("mkv", "libopus"), ("ts", "mp2"), ("mpg", "mp2")])
def test_sound_that_begins_after_the_picture_keeps_its_time(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write(tmp_path / f"a.{suffix}", AudioTrack(SPEECH, codec, late_s=4.0), picture_s=9.0)
    chunks, window = heard(path)
    assert window.duration_s == pytest.approx(4.0 + LENGTH_S, abs=0.15)
    assert chunks[0].start_s == pytest.approx(3.8, abs=0.35)
    assert window.damaged == 0


def test_a_picture_that_is_longer_than_the_sound_is_no_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", AudioTrack(SPEECH, "aac"), picture_s=20.0)
    assert heard(path)[1].damaged == 0


def test_a_pause_in_a_stream_is_no_damage_and_later_times_are_right(tmp_path: Path) -> None:
    tracks = [AudioTrack(SPEECH, "libopus"), AudioTrack(SPEECH, "libopus", late_s=30.0)]
    one_, other = (write(tmp_path / f"{number}.mkv", track) for number, track in enumerate(tracks))
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w", format="matroska") as out:
        stream = None
        for part in (one_, other):
            with av.open(str(part)) as source:
                stream = stream or out.add_stream_from_template(source.streams.audio[0])
                for packet in source.demux(source.streams.audio[0]):
                    if packet.dts is not None:
                        packet.stream = stream
                        out.mux(packet)
    chunks, window = heard(path)
    assert window.damaged == 0
    assert window.duration_s == pytest.approx(30.0 + LENGTH_S, abs=0.15)
    assert starts_s(chunks)[-1] == pytest.approx(30.0, abs=0.4)


@pytest.mark.parametrize(("suffix", "codec"), [("aac", "aac"), ("ts", "mp2"), ("mp2", "mp2"), ("ac3", "ac3")])
def test_a_length_that_is_only_estimated_rejects_and_accuses_nothing(tmp_path: Path, suffix: str, codec: str) -> None:
    path = one(tmp_path / f"a.{suffix}", np.concatenate([SPEECH, SILENCE, SILENCE]), codec)
    _, window = heard(path, max_hours=(LENGTH_S + 7) / 3600)
    assert window.damaged == 0
    with pytest.raises(BadRecording, match="longer than the limit"):
        heard(path, max_hours=LENGTH_S / 3600)


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8, 9, 16, 32, 64, 65, 100, 255])
def test_any_number_of_channels(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.wav"
    table = np.zeros((len(SPEECH), channels), dtype="<i2")
    table[:, channels // 2] = np.rint(SPEECH * 32767)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, 16_000, 32_000 * channels, 2 * channels, 16)
    data = form + struct.pack("<4sI", b"data", table.nbytes) + table.tobytes()
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + len(data), b"WAVE") + data)
    chunks, window = heard(path)
    assert window.damaged == 0 and window.duration_s == pytest.approx(LENGTH_S, abs=0.01)
    assert np.abs(audio(chunks)).max() == pytest.approx(np.abs(SPEECH).max(), abs=0.01)
    assert [chunk.channel for chunk in chunks] == [channels // 2 + 1 if channels > 1 else 0]


def test_the_sides_of_a_call_are_heard_apart_and_a_mute_side_is_told(tmp_path: Path) -> None:
    length = max(len(SPEECH), len(OTHER))
    sides = [np.pad(side, (0, length - len(side))) for side in (SPEECH, OTHER)]
    chunks, window = heard(one(tmp_path / "a.flac", np.stack(sides), "flac"))
    assert {chunk.channel for chunk in chunks} == {1, 2} and window.sound.channels == (1, 2)
    clicks = np.where(np.arange(length) % 8000 == 0, 0.9, 0).astype(np.float32)
    chunks, window = heard(one(tmp_path / "b.flac", np.stack([sides[0], clicks]), "flac"))
    assert {chunk.channel for chunk in chunks} == {1}
    assert window.sound.warnings == ("no speech was found on channel 2",)


TRACKS = (
    AudioTrack(SILENCE, "aac", language="eng"),
    AudioTrack(SPEECH, "aac", language="deu"),
    AudioTrack(OTHER, "aac", language="fra"),
)


def test_the_first_track_with_speech_is_taken_and_the_others_are_named(tmp_path: Path) -> None:
    chunks, window = heard(write(tmp_path / "a.mkv", *TRACKS))
    assert window.sound.taken == (2,) and len(chunks) == 1
    assert chunks[0].duration_s == pytest.approx(LENGTH_S, abs=0.6)
    (warning,) = window.sound.warnings
    assert "track 2 (deu, aac) was transcribed, and not 1 (eng, aac), 3 (fra, aac)" in warning


@pytest.mark.parametrize(("wanted", "taken"), [(3, (3,)), ("fr", (3,)), ("all", (1, 2, 3))])
def test_the_tracks_that_are_asked_for(tmp_path: Path, wanted: str | int, taken: tuple[int, ...]) -> None:
    chunks, window = heard(write(tmp_path / "a.mkv", *TRACKS), audio_tracks=wanted)
    assert window.sound.taken == taken
    assert [chunk.channel for chunk in chunks] == ([2, 3] if wanted == "all" else [0])
    assert [chunk.idx for chunk in chunks] == list(range(len(chunks)))


def test_a_default_track_that_ffmpeg_does_not_know_gives_way_to_one_that_it_knows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", AudioTrack(OTHER, "aac", language="eng"), AudioTrack(SPEECH, "libopus"))
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    chunks, window = heard(path)
    assert window.sound.taken == (2,) and len(chunks) == 1
    assert "not 1 (eng, an unknown format)" in window.sound.warnings[0]
    path = one(tmp_path / "b.mkv", SPEECH, "aac")
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    with pytest.raises(BadRecording, match="in a format that FFmpeg does not know"):
        heard(path)


def test_a_track_that_does_not_exist_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match=r"no audio track 7 .* it has 1 \(eng, aac\), 2"):
        heard(write(tmp_path / "a.mkv", *TRACKS), audio_tracks=7)


@pytest.mark.parametrize("peak_db", [-10, -34, -45, -55, -66])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le"])
def test_quiet_speech_is_found_and_brought_up(tmp_path: Path, peak_db: int, codec: str) -> None:
    quiet = SPEECH / np.abs(SPEECH).max() * 10 ** (peak_db / 20)
    chunks, _ = heard(one(tmp_path / "a.wav", quiet, codec, SAMPLE_RATE))
    assert len(chunks) == 1 and chunks[0].duration_s > LENGTH_S - 0.6
    assert np.abs(audio(chunks)).max() > 0.29


def test_the_same_file_gives_the_same_chunks_again(tmp_path: Path) -> None:
    table = np.stack([np.tile(SPEECH, 30), np.tile(OTHER, 40)[: 30 * len(SPEECH)]])
    path = one(tmp_path / "a.flac", table, "flac", SAMPLE_RATE)
    first, second = heard(path)[0], heard(path)[0]
    assert [(chunk.idx, chunk.channel, chunk.spans, chunk.audio) for chunk in first] == [
        (chunk.idx, chunk.channel, chunk.spans, chunk.audio) for chunk in second
    ]


@pytest.mark.parametrize(
    ("suffix", "codec", "late_s"),
    [
        # In MP4, what is before 0 is cut off by an edit list, so that nobody hears it.
        ("mka", "libopus", -30.0), ("mka", "libopus", -0.5), ("ts", "mp2", -30.0), ("flv", "libmp3lame", -0.5),
        ("mka", "libopus", 3600.0), ("mka", "libopus", 1e7), ("ts", "mp2", 95_443.7), ("ts", "mp2", 1e7),
        ("m4a", "aac", 3600.0), ("m4a", "aac", 95_443.7), ("flv", "libmp3lame", 1e7),
    ],
)  # fmt: skip
def test_the_first_time_stamp_of_a_file_may_be_anything(tmp_path: Path, suffix: str, codec: str, late_s: float) -> None:
    path = write(tmp_path / f"a.{suffix}", AudioTrack(SPEECH, codec, late_s=late_s))
    chunks, window = heard(path)
    assert window.duration_s == pytest.approx(LENGTH_S, abs=0.3)
    assert window.damaged == 0 and chunks[0].start_s < 1.0


@pytest.mark.parametrize("late_s", [1e7, 4e9])
def test_a_track_that_claims_to_begin_after_months_begins_at_once(tmp_path: Path, late_s: float) -> None:
    path = write(tmp_path / "a.mkv", AudioTrack(SPEECH, "libopus", late_s=late_s), picture_s=3.0)
    chunks, window = heard(path)
    assert window.duration_s == pytest.approx(LENGTH_S, abs=0.3) and chunks[0].start_s < 1.0


def test_the_one_track_of_many_in_which_somebody_speaks_is_found(tmp_path: Path) -> None:
    mute = np.zeros(len(SPEECH), dtype=np.float32)
    tracks = [AudioTrack(SPEECH if number == 60 else mute, "pcm_s16le", 16_000) for number in range(64)]
    path = write(tmp_path / "a.mkv", *tracks)
    chunks, window = heard(path)
    assert window.sound.taken == (61,) and len(window.sound.tracks) == 64
    assert np.abs(audio(chunks)).max() == pytest.approx(np.abs(SPEECH).max(), abs=0.01)
    _, window = heard(path, audio_tracks="all")
    assert window.sound.taken == tuple(range(1, 65)) and window.sound.channels in ((), (61,))


SPEECH_OF_ALL = clip(*sorted(CLIPS.glob("memo-*.opus")))


def minutes(kind: str, count: int) -> Sound:
    """Some minutes of speech without a pause, of a room in which there is a sentence now and then, of noise, of silence."""
    length, random = count * 60 * SAMPLE_RATE, np.random.default_rng(1)
    sentence = SPEECH_OF_ALL[: 8 * SAMPLE_RATE]
    sound: np.ndarray
    match kind:
        case "dense":
            sound = np.resize(SPEECH_OF_ALL, length)
        case "sparse":
            sound = random.standard_normal(length) * 0.003
            for at in range(SAMPLE_RATE, length - len(sentence), 150 * SAMPLE_RATE):
                sound[at : at + len(sentence)] += sentence
        case "noisy":
            sound = random.standard_normal(length) * 0.1
        case _:
            sound = np.zeros(length)
    return sound.astype(np.float32)


@pytest.mark.slow
def test_an_hour_costs_about_the_same_whatever_is_in_it(tmp_path: Path) -> None:
    """Computing time, as a ratio between kinds; with the model, an hour of dense speech costs ten times as much more."""
    costs_s = {}
    for kind in ("dense", "sparse", "noisy", "silent"):
        path = one(tmp_path / f"{kind}.wav", minutes(kind, 5), "pcm_s16le", SAMPLE_RATE)
        began = time.process_time()
        heard(path)
        costs_s[kind] = time.process_time() - began
    assert max(costs_s.values()) < 3 * costs_s["dense"], costs_s


def test_a_packet_without_data_is_no_damage(tmp_path: Path) -> None:
    """FLV has one where a track of more than two channels begins."""
    path = one(tmp_path / "a.flv", np.stack([SPEECH] * 6), "aac")
    _, window = heard(path)
    assert window.damaged == 0 and window.duration_s == pytest.approx(LENGTH_S, abs=0.1)
