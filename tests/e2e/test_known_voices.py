"""Voices recognized from recording to recording, for real: the speaker model, the voices of the shipped clips."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from daemon.clips import voices
from daemon.config.speaker_models import CAMPPLUS, campplus, known_as
from tests.e2e.test_speakers import PAUSE
from tests.e2e.test_speakers import pytestmark as real_voices
from tests.media import Sound, clip, one
from tests.support import Daemon, MakeDaemon, reconcile, wait_until

pytestmark = real_voices

WATCH = {"[watch]": 'path = "inbox"\nspeakers = "auto"\nformats = ["txt", "json"]', "vad": "enabled = true"}
VOICES = 'voices = "keep"'
KEEP = WATCH | {"speakers": VOICES}
AWB, SLT, RMS = "awb", "slt", "rms"


def said_by(name: str) -> list[Path]:
    return [file for file, voice in voices().items() if voice == name]


def talk(path: Path, *clips: Path) -> Path:
    """Write a conversation in which one clip follows another."""
    sound: list[Sound] = [each for file in clips for each in (clip(file), PAUSE)]
    one(path, np.concatenate(sound), "pcm_s16le")
    return path


def in_turn(*halves: Sequence[Path]) -> list[Path]:
    return [file for files in zip(*halves, strict=True) for file in files]


def half(name: str, which: int) -> list[Path]:
    """Two clips of somebody: in no two recordings are they the same."""
    return said_by(name)[which : which + 4 : 2]


@pytest.fixture
def daemon(make_daemon: MakeDaemon) -> Daemon:
    made: Daemon = make_daemon(fake={}, **KEEP)
    return made


def names(daemon: Daemon, recording: str) -> set[str]:
    asked = "SELECT name FROM speaking JOIN jobs ON jobs.id = job_id WHERE path = ?"
    return {name for (name,) in daemon.query(asked, recording)}


def label_of(daemon: Daemon, recording: str, first: bool) -> str:
    """The label of who speaks first in a recording, or of the one after that."""
    asked = "SELECT DISTINCT speaker FROM segments JOIN jobs ON jobs.id = job_id WHERE path = ? ORDER BY 1"
    labels = [label for (label,) in daemon.query(asked, recording)]
    return str(labels[0 if first else 1])


def left(daemon: Daemon, embedding: bytes) -> bool:
    """Whether any part of a voice is in the files of the database."""
    parts = [embedding[at : at + 16] for at in range(0, len(embedding), 16)]
    files = daemon.database.parent.glob(f"{daemon.database.name}*")
    return any(part in file.read_bytes() for file in files for part in parts)


def test_who_was_named_is_recognized_and_forgotten(make_daemon: MakeDaemon) -> None:
    # The real engine, for lines that are of one person each.
    daemon: Daemon = make_daemon(**{**KEEP, "[watch]": WATCH["[watch]"].replace("auto", "2-6")})
    talk(daemon.inbox / "monday.wav", *in_turn(half(AWB, 0), half(SLT, 0)))
    assert daemon.once() == 0
    for first, name in ((True, "Ada"), (False, "Bob")):
        assert daemon.run("speakers", "rename", "1", label_of(daemon, "monday.wav", first), name).returncode == 0
    # Somebody else speaks first, and a stranger is there.
    talk(daemon.inbox / "tuesday.wav", *in_turn(half(SLT, 1), half(AWB, 1), half(RMS, 0)))
    assert daemon.once() == 0
    assert names(daemon, "monday.wav") == {"Ada", "Bob"}
    tuesday = daemon.query("SELECT speaker, name, recognized FROM speaking WHERE job_id = 2 ORDER BY 1")
    assert [row[:2] for row in tuesday] == [("S1", "Bob"), ("S2", "Ada"), ("S3", "S3")]
    assert all(likeness > 0.65 for *_, likeness in tuesday[:2])
    assert (daemon.inbox / "tuesday.txt").read_text().startswith("Bob: ")
    assert "(recognized, 0." in daemon.run("speakers", "list", "2").stdout
    assert daemon.run("speakers", "list").stdout.startswith("Ada: 1 recordings, since 20")

    assert daemon.run("jobs", "retry", "1").returncode == 0
    assert daemon.once() == 0
    assert names(daemon, "monday.wav") == {"Ada", "Bob"}, "both are known"

    asked = "SELECT embedding FROM known_voices WHERE name = ? UNION SELECT embedding FROM speakers WHERE name = ?"
    ada, bob = ([each for (each,) in daemon.query(asked, name, name)] for name in ("Ada", "Bob"))
    assert len(ada) >= 2 and all(left(daemon, each) for each in (*ada, *bob))
    forgot = daemon.run("speakers", "forget", "Ada")
    assert forgot.returncode == 0 and "the name in 2 recordings" in forgot.stdout
    assert not any(left(daemon, each) for each in ada) and all(left(daemon, each) for each in bob)
    batches = daemon.query("SELECT count(*) FROM batches")
    assert daemon.once() == 0
    assert names(daemon, "monday.wav") == {"S1", "Bob"} and names(daemon, "tuesday.wav") == {"Bob", "S2", "S3"}
    for name in ("monday", "tuesday"):
        text = (daemon.inbox / f"{name}.txt").read_text() + (daemon.inbox / f"{name}.json").read_text()
        assert "Ada" not in text and "Bob" in text
    assert daemon.query("SELECT count(*) FROM batches") == batches, "nothing was transcribed again"
    assert daemon.query("SELECT count(*) FROM voices") == [(0,)]
    reconcile(daemon, [daemon.inbox / "monday.wav", daemon.inbox / "tuesday.wav"], ("txt", "json"))


def test_a_voice_is_learned_from_files(daemon: Daemon, tmp_path: Path) -> None:
    shortest, *_, long, longest = sorted(said_by(RMS), key=lambda file: len(clip(file)))
    talk(daemon.inbox / "talk.wav", long)
    assert daemon.once() == 0 and names(daemon, "talk.wav") == {"S1"}
    alone = talk(tmp_path / "alone.wav", longest)
    both = talk(tmp_path / "both.wav", longest, *half(SLT, 0))
    short = talk(tmp_path / "short.wav", shortest)
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"RIFF" + bytes(1000))
    for bad, says in ((both, "2 voices"), (short, "10 s"), (noise, "cannot be used"), (tmp_path / "no.wav", "No such")):
        refused = daemon.run("speakers", "enroll", "Ada", str(alone), str(bad))
        assert refused.returncode == 1 and str(bad) in refused.stderr and says in refused.stderr, refused.stderr
        assert daemon.query("SELECT count(*) FROM known_voices") == [(0,)], "all files or none"
    assert daemon.run("speakers", "enroll", "Ada", str(alone)).returncode == 0
    assert daemon.query("SELECT name, source, job_id FROM known_voices") == [("Ada", str(alone), None)]
    assert daemon.run("jobs", "retry", "1").returncode == 0
    assert daemon.once() == 0 and names(daemon, "talk.wav") == {"Ada"}
    assert daemon.query("SELECT model FROM speakers") == [(CAMPPLUS,)]
    other = tmp_path / "other.onnx"
    other.write_bytes(campplus().read_bytes())
    config = daemon.folder / "config.toml"
    config.write_text(config.read_text().replace(VOICES, f'{VOICES}\nmodel = "{other}"'))
    assert daemon.run("jobs", "retry", "1").returncode == 0
    assert daemon.once() == 0 and names(daemon, "talk.wav") == {"S1"}, "voices of two models are not compared"
    assert daemon.query("SELECT model FROM speakers") == [(known_as(other),)]


def test_where_voices_are_off_nothing_is_kept(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon: Daemon = make_daemon(fake={}, **WATCH)
    talk(daemon.inbox / "monday.wav", *half(AWB, 0))
    assert daemon.once() == 0
    assert daemon.run("speakers", "rename", "1", "S1", "Ada").returncode == 0
    refused = daemon.run("speakers", "enroll", "Ada", str(tmp_path / "ada.wav"))
    assert refused.returncode == 4 and 'voices = "off" in [speakers]' in refused.stderr
    talk(daemon.inbox / "tuesday.wav", *half(AWB, 1))
    assert daemon.once() == 0
    assert names(daemon, "monday.wav") == {"Ada"} and names(daemon, "tuesday.wav") == {"S1"}
    assert daemon.query("SELECT (SELECT count(*) FROM known_voices), (SELECT count(*) FROM voices)") == [(0, 0)]
    assert daemon.run("jobs", "retry", "1").returncode == 0
    assert daemon.once() == 0 and names(daemon, "monday.wav") == {"S1"}


@pytest.mark.guarantee(31)
def test_names_that_were_changed_before_a_kill_are_in_the_files_after_it(daemon: Daemon) -> None:
    talk(daemon.inbox / "monday.wav", *half(AWB, 0))
    assert daemon.once() == 0
    daemon.patch = "import time\nfrom daemon.transcribe import outcome\noutcome.export_job = lambda *_: time.sleep(99)"
    daemon.start().ready()
    assert daemon.run("speakers", "rename", "1", "S1", "Ada").returncode == 0
    daemon.kill()
    daemon.patch = ""
    with closing(sqlite3.connect(daemon.database)) as db:
        assert db.execute("SELECT count(*) FROM speakers WHERE renamed_at IS NOT NULL").fetchone() == (1,)
    assert daemon.once() == 0 and (daemon.inbox / "monday.txt").read_text().startswith("Ada: ")
    assert daemon.query("SELECT count(*) FROM speakers WHERE renamed_at IS NOT NULL") == [(0,)]
    assert daemon.run("reconcile").returncode == 0


def test_a_daemon_that_runs_forgets_and_writes_again_by_itself(daemon: Daemon) -> None:
    transcript = talk(daemon.inbox / "monday.wav", *half(AWB, 0)).with_suffix(".txt")
    daemon.start().ready()
    daemon.wait_for({"monday.wav": "done"})
    assert daemon.run("speakers", "rename", "1", "S1", "Ada").returncode == 0
    wait_until(lambda: transcript.read_text().startswith("Ada: "), 10, "the name")
    ((embedding,),) = daemon.query("SELECT embedding FROM known_voices")
    assert left(daemon, embedding)
    forgot = daemon.run("speakers", "forget", "Ada")
    assert forgot.returncode == 0 and "(-wal) still has what was deleted" in forgot.stdout
    assert "the daemon acts within a second" in forgot.stdout
    wait_until(lambda: transcript.read_text().startswith("S1: "), 10, "the label")
    wait_until(lambda: not left(daemon, embedding), 10, "the log being empty")
    assert daemon.stop() == 0 and not left(daemon, embedding)
