"""What arrives as a whole by the page is taken at once, and nothing else is."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from daemon.filesystem import fingerprint, inode_of
from daemon.store.queries import Queries
from daemon.store.store import Store
from daemon.web.arrived import Arrived, tell_complete
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
    here, file = settings(tmp_path), write_wav(tmp_path / "inbox" / "a.wav")
    tell_complete(here, file)
    assert store.take_complete() == [], "no daemon runs that would take it"
    monkeypatch.setattr(Queries, "pid", 1)
    tell_complete(here, file)
    tell_complete(here, tmp_path / "inbox" / "gone.wav")
    version = inode_of(fingerprint(file.stat()))
    assert store.take_complete() == [version] and store.take_complete() == []


def test_no_database_is_no_reason_to_fail(tmp_path: Path) -> None:
    tell_complete(settings(tmp_path), write_wav(tmp_path / "inbox" / "a.wav"))


def test_a_recording_is_found_below_a_watched_folder_alone(tmp_path: Path) -> None:
    here, file = settings(tmp_path), write_wav(tmp_path / "inbox" / "a.wav")
    found = Arrived.at(here, file)
    assert (found.root, found.path) == (str(tmp_path / "inbox"), b"a.wav")
    with pytest.raises(LookupError):
        Arrived.at(here, write_wav(tmp_path / "a.wav"))
