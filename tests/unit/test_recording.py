"""The file of a job is opened as the version that was queued, or it is said why not."""

import errno
import os
from pathlib import Path

import pytest

from daemon.errors import FailedRecording, RecordingChanged, RecordingGone, TranscribedError, Unavailable
from daemon.filesystem import fingerprint
from daemon.recording import current_file, unreadable
from daemon.store.records import Job
from tests.builders import job


@pytest.fixture
def queued(tmp_path: Path) -> Job:
    file = tmp_path / "a.wav"
    file.write_bytes(b"samples")
    return job(root=str(tmp_path), fingerprint=fingerprint(file.stat()))


def test_the_version_that_was_queued(queued: Job) -> None:
    fd = current_file(queued)
    try:
        assert os.read(fd, 100) == b"samples"
    finally:
        os.close(fd)


def test_another_version_is_closed_again(queued: Job, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"other samples")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RecordingChanged):
        current_file(queued)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("instead", ["nothing", "link", "folder", "pipe"])
def test_what_has_taken_its_place_is_not_it(queued: Job, tmp_path: Path, instead: str) -> None:
    file = tmp_path / "a.wav"
    file.unlink()
    (tmp_path / "other.wav").write_bytes(b"samples")
    if instead == "link":
        file.symlink_to("other.wav")
    elif instead == "folder":
        file.mkdir()
    elif instead == "pipe":
        os.mkfifo(file)
    with pytest.raises(RecordingGone):
        current_file(queued)


@pytest.mark.parametrize(
    ("root", "version", "code", "kind"),
    [
        ("nowhere", "", errno.ENOENT, Unavailable),
        ("", "4294967296:1:1:1:1", errno.ENOENT, Unavailable),  # on another file system than the one that is there
        ("", "", errno.ENOENT, RecordingGone),
        ("", "", errno.EACCES, FailedRecording),
        ("", "", errno.EIO, Unavailable),
    ],
)
def test_what_an_error_means(
    queued: Job, tmp_path: Path, root: str, version: str, code: int, kind: type[TranscribedError]
) -> None:
    asked = job(root=str(tmp_path / root), fingerprint=version or queued.fingerprint)
    assert type(unreadable(asked, OSError(code, os.strerror(code)))) is kind
