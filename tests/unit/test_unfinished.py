"""Uploads on their way: whose they are, how many there may be, and what becomes of those that are left."""

import base64
import os
import threading
import time
from pathlib import Path

import pytest

from daemon.config.settings import Model, Settings, Watch
from daemon.config.web import Web, WebUser
from daemon.errors import TranscribedError, Unavailable
from daemon.web import inbox, upload_files
from daemon.web import unfinished as unfinished_module
from daemon.web.inbox import LASTS_S, Incoming
from daemon.web.people import ANYBODY, Person
from daemon.web.unfinished import REMEMBERED_MAX, UNFINISHED_MAX, TooMany, Unfinished, metadata_of
from daemon.web.upload_files import Busy, NoUpload, upload_file

ADA = Person("ada")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("a", "b", "b/ada"):
        (tmp_path / name).mkdir()
    users = {"bob": WebUser(folders=(tmp_path / "b" / "ada",), read_only=True)}
    watch = (Watch(path=tmp_path / "a"), Watch(path=tmp_path / "b"))
    return Settings(watch=watch, model=Model(name="base"), web=Web(users=users))


@pytest.fixture
def unfinished(settings: Settings) -> Unfinished:
    return Unfinished(settings)


def told(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def begun(unfinished: Unfinished, person: Person = ADA, data: bytes = b"ab", size: int = 4, **values: str) -> str:
    with unfinished.begin(person, size, told(**{"filename": "talk.mp3", **values})) as incoming:
        incoming.write(0, data)
        return incoming.key


def age(folder: Path, seconds: float = LASTS_S + 1) -> None:
    for file in folder.rglob(".upload-*"):
        os.utime(file, (time.time() - seconds,) * 2)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_a_client_says_is_read() -> None:
    assert metadata_of("") == {} and metadata_of(told(filename="会.mp3", task="")) == {"filename": "会.mp3", "task": ""}
    assert metadata_of("is_private, filename YS5tcDM=") == {"is_private": "", "filename": "a.mp3"}
    for wrong in ("filename ???", "filename YS5tcDM", "filename /w=="):
        with pytest.raises(TranscribedError, match="Upload-Metadata"):
            metadata_of(wrong)


def test_an_upload_goes_into_the_folder_that_was_chosen(unfinished: Unfinished, tmp_path: Path) -> None:
    first, second = begun(unfinished), begun(unfinished, folder=str(tmp_path / "b"), language="de")
    assert files(tmp_path / "b") == [f".upload-{second}.json", f".upload-{second}.part"]
    found = {upload.id: upload for upload in unfinished.of(ADA)}
    assert found.keys() == {first, second} and unfinished.of(ANYBODY) == []
    upload = found[second]
    assert (upload.name, upload.folder, upload.size, upload.offset) == ("talk.mp3", str(tmp_path / "b"), 4, 2)
    assert upload.metadata["language"] == "de" and upload.expires_at > time.time() + LASTS_S - 60


@pytest.mark.parametrize("folder", ["/etc", "../b", "a", "{}/a/", "{}/b/ada", "{}/a/../b"])
def test_only_folders_by_their_names_are_taken(unfinished: Unfinished, tmp_path: Path, folder: str) -> None:
    with pytest.raises(TranscribedError, match="nothing may be dropped into"):
        begun(unfinished, folder=folder.format(tmp_path))
    assert files(tmp_path) == []


def test_who_may_only_read_drops_nothing(unfinished: Unfinished) -> None:
    with pytest.raises(TranscribedError, match="any folder"):
        begun(unfinished, Person("eve", read_only=True))


def test_there_is_a_limit_for_each_person(unfinished: Unfinished) -> None:
    keys = [begun(unfinished) for _ in range(UNFINISHED_MAX)]
    with pytest.raises(TooMany, match=r"on their way into .* already"):
        begun(unfinished)
    begun(unfinished, Person("carol"))
    with unfinished.resume(ADA, keys[0]) as incoming:
        incoming.drop()
    begun(unfinished)


def test_a_folder_that_hangs_holds_up_no_upload_into_another(
    unfinished: Unfinished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, released, look = threading.Event(), threading.Event(), upload_files.opened

    def hanging(settings: Settings, folder: Path) -> int:
        if folder == tmp_path / "a":
            there.set()
            released.wait(30)
        return look(settings, folder)

    monkeypatch.setattr(unfinished_module, "opened", hanging)
    monkeypatch.setattr(inbox, "opened", hanging)
    slow = threading.Thread(target=begun, args=(unfinished,), daemon=True)
    slow.start()
    assert there.wait(30)

    def into_the_other() -> None:
        key = begun(unfinished, folder=str(tmp_path / "b"))
        with unfinished.resume(ADA, key) as incoming:
            incoming.write(2, b"cd")
            unfinished.finish(incoming)

    other = threading.Thread(target=into_the_other, daemon=True)
    other.start()
    other.join(10)
    arrived = files(tmp_path / "b")
    released.set()
    slow.join(10)
    assert arrived == ["talk.mp3"] and len(files(tmp_path / "a")) == 2


def test_many_at_once_are_no_more_than_one_after_another(unfinished: Unfinished) -> None:
    refused = []

    def one() -> None:
        try:
            begun(unfinished)
        except TooMany as error:
            refused.append(error)

    threads = [threading.Thread(target=one) for _ in range(UNFINISHED_MAX + 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(unfinished.of(ADA)), len(refused)) == (UNFINISHED_MAX, 5)


def test_only_who_began_it_goes_on(unfinished: Unfinished, tmp_path: Path) -> None:
    key = begun(unfinished, folder=str(tmp_path / "b"))
    for other, asked in ((ANYBODY, key), (Person("carol"), key), (ADA, key.upper()), (ADA, f"../{key}"), (ADA, "")):
        with pytest.raises(NoUpload):
            unfinished.resume(other, asked)
    with unfinished.resume(ADA, key) as incoming:
        assert incoming.offset == 2
        with pytest.raises(Busy):
            unfinished.resume(ADA, key)


def test_a_drive_that_is_away_is_no_reason_to_forget_an_upload(unfinished: Unfinished, tmp_path: Path) -> None:
    key = begun(unfinished, folder=str(tmp_path / "b"))
    (tmp_path / "a").rmdir()
    unfinished.resume(ADA, key).close()
    assert [upload.id for upload in unfinished.of(ADA)] == [key]
    (tmp_path / "b").rename(tmp_path / "away")
    with pytest.raises(Unavailable, match="mount its drive"):
        unfinished.resume(ADA, key)
    unfinished.sweep()
    (tmp_path / "away").rename(tmp_path / "b")
    unfinished.resume(ADA, key).close()


def test_what_was_left_for_a_day_is_removed(unfinished: Unfinished, tmp_path: Path) -> None:
    asked, left = begun(unfinished), begun(unfinished, folder=str(tmp_path / "b"))
    age(tmp_path, LASTS_S - 60)
    unfinished.sweep()
    assert len(unfinished.of(ADA)) == 2
    age(tmp_path)
    with pytest.raises(NoUpload):
        unfinished.resume(ADA, asked)
    assert files(tmp_path / "a") == [] and f".upload-{left}.part" in files(tmp_path / "b")
    unfinished.sweep()
    assert files(tmp_path) == []


def test_what_is_being_sent_is_not_removed(unfinished: Unfinished, tmp_path: Path) -> None:
    with unfinished.resume(ADA, begun(unfinished)) as incoming:
        age(tmp_path)
        unfinished.sweep()
        incoming.write(2, b"cd")
        assert unfinished.finish(incoming).read_bytes() == b"abcd"


def test_what_is_whole_gets_its_name_after_a_kill_however_old_it_is(unfinished: Unfinished, tmp_path: Path) -> None:
    begun(unfinished, data=b"abcd", folder=str(tmp_path / "b"))
    age(tmp_path)
    unfinished.sweep()
    assert files(tmp_path) == ["b/talk.mp3"] and (tmp_path / "b" / "talk.mp3").read_bytes() == b"abcd"


def test_leftovers_of_which_nobody_knows_more_are_removed_after_a_day(
    unfinished: Unfinished, tmp_path: Path, settings: Settings
) -> None:
    """In all folders, those of a person who may only read by now included; files of others stay."""
    inner = tmp_path / "b" / "ada"
    for digit, kind in (("1", "part"), ("2", "json"), ("3", "toml")):
        (tmp_path / "a" / os.fsdecode(upload_file(digit * 32, kind))).touch()
    with Incoming.begin(inner, "x.mp3", 2, settings=settings, person="bob"):
        pass
    others = [".upload-1.part", ".upload-notours.part", "talk.mp3.part", f".upload-{'a' * 32}.mp3"]
    for name in others:
        (tmp_path / "a" / name).touch()
    unfinished.sweep()
    assert len(files(tmp_path)) == 5 + len(others)
    age(tmp_path)
    unfinished.sweep()
    assert files(tmp_path) == sorted(f"a/{name}" for name in others)


def test_a_damaged_file_hides_no_other_upload(unfinished: Unfinished, tmp_path: Path) -> None:
    key = begun(unfinished)
    (tmp_path / "a" / os.fsdecode(upload_file("b" * 32, "json"))).write_text("{")
    (tmp_path / "a" / os.fsdecode(upload_file("b" * 32, "part"))).write_text("x")
    assert [upload.id for upload in unfinished.of(ADA)] == [key]
    with pytest.raises(NoUpload):
        unfinished.resume(ADA, "b" * 32)
    age(tmp_path)
    unfinished.sweep()
    assert files(tmp_path) == []


def test_who_lost_the_last_answer_hears_that_all_has_arrived(unfinished: Unfinished) -> None:
    key = begun(unfinished, data=b"abcd")
    with unfinished.resume(ADA, key) as incoming:
        unfinished.finish(incoming)
    found = unfinished.finished(ADA, key)
    assert found is not None and found[0] == 4 and "filename" in found[1]
    assert unfinished.finished(Person("carol"), key) is None and unfinished.finished(ADA, "0" * 32) is None
    assert REMEMBERED_MAX >= UNFINISHED_MAX
