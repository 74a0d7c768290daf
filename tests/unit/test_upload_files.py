"""The hidden files of uploads."""

import errno
import fcntl
import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from daemon.config.settings import Settings, Watch
from daemon.errors import TranscribedError, Unavailable
from daemon.watch.names import UPLOAD
from daemon.web.upload_files import (
    Busy,
    gb,
    hold,
    let_go,
    lock,
    numbered,
    opened,
    read_wanted,
    trouble,
    upload_file,
    write_new,
)
from daemon.web.wanted import Wanted

KEY = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("talk.mp3", "talk (2).mp3"), ("talk.de.mp3", "talk (2).de.mp3"), ("talk.v1.mp3", "talk.v1 (2).mp3"),
        ("talk", "talk (2)"), ("Call at 9.30.wav", "Call at 9.30 (2).wav"),
    ],
)  # fmt: skip
def test_a_number_stands_before_what_a_name_says_itself(name: str, second: str) -> None:
    assert (numbered(name, 1), numbered(name, 2)) == (name, second)


def test_the_scanner_knows_the_names() -> None:
    assert all(UPLOAD.fullmatch(upload_file(KEY, kind)) for kind in ("part", "json", "toml"))


def test_nobody_else_in_this_process_gets_what_is_held() -> None:
    hold(KEY)
    with pytest.raises(Busy):
        hold(KEY)
    hold(KEY[::-1])
    let_go(KEY)
    hold(KEY)
    for key in (KEY, KEY[::-1]):
        let_go(key)


def test_nobody_else_at_all_gets_what_is_locked(tmp_path: Path) -> None:
    file = tmp_path / "x"
    with file.open("wb") as first, file.open("rb") as second:
        lock(first.fileno())
        with pytest.raises(Busy):
            lock(second.fileno())
        first.close()
        lock(second.fileno())


@pytest.mark.parametrize(("number", "fails"), [(errno.ENOLCK, False), (errno.EOPNOTSUPP, False), (errno.EIO, True)])
def test_a_file_system_that_knows_no_locks_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, fails: bool
) -> None:
    def none(_fd: int, _how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", none)
    with (tmp_path / "x").open("wb") as file, pytest.raises(OSError) if fails else nullcontext():
        lock(file.fileno())


def test_links_below_a_watched_folder_are_not_followed(tmp_path: Path) -> None:
    settings = Settings(watch=(Watch(path=tmp_path / "inbox"),))
    (tmp_path / "inbox" / "ada").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "inbox" / "bob").symlink_to(tmp_path / "elsewhere")
    os.close(opened(settings, tmp_path / "inbox"))
    os.close(opened(settings, tmp_path / "inbox" / "ada"))
    with pytest.raises(OSError):
        opened(settings, tmp_path / "inbox" / "bob")
    with pytest.raises(TranscribedError, match="no watched folder"):
        opened(settings, tmp_path / "elsewhere")


def test_a_file_is_made_anew_or_not_at_all(tmp_path: Path) -> None:
    where = os.open(tmp_path, os.O_RDONLY)
    try:
        write_new(where, upload_file(KEY, "json"), Wanted("a.mp3", 1, "ada").to_json())
        assert read_wanted(where, KEY) == Wanted("a.mp3", 1, "ada")
        with pytest.raises(FileExistsError):
            write_new(where, upload_file(KEY, "json"), b"")
        (tmp_path / "link").symlink_to(tmp_path / "new")
        with pytest.raises(FileExistsError):
            write_new(where, b"link", b"")
        assert not (tmp_path / "new").exists()
    finally:
        os.close(where)


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "free space"),
        (errno.EDQUOT, "free space"),
        (errno.ENOENT, "mount its drive"),
        (errno.EROFS, "let"),
    ],
)
def test_what_the_system_says_becomes_what_a_person_can_do(tmp_path: Path, number: int, cure: str) -> None:
    with pytest.raises(Unavailable) as caught, trouble(tmp_path):
        raise OSError(number, os.strerror(number))
    assert os.strerror(number).lower() in caught.value.message and cure in caught.value.hint


def test_sizes_are_told_in_gigabytes() -> None:
    assert (gb(20_000_000_000), gb(1_234_000)) == ("20 GB", "0.00123 GB")
