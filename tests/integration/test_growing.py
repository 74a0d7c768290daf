"""The daemon while somebody records into a watched folder."""

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests import media
from tests.support import Daemon, MakeDaemon, reconcile, wait_until, write_wav

WATCH = 'path = "inbox"\nformats = ["txt", "srt", "json"]\ngrowing = "live"'
AT_ONCE = "from daemon.watch import completion; completion.FOLLOW_AFTER_S = 0.0"
LENGTH_S = 200
CHUNKS = "SELECT idx, start_s, end_s, digest FROM chunks JOIN jobs ON jobs.id = job_id WHERE path = ? ORDER BY idx"
LINES = "SELECT text FROM segments JOIN jobs ON jobs.id = job_id WHERE path = ? ORDER BY chunk, idx"


class Recorder:
    """A program that writes a WAV file block by block, and its header at the end."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content = path, content
        self.file = path.open("wb", buffering=0)
        self.file.write(content[:4] + bytes(4) + content[8:40] + bytes(4))
        self.at = 44

    def write(self, until: float = 1.0) -> None:
        """Record on, up to a part of the whole."""
        end = int(44 + (len(self.content) - 44) * until) // 2 * 2
        while self.at < end:
            self.at += self.file.write(self.content[self.at : min(self.at + 64_000, end)])
            time.sleep(0.002)

    def close(self) -> None:
        self.file.seek(0)
        self.file.write(self.content[:44])
        self.file.close()


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_wav(tmp_path / "whole.wav", LENGTH_S, 3).read_bytes()


def follow(make_daemon: MakeDaemon, **more: str) -> Daemon:
    daemon: Daemon = make_daemon(fake={}, patch=AT_ONCE, **{"[watch]": WATCH, **more})
    return daemon.start().ready()


def followed(daemon: Daemon, name: str, chunks: int) -> None:
    """Wait until so many chunks are done of a recording that goes on."""
    done = "SELECT chunks_done FROM jobs WHERE path = ? AND state = 'recording'"
    wait_until(lambda: (found := daemon.query(done, name)) and found[0][0] >= chunks, 40, f"{chunks} chunks")


def shown(live: Path, lines: int) -> None:
    """Wait until so many lines are shown."""
    wait_until(lambda: live.exists() and len(live.read_text().splitlines()) >= lines, 20, f"{lines} lines")


def followed_again(daemon: Daemon, times: int) -> None:
    wait_until(lambda: daemon.log_text().count("following") >= times, 20, "being followed again")


def computed_s(daemon: Daemon) -> float:
    return float(daemon.query("SELECT sum(audio_s) FROM batches")[0][0])


def test_a_recording_is_transcribed_while_it_is_recorded(make_daemon: MakeDaemon, content: bytes) -> None:
    daemon = follow(make_daemon)
    live, recording = daemon.inbox / "talk.live.txt", daemon.inbox / "talk.wav"
    told: list[str] = []
    recorder = Recorder(recording, content)
    for part, chunks in ((0.4, 3), (0.7, 5), (1.0, 8)):
        recorder.write(part)
        followed(daemon, "talk.wav", chunks)
        shown(live, chunks)
        told.append(live.read_text())
        assert {path.name for path in daemon.inbox.iterdir()} == {"talk.wav", "talk.live.txt"}
    assert all(later.startswith(earlier) for earlier, later in pairwise(told))
    (state,) = daemon.query("SELECT state, reason, attempts, chunks_total, duration_s FROM jobs")
    assert state[:4] == ("recording", "still being recorded, and transcribed meanwhile", 0, None) and state[4] >= 180
    assert daemon.run("jobs", "list", "--state", "recording").stdout.count("talk.wav") == 1

    recorder.close()
    daemon.wait_idle(1)
    assert "goes on after" in daemon.log_text()
    assert (daemon.inbox / "talk.txt").read_text().startswith(told[-1])
    assert computed_s(daemon) == pytest.approx(LENGTH_S, abs=0.1), "nothing is computed twice"
    reconcile(daemon, [recording])

    # Without following, it has the very same chunks.
    (other := daemon.folder / "not").mkdir()
    plain = Daemon(other, fake={})
    (plain.inbox / "talk.wav").write_bytes(content)
    assert plain.once() == 0
    for query in (CHUNKS, LINES):
        assert daemon.query(query, "talk.wav") == plain.query(query, "talk.wav")
    assert daemon.stop() == 0


def test_other_containers_wait_and_files_of_the_user_stay(make_daemon: MakeDaemon, content: bytes) -> None:
    daemon = follow(make_daemon)
    mine = daemon.inbox / "talk.live.txt"
    mine.write_text("mine")
    sound = media.clip(daemon.folder / "whole.wav")[: 70 * 16_000]
    whole = media.one(daemon.folder / "film.mp4", sound, "aac").read_bytes()
    with (daemon.inbox / "film.mp4").open("wb", buffering=0) as film:
        film.write(whole[:-1000])
        recorder = Recorder(daemon.inbox / "talk.wav", content)
        recorder.write(0.4)
        followed(daemon, "talk.wav", 3)
        wait_until(lambda: (daemon.inbox / "talk.wav.live.txt").exists())
        wait_until(lambda: "before it is complete" in daemon.reasons()["film.mp4"])
        assert daemon.states()["film.mp4"] == "settling"
        film.write(whole[-1000:])
    recorder.write()
    recorder.close()
    daemon.wait_idle(2)
    assert mine.read_text() == "mine"
    mine.unlink()
    reconcile(daemon, [daemon.inbox / "film.mp4", daemon.inbox / "talk.wav"])
    assert daemon.stop() == 0


RECORD = """
import sys, time
content = open(sys.argv[1], "rb").read()
with open(sys.argv[2], "wb", buffering=0) as file:
    for at in range(0, len(content), 64_000):
        file.write(content[at : at + 64_000])
        time.sleep(0.02)
    time.sleep(60)
"""


@pytest.mark.guarantee(3)
@pytest.mark.usefixtures("content")
def test_kills_of_the_daemon_and_of_the_recorder(make_daemon: MakeDaemon) -> None:
    daemon = follow(make_daemon)
    recording = daemon.inbox / "talk.wav"
    program = subprocess.Popen([sys.executable, "-c", RECORD, str(daemon.folder / "whole.wav"), str(recording)])
    try:
        for chunks in (2, 5):
            followed(daemon, "talk.wav", chunks)
            daemon.kill()
            daemon.start().ready()
        followed(daemon, "talk.wav", 8)
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    daemon.wait_idle(1)
    assert daemon.query("SELECT state, attempts FROM jobs") == [("done", 1)]
    assert computed_s(daemon) < LENGTH_S + 2 * 70, "what was done before a kill is not done again"
    reconcile(daemon, [recording])
    assert daemon.stop() == 0


def test_a_decoder_that_dies_while_it_follows_costs_no_attempt(make_daemon: MakeDaemon, content: bytes) -> None:
    daemon = follow(make_daemon)
    recorder = Recorder(daemon.inbox / "talk.wav", content)
    for chunks, part in ((3, 0.4), (5, 0.7)):
        recorder.write(part)
        followed(daemon, "talk.wav", chunks)
        before = daemon.log_text().count("following")
        for pid in decoders(daemon):
            os.kill(pid, signal.SIGKILL)
        followed_again(daemon, before + 1)
    recorder.write()
    recorder.close()
    daemon.wait_idle(1)
    assert daemon.query("SELECT state, attempts FROM jobs") == [("done", 1)]
    reconcile(daemon, [daemon.inbox / "talk.wav"])
    assert daemon.stop() == 0


def decoders(daemon: Daemon) -> list[int]:
    assert daemon.process is not None
    found = subprocess.run(
        ["pgrep", "-P", str(daemon.process.pid), "-f", "decode.worker"], capture_output=True, text=True
    )
    return [int(pid) for pid in found.stdout.split()]


@pytest.mark.guarantee(3)
def test_a_recording_that_begins_anew_starts_over(make_daemon: MakeDaemon, content: bytes, tmp_path: Path) -> None:
    daemon = follow(make_daemon)
    recorder = Recorder(daemon.inbox / "talk.wav", content)
    recorder.write(0.7)
    followed(daemon, "talk.wav", 5)
    # The same file, from its beginning: another recording.
    again = write_wav(tmp_path / "again.wav", LENGTH_S, 8).read_bytes()
    os.truncate(recorder.path, 0)
    other = Recorder(daemon.inbox / "talk.wav", again)
    recorder.file.close()
    other.write(0.5)
    followed_again(daemon, 2)
    other.write()
    other.close()
    daemon.wait_idle(1)
    assert "done" in daemon.states().values()
    reconcile(daemon, [daemon.inbox / "talk.wav"])
    assert daemon.stop() == 0


def test_run_once_does_not_wait_for_ever_and_a_cancelled_recording_is_left(
    make_daemon: MakeDaemon, content: bytes
) -> None:
    daemon: Daemon = make_daemon(fake={}, patch=AT_ONCE, **{"[watch]": WATCH})
    recorder = Recorder(daemon.inbox / "talk.wav", content)
    stop = threading.Event()

    def record() -> None:
        for part in range(1, 1000):
            if stop.is_set():
                return
            recorder.write(part / 1000)
            time.sleep(0.1)

    thread = threading.Thread(target=record)
    thread.start()
    try:
        daemon.start("--once", "--wait", "3")
        assert daemon.process is not None and daemon.process.wait(60) == 5, daemon.log_text()
        assert "talk.wav: still being recorded" in daemon.log_text()
        assert daemon.states() == {"talk.wav": "recording"}
    finally:
        stop.set()
        thread.join()
    recorder.write()
    recorder.close()
    assert daemon.once() == 0
    reconcile(daemon, [daemon.inbox / "talk.wav"])
