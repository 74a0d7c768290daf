"""`transcribed reconcile`: every recording on the disk is accounted for, or is named."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from daemon.config.settings import Settings
from daemon.store import migrate
from daemon.store.queries import Queries
from daemon.store.store import Store
from daemon.watch.reconciliation import GROUP, reconcile
from tests.builders import seen, settings
from tests.support import Daemon, MakeDaemon, wait_until, write_wav


def reconciled(daemon: Daemon, *arguments: str) -> tuple[int, Any]:
    done = daemon.run("reconcile", "--json", *arguments)
    return done.returncode, json.loads(done.stdout)


def test_what_came_while_the_daemon_was_stopped_is_named_and_taken_when_it_runs_again(fake_daemon: Daemon) -> None:
    assert fake_daemon.run("reconcile").returncode == 4, "there is no database"
    write_wav(fake_daemon.inbox / "a.wav")
    (fake_daemon.inbox / "bad.wav").write_text("x")
    (fake_daemon.inbox / "notes.pdf").write_text("x")
    assert fake_daemon.once() == 1
    whole = fake_daemon.run("reconcile")
    assert whole.returncode == 0 and whole.stdout == "2 seen, 1 done, 1 rejected, 0 unaccounted\n"
    (fake_daemon.inbox / "a.txt").write_text("edited")
    (fake_daemon.inbox / "sub").mkdir()
    write_wav(fake_daemon.inbox / "sub" / "b.wav", seed=2)
    code, account = reconciled(fake_daemon)
    assert code == 1 and (account["seen"], account["states"]) == (3, {"done": 1, "rejected": 1})
    assert account["unaccounted"] == [str(fake_daemon.inbox / "sub" / "b.wav")] and account["lacking"] == []
    shown = fake_daemon.run("reconcile", "--fix")
    assert shown.returncode == 1 and "3 seen, 1 done, 1 rejected, 1 unaccounted" in shown.stdout
    assert "sub/b.wav" in shown.stdout and "the daemon acts when it next runs" in shown.stdout
    assert fake_daemon.once() == 0
    assert reconciled(fake_daemon) == (0, account | {"states": {"done": 2, "rejected": 1}, "unaccounted": []})
    assert (fake_daemon.inbox / "a.txt").read_text() == "edited"


def test_a_running_daemon_looks_at_once_and_writes_what_is_gone(make_daemon: MakeDaemon) -> None:
    daemon: Daemon = make_daemon(
        fake={},
        patch="from daemon.watch import scanner; scanner.POLL_S = 3600.0",
        watching="settle_seconds = 0.2\nrescan_seconds = 3600",
        **{"[watch]": 'path = "inbox"\nbackend = "polling"'},
    )
    write_wav(daemon.inbox / "a.wav")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "done"})
    before = (daemon.inbox / "a.srt").read_bytes()
    (daemon.inbox / "a.srt").unlink()
    (daemon.inbox / "a.txt").unlink()
    write_wav(daemon.inbox / "late.wav", seed=2)
    code, account = reconciled(daemon)
    assert code == 1 and account["lacking"] == [{"job": 1, "formats": ["srt", "txt"]}]
    assert account["unaccounted"] == [str(daemon.inbox / "late.wav")] and account["daemon_running"]
    assert not (daemon.inbox / "a.srt").exists(), "it changes nothing by itself"
    reconciled(daemon, "--fix")
    daemon.wait_for({"late.wav": "done"}, 15)
    wait_until(lambda: reconciled(daemon)[0] == 0, 15, "everything being there")
    assert (daemon.inbox / "a.srt").read_bytes() == before
    assert daemon.query("SELECT attempts, state FROM jobs") == [(1, "done"), (1, "done")]
    assert daemon.stop() == 0


@pytest.fixture
def watched(tmp_path: Path) -> Settings:
    found = settings(tmp_path)
    migrate.migrate(found.database_path)
    return found


def test_more_than_one_group_of_recordings(watched: Settings) -> None:
    inbox = watched.watch[0].path
    for number in range(GROUP + 10):
        (inbox / f"{number}.wav").touch()
    store = Store(watched.database_path)
    store.settle([seen(f"{number}.wav", root=str(inbox)) for number in range(GROUP + 5)])
    store.close()
    with Queries(watched.database_path) as queries:
        account = reconcile(watched, queries)
    assert (account.seen, account.states["settling"], len(account.unaccounted)) == (GROUP + 10, GROUP + 5, 5)


def test_a_recording_that_waits_and_is_gone_is_told(watched: Settings) -> None:
    inbox = watched.watch[0].path
    store = Store(watched.database_path)
    store.settle([seen("gone.wav", root=str(inbox))])
    store.close()
    with Queries(watched.database_path) as queries:
        account = reconcile(watched, queries)
    assert account.gone == [f"{inbox}/gone.wav"] and not account.is_complete


def test_a_folder_that_is_missing_is_told(watched: Settings) -> None:
    os.rmdir(watched.watch[0].path)
    with Queries(watched.database_path) as queries:
        account = reconcile(watched, queries)
    assert account.unlisted == [f"{watched.watch[0].path}: No such file or directory"] and not account.is_complete
