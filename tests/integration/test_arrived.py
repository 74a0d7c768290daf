"""What arrives as a whole by the page is taken at once, and nothing else is."""

import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon.filesystem import fingerprint, inode_of
from daemon.store.queries import Queries
from daemon.store.store import Store
from daemon.web.arrived import Arrived, tell_complete
from daemon.web.people import ANYBODY
from daemon.web.unfinished import Unfinished
from tests.builders import settings
from tests.integration.test_uploads_process import begin, patch
from tests.integration.web_process import Web
from tests.support import Daemon, write_wav


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """Beside a daemon that lets everything settle for an hour."""
    house = Daemon(tmp_path, fake={}, watching="settle_seconds = 3600\nrescan_seconds = 1")
    served = Web(tmp_path, house).start()
    house.start().ready()
    yield served
    house.stop()
    served.kill()


def test_a_recording_that_the_page_has_put_there_is_not_waited_for(web: Web, tmp_path: Path) -> None:
    write_wav(web.inbox / "copied.wav", seed=1)
    data = write_wav(tmp_path / "talk.wav").read_bytes()
    assert patch(web, begin(web, len(data), "talk.wav"), 0, data).status_code == 204
    web.house.wait_for({"talk.wav": "done"})
    with write_wav(tmp_path / "memo.wav", seed=2).open("rb") as memo:
        url = f"http://{web.address}/v1/audio/transcriptions"
        assert httpx.post(url, files={"file": memo}, timeout=60).status_code == 200
    assert web.house.states() == {"copied.wav": "settling", "talk.wav": "done", "memo.wav": "done"}


def test_the_daemon_is_told_of_the_version_and_of_no_name(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, version = settings(tmp_path), inode_of(fingerprint(write_wav(tmp_path / "a.wav").stat()))
    tell_complete(here, version)
    assert store.take_complete() == [], "no daemon runs that would take it"
    monkeypatch.setattr(Queries, "pid", 1)
    tell_complete(here, version)
    assert store.take_complete() == [version] and store.take_complete() == []


def test_what_another_program_adds_before_the_daemon_is_told_is_not_complete(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished, link, data = Unfinished(settings(tmp_path)), os.link, write_wav(tmp_path / "a.wav").read_bytes()

    def added(old: bytes, new: bytes, **options: Any) -> None:
        link(old, new, **options)
        with (tmp_path / "inbox" / os.fsdecode(new)).open("ab") as file:
            file.write(b"the first part of more")

    monkeypatch.setattr(Queries, "pid", 1)
    monkeypatch.setattr(os, "link", added)
    with unfinished.begin(ANYBODY, len(data), f"filename {b64encode(b'talk.wav').decode()}") as incoming:
        incoming.write(0, data)
        path = unfinished.finish(incoming)
    (told,) = store.take_complete()
    assert told == incoming.version != inode_of(fingerprint(path.stat()))


def test_no_database_is_no_reason_to_fail(tmp_path: Path) -> None:
    tell_complete(settings(tmp_path), "1:2:3:4")


def test_a_recording_is_found_below_a_watched_folder_alone(tmp_path: Path) -> None:
    here, file = settings(tmp_path), write_wav(tmp_path / "inbox" / "a.wav")
    found = Arrived.at(here, file)
    assert (found.root, found.path) == (str(tmp_path / "inbox"), b"a.wav")
    with pytest.raises(LookupError):
        Arrived.at(here, write_wav(tmp_path / "a.wav"))
