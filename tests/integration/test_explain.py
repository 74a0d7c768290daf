"""`transcribed explain` with the real program."""

import json
import os
from typing import Any

from tests.support import Daemon, MakeDaemon, write_wav


def explained(daemon: Daemon, path: str, code: int) -> dict[str, Any]:
    done = daemon.run("explain", path, "--json")
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout))


def test_what_is_explained_is_what_a_job_was_queued_with(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(
        fake={},
        **{
            "[watch]": 'path = "inbox"\npriority = 2\n[[watch]]\npath = "inbox/own"\nnaming = "name"\nformats = ["txt"]'
        },
    )
    (daemon.inbox / "own").mkdir()
    before = explained(daemon, "inbox/own/b.wav", 1)
    assert (before["taken"], before["reason"], before["job"]) == (False, "there is no such file", None)
    for name in ("a.wav", "own/b.wav"):
        write_wav(daemon.inbox / name)
    assert explained(daemon, "inbox/a.wav", 0)["job"] is None, "there is no database yet"
    assert daemon.once() == 0
    for name in ("a.wav", "own/b.wav"):
        told = explained(daemon, f"inbox/{name}", 0)
        ((root, queued, priority),) = daemon.query(
            "SELECT root, options, priority FROM jobs WHERE path = ?", name.removeprefix("own/")
        )
        options = {key: value["value"] for key, value in told["options"].items()}
        assert (told["watched_folder"], options["priority"]) == (root, priority)
        assert {key: options[key] for key in json.loads(queued)} == json.loads(queued)
        assert (told["job"]["state"], told["job"]["is_this_version"]) == ("done", True)
    source = {key: value for key, value in told["options"]["naming"].items() if key != "value"}
    assert source == {
        "layer": "configuration", "file": str(daemon.config), "key": "watch[1].naming", "preset": None,
    }  # fmt: skip
    shown = daemon.run("explain", "inbox/own/b.wav").stdout
    assert "\ntaken\n" in shown and f"\njob {told['job']['id']}: done\n" in shown
    assert 'naming                      "name"' in shown and "config.toml: watch[1].naming" in shown


def test_the_newest_job_says_why_a_recording_got_no_transcript(fake_daemon: Daemon) -> None:
    (fake_daemon.inbox / "bad.wav").write_text("no recording")
    (fake_daemon.inbox / "notes.pdf").touch()
    fake_daemon.once()
    told = explained(fake_daemon, "inbox/bad.wav", 0)
    assert told["taken"] and told["job"]["state"] == "rejected" and told["job"]["reason"]
    told = explained(fake_daemon, "inbox/notes.pdf", 1)
    assert told["job"] == {
        "id": told["job"]["id"], "state": "ignored", "reason": told["reason"], "is_this_version": True,
    }  # fmt: skip
    write_wav(fake_daemon.inbox / "bad.wav")
    assert "of an earlier version" in fake_daemon.run("explain", "inbox/bad.wav").stdout
    before = fake_daemon.query("SELECT count(*), max(id) FROM jobs")
    assert before == [(2, 2)], "explain reads only"


def test_paths_of_any_kind(fake_daemon: Daemon) -> None:
    (fake_daemon.inbox / os.fsdecode(b"\xff.wav")).touch()
    told = explained(fake_daemon, "inbox/\udcff.wav", 0)
    assert told["path"].endswith(r"inbox/\xff.wav")
    told = explained(fake_daemon, "/etc/passwd", 1)
    assert (told["watched_folder"], told["options"], told["job"]) == (None, {}, None)
    assert "not taken: is not below a watched folder" in fake_daemon.run("explain", "/etc/passwd").stdout


def test_a_database_that_cannot_be_read_hides_only_the_job(fake_daemon: Daemon) -> None:
    write_wav(fake_daemon.inbox / "a.wav")
    fake_daemon.database.parent.mkdir()
    fake_daemon.database.touch()
    done = fake_daemon.run("explain", "inbox/a.wav", "--json")
    assert (done.returncode, json.loads(done.stdout)["job"]) == (0, None)
    assert "another schema" in done.stderr


def test_a_bad_configuration_ends_with_2(fake_daemon: Daemon) -> None:
    fake_daemon.config.write_text("[model]\nbeam_size = 0\n")
    done = fake_daemon.run("explain", "inbox/a.wav")
    assert (done.returncode, done.stdout) == (2, "") and "model.beam_size" in done.stderr
