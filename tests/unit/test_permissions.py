"""Who may use a file, told to those who may not."""

import os
from pathlib import Path

import pytest

from daemon import permissions
from daemon.permissions import denied, group_name, user_name

ME = user_name(os.geteuid())


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> set[tuple[Path, int]]:
    """The rights that this process lacks; as root it has them all, so the kernel's answer is made up."""
    lacking: set[tuple[Path, int]] = set()
    monkeypatch.setattr(permissions, "_may", lambda path, mode: (path, mode) not in lacking)
    return lacking


def test_who_may_is_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").touch()
    assert denied(tmp_path / "jobs.db") is None
    assert denied(tmp_path / "jobs.db", write=True) is None
    assert denied(tmp_path / "missing") is None
    assert denied(tmp_path / "no such folder" / "jobs.db") is None


@pytest.mark.parametrize(
    ("mode", "write", "who", "way_out"),
    [
        (0o640, False, "its owner {owner} and the group {group} may", "join the group: sudo usermod -aG {group} {me}"),
        (0o600, False, "its owner {owner} may", "sudo -u {owner} transcribed ..."),
        (0o640, True, "its owner {owner} may", "sudo -u {owner} transcribed ..."),
    ],
)
def test_who_may_not_is_told_who_may(
    tmp_path: Path, refused: set[tuple[Path, int]], mode: int, write: bool, who: str, way_out: str
) -> None:
    file = tmp_path / "jobs.db"
    file.touch(mode)
    file.chmod(mode)
    refused.add((file, os.W_OK if write else os.R_OK))
    names = {"owner": ME, "group": group_name(file.stat().st_gid), "me": ME}
    told = denied(file, write=write)
    assert told is not None
    assert told.message == f"{ME} may not {'change' if write else 'read'} {file}: {who.format(**names)}"
    assert way_out.format(**names) in told.hint


def test_a_folder_above_it_counts(tmp_path: Path, refused: set[tuple[Path, int]]) -> None:
    folder = tmp_path / "state"
    folder.mkdir(0o750)
    folder.chmod(0o2750)
    refused.add((folder, os.X_OK))
    told = denied(folder / "jobs.db")
    assert told is not None and "and the group" in told.message and str(folder / "jobs.db") in told.message


def test_names_of_nobody_are_numbers() -> None:
    assert (user_name(4_000_000_000), group_name(4_000_000_000)) == ("4000000000",) * 2
