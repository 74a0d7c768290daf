"""The transcript of a stored job is published beside its recording."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.errors import RecordingChanged, Unavailable
from daemon.filesystem import fingerprint
from daemon.publish import publisher as module
from daemon.publish.publisher import RACES_MAX, publish_job, publish_so_far, withdraw_so_far
from daemon.store.records import Job, Moved
from daemon.store.store import Store
from tests.builders import result, seen


@pytest.fixture
def job(store: Store, tmp_path: Path) -> Job:
    return queued(store, tmp_path, "talk.wav")


def queued(store: Store, tmp_path: Path, name: str) -> Job:
    """A job all of whose chunks are stored."""
    (tmp_path / name).write_bytes(b"samples")
    version = fingerprint((tmp_path / name).stat())
    store.queue([(seen(name, version, root=str(tmp_path)), Options(formats=("txt", "json")), 0)])
    (made,) = store.claim(1)
    store.save([result(made.id, 0, "hello"), result(made.id, 1, "world")])
    return made


def test_what_is_stored_is_what_is_published_and_recorded(store: Store, job: Job, tmp_path: Path) -> None:
    assert publish_job(store, job) is None
    assert (tmp_path / "talk.txt").read_text().split() == ["hello", "world"]
    owned = store.owner(os.fsencode(tmp_path / "talk.txt"))
    assert owned is not None and (owned.root, owned.path_bytes) == (str(tmp_path), b"talk.wav")


def test_publishing_again_replaces_what_was_ours_and_nothing_else(store: Store, job: Job, tmp_path: Path) -> None:
    publish_job(store, job)
    store.save([result(job.id, 2, "again")])
    assert publish_job(store, job) is None
    assert (tmp_path / "talk.txt").read_text().split() == ["hello", "world", "again"]
    assert {path.name for path in tmp_path.glob("talk*")} == {"talk.wav", "talk.txt", "talk.json"}


def test_another_recording_of_the_same_stem_has_names_of_its_own(store: Store, job: Job, tmp_path: Path) -> None:
    publish_job(store, job)
    warning = publish_job(store, queued(store, tmp_path, "talk.mp3"))
    assert warning is not None and "usual name" in warning
    assert (tmp_path / "talk.mp3.txt").exists()


def test_a_recording_that_has_changed_gets_no_transcript(store: Store, job: Job, tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"other samples")
    with pytest.raises(RecordingChanged):
        publish_job(store, job)
    assert not (tmp_path / "talk.txt").exists()


def test_names_that_others_take_again_and_again_are_given_up(
    store: Store, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def taken(_folder: int, planned: Mapping[str, object], _name: str, *_: object) -> None:
        tries.append(planned)
        raise FileExistsError

    monkeypatch.setattr(module, "publish", taken)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Unavailable, match="keep taking the transcript's names"):
        publish_job(store, job)
    assert len(tries) == RACES_MAX and len(os.listdir("/proc/self/fd")) == before


def live(store: Store, tmp_path: Path) -> Job:
    """A recording that goes on, and whose text so far is shown."""
    (tmp_path / "talk.wav").write_bytes(b"samples")
    version = seen("talk.wav", fingerprint((tmp_path / "talk.wav").stat()), root=str(tmp_path))
    store.settle([version])
    store.record(version, Options(formats=("txt",)), 0)
    (made,) = store.recordings()
    store.save([result(made.id, 0, "hello"), result(made.id, 2, "not yet")])
    publish_so_far(store, made)
    assert (tmp_path / "talk.live.txt").read_text().split() == ["hello"]
    return made


def test_the_text_so_far_grows_and_goes(store: Store, tmp_path: Path) -> None:
    made = live(store, tmp_path)
    store.save([result(made.id, 1, "world")])
    publish_so_far(store, made)
    assert (tmp_path / "talk.live.txt").read_text().split() == ["hello", "world", "not", "yet"]
    withdraw_so_far(store, made.id)
    assert {path.name for path in tmp_path.glob("talk*")} == {"talk.wav"} and store.with_live_file() == set()
    withdraw_so_far(store, made.id)


@pytest.mark.parametrize("said", ["something", "nothing yet"])
def test_the_text_so_far_is_known_again_after_a_kill_between_its_record_and_its_file(
    store: Store, tmp_path: Path, said: str
) -> None:
    made = live(store, tmp_path)
    before = (tmp_path / "talk.live.txt").read_bytes() if said == "something" else b""
    store.save([result(made.id, 1, "world")])
    publish_so_far(store, made)
    (tmp_path / "talk.live.txt").write_bytes(before)
    withdraw_so_far(store, made.id)
    assert not (tmp_path / "talk.live.txt").exists()


@pytest.mark.parametrize("what", ["edited", "a link", "a pipe", "large", "a folder"])
def test_whatever_lies_in_the_place_of_the_text_so_far_stays_and_keeps_nobody_waiting(
    store: Store, tmp_path: Path, what: str
) -> None:
    made = live(store, tmp_path)
    place = tmp_path / "talk.live.txt"
    text = place.read_text()
    place.unlink()
    match what:
        case "edited":
            place.write_text("mine")
        case "a link":
            (tmp_path / "mine").write_text(text)
            place.symlink_to(tmp_path / "mine")
        case "a pipe":
            os.mkfifo(place)
        case "large":
            with place.open("w") as file:
                file.write(text)
                file.truncate(1 << 40)
        case "a folder":
            place.mkdir()
    before = place.lstat()
    publish_so_far(store, made)
    assert (tmp_path / "talk.wav.live.txt").read_text().split() == ["hello"]
    withdraw_so_far(store, made.id)
    assert (place.lstat().st_ino, place.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not (tmp_path / "talk.wav.live.txt").exists()


def renamed(store: Store, made: Job, tmp_path: Path) -> Job:
    (tmp_path / "talk.wav").rename(new := tmp_path / "speech.wav")
    now = seen(new.name, fingerprint(new.stat()), root=str(tmp_path))
    store.follow([Moved(made.id, now, made.options, 0)])
    return store.job(made.id)


def test_the_text_so_far_has_the_name_of_its_recording_and_no_other(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = renamed(store, live(store, tmp_path), tmp_path)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "publish", killed)
        publish_so_far(store, now)
    publish_so_far(store, now)
    assert {path.name for path in tmp_path.glob("*.txt")} == {"speech.live.txt"}


def test_the_text_so_far_is_not_forgotten_where_it_cannot_be_removed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = live(store, tmp_path)

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refused)
        assert not withdraw_so_far(store, made.id)
    assert store.with_live_file() == {made.id}
    assert withdraw_so_far(store, made.id) and not (tmp_path / "talk.live.txt").exists()
