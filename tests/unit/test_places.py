"""Places that nobody else can exchange."""

import os
import stat
from pathlib import Path

import pytest

from daemon.errors import Unavailable
from daemon.install.places import check_way, open_folder


def test_what_is_not_there_yet_will_be_ours(tmp_path: Path) -> None:
    check_way(tmp_path / "a" / "b" / "c")


def test_a_file_or_a_link_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"file is not a folder"):
        check_way(tmp_path / "file" / "x")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(Unavailable, match=r"link is a link") as caught:
        check_way(tmp_path / "link" / "x")
    assert str(tmp_path / "x") in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give folders away")
def test_a_folder_of_somebody_else_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "his").mkdir()
    os.chown(tmp_path / "his", 12345, 12345)
    with pytest.raises(Unavailable, match="belongs to 12345, who could exchange it"):
        check_way(tmp_path / "his" / "x")


def test_folders_on_the_way_are_made_for_everybody(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = open_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.fstat(folder).st_mode) == 0o755
    again = open_folder(tmp_path / "a" / "b")
    assert os.path.sameopenfile(folder, again)
    os.close(folder)
    os.close(again)


def test_a_link_that_comes_between_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        open_folder(tmp_path / "link" / "x")
    assert list((tmp_path / "elsewhere").iterdir()) == []
