"""The page as a process: when it is started again."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest

from daemon.guests.line import Kind, Question, Reply, pair
from daemon.processes import website as room
from daemon.processes.website import RESTART_MAX_S, RESTART_S, Website
from tests.fakes import FakeClock
from tests.support import ROOT, alive, wait_until


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    made = FakeClock()
    monkeypatch.setattr(room, "time", made)
    return made


class EndsAtOnce:
    """In place of a process."""

    started: ClassVar[list[list[str]]] = []
    stdin = None
    pid = 7
    returncode = 2

    def __init__(self, command: list[str], **_: object) -> None:
        self.started.append(command)

    def poll(self) -> int:
        return self.returncode

    def terminate(self) -> None:
        pass

    def wait(self, _timeout_s: float) -> int:
        return self.returncode


def test_one_that_ends_at_once_is_started_again_after_ever_longer_waits(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", EndsAtOnce)
    EndsAtOnce.started.clear()
    page = Website(Path("config.toml"), "127.0.0.1:1")
    at = []
    for _ in range(1000):
        before = len(EndsAtOnce.started)
        page.tick()
        at += [clock.now - 1000] if len(EndsAtOnce.started) > before else []
        clock.now += 1
    assert [round(after - this) for this, after in pairwise(at[:7])] == pytest.approx(
        [2 * RESTART_S, 4 * RESTART_S, 8 * RESTART_S, 16 * RESTART_S, 32 * RESTART_S, RESTART_MAX_S], abs=2
    )
    assert page.restarts == {"web": len(at)}
    page.close()
    assert EndsAtOnce.started[0][1:] == ["-P", "-m", "daemon", "web", "--attached", "--config", "config.toml"]


def test_one_that_had_run_for_long_is_soon_back(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", EndsAtOnce)
    EndsAtOnce.started.clear()
    page = Website(Path("config.toml"), "127.0.0.1:1")
    for _ in range(3):
        page.tick()
        clock.now += 1000
        page.tick()
        clock.now += RESTART_S
    assert len(EndsAtOnce.started) == 3


def test_without_an_address_or_a_file_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", EndsAtOnce)
    EndsAtOnce.started.clear()
    for page in (Website(Path("config.toml"), ""), Website(None, "127.0.0.1:1")):
        page.tick()
        page.close()
        assert page.processes == [] and page.restarts == {}
    assert EndsAtOnce.started == []


def test_what_cannot_be_started_is_said_and_tried_again_later(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere")
    page = Website(Path("config.toml"), "127.0.0.1:1")
    for _ in range(3):
        page.tick()
    assert caplog.text.count("cannot be started") == 1
    clock.now += 1000
    page.tick()
    assert caplog.text.count("cannot be started") == 2


def test_one_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (program := tmp_path / "program").write_text("#!/bin/sh\ntrap '' TERM\ntouch ready\nsleep 60 & wait\nsleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(room, "END_S", 0.2)
    monkeypatch.chdir(tmp_path)
    page = Website(Path("config.toml"), "127.0.0.1:1")
    page.tick()
    wait_until((tmp_path / "ready").exists)
    page.close()
    assert page.processes == []


def test_the_page_asks_by_its_standard_input_and_ends_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "daemon").mkdir()
    (tmp_path / "daemon" / "__main__.py").write_text(
        "import socket\nfrom daemon.guests.line import Line, Question, Kind\n"
        "line = Line(socket.socket(fileno=0))\nline.ask(Question(7, Kind.ABILITIES, 'ada'))\n"
        "line.ask(Question(7, Kind.CHUNKS, 'ada', line.replied().body))\nline.replied()\n"
    )
    program = f"#!/bin/sh\nexec {sys.executable} {tmp_path / 'daemon' / '__main__.py'}\n"
    (tmp_path / "program").write_text(program)
    (tmp_path / "program").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "program"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    page = Website(Path("config.toml"), "127.0.0.1:1")
    assert page.line is None
    page.tick()
    try:
        assert page.receive() == Question(7, Kind.ABILITIES, "ada")
        page.reply(Reply(7, 200, b"what it can do"))
        assert page.receive() == Question(7, Kind.CHUNKS, "ada", b"what it can do")
        (_, pid), *_ = page.processes
        assert page.line is not None
        page.line.close()
        page.line = None
        wait_until(lambda: not alive(pid), 10, "its end")
    finally:
        page.close()


def test_a_page_that_is_gone_or_does_not_listen_is_hung_up_on(caplog: pytest.LogCaptureFixture) -> None:
    page = Website(None, "")
    page.reply(Reply(1, 200))
    for hears in (True, False):
        page.line, theirs = pair()
        theirs.close()
        if hears:
            assert page.receive() is None
        else:
            page.reply(Reply(1, 200))
        assert page.line is None
    assert "the page does not listen" in caplog.text
