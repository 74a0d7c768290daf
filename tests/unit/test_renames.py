"""Renames below a watched folder, and how they are told so that a shell can undo them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.hooks import renames
from daemon.hooks.renames import modes_down, open_made, rename_new, shell_word


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("kernel", ["renameat2", "without"])
def test_a_rename_takes_only_a_name_that_is_free(
    tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch, kernel: str
) -> None:
    if kernel == "without":
        monkeypatch.setattr(renames, "_libc", object())
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    with pytest.raises(FileExistsError):
        rename_new(folder, b"a", folder, b"b")
    assert ((tmp_path / "a").read_text(), (tmp_path / "b").read_text()) == ("a", "b")
    rename_new(folder, b"a", folder, b"c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]
    with pytest.raises(FileNotFoundError):
        rename_new(folder, b"a", folder, b"d")


def test_folders_are_made_with_the_permissions_of_those_they_mirror(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls").chmod(0o700)
    modes = modes_down(str(tmp_path), [b"calls"])
    os.close(open_made(str(tmp_path), [b"done", b"calls"], modes))
    assert (tmp_path / "done" / "calls").stat().st_mode & 0o777 == 0o700
    os.close(open_made(str(tmp_path), [b"done", b"calls"], modes))


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "done").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotADirectoryError):
        open_made(str(tmp_path / "root"), [b"done", b"calls"], [0o755, 0o755])
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "name", [b"a.mp3", b"it's a talk.mp3", b"$(touch x) `y`.mp3", b"\xff'\\\n.mp3", "é.mp3".encode()]
)
def test_bash_reads_a_path_as_it_was(name: bytes) -> None:
    done = subprocess.run(["bash", "-c", f"printf %s {shell_word(name)}"], capture_output=True, check=True)
    assert done.stdout == name and "\n" not in shell_word(name)
