"""The figures of our processes."""

import os
from pathlib import Path

import pytest

from daemon.monitor.host import HostProbe


def test_processes_that_have_ended_are_left_out_and_the_daemon_is_always_there(tmp_path: Path) -> None:
    probe = HostProbe([tmp_path, tmp_path])
    seen = probe([("decoder", os.getppid()), ("engine", 1 << 22)])
    assert [(each.kind, each.pid) for each in seen.children] == [("daemon", os.getpid()), ("decoder", os.getppid())]
    assert seen.children[0].rss_mb > 10
    (disk,) = seen.disks
    assert disk.path == str(tmp_path) and disk.free_mb is not None and disk.device == os.stat(tmp_path).st_dev


def test_a_folder_that_is_not_there_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.monitor.host.sensors", tuple)
    (disk,) = HostProbe([tmp_path / "gone"])([]).disks
    assert (disk.path, disk.free_mb, disk.device) == (str(tmp_path / "gone"), None, None)
