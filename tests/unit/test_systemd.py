"""What systemd is told, on a socket of our own."""

import io
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.systemd import JournalFormatter, is_journal, notify


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.settimeout(5)
        yield made


def test_a_socket_in_the_file_system(listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    notify("READY=1")
    assert listener.recv(100) == b"READY=1"


def test_a_socket_without_a_file(listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener.bind(f"\0{tmp_path}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{tmp_path}")
    notify("STOPPING=1")
    assert listener.recv(100) == b"STOPPING=1"


def test_where_nobody_listens_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("WATCHDOG=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("WATCHDOG=1")


def test_every_line_of_a_message_has_its_priority() -> None:
    formatter = JournalFormatter("%(levelname)s %(message)s")
    for level, priority in ((logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3)):
        record = logging.LogRecord("daemon", level, __file__, 1, "one\ntwo", (), None)
        assert formatter.format(record) == f"<{priority}>{logging.getLevelName(level)} one\n<{priority}>two"


def test_only_what_is_the_journal_gets_priorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log").open("w") as stream:
        there = os.fstat(stream.fileno())
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
        assert not is_journal(stream)
        monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino}")
        assert is_journal(stream) and not is_journal(io.StringIO())
        monkeypatch.setenv("JOURNAL_STREAM", "1:2")
        assert not is_journal(stream)
