"""The page as a process: when it is started again."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest

from daemon.processes import website as room
from daemon.processes.website import RESTART_MAX_S, RESTART_S, Website
from tests.fakes import FakeClock
from tests.support import wait_until


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
