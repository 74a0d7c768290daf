"""What becomes of recordings that are done: real files, a real database, and faults in between."""

import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.config.settings import Settings
from daemon.filesystem import fingerprint
from daemon.hooks import recordings
from daemon.hooks.answers import Answer, Delivered, Later, NotYet, Unwanted
from daemon.hooks.orders import RECORDINGS, orders_for
from daemon.hooks.recordings import CHANGED, IN_USE, Recordings
from daemon.hooks.renames import rename_new
from daemon.publish.files import content_hash
from daemon.publish.relocation import take_along
from daemon.store.outbox import Letter
from daemon.store.queries import Queries
from daemon.store.records import Output, Seen
from daemon.store.store import Store
from daemon.watch import own_options
from daemon.watch.own_options import signed
from daemon.watch.resolver import Resolver
from tests.builders import settings

MOVING = 'after_success = "move"'
DELETING = 'after_success = "delete"\nafter_success_days = 1e-9'


@dataclass
class House:
    """A watched folder whose recordings are done."""

    folder: Path
    store: Store
    queries: Queries

    def configure(self, watch: str) -> None:
        self.settings: Settings = settings(self.folder, f'[[watch]]\npath = "inbox"\n{watch}\n')
        self.resolver = Resolver(self.settings)
        self.deliver = Recordings(self.store, self.resolver, take_along)

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    def done(self, name: str | bytes = "sub/talk.mp3", content: str = "sound") -> Letter:
        """Have a recording transcribed; the letter that says what is to become of it."""
        path = Path(os.fsdecode(os.path.join(bytes(self.inbox), os.fsencode(name))))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        status = path.lstat()
        seen = Seen(str(self.inbox), os.fsencode(name), fingerprint(status), status.st_size)
        self.store.queue([(seen, Options(formats=("txt",)), 0)])
        (job,) = self.store.claim(1)
        text = path.with_suffix(".txt")
        if not text.exists():
            text.write_text("text")
        folder = os.open(text.parent, os.O_RDONLY)
        sha256 = content_hash(folder, os.fsencode(text.name)) or ""
        os.close(folder)
        self.store.plan_outputs(job.id, [Output("txt", bytes(text), sha256, 4)])
        orders = orders_for("done", self.resolver.afterwards(job.root, job.path_bytes), self.settings.hooks)
        self.store.finish(job.id, orders=orders)
        (letter,) = [each for each in self.store.due(RECORDINGS, 10) if each.job_id == job.id]
        return letter

    def again(self) -> Letter:
        """The letter as it is read after a crash."""
        (letter,) = self.store.due(RECORDINGS, 10)
        return letter

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.inbox)) for path in self.inbox.rglob("*") if not path.is_dir())

    def job(self, letter: Letter) -> tuple[str, str, list[str]]:
        row = self.queries.job(letter.job_id)
        assert row is not None
        return row["state"], row["path"], [str(Path(file["path"]).relative_to(self.inbox)) for file in row["outputs"]]


@pytest.fixture
def house(tmp_path: Path, store: Store, queries: Queries) -> House:
    made = House(tmp_path, store, queries)
    made.configure(MOVING)
    return made


def test_a_recording_is_moved_with_its_transcript_and_its_job_and_the_log_undoes_it(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    letter = house.done("sub/it's.mp3")
    assert house.deliver([letter]) == Delivered("moved to done/sub/it's.mp3")
    assert house.files() == ["done/sub/it's.mp3", "done/sub/it's.txt"]
    assert house.job(letter) == ("done", "done/sub/it's.mp3", ["done/sub/it's.txt"])
    known = house.store.whereabouts(letter.job_id)
    assert known is not None
    assert known[0].fingerprint == fingerprint((house.inbox / "done/sub/it's.mp3").lstat())
    (line,) = [record.getMessage() for record in caplog.records if "to undo it" in record.getMessage()]
    command = line.partition("to undo it: ")[2]
    assert shlex.split(command) == [
        "mv", "-n", "--", str(house.inbox / "done/sub/it's.mp3"), str(house.inbox / "sub/it's.mp3"),
    ]  # fmt: skip
    subprocess.run(["sh", "-c", command], check=True)
    assert house.files() == ["done/sub/it's.txt", "sub/it's.mp3"]


@pytest.mark.guarantee(30)
def test_no_file_is_overwritten(house: House) -> None:
    (house.inbox / "done/sub").mkdir(parents=True)
    (house.inbox / "done/sub/talk.mp3").write_text("of yesterday")
    letter = house.done()
    assert house.deliver([letter]) == Delivered("moved to done/sub/talk.1.mp3")
    assert (house.inbox / "done/sub/talk.mp3").read_text() == "of yesterday"
    assert house.job(letter) == ("done", "done/sub/talk.1.mp3", ["done/sub/talk.1.txt"])


@pytest.mark.parametrize("name", [b"\xff\n.mp3", b"n" * 251 + b".mp3"])
def test_any_name_is_moved(house: House, name: bytes) -> None:
    (house.inbox / "done").mkdir()
    (house.inbox / "done" / os.fsdecode(name)).touch()
    letter = house.done(name)
    assert isinstance(house.deliver([letter]), Delivered)
    known = house.store.whereabouts(letter.job_id)
    assert known is not None and (house.inbox / os.fsdecode(known[0].path_bytes)).read_text() == "sound"


@pytest.mark.guarantee(30)
@pytest.mark.parametrize("watch", [MOVING, DELETING])
@pytest.mark.parametrize("how", ["written", "replaced", "open", "gone", "link", "retried", "configured"])
def test_only_the_version_that_was_transcribed_is_touched(house: House, watch: str, how: str) -> None:
    house.configure(watch)
    letter = house.done()
    path = house.inbox / "sub/talk.mp3"
    writer = None
    if how == "written":
        path.write_text("other sound")
    elif how == "replaced":
        (house.inbox / "new").write_text("sound")
        (house.inbox / "new").rename(path)
    elif how == "open":
        writer = path.open("ab")
    elif how == "gone":
        path.unlink()
    elif how == "link":
        path.rename(house.folder / "elsewhere.mp3")
        path.symlink_to(house.folder / "elsewhere.mp3")
    elif how == "retried":
        house.store.retry(letter.job_id)
    elif how == "configured":
        house.configure("")
    before = house.files()
    answer = house.deliver([letter])
    assert not (house.inbox / "done").exists()
    expected: dict[str, Callable[[Answer], bool]] = {
        "written": lambda each: each == Later(CHANGED),
        "replaced": lambda each: each == Later(CHANGED),
        "open": lambda each: each == Later(IN_USE),
        "gone": lambda each: each == Unwanted("the recording is gone"),
        "link": lambda each: isinstance(each, Later),
        "retried": lambda each: each == Unwanted("the job is no longer done"),
        "configured": lambda each: each == Unwanted("after_success is 'leave' now"),
    }
    assert expected[how](answer), answer
    assert house.files() == before
    if writer is not None:
        writer.close()
        assert isinstance(house.deliver([letter]), Delivered)


@pytest.mark.guarantee(30)
def test_a_folder_that_is_a_link_is_not_followed(house: House) -> None:
    letter = house.done()
    (house.folder / "elsewhere").mkdir()
    (house.inbox / "done").symlink_to(house.folder / "elsewhere")
    assert isinstance(house.deliver([letter]), Later)
    assert list((house.folder / "elsewhere").iterdir()) == [] and (house.inbox / "sub/talk.mp3").exists()


@pytest.mark.guarantee(30)
@pytest.mark.parametrize("step", ["will_move_to", "rename_new", "fsync", "take_along", "follow"])
def test_after_a_crash_at_any_step_the_recording_is_in_one_place_and_the_job_knows_it(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Each step is done, and then the daemon ends."""

    class Killed(BaseException):
        pass

    def crashing(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            real(*arguments)
            raise Killed

        return call

    letter = house.done()
    with monkeypatch.context() as patched:
        if step == "rename_new":
            patched.setattr(recordings, "rename_new", crashing(rename_new))
        elif step == "fsync":
            patched.setattr("daemon.hooks.recordings.os.fsync", crashing(os.fsync))
        elif step == "take_along":
            house.deliver = Recordings(house.store, house.resolver, crashing(take_along))  # type: ignore[arg-type]
        else:
            patched.setattr(Store, step, crashing(getattr(Store, step)))
        with pytest.raises(Killed):
            house.deliver([letter])
    assert len([name for name in house.files() if name.endswith(".mp3")]) == 1
    house.configure(MOVING)
    answer = house.deliver([house.again()])
    assert answer == Delivered("moved to done/sub/talk.mp3")
    assert house.files() == ["done/sub/talk.mp3", "done/sub/talk.txt"]
    assert house.job(letter) == ("done", "done/sub/talk.mp3", ["done/sub/talk.txt"])


def test_where_the_kernel_cannot_rename_safely_a_crash_leaves_no_second_name(house: House) -> None:
    letter = house.done()
    (house.inbox / "done/sub").mkdir(parents=True)
    house.store.will_move_to(letter.id, b"done/sub/talk.mp3")
    os.link(house.inbox / "sub/talk.mp3", house.inbox / "done/sub/talk.mp3")
    assert house.deliver([house.again()]) == Delivered("moved to done/sub/talk.mp3")
    assert house.files() == ["done/sub/talk.mp3", "done/sub/talk.txt"]


@pytest.mark.guarantee(30)
def test_a_recording_is_deleted_only_while_its_transcript_is_there(house: House) -> None:
    house.configure(DELETING)
    letter = house.done()
    text = house.inbox / "sub/talk.txt"
    for spoil, reason in (
        (text.unlink, "its txt file is not there any more"),
        (text.touch, "its txt file is empty, or no file any more"),
    ):
        spoil()
        assert house.deliver([letter]) == Unwanted(reason)
    text.write_text("edited by its owner")
    assert house.deliver([letter]) == Delivered("deleted")
    assert house.files() == ["sub/talk.txt"] and house.job(letter)[0] == "done"


@pytest.mark.guarantee(30)
def test_a_deletion_that_was_broken_off_is_finished_or_taken_back(house: House) -> None:
    house.configure(DELETING)
    letter = house.done()
    path = house.inbox / "sub/talk.mp3"
    hidden = path.with_name(f".transcribed-{letter.job_id}-delete.tmp")
    path.rename(hidden)
    assert house.deliver([letter]) == Delivered("deleted")
    assert house.files() == ["sub/talk.txt"]
    hidden.write_text("another one, which had taken its name")
    assert house.deliver([letter]) == Later(CHANGED)
    assert path.read_text() == "another one, which had taken its name" and not hidden.exists()


def test_days_that_were_raised_count(house: House) -> None:
    house.configure(DELETING)
    letter = house.done()
    house.configure('after_success = "delete"\nafter_success_days = 2')
    answer = house.deliver([letter])
    assert isinstance(answer, NotYet) and 172_700 < answer.wait_s <= 172_800


def test_what_was_moved_is_not_moved_again(house: House) -> None:
    letter = house.done("done/old.mp3")
    assert house.deliver([letter]) == Unwanted("it is in done already")


def test_a_folder_without_permission_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = house.done()

    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(recordings, "rename_new", refuse)
    assert house.deliver([letter]) == Later("sub/talk.mp3 cannot be moved: permission denied")


# -- the options that the page wrote beside it --------------------------------------------------------------------

PAGES = signed(b'language = "de"\n', "a" * 32)


def test_options_that_the_page_wrote_go_where_the_recording_goes(house: House) -> None:
    letter = house.done()
    (house.inbox / "sub/talk.mp3.toml").write_bytes(PAGES)
    assert isinstance(house.deliver([letter]), Delivered)
    assert house.files() == ["done/sub/talk.mp3", "done/sub/talk.mp3.toml", "done/sub/talk.txt"]
    assert (house.inbox / "done/sub/talk.mp3.toml").read_bytes() == PAGES
    second = house.done(content="another")
    (house.inbox / "sub/talk.mp3.toml").write_bytes(PAGES)
    assert isinstance(house.deliver([second]), Delivered)
    assert {"done/sub/talk.1.mp3", "done/sub/talk.1.mp3.toml"} <= set(house.files())
    assert "sub/talk.mp3.toml" not in house.files()


def test_options_that_the_page_wrote_are_deleted_with_the_recording(house: House) -> None:
    house.configure(DELETING)
    letter = house.done()
    (house.inbox / "sub/talk.mp3.toml").write_bytes(PAGES)
    assert isinstance(house.deliver([letter]), Delivered)
    assert house.files() == ["sub/talk.txt"]


@pytest.mark.parametrize("how", [MOVING, DELETING])
@pytest.mark.parametrize("mine", [b'language = "de"\n', PAGES + b"priority = 5\n", b"", b"\xff" * 20_000])
def test_options_of_a_user_stay_for_the_next_recording_of_that_name(house: House, how: str, mine: bytes) -> None:
    house.configure(how)
    letter = house.done()
    (house.inbox / "sub/talk.mp3.toml").write_bytes(mine)
    assert isinstance(house.deliver([letter]), Delivered)
    assert (house.inbox / "sub/talk.mp3.toml").read_bytes() == mine


@pytest.mark.parametrize("how", [MOVING, DELETING])
def test_a_recording_goes_even_if_its_options_cannot(
    house: House, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_given: object) -> bool:
        raise OSError(5, "Input/output error")

    house.configure(how)
    letter = house.done()
    for name in ("move_left", "remove_left"):
        monkeypatch.setattr(own_options, name, failing)
    assert isinstance(house.deliver([letter]), Delivered)
    assert "sub/talk.mp3" not in house.files() and "the options of talk.mp3 cannot" in caplog.text
