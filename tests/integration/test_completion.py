"""When a file counts as complete, and when it is transcribed before that: on a real folder and a real database."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.store.queries import Queries
from daemon.store.store import Store
from daemon.watch import completion as room
from daemon.watch.comparison import Comparison
from daemon.watch.completion import Completion
from daemon.watch.folder import Key, Root
from daemon.watch.listing import walk
from daemon.watch.names import Names
from daemon.watch.resolver import Resolver
from daemon.watch.settler import Settler
from tests.support import new_database


class Folder:
    """A watched folder whose files are due at every look."""

    def __init__(self, folder: Path, growing: str) -> None:
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        text = f'[[watch]]\npath = "inbox"\ngrowing = "{growing}"\nwhen_transcript_exists = "skip"'
        (folder / "config.toml").write_text(text)
        settings = reader.load(folder / "config.toml")
        new_database(settings.database_path)
        self.path = settings.database_path
        self.store = Store(self.path)
        self.settler: Settler[Key] = Settler(0.0)
        (watch,) = settings.watch
        self.roots = [Root(watch, Names.of(watch, settings.watching), None)]
        resolver = Resolver(settings)
        self.comparison = Comparison(resolver, self.store, self.roots, self.settler, lambda _job, _seen: ({}, None))
        self.completion = Completion(resolver, self.store, self.roots, self.settler)

    def compare(self) -> None:
        found = walk(self.inbox, self.roots[0].names, recursive=True)
        self.comparison.compare([(0, item) for item in found])

    def look(self) -> int:
        return sum(self.completion.queue_settled())

    def states(self) -> dict[str, str]:
        with Queries(self.path) as queries:
            return {row["path"]: row["state"] for row in reversed(queries.jobs(limit=9))}


@pytest.fixture
def watched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path, getattr(request, "param", "follow"))
    yield made
    made.store.close()


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"RIFF" * 10)
    os.utime(path, ns=(time.time_ns(), time.time_ns()))


@pytest.mark.parametrize("watched", ["wait", "follow"], indirect=True)
def test_what_grows_for_a_while_is_followed_where_that_is_asked_for(
    watched: Folder, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    follows = request.node.callspec.params["watched"] == "follow"
    recording = watched.inbox / "a.wav"
    grow(recording)
    watched.compare()
    grow(recording)
    assert watched.look() == 0 and watched.states() == {"a.wav": "settling"}, "it may only be copied"
    monkeypatch.setattr(room, "FOLLOW_AFTER_S", 0.0)
    grow(recording)
    assert watched.look() == int(follows)
    assert watched.states() == {"a.wav": "recording" if follows else "settling"}
    grow(recording)
    assert watched.look() == 0, "it is asked for once"
    assert watched.look() == 1 and watched.states() == {"a.wav": "queued"}


def test_what_is_open_for_writing_is_followed_though_it_does_not_grow(
    watched: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "FOLLOW_AFTER_S", 0.0)
    with (watched.inbox / "a.wav").open("wb", buffering=0) as file:
        file.write(b"RIFF")
        watched.compare()
        assert watched.look() == 1 and watched.states() == {"a.wav": "recording"}
        assert watched.look() == 0
    assert watched.look() == 1 and watched.states() == {"a.wav": "queued"}


def test_what_came_with_a_transcript_is_not_followed(watched: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FOLLOW_AFTER_S", 0.0)
    (watched.inbox / "a.srt").write_text("mine")
    grow(watched.inbox / "a.wav")
    watched.compare()
    grow(watched.inbox / "a.wav")
    assert watched.look() == 0 and watched.states() == {"a.wav": "settling"}
    assert watched.look() == 1 and watched.states() == {"a.wav": "done"}


def test_a_file_that_is_gone_is_forgotten_and_a_new_one_of_its_name_is_followed_again(
    watched: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "FOLLOW_AFTER_S", 0.0)
    recording = watched.inbox / "current.wav"
    for _ in range(2):
        grow(recording)
        watched.compare()
        grow(recording)
        assert watched.look() == 1 and watched.states() == {"current.wav": "recording"}
        recording.unlink()
        watched.roots[0].next_scan = 9.0
        assert watched.look() == 0 and watched.roots[0].next_scan == 0.0
        watched.comparison.find_vanished(0, watched.roots[0], empty=True)
        assert watched.states() == {"current.wav": "vanished"}


def test_what_never_rests_between_two_comparisons_is_followed_too(
    watched: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a folder that is polled, where each comparison finds another version."""
    monkeypatch.setattr(room, "FOLLOW_AFTER_S", 0.0)
    watched.settler._settle_s = 3600.0
    grow(watched.inbox / "a.wav")
    watched.compare()
    assert watched.look() == 0
    grow(watched.inbox / "a.wav")
    watched.compare()
    assert watched.look() == 1 and watched.states() == {"a.wav": "recording"}
    grow(watched.inbox / "a.wav")
    watched.compare()
    assert watched.look() == 0


def test_a_recording_that_has_vanished_and_comes_again_at_once_is_followed(
    watched: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "FOLLOW_AFTER_S", 0.0)
    recording = watched.inbox / "a.wav"
    for _ in range(2):
        for _ in range(2):
            grow(recording)
            watched.compare()
        grow(recording)
        assert watched.look() == 1 and watched.states()["a.wav"] == "recording"
        recording.unlink()
        watched.comparison.find_vanished(0, watched.roots[0], empty=False)
