"""The daemon and the page as the benchmark starts them, and the people who use it."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.bench import served
from daemon.bench.contenders import config_text
from daemon.bench.served import Page, Watchers, changes, page, transcribing, until
from daemon.errors import Unavailable
from daemon.store.migrate import migrate
from daemon.store.store import Store
from tests.support import queue, wait_until, write_wav


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "config.toml").write_text(config_text(tmp_path, {"name": "base"}))
    migrate(tmp_path / "jobs.db")
    return tmp_path


@pytest.fixture
def shown(folder: Path) -> Iterator[Page]:
    with page(folder) as found:
        yield found
    with pytest.raises(OSError, match="refused"):
        found.get("/")


def test_a_page_is_asked_and_timed(shown: Page) -> None:
    assert json.loads(shown.get("/api/jobs"))["jobs"] == [] and b"</html>" in shown.get("/")
    assert len(shown.timed("/", 3)) == 3 and all(each > 0 for each in shown.timed("/", 3))
    assert 20 < shown.peak_mb() < 500
    with pytest.raises(Unavailable, match=r"/api/jobs/1: the page answered 404: .*there is no job 1"):
        shown.get("/api/jobs/1")


def test_a_recording_is_sent_in_two_parts(shown: Page, folder: Path) -> None:
    content = write_wav(folder / "talk.wav", seconds=5).read_bytes()
    shown.send("talk.wav", content)
    shown.send("short.wav", content[:100])
    assert (folder / "inbox" / "talk.wav").read_bytes() == content
    assert (folder / "inbox" / "short.wav").read_bytes() == content[:100]
    with pytest.raises(Unavailable, match="not named like a recording"):
        shown.send("talk.exe", content)


def test_people_who_watch_fetch_the_queue_after_each_change(shown: Page, folder: Path) -> None:
    with closing(Store(folder / "jobs.db")) as store, Watchers(shown, 3) as people:
        assert people.looks >= 3
        before = people.looks
        queue(store, "a.wav", root=str(folder / "inbox"))
        wait_until(lambda: people.looks >= before + 3, 20, "all of them looking again")


def test_who_loses_the_page_while_watching_is_told_of(folder: Path) -> None:
    with pytest.raises(Unavailable, match="lost the page"):
        with page(folder) as found:
            watchers = Watchers(found, 1)
            watchers.__enter__()
        wait_until(lambda: watchers.failures, 20, "the loss")
        watchers.__exit__(None, None, None)


def test_changes_are_heard_as_they_happen(shown: Page, folder: Path) -> None:
    with closing(Store(folder / "jobs.db")) as store:
        heard = changes(shown)
        next(heard)
        queue(store, "a.wav", root=str(folder / "inbox"))
        next(heard)
        heard.close()


def test_a_daemon_that_does_not_start_says_why(folder: Path) -> None:
    (folder / "config.toml").write_text("[model]\nbeam_size = 0\n")
    with pytest.raises(Unavailable, match=r"the daemon has ended: .*beam_size"), transcribing(folder):
        pass


def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "POLL_S", 0.001)
    assert until(lambda: 5, 1, "x") == 5
    with pytest.raises(Unavailable, match=r"nothing came after 0\.01 s"):
        until(lambda: 0, 0.01, "nothing came")
