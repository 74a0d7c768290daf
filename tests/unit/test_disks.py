"""What the doctor says of disks, by a table; what it finds in real folders."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.doctor.disks import Place, findings, look
from daemon.doctor.findings import FAILED, OK, WARNING

GOOD = Place("the database's folder", "/var/lib/t", True, True, False, 20_000.0, 1_000_000)


@pytest.mark.parametrize(
    ("changes", "level", "said"),
    [
        ({}, OK, "the database's folder /var/lib/t: 20 GB free"),
        ({"free_mb": 700.0}, OK, "700 MB free"),
        ({"free_inodes": None}, OK, "free"),
        ({"free_mb": 499.0}, WARNING, "less than disk_free_mb (500)"),
        ({"free_mb": 49.0}, FAILED, "49 MB are free"),
        ({"free_inodes": 3}, FAILED, "3 inodes are free"),
        ({"writable": False}, FAILED, "pat may not write to the database's folder"),
        ({"writable": False, "there": False}, FAILED, "pat may not create the database's folder"),
        ({"read_only": True, "writable": False}, FAILED, "read-only file system"),
    ],
)
def test_disks(changes: dict[str, Any], level: str, said: str) -> None:
    (found,) = findings(replace(GOOD, **changes), 500.0, "pat")
    assert found.level == level and said in found.text and bool(found.cure) == (level != OK)


def test_who_wants_no_room_is_not_told_to_make_any() -> None:
    (found,) = findings(replace(GOOD, free_mb=1.0), 0.0, "pat")
    assert found.level == OK


def test_a_folder_that_is_not_there_yet_is_judged_by_the_nearest_one_above(tmp_path: Path) -> None:
    there, missing = look("it", tmp_path), look("it", tmp_path / "a" / "b")
    assert there.there and not missing.there and missing.writable and not missing.read_only
    assert missing.free_mb == pytest.approx(there.free_mb, rel=0.1) and missing.path == str(tmp_path / "a" / "b")
