"""Versions of files, files that somebody writes, and files that are opened without following links."""

import errno
import os
from pathlib import Path

import pytest

from daemon.filesystem import being_written, exists, fingerprint, has_left, inode_of, is_remounted


def test_every_change_makes_another_version(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(b"one")
    first = fingerprint(file.stat())
    os.utime(file, ns=(1, 1))
    second = fingerprint(file.stat())
    file.write_bytes(b"two")
    assert len({first, second, fingerprint(file.stat())}) == 3


def test_a_writer_is_noticed_by_the_lease(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(b"data")
    reader = os.open(file, os.O_RDONLY)
    try:
        assert not being_written(reader)
        with file.open("ab"):
            assert being_written(reader)
        assert not being_written(reader)
    finally:
        os.close(reader)


def test_a_rename_and_a_chmod_leave_the_inode_and_a_write_does_not(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(b"one")
    first = fingerprint(file.stat())
    file.chmod(0o600)
    file = file.rename(tmp_path / "b.wav")
    assert inode_of(fingerprint(file.stat())) == inode_of(first)
    os.utime(file, ns=(1, 1))
    assert inode_of(fingerprint(file.stat())) != inode_of(first)


@pytest.mark.parametrize(
    ("before", "now", "is_the_same"),
    [
        ("1:2:3:4:5", "9:2:3:4:5", True), ("1:2:3:4:5", "1:2:3:4:5", False), ("1:2:3:4:5", "9:2:3:4:6", False),
        ("1:2:3:4:5", "9:8:3:4:5", False), ("special", "9:2:3:4:5", False),
    ],
)  # fmt: skip
def test_a_drive_that_was_mounted_again(before: str, now: str, is_the_same: bool) -> None:
    assert is_remounted(before, now) is is_the_same


def test_a_file_has_left_its_path_when_nothing_or_another_file_is_there(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(b"one")
    version, root = fingerprint(file.stat()), str(tmp_path)
    file.chmod(0o600)
    os.link(file, tmp_path / "link.wav")
    assert not has_left(root, b"a.wav", version)
    file.rename(tmp_path / "b.wav")
    assert has_left(root, b"a.wav", version) and not has_left(root, b"b.wav", version)
    file.symlink_to("b.wav")
    assert has_left(root, b"a.wav", version) and has_left(root, b"a.wav/x", version)


def test_what_nobody_may_look_at_counts_as_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to("nothing")
    root = str(tmp_path)
    assert exists(root, b"link") and not exists(root, b"gone") and not exists(root, b"link/x")

    def refused(_path: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "lstat", refused)
    assert exists(root, b"closed/a.wav") and not has_left(root, b"closed/a.wav", "1:2:3:4:5")
