"""A transcript has the readers of its recording."""

import os
import stat
from pathlib import Path

import pytest

from daemon.publish import readers
from daemon.publish.readers import ACL, GROUP, USER, Access, access, give

ME, MY_GROUP = os.getuid(), os.getgid()


def opened(path: Path, mode: int = 0o600) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.fchmod(fd, mode)
    return fd


def given(fd: int, wanted: Access, folder_mode: int = 0o755) -> bool:
    return give(fd, wanted, folder_mode=folder_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660, 0o664, 0o666, 0o400])
@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_the_mode_is_the_recordings_whatever_the_umask(tmp_path: Path, mode: int, umask: int) -> None:
    before = os.umask(umask)
    try:
        recording, transcript = opened(tmp_path / "a", mode | 0o100), opened(tmp_path / "b")
        assert given(transcript, access(recording))
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.fstat(transcript).st_mode) == mode


def may_not(monkeypatch: pytest.MonkeyPatch, *, lists: bool) -> list[bytes]:
    """Take away the permission to change owners and, perhaps, access control lists; what was set as a list."""
    set_lists: list[bytes] = []

    def refuse(*_args: object) -> None:
        raise PermissionError

    def note(_fd: int, name: str, value: bytes) -> None:
        assert name == ACL
        set_lists.append(value)

    monkeypatch.setattr(os, "fchown", refuse)
    monkeypatch.setattr(os, "setxattr", note if lists else refuse)
    return set_lists


def test_an_owner_and_a_group_that_cannot_be_given_are_put_on_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcript = opened(tmp_path / "b")
    lists = may_not(monkeypatch, lists=True)
    assert given(transcript, Access(ME + 1, MY_GROUP + 1, 6, 4, 0))
    entries = [readers.ENTRY.unpack_from(lists[0], at) for at in range(4, len(lists[0]), readers.ENTRY.size)]
    assert (USER, 6, ME + 1) in entries and (GROUP, 4, MY_GROUP + 1) in entries
    assert (readers.GROUP_OBJ, 0, readers.NO_ID) in entries and (readers.OTHER, 0, readers.NO_ID) in entries
    assert entries == sorted(entries)


def test_where_there_are_no_lists_fewer_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript = opened(tmp_path / "b")
    may_not(monkeypatch, lists=False)
    assert not given(transcript, Access(ME + 1, MY_GROUP + 1, 6, 4, 0))
    assert stat.S_IMODE(os.fstat(transcript).st_mode) == 0o600
    assert not given(transcript, Access(ME, MY_GROUP + 1, 6, 4, 0))
    assert stat.S_IMODE(os.fstat(transcript).st_mode) == 0o600


def test_what_all_may_read_needs_neither_owner_nor_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript = opened(tmp_path / "b")
    may_not(monkeypatch, lists=False)
    assert given(transcript, Access(ME + 1, MY_GROUP + 1, 6, 4, 4))
    assert stat.S_IMODE(os.fstat(transcript).st_mode) == 0o644


def test_a_setgid_folder_gives_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript = opened(tmp_path / "b")
    may_not(monkeypatch, lists=False)
    assert given(transcript, Access(ME, MY_GROUP + 1, 6, 4, 0), folder_mode=0o2755)
    assert stat.S_IMODE(os.fstat(transcript).st_mode) == 0o640


@pytest.mark.parametrize(
    ("folder", "recording", "transcript"),
    [
        (0o2770, 0o640, 0o660),
        (0o2775, 0o644, 0o664),
        (0o2770, 0o600, 0o600),  # the recording is its owner's alone
        (0o3770, 0o640, 0o640),  # sticky: only the owner may replace a file
        (0o2750, 0o640, 0o640),
        (0o770, 0o640, 0o640),
    ],
)
def test_who_shares_a_folder_may_edit_what_he_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: int, recording: int, transcript: int
) -> None:
    made = opened(tmp_path / "b")
    lists = may_not(monkeypatch, lists=True)
    wanted = Access(ME + 1, MY_GROUP, recording >> 6, recording >> 3 & 7, recording & 7)
    assert given(made, wanted, folder)
    assert stat.S_IMODE(os.fstat(made).st_mode) == transcript
    shared = transcript != recording
    assert bool(lists) == (not shared and not recording & 4), "its owner reads it as one of the group, or by name"


def test_a_list_is_taken_over(tmp_path: Path) -> None:
    recording, transcript = opened(tmp_path / "a", 0o600), opened(tmp_path / "b")
    wanted = Access(ME, MY_GROUP, 6, 0, 0, ((USER, 4, 12345), (GROUP, 6, 23456)))
    if not given(recording, wanted):
        pytest.skip("the file system of the temporary folder has no access control lists")
    assert access(recording) == wanted
    assert given(transcript, access(recording))
    assert os.getxattr(transcript, ACL) == os.getxattr(recording, ACL)


@pytest.mark.skipif(ME != 0, reason="only root may give files away")
def test_root_gives_owner_and_group(tmp_path: Path) -> None:
    transcript = opened(tmp_path / "b")
    assert given(transcript, Access(1234, 2345, 6, 4, 0))
    status = os.fstat(transcript)
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 2345, 0o640)
