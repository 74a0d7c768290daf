"""What the monitor has seen, shown by commands, and copies of the database made by hand."""

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli.app import app
from tests.support import Daemon, MakeDaemon, wait_until, write_wav


def test_what_the_monitor_saw_is_shown_and_drawn(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon: Daemon = make_daemon(fake={}, monitor="interval_seconds = 0.2\n[monitor.rules.disk_free]\nfire = 1e15")
    write_wav(daemon.inbox / "a.wav")
    daemon.start().ready()
    daemon.wait_for({"a.wav": "done"})
    wait_until(lambda: daemon.query("SELECT count(*) > 5 FROM samples WHERE done = 1") == [(1,)], 15, "samples")
    shown = json.loads(daemon.run("alerts", "--json").stdout)
    assert [(row["rule"], row["state"]) for row in shown] == [("disk_free", "firing")]
    assert "disk_free" not in daemon.run("alerts", "--all").stdout  # it says a sentence
    assert "MB are free" in " ".join(daemon.run("alerts").stdout.split())
    assert daemon.run("status", "--json").stdout.count('"firing"') == 1
    assert daemon.stop() == 0
    rows = json.loads(daemon.run("metrics", "--since", "1h", "--json").stdout)
    assert rows[-1]["done"] == 1 and rows[-1]["rss_mb"] > 20
    assert {child["kind"] for child in rows[-1]["detail"]["children"]} == {"daemon", "engine fake", "decoder"}
    table = daemon.run("metrics", "--since", "1h", "--plot", str(tmp_path / "out.png")).stdout
    assert "files an hour" in table and any(bar in table for bar in "▁▂▃▄▅▆▇█")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert daemon.run("metrics", "--since", "soon").returncode == 2
    assert daemon.run("metrics", "--plot", str(tmp_path / "no" / "out.png")).returncode == 4


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_request_is_told_to_programs(path: Path, command: str) -> None:
    config = path.parent.parent / "config.toml"
    config.write_text('[[watch]]\npath = "inbox"\n')
    done = CliRunner().invoke(app, [command, "--json", "--config", str(config)])
    assert json.loads(done.stdout) == {"command": command, "daemon_running": False}
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT command FROM requests").fetchall() == [(command,)]


def test_a_backup_by_hand_while_the_daemon_writes(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon: Daemon = make_daemon(fake={})
    assert daemon.run("db", "backup").returncode == 4
    daemon.start().ready()
    for number in range(20):
        write_wav(daemon.inbox / f"{number}.wav", seed=number)
    done = [daemon.run("db", "backup", str(tmp_path / f"{number}.db")) for number in range(3)]
    assert [each.returncode for each in done] == [0, 0, 0], done
    daemon.wait_idle(20)
    done.append(daemon.run("db", "backup"))
    (copy,) = (daemon.folder / "var" / "backups").iterdir()
    with sqlite3.connect(copy) as db:
        assert db.execute("SELECT count(*) FROM jobs WHERE state = 'done'").fetchone() == (20,)
    nowhere = daemon.run("db", "backup", "/proc/nowhere/copy.db")
    assert nowhere.returncode == 4 and "/proc/nowhere" in nowhere.stderr
    refused = daemon.run("db", "backup", str(daemon.database))
    assert refused.returncode == 4 and "the database itself" in refused.stderr
    assert daemon.stop() == 0
