"""What the doctor says of a watched folder, by a table; what it tries in real ones, and that it leaves nothing there."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from daemon.config.settings import Settings, Watching
from daemon.doctor import drop_folders
from daemon.doctor.case import Case
from daemon.doctor.drop_folders import Folder, Some, canary, examine, findings, look
from daemon.doctor.findings import FAILED, OK, WARNING
from daemon.watch.events import FolderEvents
from daemon.watch.listing import classify
from daemon.watch.names import Kind, Names
from tests.builders import settings

GOOD = Folder("/srv/in", file_system="ext4", free_mb=20_000)


@pytest.mark.parametrize(
    ("changes", "levels", "said"),
    [
        ({}, [OK], "/srv/in: ext4, readable and writable, events arrive, 20 GB free"),
        ({"file_system": "nfs4"}, [OK], "no events, so it is compared every few seconds"),
        ({"backend": "polling"}, [OK], "no events, so it is compared"),
        ({"file_system": ""}, [OK], "unknown file system"),
        ({"missing": True}, [WARNING], "is not there; the daemon waits for it"),
        ({"unlistable": "Permission denied"}, [FAILED], "pat may not list /srv/in: permission denied"),
        ({"unwritable": "Read-only file system"}, [FAILED], "pat can write no transcript into /srv/in: read-only"),
        (
            {"recordings": 9, "unreadable": Some(2, "a.wav")},
            [WARNING],
            "2 of 9 recordings in /srv/in cannot be read by pat",
        ),
        (
            {"closed": Some(1, "private")},
            [WARNING],
            "1 sub-folders of /srv/in cannot be listed by pat, such as private",
        ),
        ({"fixed": Some(3, "calls")}, [WARNING], "let pat write no transcripts, such as calls"),
        ({"backend": "inotify", "file_system": "cifs"}, [WARNING], "is on cifs: no events come"),
        ({"free_mb": 499.0}, [WARNING], "499 MB are free, less than disk_free_mb (500)"),
        ({"silent": "none came"}, [WARNING], "no events (none came); a recording is found by comparing, every 60 s"),
        ({"unlistable": "x", "unwritable": "y", "silent": "z"}, [FAILED, FAILED, WARNING], "list"),
    ],
)
def test_folders(changes: dict[str, Any], levels: list[str], said: str) -> None:
    found = list(findings(replace(GOOD, **changes), "pat", Settings()))
    assert [each.level for each in found] == levels and said in found[0].text
    assert all(each.cure for each in found if each.level != OK)


@pytest.mark.parametrize(
    "names",
    [Names(), Names(("*",)), Names((".*", "*.toml")), Names(extensions=frozenset({".xyz"})), Names(sniff=True)],
    ids=["default", "all ignored", "its own name ignored", "another extension", "sniffing"],
)
def test_no_scanner_takes_the_canary_for_a_recording(tmp_path: Path, names: Names) -> None:
    name = canary(names)
    (tmp_path / os.fsdecode(name)).write_bytes(b"")
    found = classify(tmp_path, name, (tmp_path / os.fsdecode(name)).lstat(), names)
    assert found is not None and found.kind is Kind.SETTINGS
    assert canary(names) != name, "two doctors at once do not disturb each other"


def test_with_no_extension_left_the_canary_is_named_like_a_transcript() -> None:
    assert Names().named(canary(Names(extensions=frozenset())))[0] is Kind.TRANSCRIPT


def test_a_folder_in_which_all_is_well(tmp_path: Path) -> None:
    made = settings(tmp_path)
    (tmp_path / "inbox" / "calls").mkdir()
    (tmp_path / "inbox" / "calls" / "a.wav").write_bytes(b"x")
    (tmp_path / "inbox" / "b.txt").write_bytes(b"x")
    before = sorted((tmp_path / "inbox").rglob("*"))
    folder = look(made, 0)
    assert folder.file_system and folder.free_mb > 0
    assert replace(folder, file_system="", free_mb=0) == Folder(str(tmp_path / "inbox"), recordings=1)
    assert sorted((tmp_path / "inbox").rglob("*")) == before
    assert [each.level for each in examine(Case(None, made, "0", "pat", None))] == [OK]


def test_one_that_is_missing_and_one_that_is_none(tmp_path: Path) -> None:
    made = settings(tmp_path, inboxes=())
    assert look(made, 0).missing
    (tmp_path / "inbox").write_text("a file")
    assert look(made, 0).unlistable


def test_events_that_do_not_come_are_waited_for_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drop_folders, "EVENT_S", 0.1)
    monkeypatch.setattr(FolderEvents, "start", lambda _self: None)
    assert "none came within 0.1 s" in look(settings(tmp_path), 0).silent
    monkeypatch.setattr(FolderEvents, "start", lambda _self: "no space left on device")
    assert look(settings(tmp_path), 0).silent == "no space left on device"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, which pytest's own they may not."""
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it is multi-threaded, and forks: Python 3.12
def test_what_the_user_may_not_do(open_folder: Path) -> None:
    """As root everything is allowed, so another user looks, in a process of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    made = settings(open_folder)
    inbox = open_folder / "inbox"
    for name in ("closed", "fixed"):
        (inbox / name).mkdir()
    (inbox / "fixed" / "a.wav").write_bytes(b"x")
    (inbox / "b.wav").write_bytes(b"x")
    (inbox / "b.wav").chmod(0o600)
    (inbox / "closed").chmod(0o700)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.setresuid(65_534, 65_534, 65_534)
        folder_seen = look(made, 0)
        kept = (
            folder_seen.unwritable,
            folder_seen.recordings,
            folder_seen.unreadable,
            folder_seen.closed,
            folder_seen.fixed,
        )
        os.write(writer, repr(kept).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    expected = ("Permission denied", 2, Some(1, "b.wav"), Some(1, "closed"), Some(1, "fixed"))
    assert os.read(reader, 10_000).decode() == repr(expected)
    os.close(reader)


def test_without_settings_only_an_answer_is_asked_for(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        (found,) = examine(Case(None, None, str(path), "pat", None))
        assert (found.level, found.text) == (OK, f"{path} answers")


def test_the_names_are_those_that_are_configured(tmp_path: Path) -> None:
    made = settings(tmp_path, '[watching]\nextensions = ["-.wav"]\n')
    (tmp_path / "inbox" / "a.wav").write_bytes(b"x")
    assert made.watching == Watching(extensions=("-.wav",)) and look(made, 0).recordings == 0
