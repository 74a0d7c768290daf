"""Real folders compared with a real database: what is new, what was moved, what is gone."""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.filesystem import fingerprint
from daemon.publish.relocation import take_along
from daemon.store.queries import Queries
from daemon.store.records import Output, Seen
from daemon.store.store import Store
from daemon.watch.comparison import Comparison
from daemon.watch.folder import Key, Root
from daemon.watch.listing import walk
from daemon.watch.names import Names
from daemon.watch.resolver import Resolver
from daemon.watch.settler import Settler
from tests.builders import settings
from tests.support import new_database


class Folders:
    """Two watched folders, of which the second is German."""

    def __init__(self, folder: Path) -> None:
        text = '[[watch]]\npath = "inbox"\ngrowing = "follow"\n[[watch]]\npath = "german"\nlanguage = "de"\n[model]\nname = "base"\n'
        self.settings = settings(folder, text, inboxes=("inbox", "german"))
        self.inbox, self.german = folder / "inbox", folder / "german"
        self.database = self.settings.database_path
        new_database(self.database)
        self.store = Store(self.database)
        self.watch_again()

    def watch_again(self) -> None:
        """Begin with the settings, as a daemon does that starts."""
        self.settler: Settler[Key] = Settler(0.0)
        self.roots = [Root(watch, Names.of(watch, self.settings.watching), None) for watch in self.settings.watch]
        self.resolver = Resolver(self.settings)
        self.comparison = Comparison(
            self.resolver, self.store, self.roots, self.settler, lambda job, seen: take_along(self.store, job, seen)
        )

    def compare(self) -> bool:
        """Compare both folders, in their order; whether jobs were moved."""
        moved = False
        for index, root in enumerate(self.roots):
            others = [other.path for other in self.roots if other is not root]
            found = [(index, item) for item in walk(root.path, root.names, recursive=True, skip=others)]
            moved |= self.comparison.compare(found)
            self.comparison.find_vanished(index, root, empty=not found)
        return moved

    def settle(self) -> None:
        """Queue what settles."""
        ready = []
        for index, path in self.settler.due(float("inf")):
            root = self.roots[index].path
            status = os.lstat(os.path.join(os.fsencode(root), path))
            ready.append(self.resolver.of(Seen(str(root), path, fingerprint(status), status.st_size)))
            self.settler.drop((index, path))
        self.store.queue(ready)

    def add(self, path: Path, state: str = "queued") -> None:
        """Drop a recording, and let its job come into a state."""
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(8))
        self.compare()
        self.settle()
        if state == "queued":
            return
        (job,) = self.store.claim(1)
        if state == "done":
            text = f"the text of {path.name}".encode()
            path.with_suffix(".txt").write_bytes(text)
            sha256 = hashlib.sha256(text).hexdigest()
            self.store.plan_outputs(job.id, [Output("txt", os.fsencode(path.with_suffix(".txt")), sha256, len(text))])
            self.store.finish(job.id)
        elif state == "failed":
            self.store.fail(job.id, "FailedRecording", "not permitted", 3600)
        elif state == "dead":
            self.store.fail(job.id, "FailedRecording", "not permitted", None)
        elif state == "rejected":
            self.store.reject(job.id, "BadRecording", "no audio")
        elif state == "cancelled":
            self.store.cancel(job.id)
        elif state == "paused":
            self.store.pause_job(job.id)
        elif state == "vanished":
            self.store.vanish([job.id], "gone")

    def rows(self) -> list[tuple[int, str, str]]:
        with Queries(self.database) as queries:
            return [(row["id"], row["path"], row["state"]) for row in reversed(queries.jobs(limit=100))]


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Folders]:
    made = Folders(tmp_path)
    yield made
    made.store.close()


STATES = ("queued", "paused", "running", "done", "failed", "dead", "rejected", "cancelled")


@pytest.mark.guarantee(5, 17)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("to", ["inbox/b.wav", "inbox/sub/a.wav", "german/a.wav"])
def test_a_recording_that_is_renamed_or_moved_keeps_its_job(
    folders: Folders, tmp_path: Path, state: str, to: str
) -> None:
    folders.add(folders.inbox / "a.wav", state)
    (tmp_path / to).parent.mkdir(exist_ok=True)
    (folders.inbox / "a.wav").rename(tmp_path / to)
    assert folders.compare()
    with Queries(folders.database) as queries:
        (row,) = queries.jobs()
    # The folder that it left is compared first, so that a job that waits vanishes before it is found again.
    found_again = state in ("queued", "paused", "failed") and to.startswith("german")
    assert (row["id"], row["state"]) == (1, "queued" if found_again else state)
    assert Path(row["root"]) / row["path"] == tmp_path / to
    assert row["fingerprint"] == fingerprint((tmp_path / to).stat()) and not folders.settler.due(float("inf"))
    assert row["language"] == ("de" if found_again else None)
    assert (tmp_path / to).with_suffix(".txt").exists() == (state == "done")
    assert not folders.compare(), "nothing is left to do"


def test_a_folder_that_is_renamed_keeps_the_jobs_of_all_that_is_in_it(folders: Folders) -> None:
    for number, state in enumerate(STATES):
        folders.add(folders.inbox / "2024" / f"{number}.wav", state)
    before = folders.rows()
    (folders.inbox / "2024").rename(folders.inbox / "archive")
    folders.compare()
    assert folders.rows() == [(job_id, path.replace("2024", "archive"), state) for job_id, path, state in before]


def test_what_settles_starts_over_under_its_new_name(folders: Folders) -> None:
    (folders.inbox / "a.wav").write_bytes(b"growing")
    folders.compare()
    (folders.inbox / "a.wav").rename(folders.inbox / "b.wav")
    folders.compare()
    assert folders.rows() == [(1, "a.wav", "vanished"), (2, "b.wav", "settling")]


def test_what_had_vanished_and_comes_back_is_queued_with_what_it_has(folders: Folders, tmp_path: Path) -> None:
    folders.add(folders.inbox / "a.wav", "vanished")
    (folders.inbox / "a.wav").rename(tmp_path / "away.wav")
    folders.compare()
    (tmp_path / "away.wav").rename(folders.inbox / "b.wav")
    folders.compare()
    assert folders.rows() == [(1, "b.wav", "queued")]


def test_two_recordings_that_change_places(folders: Folders) -> None:
    for name in "ab":
        folders.add(folders.inbox / f"{name}.wav", "done")
    versions = {name: (folders.inbox / f"{name}.wav").stat().st_ino for name in "ab"}
    (folders.inbox / "a.wav").rename(folders.inbox / "x")
    (folders.inbox / "b.wav").rename(folders.inbox / "a.wav")
    (folders.inbox / "x").rename(folders.inbox / "b.wav")
    folders.compare()
    assert folders.rows() == [(1, "b.wav", "done"), (2, "a.wav", "done")]
    assert (folders.inbox / "b.wav").stat().st_ino == versions["a"]
    assert not folders.compare()


def test_one_that_takes_the_place_of_another(folders: Folders) -> None:
    folders.add(folders.inbox / "a.wav", "done")
    folders.add(folders.inbox / "b.wav", "done")
    (folders.inbox / "a.wav").rename(folders.inbox / "b.wav")
    folders.compare()
    assert folders.rows() == [(1, "b.wav", "done"), (2, "b.wav", "done")] and not folders.compare()
    with Queries(folders.database) as queries:
        assert [row["reason"] for row in queries.jobs()] == [
            None, f"its transcript stays in {folders.inbox}: b.txt is taken by another file",
        ]  # fmt: skip
    assert (folders.inbox / "a.txt").exists() and (folders.inbox / "b.txt").exists()


@pytest.mark.parametrize("state", ["queued", "done"])
def test_a_hard_link_and_a_copy_are_recordings_of_their_own(folders: Folders, state: str) -> None:
    folders.add(folders.inbox / "a.wav", state)
    os.link(folders.inbox / "a.wav", folders.inbox / "link.wav")
    shutil.copy2(folders.inbox / "a.wav", folders.inbox / "copy.wav")
    folders.compare()
    found = {path: state for _, path, state in folders.rows()}
    assert found["copy.wav"] == found["link.wav"] == "settling"


def test_of_two_new_links_to_a_file_that_has_left_one_takes_its_job(folders: Folders) -> None:
    folders.add(folders.inbox / "a.wav", "done")
    for name in "bc":
        os.link(folders.inbox / "a.wav", folders.inbox / f"{name}.wav")
    (folders.inbox / "a.wav").unlink()
    folders.compare()
    assert folders.rows() == [(1, "b.wav", "done"), (2, "c.wav", "settling")]


@pytest.mark.parametrize(
    ("state", "is_new", "follows"),
    [
        ("queued", False, True), ("paused", False, True), ("failed", False, True), ("cancelled", False, True),
        ("vanished", False, True), ("running", False, False), ("done", True, False), ("dead", True, False), ("rejected", True, False),
    ],
)  # fmt: skip
def test_a_chmod(folders: Folders, state: str, is_new: bool, follows: bool) -> None:
    folders.add(folders.inbox / "a.wav", state)
    before = fingerprint((folders.inbox / "a.wav").stat())
    (folders.inbox / "a.wav").chmod(0o600)
    after = fingerprint((folders.inbox / "a.wav").stat())
    assert before != after
    folders.compare()
    with Queries(folders.database) as queries:
        versions = [(row["fingerprint"], row["state"]) for row in reversed(queries.jobs())]
    kept = "queued" if state == "vanished" else state
    assert versions == [(after if follows else before, kept), *([(after, "settling")] if is_new else [])]


@pytest.mark.parametrize("state", STATES)
def test_a_drive_that_comes_back_under_another_number(folders: Folders, state: str) -> None:
    folders.add(folders.inbox / "a.wav", state)
    version = fingerprint((folders.inbox / "a.wav").stat())
    database = sqlite3.connect(folders.database)
    database.execute("UPDATE jobs SET fingerprint = ?", ("99999:" + version.partition(":")[2],))
    database.commit()
    database.close()
    folders.compare()
    assert folders.rows() == [(1, "a.wav", state)]
    assert folders.store.job(1).fingerprint == version
    assert not folders.compare()


@pytest.mark.parametrize("state", STATES)
def test_a_folder_that_is_watched_by_itself_from_now_on_takes_the_jobs_that_are_in_it(
    folders: Folders, tmp_path: Path, state: str
) -> None:
    folders.add(folders.inbox / "sub" / "a.wav", state)
    text = '[[watch]]\npath = "inbox"\n[[watch]]\npath = "inbox/sub"\n[model]\nname = "base"\n'
    for configured, expected in ((text, "inbox/sub"), (text.replace("/sub", "/other"), "inbox")):
        folders.settings = settings(tmp_path, configured, inboxes=("inbox/sub", "inbox/other"))
        folders.watch_again()
        folders.compare()
        with Queries(folders.database) as queries:
            (row,) = queries.jobs()
        assert (row["id"], row["root"]) == (1, str(tmp_path / expected))
        assert Path(row["root"]) / row["path"] == folders.inbox / "sub" / "a.wav"
        assert row["state"] == state
        assert (folders.inbox / "sub" / "a.txt").exists() == (state == "done")
        assert not folders.compare(), "nothing is left to do"


def record(folders: Folders, path: Path) -> None:
    """A program begins to record."""
    path.write_bytes(b"RIFF")
    folders.compare()
    folders.store.record(*folders.resolver.of(Seen(str(path.parent), os.fsencode(path.name), "", 0)))
    assert (path.name, "recording") in [row[1:] for row in folders.rows()]


@pytest.mark.parametrize("grows", [False, True])
def test_what_is_renamed_while_it_is_recorded_keeps_its_job(folders: Folders, grows: bool) -> None:
    record(folders, folders.inbox / "a.wav")
    new = (folders.inbox / "a.wav").rename(folders.inbox / "b.wav")
    if grows:
        new.write_bytes(b"RIFFRIFF")
    folders.compare()
    assert folders.rows() == [(1, "b.wav", "recording")]
    folders.settler.drop((0, b"a.wav"))
    folders.settle()
    assert folders.rows() == [(1, "b.wav", "queued")]


def test_a_copy_of_what_is_recorded_is_a_recording_of_its_own(folders: Folders) -> None:
    record(folders, folders.inbox / "a.wav")
    shutil.copy2(folders.inbox / "a.wav", folders.inbox / "copy.wav")
    os.link(folders.inbox / "a.wav", folders.inbox / "link.wav")
    folders.compare()
    assert folders.rows() == [(1, "a.wav", "recording"), (2, "copy.wav", "settling"), (3, "link.wav", "settling")]


@pytest.mark.guarantee(3)
@pytest.mark.parametrize("state", ["queued", "done", "running"])
def test_a_recording_that_takes_the_place_of_one_that_is_recorded(folders: Folders, state: str) -> None:
    folders.add(folders.inbox / "b.wav", state)
    record(folders, folders.inbox / "a.wav")
    (folders.inbox / "b.wav").rename(folders.inbox / "a.wav")
    folders.compare()
    assert folders.rows() == [(1, "a.wav", state), (2, "a.wav", "vanished")]
    with Queries(folders.database) as queries:
        assert queries.jobs()[0]["reason"] == "another recording has taken its place"


def test_another_file_with_the_inode_of_a_recording_that_was_deleted_is_new(folders: Folders) -> None:
    record(folders, folders.inbox / "a.wav")
    with (folders.inbox / "a.wav").open("ab") as file:
        file.write(bytes(100))
    folders.compare()
    # What is smaller was not written on; where it would not be followed, or with other options, it is no longer the same.
    for name, size in (("inbox/b.wav", 50), ("german/b.wav", 200)):
        (folders.inbox / "a.wav").rename(other := folders.inbox.parent / name)
        os.truncate(other, size)
        folders.compare()
        assert [(row[1], row[2]) for row in folders.rows()][-1] == ("b.wav", "settling")
        other.rename(folders.inbox / "a.wav")
        folders.compare()


@pytest.mark.parametrize("state", ["vanished", "done"])
def test_an_earlier_recording_that_comes_back_to_the_place_of_one_that_is_recorded(
    folders: Folders, tmp_path: Path, state: str
) -> None:
    """Its time of change is as before if its folder was moved, and so it is the very same version."""
    folders.add(folders.inbox / "d" / "a.wav", state if state == "done" else "queued")
    (folders.inbox / "d").rename(tmp_path / "elsewhere")
    folders.compare()
    (folders.inbox / "d").mkdir()
    (folders.inbox / "d" / "a.wav").write_bytes(b"RIFF")
    folders.compare()
    folders.store.record(*folders.resolver.of(Seen(str(folders.inbox), b"d/a.wav", "", 0)))
    shutil.rmtree(folders.inbox / "d")
    (tmp_path / "elsewhere").rename(folders.inbox / "d")
    folders.watch_again()
    folders.compare()
    folders.settle()
    assert folders.rows() == [(1, "d/a.wav", "queued" if state == "vanished" else "done"), (2, "d/a.wav", "vanished")]


def test_a_recording_whose_name_becomes_something_else_ends(folders: Folders) -> None:
    record(folders, folders.inbox / "a.wav")
    (folders.inbox / "a.wav").unlink()
    os.mkfifo(folders.inbox / "a.wav")
    folders.compare()
    assert folders.rows() == [(1, "a.wav", "vanished"), (2, "a.wav", "rejected")]
    (folders.inbox / "a.wav").unlink()
    folders.compare()
    assert folders.rows() == [(1, "a.wav", "vanished")], "what may still be worked on stays known"


@pytest.mark.guarantee(17)
def test_the_next_recording_of_a_name_is_not_cancelled_with_an_earlier_one(folders: Folders) -> None:
    record(folders, path := folders.inbox / "a.wav")
    folders.store.cancel(1)
    with path.open("ab") as file:
        file.write(bytes(100))
    folders.compare()
    assert folders.rows() == [(1, "a.wav", "cancelled")]
    before = path.stat()
    path.unlink()
    folders.compare()
    path.write_bytes(bytes(200))
    # Perhaps with the very same inode, as file systems give them again.
    with sqlite3.connect(folders.database) as db:
        version = f"{before.st_dev}:{path.stat().st_ino}:104:1:1"
        db.execute("UPDATE jobs SET fingerprint = ? WHERE id = 1", (version,))
    db.close()
    folders.compare()
    assert [row[2] for row in folders.rows()] == ["cancelled", "settling"]
