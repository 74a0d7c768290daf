"""Folders, files and links of an installation: what is made, what is left as it is, and what is refused."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.errors import Unavailable
from daemon.install.sealed import sealed
from daemon.install.steps import DEFAULT_ACL, File, Folder, Link, Step
from daemon.permissions import group_name, user_name

ME, MINE = user_name(os.geteuid()), group_name(os.getegid())


@pytest.fixture
def shared(tmp_path: Path) -> Folder:
    """A folder to be shared by a group, which is not there yet."""
    return Folder(tmp_path / "srv" / "drop", ME, MINE, 0o2770)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def do(step: Step) -> str | None:
    """Do a step, and return what it said; None if there was nothing to do."""
    change = step.change(())
    if change is None:
        return None
    change.do()
    assert step.change(()) is None, "it is done"
    return change.what


def linked(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir(parents=True)
    folder.symlink_to(folder.parent / "elsewhere")


def linked_above(folder: Path) -> None:
    (folder.parent.parent / "elsewhere").mkdir()
    folder.parent.symlink_to(folder.parent.parent / "elsewhere")


def in_use(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "a.txt").touch()
    folder.chmod(0o700)


def no_folder(folder: Path) -> None:
    folder.parent.mkdir()
    folder.touch()


@pytest.mark.parametrize(
    ("arrange", "why"),
    [(linked, "is a link to"), (linked_above, "is a link"), (in_use, "is in use"), (no_folder, "is not a folder")],
)
def test_a_folder_that_could_be_the_wrong_one_is_refused(
    shared: Folder, arrange: Callable[[Path], None], why: str
) -> None:
    arrange(shared.path)
    with pytest.raises(Unavailable, match=why):
        shared.change()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give folders away")
@pytest.mark.parametrize("foreign", ["srv", "srv/drop"])
def test_folders_of_somebody_else_are_refused(shared: Folder, tmp_path: Path, foreign: str) -> None:
    (tmp_path / foreign).mkdir(parents=True)
    os.chown(tmp_path / foreign, 12345, 12345)
    with pytest.raises(Unavailable, match="belongs to 12345"):
        shared.change()


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_is_made_and_an_empty_one_given_over(shared: Folder, there: bool) -> None:
    if there:
        (shared.path / "lost+found").mkdir(parents=True)
    assert do(shared) is not None
    assert mode(shared.path) == 0o2770


def test_one_that_suits_is_left_as_it_is(shared: Folder) -> None:
    shared.path.mkdir(parents=True)
    (shared.path / "a.wav").touch()
    shared.path.chmod(0o775)  # as a share of a NAS may show it
    assert do(shared) is None and mode(shared.path) == 0o775


def test_what_is_made_in_it_is_the_groups_whatever_the_umask(shared: Folder) -> None:
    do(shared)
    if DEFAULT_ACL not in os.listxattr(shared.path):
        pytest.skip("the file system of the temporary folder has no access control lists")
    before = os.umask(0o077)
    try:
        (shared.path / "day").mkdir()
        (shared.path / "a.wav").write_bytes(b"")
    finally:
        os.umask(before)
    assert (mode(shared.path / "a.wav"), mode(shared.path / "day")) == (0o660, 0o2770)


def test_without_such_lists_the_folder_is_made_all_the_same(shared: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    do(shared)
    assert mode(shared.path) == 0o2770


def test_a_group_that_does_not_exist_is_named(tmp_path: Path) -> None:
    change = Folder(tmp_path / "drop", ME, "no-such-group", 0o2770).change()
    assert change is not None
    with pytest.raises(Unavailable, match="no group no-such-group"):
        change.do()


def test_a_file_is_written_as_a_whole_with_its_mode(tmp_path: Path) -> None:
    file = File(tmp_path / "etc" / "x.conf", "text\n", ME, MINE, 0o640)
    assert do(file) == f"write {file.path} ({ME}:{MINE} 0640)"
    assert (file.path.read_text(), mode(file.path)) == (sealed("text\n"), 0o640)
    assert [path.name for path in file.path.parent.iterdir()] == ["x.conf"]


@pytest.mark.parametrize("content", [sealed("old\n") + "# mine\n", "mine\n", ""])
def test_an_edited_file_is_kept_and_the_new_one_put_beside_it(tmp_path: Path, content: str) -> None:
    file = File(tmp_path / "x.conf", "new\n", ME, MINE, 0o640)
    file.path.write_text(content)
    assert do(file) == f"keep {file.path}, which was edited, and write x.conf.new beside it"
    assert file.path.read_text() == content
    assert (tmp_path / "x.conf.new").read_text() == sealed("new\n")


@pytest.mark.parametrize("name", ["x.conf", "x.conf.new"])
def test_a_link_in_the_place_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    file = File(tmp_path / "x.conf", "new\n", ME, MINE, 0o640)
    file.path.write_text("mine\n")
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to("/dev/null")
    with pytest.raises(Unavailable, match=f"{name} is a link to /dev/null"):
        file.change()


def test_a_link_to_the_program(tmp_path: Path) -> None:
    link = Link(tmp_path / "bin" / "transcribed", Path("/opt/transcribed/bin/transcribed"))
    assert do(link) == f"link {link.path} to /opt/transcribed/bin/transcribed"
    assert link.path.readlink() == link.target


def test_another_program_of_that_name_is_left_alone(tmp_path: Path) -> None:
    link = Link(tmp_path / "transcribed", Path("/opt/transcribed/bin/transcribed"))
    link.path.write_text("another")
    assert do(link) is None and "another program" in link.what
