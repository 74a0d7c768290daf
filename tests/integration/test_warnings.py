"""A transcript with something left out or uncertain is done, and says so wherever people look."""

import json
import struct
from pathlib import Path

import numpy as np

from daemon.clips import CLIPS
from tests.media import AudioTrack, clip, one, write
from tests.support import MakeDaemon

SPEECH, OTHER = clip(CLIPS / "memo-11.opus"), clip(CLIPS / "memo-9.opus")
LENGTH = max(len(SPEECH), len(OTHER))
SIDES = [np.pad(side, (0, LENGTH - len(side))) for side in (SPEECH, OTHER)]


def test_what_was_left_out_is_told_everywhere_and_the_sides_of_a_call_keep_apart(
    make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    daemon = make_daemon(fake={}, vad="enabled = true")
    clicks = np.where(np.arange(LENGTH) % 8000 == 0, 0.9, 0).astype(np.float32)
    one(daemon.inbox / "clicks.flac", np.stack([SIDES[0], clicks]), "flac")
    one(daemon.inbox / "call.flac", np.stack(SIDES), "flac")
    one(daemon.inbox / "plain.flac", SPEECH, "flac")
    silence = np.zeros(32_000, dtype=np.float32)
    tracks = [AudioTrack(silence, "aac", language="eng"), AudioTrack(SPEECH, "aac", language="deu")]
    write(daemon.inbox / "film.mkv", *tracks)
    crashed = one(tmp_path / "crashed.wav", SPEECH, "pcm_s16le", 16_000)
    content = bytearray(crashed.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", 16_000)
    (daemon.inbox / "crashed.wav").write_bytes(content)
    assert daemon.once() == 0

    expected = {
        "clicks.flac": "no speech was found on channel 2",
        "film.mkv": "audio track 2 (deu, aac) was transcribed, and not 1 (eng, aac)",
        "crashed.wav": "its header says that it is shorter than it is; all of it was transcribed",
    }
    reasons = daemon.reasons()
    assert {path: reason for path, reason in reasons.items() if path in expected} == expected
    suspects = json.loads(daemon.run("jobs", "list", "--suspect", "--json").stdout)
    assert {job["path"] for job in suspects} == set(expected)
    assert json.loads(daemon.run("status", "--json").stdout)["suspect"] == 3
    assert "3 with warnings" in daemon.run("status").stdout
    film = json.loads((daemon.inbox / "film.json").read_text())
    assert film["warnings"] == [expected["film.mkv"]]
    assert [track["taken"] for track in film["tracks"]] == [False, True]
    (job_id,) = [job["id"] for job in suspects if job["path"] == "film.mkv"]
    shown = daemon.run("jobs", "show", str(job_id)).stdout
    assert "1: aac, 1 channels, eng (not transcribed)" in shown and "2: aac, 1 channels, deu" in shown
    call = json.loads((daemon.inbox / "call.json").read_text())
    assert call["warnings"] == [] and call["channels"] == [1, 2]
    assert [segment["channel"] for segment in call["segments"]] == [1, 2]
    assert json.loads((daemon.inbox / "plain.json").read_text())["warnings"] == []
