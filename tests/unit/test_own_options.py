"""The options that the page writes beside a recording are told from a user's own, and go with it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.filesystem import give_new_name
from daemon.watch import own_options
from daemon.watch.own_options import HEAD_BYTES, move_left, remove_left, signed, upload_of

KEY = "0123456789abcdef" * 2
OPTIONS = b'language = "de"\n'


@pytest.fixture
def where(tmp_path: Path) -> Iterator[int]:
    folder = os.open(tmp_path, os.O_RDONLY)
    yield folder
    os.close(folder)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@given(st.binary(max_size=200))
def test_what_the_page_writes_is_known_again_until_it_is_changed(content: bytes) -> None:
    whole = signed(content, KEY)
    assert upload_of(whole) == KEY and whole.endswith(content) and len(whole) < len(content) + HEAD_BYTES
    assert upload_of(content) is None and upload_of(whole + b"#") is None and upload_of(b"\n" + whole) is None


def test_options_are_removed_once_their_recording_has_gone(where: int, tmp_path: Path) -> None:
    (tmp_path / "a.mp3.toml").write_bytes(signed(OPTIONS, KEY))
    (tmp_path / "a.mp3").touch()
    assert not remove_left(where, b"a.mp3") and len(files(tmp_path)) == 2
    (tmp_path / "a.mp3").unlink()
    (tmp_path / f".upload-{KEY}.part").touch()
    assert not remove_left(where, b"a.mp3"), "it is about to get its name"
    (tmp_path / f".upload-{KEY}.part").unlink()
    assert remove_left(where, b"a.mp3") and files(tmp_path) == {}
    assert not remove_left(where, b"a.mp3")


@pytest.mark.parametrize("mine", [OPTIONS, signed(OPTIONS, KEY) + b"# mine", b"", signed(b"x" * 20_000, KEY)])
def test_a_users_own_are_left_alone(where: int, tmp_path: Path, mine: bytes) -> None:
    (tmp_path / "a.mp3.toml").write_bytes(mine)
    assert not remove_left(where, b"a.mp3") and not move_left(where, b"a.mp3", where, b"b.mp3")
    assert files(tmp_path) == {"a.mp3.toml": mine}


def test_what_is_no_file_is_left_alone(where: int, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(signed(OPTIONS, KEY))
    (tmp_path / "a.mp3.toml").symlink_to("real")
    (tmp_path / "b.mp3.toml").mkdir()
    os.mkfifo(tmp_path / "c.mp3.toml")
    assert not any(remove_left(where, name) for name in (b"a.mp3", b"b.mp3", b"c.mp3", b"x" * 255))
    assert (tmp_path / "a.mp3.toml").is_symlink()


def test_what_is_edited_in_the_last_moment_is_kept(where: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp3.toml").write_bytes(signed(OPTIONS, KEY))
    rename = os.rename

    def edited(old: bytes, new: bytes, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        with (tmp_path / "a.mp3.toml").open("ab") as file:
            file.write(b"priority = 1\n")
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "rename", edited)
    assert not remove_left(where, b"a.mp3")
    assert files(tmp_path) == {"a.mp3.toml": signed(OPTIONS, KEY) + b"priority = 1\n"}


def test_options_follow_a_recording_and_replace_nothing(where: int, tmp_path: Path) -> None:
    (tmp_path / "a.mp3.toml").write_bytes(signed(OPTIONS, KEY))
    (tmp_path / "done").mkdir()
    target = os.open(tmp_path / "done", os.O_RDONLY)
    try:
        (tmp_path / "done" / "a.mp3.toml").write_text("mine")
        with pytest.raises(FileExistsError):
            move_left(where, b"a.mp3", target, b"a.mp3")
        assert len(files(tmp_path)) == 2 and files(tmp_path)["done/a.mp3.toml"] == b"mine"
        assert move_left(where, b"a.mp3", target, b"a.1.mp3")
    finally:
        os.close(target)
    assert files(tmp_path) == {"done/a.mp3.toml": b"mine", "done/a.1.mp3.toml": signed(OPTIONS, KEY)}


def test_what_somebody_puts_there_while_options_follow_is_kept(
    where: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.mp3.toml").write_bytes(signed(OPTIONS, KEY))

    def with_another(old: bytes, new: bytes, folder: int, target: int | None = None) -> None:
        give_new_name(old, new, folder, target)
        if new == b"b.mp3.toml":
            (tmp_path / "theirs").write_text("theirs")
            (tmp_path / "theirs").rename(tmp_path / "a.mp3.toml")

    monkeypatch.setattr(own_options, "give_new_name", with_another)
    assert move_left(where, b"a.mp3", where, b"b.mp3")
    assert files(tmp_path) == {"a.mp3.toml": b"theirs", "b.mp3.toml": signed(OPTIONS, KEY)}
