"""What the doctor says of the limits on watching, by a table; how it counts what is to be watched."""

from pathlib import Path

import pytest

from daemon.doctor import inotify
from daemon.doctor.findings import OK, WARNING
from daemon.doctor.inotify import Watched, findings, look
from tests.builders import settings


@pytest.mark.parametrize(
    ("watched", "levels", "said"),
    [
        (Watched(1, 1, 8192, 128), [OK], "1 folder is watched; the limit is 8192"),
        (Watched(0, 0, 8192, 128), [OK], "no folder is watched by it"),
        (Watched(300, 1, None, None), [OK], "300 folders are watched; the limit is not known"),
        (Watched(7000, 2, 8192, 128), [OK], "7000 folders"),
        (Watched(8000, 2, 8192, 128), [WARNING], "8000 folders to watch"),
        (Watched(8193, 2, 8192, 128), [WARNING], "more than 8192 folders to watch"),
        (Watched(200, 120, 8192, 128), [WARNING], "120 watched folders"),
        (Watched(9000, 200, 8192, 128), [WARNING, WARNING], "max_user_watches"),
    ],
)
def test_limits(watched: Watched, levels: list[str], said: str) -> None:
    found = list(findings(watched))
    assert [each.level for each in found] == levels and said in found[0].text


def test_what_is_advised_is_enough() -> None:
    (found,) = findings(Watched(100_000, 1, 8192, 128))
    assert "fs.inotify.max_user_watches=200000 " in found.cure


def test_folders_are_counted_where_events_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("deep/one", "deep/two", "flat/one", "polled/one"):
        (tmp_path / name).mkdir(parents=True)
    text = '[[watch]]\npath = "deep"\n[[watch]]\npath = "flat"\nrecursive = false\n'
    text += '[[watch]]\npath = "polled"\nbackend = "polling"\n'
    watched = look(settings(tmp_path, text, inboxes=()).watch)
    assert (watched.folders, watched.roots) == (3 + 1, 2)
    monkeypatch.setattr(inotify, "LIMITS", tmp_path)
    (tmp_path / "max_user_watches").write_text("1\n")
    watched = look(settings(tmp_path, text, inboxes=()).watch)
    assert watched.watches_max == 1 and watched.instances_max is None
    assert watched.folders == 3, "counting ends once the limit is passed"
