"""Running Ray, here a program of a few lines: it is told to end, ends by itself, or does not come up."""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest

from daemon.cluster import running
from daemon.cluster.node import Plan
from daemon.cluster.object_store import Store
from daemon.cluster.ports import Ports
from daemon.errors import Unavailable

UP = "print('Ray runtime started.', flush=True)"
PLAN = Plan(joins=None, port=1, ports=Ports(), folder=Path(), store=Store(200, None), cpus=0, gpus=0, version="0.3")


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Runs a program in place of Ray; the folder is `tmp_path/ray`."""

    def run(program: str, when_up: Callable[[], None] = lambda: None) -> None:
        monkeypatch.setattr(running, "PROGRAM", ("-c", f"import signal, sys, time\n{program}"))
        running.run(replace(PLAN, folder=tmp_path / "ray"), dict(os.environ), when_up)

    return run


def told() -> None:
    """Send this process SIGTERM in a moment."""
    Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()


def test_told_to_stop_it_ends_in_order(
    start: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ended = tmp_path / "ended"
    caplog.set_level(logging.INFO)
    start(
        f"def end(*_): open({str(ended)!r}, 'w'); sys.exit(1)\nsignal.signal(signal.SIGTERM, end)\n{UP}\ntime.sleep(60)",
        told,
    )
    assert ended.exists()
    assert caplog.messages == ["stopped"]


def test_what_does_not_end_is_ended(
    start: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running, "STOP_S", 0.5)
    start(f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{UP}\ntime.sleep(60)", told)
    assert "Ray has not stopped within 0.5 s, and is ended" in caplog.messages


def test_what_ends_by_itself_is_an_error_with_its_last_words(start: Callable[..., None]) -> None:
    calls: list[bool] = []
    with pytest.raises(Unavailable, match="Ray has ended: Out of luck"):
        start("print('Out of luck'); sys.exit(3)", lambda: calls.append(True))
    assert calls == []


def test_what_is_wrong_once_it_is_up_ends_it(start: Callable[..., None]) -> None:
    def wrong() -> None:
        raise Unavailable("port 7 is shut")

    with pytest.raises(Unavailable, match="port 7 is shut"):
        start(f"{UP}\ntime.sleep(60)", wrong)
    # The folder is free again.
    with pytest.raises(Unavailable, match="it says nothing"):
        start("sys.exit(3)")


def test_only_the_files_of_earlier_runs_are_removed(start: Callable[..., None], tmp_path: Path) -> None:
    old = tmp_path / "ray" / "r" / "session_2026-11-30_08-57-47_430142_31765"
    kept = tmp_path / "ray" / "r" / "notes"
    for folder in (old / "logs", kept):
        folder.mkdir(parents=True)
    (tmp_path / "ray" / "r" / "session_latest").symlink_to(old)
    with pytest.raises(Unavailable):
        start("sys.exit(3)")
    assert {path.name for path in (tmp_path / "ray" / "r").iterdir()} == {"notes"}


def test_a_folder_that_cannot_be_made_is_named(start: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "ray").touch()
    with pytest.raises(Unavailable, match="ray cannot be used: File exists"):
        start("sys.exit(3)")
