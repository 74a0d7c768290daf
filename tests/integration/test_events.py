"""Hints from the kernel."""

import os
import shutil
from pathlib import Path

import pytest

from daemon.watch.events import FolderEvents
from tests.support import wait_until


@pytest.mark.guarantee(2)
def test_events_of_a_folder_made_again_arrive_after_a_restart_of_the_watch(tmp_path: Path) -> None:
    hints: list[bytes] = []
    folder = tmp_path / "f"
    assert FolderEvents(folder, recursive=True, hint=hints.append).start() == "the folder is missing"
    folder.mkdir()
    events = FolderEvents(folder, recursive=True, hint=hints.append)
    assert events.start() is None and events.alive
    shutil.rmtree(folder)
    folder.mkdir()
    wait_until(lambda: not events.alive, 5, "the watch being dead")
    assert events.start() is None and events.alive
    (folder / "a.wav").touch()
    wait_until(lambda: os.fsencode(folder / "a.wav") in hints, 5)
    events.stop()


@pytest.mark.guarantee(2)
def test_a_handler_that_fails_does_not_kill_the_watcher(tmp_path: Path) -> None:
    hints: list[bytes] = []

    def hint(path: bytes) -> None:
        hints.append(path)
        raise RuntimeError("on purpose")

    events = FolderEvents(tmp_path, recursive=True, hint=hint)
    events.start()
    (tmp_path / "a").touch()
    wait_until(lambda: hints, 5)
    (tmp_path / "b").touch()
    wait_until(lambda: os.fsencode(tmp_path / "b") in hints, 5)
    assert events.alive
    events.stop()
