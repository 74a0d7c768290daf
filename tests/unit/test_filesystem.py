"""Versions of files, files that somebody writes, and files that are opened without following links."""

import os
from pathlib import Path

from daemon.filesystem import being_written, fingerprint


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
