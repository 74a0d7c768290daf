"""The files of a transcript go along with their recording, or stay and say why."""

import errno
import os
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.filesystem import fingerprint
from daemon.publish.publisher import publish_job
from daemon.publish.relocation import take_along
from daemon.store.records import Moved, Seen, Whereabouts
from daemon.store.store import Store
from tests.builders import result, segment

FORMATS = ("txt", "srt", "json")


class Talk:
    """A recording that is done, with its transcript."""

    def __init__(
        self, store: Store, root: Path, name: str = "talk.mp3", naming: str = "stem", task: str = "transcribe",
        formats: tuple[str, ...] = FORMATS, english: str = "good morning",
    ) -> None:  # fmt: skip
        self.store, self.root, self.file = store, root, root / name
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(os.urandom(8))
        store.queue([(self.seen, Options(formats=formats, naming=naming, task=task), 0)])
        (job,) = store.claim(1)
        self.id = job.id
        translation = (segment(english, 0.0, 1.0),) if task == "both" else ()
        store.save([result(job.id, translation=translation)])
        publish_job(store, job)
        store.finish(job.id)
        self.was = self.whereabouts

    @property
    def seen(self) -> Seen:
        return Seen(str(self.root), os.fsencode(self.file.relative_to(self.root)), fingerprint(self.file.stat()), 8)

    @property
    def whereabouts(self) -> Whereabouts:
        seen = self.seen
        return Whereabouts(self.id, seen.root, seen.path_bytes, seen.fingerprint, "done")

    def move(self, to: str, folder: Path | None = None) -> tuple[dict[str, bytes], str | None]:
        """Rename the recording, or one of the folders that it is in, and take its transcript along."""
        target = self.root / to
        if folder is None:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.file.rename(target)
        else:
            folder.rename(target)
            target = target / self.file.relative_to(folder)
        self.file = target
        return take_along(self.store, self.was, self.seen)

    def follow(self, files: dict[str, bytes]) -> None:
        self.store.follow([Moved(self.id, self.seen, Options(), 0, files)])
        self.was = self.whereabouts


@pytest.fixture
def talk(store: Store, tmp_path: Path) -> Talk:
    return Talk(store, tmp_path / "inbox")


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("new.mp3", ["new.txt", "new.srt", "new.json"]),
        ("2024/talk.mp3", ["2024/talk.txt", "2024/talk.srt", "2024/talk.json"]),
        ("a/b/new.wav", ["a/b/new.txt", "a/b/new.srt", "a/b/new.json"]),
        ("talk.wav", ["talk.txt", "talk.srt", "talk.json"]),
    ],
)
def test_it_goes_along(talk: Talk, to: str, expected: list[str]) -> None:
    text = (talk.root / "talk.txt").read_bytes()
    files, reason = talk.move(to)
    assert reason is None and names(talk.root) == {to, *expected}
    if to != "talk.wav":
        assert set(files) == set(FORMATS)
    talk.follow(files)
    assert {output.path_bytes for output in talk.store.files_of(talk.id)} == {
        os.fsencode(talk.root / name) for name in expected
    }
    assert (talk.root / expected[0]).read_bytes() == text


@pytest.mark.parametrize(
    ("naming", "taken", "expected"),
    [
        ("name", "", "new.wav.txt"),
        ("stem", "talk.txt", "new.wav.txt"),
        ("stem", "talk.txt talk.mp3.txt", "new.wav.1.txt"),
    ],
)
def test_names_that_hold_the_whole_name(store: Store, tmp_path: Path, naming: str, taken: str, expected: str) -> None:
    (tmp_path / "inbox").mkdir()
    for name in taken.split():
        (tmp_path / "inbox" / name).write_text("mine")
    talk = Talk(store, tmp_path / "inbox", naming=naming)
    assert talk.move("new.wav")[1] is None
    assert expected in names(talk.root) and all((talk.root / name).read_text() == "mine" for name in taken.split())


def test_a_folder_that_was_renamed_has_taken_it_along(store: Store, tmp_path: Path) -> None:
    talk = Talk(store, tmp_path / "inbox", "2024/talk.mp3")
    before = names(talk.root)
    (talk.root / "2024" / "talk.srt").write_text("edited")
    files, reason = talk.move("archive", folder=talk.root / "2024")
    assert reason is None and names(talk.root) == {name.replace("2024", "archive") for name in before}
    talk.follow(files)
    assert store.owner(os.fsencode(talk.root / "archive" / "talk.txt")) is not None
    assert (talk.root / "archive" / "talk.srt").read_text() == "edited"


@pytest.mark.guarantee(11)
@pytest.mark.parametrize(
    ("spoil", "why"), [("edit", "talk.srt was edited"), ("take", "new.srt is taken by another file")]
)
def test_it_stays_as_a_whole_if_a_file_was_edited_or_a_name_is_taken(talk: Talk, spoil: str, why: str) -> None:
    (talk.root / {"edit": "talk.srt", "take": "new.srt"}[spoil]).write_text("mine")
    before = {path: path.read_bytes() for path in talk.root.glob("*.[tsj]*")}
    files, reason = talk.move("new.mp3")
    assert (files, reason) == ({}, f"its transcript stays in {talk.root}: {why}")
    assert {path: path.read_bytes() for path in talk.root.glob("*.[tsj]*")} == before


def test_what_was_deleted_or_moved_away_is_not_made_again(talk: Talk, tmp_path: Path) -> None:
    (talk.root / "talk.srt").unlink()
    (talk.root / "talk.txt").rename(tmp_path / "mine.txt")
    files, reason = talk.move("new.mp3")
    assert reason is None and set(files) == set(FORMATS)
    assert names(talk.root) == {"new.mp3", "new.json"}


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("call", ["link", "unlink", "fsync"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_after_a_crash_at_any_step_it_is_finished(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, call: str, nth: int
) -> None:
    class Crash(BaseException):
        pass

    left, real = iter(range(nth)), getattr(os, call)

    def crashing(*arguments: object, **options: object) -> object:
        if next(left, None) is None:
            raise Crash
        return real(*arguments, **options)

    left = iter(range(nth - 1))
    monkeypatch.setattr(os, call, crashing)
    with pytest.raises(Crash):
        talk.move("new.mp3")
    monkeypatch.undo()
    files, reason = take_along(talk.store, talk.was, talk.seen)
    assert reason is None and names(talk.root) == {"new.mp3", "new.txt", "new.srt", "new.json"}
    assert {os.path.basename(path) for path in files.values()} == {b"new.txt", b"new.srt", b"new.json"}


def test_an_error_in_the_middle_leaves_all_of_it_where_it_was(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.link, []

    def failing(old: bytes, *arguments: object, **options: object) -> None:
        calls.append(old)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(old, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", failing)
    files, reason = talk.move("new.mp3")
    assert files == {} and "cannot be moved: no space left on device" in (reason or "")
    assert names(talk.root) == {"new.mp3", "talk.txt", "talk.srt", "talk.json"}


def test_where_there_are_no_hard_links_it_is_renamed(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert talk.move("new.mp3")[1] is None
    assert names(talk.root) == {"new.mp3", "new.txt", "new.srt", "new.json"}


def test_a_link_in_place_of_the_folder_is_not_followed(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    talk.file.rename(tmp_path / "elsewhere" / "talk.mp3")
    (talk.root / "link").symlink_to(tmp_path / "elsewhere")
    seen = Seen(str(talk.root), b"link/talk.mp3", "1:2:3:4:5", 8)
    assert take_along(talk.store, talk.was, seen) == ({}, None)
    assert names(tmp_path / "elsewhere") == {"talk.mp3"} and names(talk.root) >= {"talk.txt", "talk.srt", "talk.json"}


@pytest.mark.parametrize("english", ["hello", "good morning"])
@pytest.mark.parametrize("formats", [("txt", "srt", "json"), ("ass",)])
@pytest.mark.parametrize(("before", "after"), [("talk.mp3", "talk.en.mp3"), ("talk.en.mp3", "talk.mp3")])
def test_a_transcript_whose_new_names_are_old_names_of_its_own(
    store: Store, tmp_path: Path, before: str, after: str, formats: tuple[str, ...], english: str
) -> None:
    talk = Talk(store, tmp_path, before, task="both", formats=formats, english=english)
    old = {
        path.name.removeprefix(before[:-3]): path.read_bytes() for path in tmp_path.glob("talk.*") if path != talk.file
    }
    files, stays = talk.move(after)
    assert stays is None and len(files) == len(old)
    now = {
        path.name.removeprefix(after[:-3]): path.read_bytes() for path in tmp_path.glob("talk.*") if path != talk.file
    }
    assert now == old
