"""Names of people who speak: listed, given, taken away, and in the files that are written again."""

import json
from pathlib import Path

import numpy as np

from daemon.clips import CLIPS
from tests.media import clip, one
from tests.support import Daemon, MakeDaemon

WATCH = 'path = "inbox"\nspeakers = "auto"\nchannels = "split"\nformats = ["json", "vtt"]'


def call(path: Path) -> None:
    """Two people, each on a channel of their own."""
    first, second = clip(CLIPS / "memo-1.opus"), clip(CLIPS / "memo-2.opus")
    silence = [np.zeros_like(each) for each in (first, second)]
    one(path, np.stack([np.concatenate([first, silence[1]]), np.concatenate([silence[0], second])]), "pcm_s16le")


def test_a_name_is_written_into_the_transcript_without_transcribing(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={}, **{"[watch]": WATCH})
    recording = daemon.inbox / "call.wav"
    call(recording)
    assert daemon.once() == 0
    batches = daemon.query("SELECT count(*) FROM batches")
    assert daemon.query("SELECT speaker, channel FROM segments ORDER BY 1") == [("S1", 1), ("S2", 2)]

    unknown = daemon.run("speakers", "rename", "1", "S3", "Eve")
    assert unknown.returncode == 1 and "S3 is no speaker of job 1: those are S1, S2" in unknown.stderr
    assert daemon.run("speakers", "rename", "7", "S1", "Eve").returncode == 1
    assert daemon.run("speakers", "rename", "1", "S1", "a\nb").returncode == 2
    named = daemon.run("speakers", "rename", str(recording), "S2", "Ada <3")
    assert named.returncode == 0 and named.stdout.startswith(
        "S2 of job 1 is called Ada <3; transcripts are written again"
    )
    assert daemon.once() == 0
    text = (daemon.inbox / "call.vtt").read_text()
    assert "<v Ada &lt;3>" in text and "<v S1>" in text and "S2" not in text
    told = json.loads(daemon.run("speakers", "list", "1", "--json").stdout)
    assert [(each["speaker"], each["name"]) for each in told] == [("S1", "S1"), ("S2", "Ada <3")]
    assert "Ada <3" in daemon.run("speakers", "list", "1").stdout
    document = json.loads((daemon.inbox / "call.json").read_text())
    assert {each.pop("recognized") for each in told} == {None}, "somebody has given it"
    assert [line["speaker"] for line in document["segments"]] == ["S1", "S2"] and document["speakers"] == told
    assert daemon.query("SELECT count(*) FROM batches") == batches

    assert daemon.run("speakers", "rename", "1", "S2", "").returncode == 0
    assert daemon.once() == 0 and "<v S2>" in (daemon.inbox / "call.vtt").read_text()
    assert {path.name for path in daemon.inbox.iterdir()} == {"call.wav", "call.json", "call.vtt"}


def test_where_nobody_is_told_apart_the_list_says_what_to_do(fake_daemon: Daemon) -> None:
    call(fake_daemon.inbox / "call.wav")
    assert fake_daemon.once() == 0
    assert "set `speakers` for its folder" in fake_daemon.run("speakers", "list", "1").stdout
    assert fake_daemon.run("speakers", "list", "2").returncode == 1
