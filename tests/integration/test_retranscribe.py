"""What was made with less is made once more: the choice, the plan and the whole way."""

import json
from pathlib import Path

from daemon.chunk import Options
from daemon.filesystem import fingerprint
from daemon.store.queries import Queries
from daemon.store.store import Store
from tests.builders import seen
from tests.support import Daemon, MakeDaemon, wait_until, write_wav


def test_a_plan_then_the_queue_and_edited_transcripts_are_kept(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(fake={})
    recordings = [write_wav(daemon.inbox / f"{name}.wav", 2.0, seed) for seed, name in enumerate("abc")]
    assert daemon.once() == 0
    before = {path.name: path.read_text() for path in daemon.inbox.glob("*.txt")}
    (daemon.inbox / "a.txt").write_text("corrected by hand")
    recordings[2].unlink()
    (daemon.inbox / ".transcribed.toml").write_text('formats = ["txt", "md"]')

    plan = daemon.run("retranscribe", "--made-with", "fake:tiny.en")
    assert plan.returncode == 0 and "2 recordings, 0:04 of audio" in plan.stdout, plan.stdout + plan.stderr
    assert "made with fake:tiny.en (2)" in plan.stdout and "the recording is gone: 1" in plan.stdout
    assert "nothing is queued without --yes" in plan.stdout and daemon.query("SELECT * FROM requests") == []
    asked = json.loads(
        daemon.run("retranscribe", "--made-with", "fake:tiny.en", "--json", "--yes", "--priority", "4").stdout
    )
    assert (asked["recordings"], asked["gone"], asked["jobs"], asked["queued"]) == (2, 1, [1, 2], True)
    assert json.loads(daemon.run("retranscribe", "--before", "1d", "--json", "--yes").stdout)["queued"] is False
    assert daemon.once() == 0
    rows = daemon.query("SELECT path, state, priority, retried FROM jobs ORDER BY id")
    assert rows == [("a.wav", "done", 4, 1), ("b.wav", "done", 4, 1), ("c.wav", "done", 0, 0)]
    assert (daemon.inbox / "a.txt").read_text() == "corrected by hand"
    assert (daemon.inbox / "a.wav.txt").read_text() == before["a.txt"]
    assert (daemon.inbox / "b.txt").read_text() == before["b.txt"] and (daemon.inbox / "b.md").exists()
    refused = daemon.run("retranscribe")
    assert refused.returncode == 2 and "say which" in refused.stderr


def test_a_job_is_held_and_goes_on_with_what_was_done(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(
        fake={"delay_s": 0.4, "batch_size": 1, "workers": 1}, model="workers = 1\nbatch_size = 1"
    )
    recording = write_wav(daemon.inbox / "long.wav", 200.0)
    daemon.start().ready()
    wait_until(lambda: daemon.query("SELECT id FROM jobs WHERE chunks_done >= 2"), 30, "two chunks")
    held = json.loads(daemon.run("jobs", "pause", "long.wav", "--json").stdout)
    assert held["requested"] == [1] and held["left_alone"] == []
    daemon.wait_for({"long.wav": "paused"}, 10)
    chunks = "SELECT idx, attempts FROM chunks WHERE job_id = 1 ORDER BY idx"
    kept = daemon.query(chunks)
    write_wav(daemon.inbox / "next.wav", 2.0, seed=1)
    daemon.wait_for({"next.wav": "done", "long.wav": "paused"}, 20)
    assert daemon.query("SELECT files FROM (SELECT count(*) AS files FROM queue)") == [(1,)]
    left_alone = daemon.run("jobs", "pause", "1", "2").stdout
    assert "left alone, because paused: 1\n" in left_alone and "left alone, because done: 2\n" in left_alone
    daemon.stop()
    assert daemon.once() == 0, "a job that is held by request keeps nobody waiting"
    assert daemon.query(chunks)[: len(kept)] == kept and daemon.states()["long.wav"] == "paused"
    assert "resume requested for 1" in daemon.run("jobs", "resume", "--state", "paused").stdout
    assert daemon.once() == 0
    assert daemon.query("SELECT state, attempts FROM jobs WHERE path = 'long.wav'") == [("done", 1)]
    assert daemon.query(chunks)[: len(kept)] == kept and recording.with_suffix(".txt").exists()


def test_a_paused_job_whose_recording_is_taken_away_vanishes(make_daemon: MakeDaemon, store: Store, path: Path) -> None:
    daemon = make_daemon(fake={})
    gone = write_wav(daemon.inbox / "gone.wav")
    store.queue([(seen("gone.wav", fingerprint(gone.stat()), root=str(daemon.inbox)), Options(), 0)])
    store.pause_job(1)
    with Queries(path) as queries:
        assert queries.states([1, 2]) == {1: "paused"}
    gone.unlink()
    assert daemon.once() == 0
    assert daemon.states() == {"gone.wav": "vanished"}
