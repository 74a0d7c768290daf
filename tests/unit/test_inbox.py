"""Recordings are hidden while they are on their way into a folder, and then appear as a whole, or not at all."""

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from daemon.config.folder_settings import FolderSettings
from daemon.config.settings import Model, Settings, Watch
from daemon.config.web import Web
from daemon.errors import TranscribedError, Unavailable
from daemon.filesystem import fingerprint, inode_of
from daemon.watch.listing import walk
from daemon.watch.names import Kind, Names
from daemon.watch.own_options import signed
from daemon.web import inbox
from daemon.web.inbox import Incoming, folders_for
from daemon.web.people import ANYBODY, Person
from daemon.web.upload_files import Busy, NoRoom, NoUpload, TooLarge, WrongOffset, upload_file

DATA = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(watch=(Watch(path=folder, ignore=()),), model=Model(name="base"), web=Web(upload_max_gb=1e-4))


def begin(settings: Settings, name: str = "talk.mp3", size: int | None = len(DATA), **more: Any) -> Incoming:
    return Incoming.begin(settings.watch[0].path, name, size, settings=settings, **more)


def received(settings: Settings, name: str = "talk.mp3", data: bytes = DATA, **more: Any) -> Path:
    with begin(settings, name, len(data), **more) as incoming:
        incoming.write(0, data)
        return incoming.finish()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- into which folders -----------------------------------------------------------------------------------------


def test_people_drop_into_the_watched_folders_that_are_theirs(tmp_path: Path) -> None:
    a, b, flat = tmp_path / "a", tmp_path / "b", tmp_path / "flat"
    watch = (Watch(path=a, after_success="move"), Watch(path=b / "inner"), Watch(path=flat, recursive=False))
    settings = Settings(watch=watch)

    def of(*folders: Path) -> list[Path]:
        return folders_for(settings, Person("ada", tuple(map(str, folders))))

    assert folders_for(settings, ANYBODY) == [a, b / "inner", flat]
    assert folders_for(settings, Person("eve", read_only=True)) == []
    assert of(a / "ada") == [a / "ada"] and of(a, a / "ada") == [a, a / "ada"]
    assert of(b) == [b / "inner"], "what is watched lies in what is hers"
    assert of(tmp_path) == [a, b / "inner", flat]
    assert of(tmp_path / "elsewhere") == []
    assert of(flat / "ada") == [], "sub-folders are not watched there"
    assert of(a / "done" / "ada") == [] and of(a / ".hidden") == [], "the daemon takes nothing from there"


# -- as a whole -------------------------------------------------------------------------------------------------


def test_a_recording_is_hidden_until_it_is_whole(settings: Settings, folder: Path) -> None:
    with begin(settings) as incoming:
        incoming.write(0, DATA[:100])
        incoming.write(100, DATA[100:])
        hidden = names(folder)
        assert hidden == [f".upload-{incoming.key}.json", f".upload-{incoming.key}.part"]
        seen = list(walk(folder, Names.of(settings.watch[0], settings.watching), recursive=True))
        assert seen == [], "the daemon does not even note what it leaves alone"
        assert incoming.finish() == folder / "talk.mp3"
    assert names(folder) == ["talk.mp3"] and (folder / "talk.mp3").read_bytes() == DATA
    (found,) = walk(folder, Names.of(settings.watch[0], settings.watching), recursive=True)
    assert found.kind is Kind.RECORDING and (folder / "talk.mp3").stat().st_nlink == 1


def test_no_file_is_ever_replaced(settings: Settings, folder: Path) -> None:
    (folder / "talk.mp3").write_bytes(b"mine")
    (folder / "talk (2).mp3").symlink_to("nowhere")
    assert [received(settings).name for _ in range(2)] == ["talk (3).mp3", "talk (4).mp3"]
    assert (folder / "talk.mp3").read_bytes() == b"mine" and (folder / "talk (2).mp3").is_symlink()
    assert received(settings, "gespräch.de.mp3").name == "gespräch.de.mp3"
    assert received(settings, "gespräch.de.mp3").name == "gespräch (2).de.mp3"


def test_many_of_one_name_at_once_all_arrive(settings: Settings, folder: Path) -> None:
    contents = [bytes([number]) * 1000 for number in range(8)]
    threads = [threading.Thread(target=received, args=(settings, "talk.mp3", each)) for each in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.read_bytes() for path in folder.iterdir()) == contents


def test_a_file_system_without_hard_links_will_do(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_names: object, **_options: object) -> None:
        raise OSError(errno.EPERM, "operation not permitted")

    monkeypatch.setattr(os, "link", none)
    assert [received(settings, language="de").name for _ in range(2)] == ["talk.mp3", "talk (2).mp3"]
    assert names(folder) == ["talk (2).mp3", "talk (2).mp3.toml", "talk.mp3", "talk.mp3.toml"]


def test_what_is_not_whole_gets_no_name(settings: Settings, folder: Path) -> None:
    with begin(settings) as incoming:
        incoming.write(0, DATA[:-1])
        with pytest.raises(TranscribedError, match="not whole"):
            incoming.finish()
        incoming.drop()
    with begin(settings, size=None) as nothing, pytest.raises(TranscribedError, match="not whole"):
        nothing.finish()
    assert "talk.mp3" not in names(folder)


def test_a_size_that_shows_at_the_end_is_limited_all_the_same(settings: Settings, folder: Path) -> None:
    with begin(settings, size=None) as incoming:
        incoming.write(0, DATA)
        with pytest.raises(TooLarge, match=r"larger than 0\.0001 GB"):
            incoming.write(len(DATA), bytes(100_000))
        assert incoming.finish().read_bytes() == DATA
    assert names(folder) == ["talk.mp3"]


def test_what_is_dropped_leaves_nothing(settings: Settings, folder: Path) -> None:
    with begin(settings) as incoming:
        incoming.write(0, DATA)
        incoming.drop()
    assert names(folder) == []


# -- how it is to be transcribed --------------------------------------------------------------------------------


def test_wishes_lie_beside_the_recording_before_it_has_its_name(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    link = os.link

    def noted(old: Any, new: Any, **options: Any) -> None:
        order.append(os.fsdecode(new))
        link(old, new, **options)

    monkeypatch.setattr(os, "link", noted)
    received(settings, language="de", task="translate", options={"initial_prompt": "Ada"})
    assert order == ["talk.mp3.toml", "talk.mp3"] and names(folder) == ["talk.mp3", "talk.mp3.toml"]
    resolved, errors = FolderSettings(settings).resolve(os.fsencode(folder / "talk.mp3"))
    options = resolved.options
    assert not errors and (options.language, options.task, options.initial_prompt) == ("de", "translate", "Ada")


def test_another_with_the_same_name_does_not_get_its_wishes(settings: Settings, folder: Path) -> None:
    (folder / "talk.mp3.toml").write_text('language = "fr"\n')
    assert received(settings, language="de").name == "talk (2).mp3"
    assert received(settings, language="fr").name == "talk.mp3", "that is what is wanted"
    assert (folder / "talk.mp3.toml").read_text() == 'language = "fr"\n'


def test_wishes_of_a_recording_that_has_gone_do_not_count_for_the_next(settings: Settings, folder: Path) -> None:
    received(settings, language="de").unlink()
    assert received(settings).name == "talk.mp3" and names(folder) == ["talk.mp3"]
    (folder / "talk.mp3").unlink()
    received(settings, language="de").unlink()
    assert received(settings, language="it").name == "talk.mp3"
    assert 'language = "it"' in (folder / "talk.mp3.toml").read_text()


def test_wishes_that_somebody_has_changed_are_theirs(settings: Settings, folder: Path) -> None:
    received(settings, language="de").unlink()
    with (folder / "talk.mp3.toml").open("a") as file:
        file.write("priority = 5\n")
    mine = (folder / "talk.mp3.toml").read_text()
    assert received(settings, language="it").name == "talk (2).mp3"
    assert received(settings).name == "talk.mp3" and (folder / "talk.mp3.toml").read_text() == mine


def test_wishes_of_one_that_is_about_to_get_its_name_stay(settings: Settings, folder: Path) -> None:
    """Another server has put the options there, and gives the recording its name in the next moment."""
    other = begin(settings, language="de")
    other.write(0, DATA)
    (folder / "talk.mp3.toml").write_bytes(signed(b'language = "de"\n', other.key))
    assert received(settings, language="it").name == "talk (2).mp3"
    assert b'"de"' in (folder / "talk.mp3.toml").read_bytes()
    other.close()


def test_wishes_are_gone_if_the_recording_gets_no_name(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def full(old: Any, new: Any, **options: Any) -> None:
        if new == b"talk.mp3":
            raise OSError(errno.ENOSPC, "no space left on device")
        link(old, new, **options)

    with begin(settings, language="de") as incoming:
        incoming.write(0, DATA)
        with monkeypatch.context() as patched:
            patched.setattr(os, "link", full)
            with pytest.raises(Unavailable, match="no space left"):
                incoming.finish()
        assert names(folder) == [f".upload-{incoming.key}.json", f".upload-{incoming.key}.part"]
        assert incoming.finish().read_bytes() == DATA
    assert names(folder) == ["talk.mp3", "talk.mp3.toml"]


def test_what_somebody_puts_there_meanwhile_is_kept(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program copies a recording of this name, and its options, in the moment before."""
    link = os.link

    def copied(old: Any, new: Any, **options: Any) -> None:
        if new == b"talk.mp3":
            (folder / "talk.mp3").write_bytes(b"theirs")
            (folder / "theirs").write_text("theirs")
            (folder / "theirs").rename(folder / "talk.mp3.toml")
        link(old, new, **options)

    monkeypatch.setattr(os, "link", copied)
    assert received(settings, language="de").name == "talk (2).mp3"
    assert names(folder) == ["talk (2).mp3", "talk (2).mp3.toml", "talk.mp3", "talk.mp3.toml"]
    assert {(folder / name).read_text() for name in ("talk.mp3", "talk.mp3.toml")} == {"theirs"}


def test_its_version_is_what_has_arrived_and_not_what_others_make_of_it(settings: Settings) -> None:
    with begin(settings) as incoming:
        incoming.write(0, DATA)
        assert not incoming.version
        path = incoming.finish()
    assert incoming.version == inode_of(fingerprint(path.stat()))
    with path.open("ab") as file:
        file.write(b"more")
    assert incoming.version != inode_of(fingerprint(path.stat()))


# -- broken off -------------------------------------------------------------------------------------------------


def test_an_upload_goes_on_where_the_disk_has_it(settings: Settings, folder: Path) -> None:
    with begin(settings, person="ada", language="de") as incoming:
        incoming.write(0, DATA[:3000])
        key = incoming.key
    with Incoming.resume(settings, folder, key, "ada") as again:
        assert again.offset == 3000 and again.wanted.options == {"language": "de"} and not again.is_whole
        for wrong in (0, 2999, 3001):
            with pytest.raises(WrongOffset, match="has 3000 bytes"):
                again.write(wrong, b"x")
        with pytest.raises(TooLarge, match="were told"):
            again.write(3000, DATA)
        again.write(3000, DATA[3000:])
        assert again.is_whole and again.finish().read_bytes() == DATA


def test_only_who_began_it_may_go_on(settings: Settings, folder: Path) -> None:
    with begin(settings, person="ada") as incoming:
        key = incoming.key
    for other in ("bob", ""):
        with pytest.raises(NoUpload):
            Incoming.resume(settings, folder, key, other)
    Incoming.resume(settings, folder, key, None).close()
    with pytest.raises(NoUpload):
        Incoming.resume(settings, folder, "f" * 32, "ada")


def test_two_at_once_are_kept_apart(settings: Settings, folder: Path) -> None:
    with begin(settings) as incoming:
        with pytest.raises(Busy):
            Incoming.resume(settings, folder, incoming.key, "")
        incoming.write(0, DATA)
        with pytest.raises(Busy):
            Incoming.resume(settings, folder, incoming.key, None)
        incoming.finish()
    with pytest.raises(NoUpload):
        Incoming.resume(settings, folder, incoming.key, "")


@pytest.mark.parametrize("moved", [False, True])
def test_a_kill_between_name_and_end_makes_no_second_recording(
    settings: Settings, folder: Path, tmp_path: Path, moved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begin(settings, language="de") as incoming:
        incoming.write(0, DATA)
        with monkeypatch.context() as patched:
            patched.setattr(Incoming, "_discard", lambda _self: None)  # the hidden files stay, as after a kill
            incoming.finish()
    if moved:
        (folder / "talk.mp3").rename(tmp_path / "talk.mp3")
    with Incoming.resume(settings, folder, incoming.key, "") as again:
        assert again.finish().name == "talk.mp3"
    assert names(folder) == (["talk.mp3.toml"] if moved else ["talk.mp3", "talk.mp3.toml"])


def test_a_kill_between_wishes_and_name_leaves_the_wishes_to_the_recording(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    link = os.link

    def killed(old: Any, new: Any, **options: Any) -> None:
        if new == b"talk.mp3":
            raise Killed
        link(old, new, **options)

    incoming = begin(settings, language="de")
    incoming.write(0, DATA)
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", killed)
        with pytest.raises(Killed):
            incoming.finish()
    incoming.close()
    assert "talk.mp3.toml" in names(folder)
    with Incoming.resume(settings, folder, incoming.key, "") as again:
        again.finish()
    assert names(folder) == ["talk.mp3", "talk.mp3.toml"]


# -- a hostile or failing disk ----------------------------------------------------------------------------------


def test_a_full_disk_keeps_what_has_arrived(settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite

    def filling(fd: int, data: Any, offset: int) -> int:
        if offset >= 1000:
            raise OSError(errno.ENOSPC, "no space left on device")
        return write(fd, data[: 1000 - offset], offset)

    with begin(settings) as incoming:
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", filling)
            with pytest.raises(Unavailable, match=r"no space left on device; free space there"):
                incoming.write(0, DATA)
        assert incoming.offset == 1000
    with Incoming.resume(settings, folder, incoming.key, "") as again:
        assert again.offset == 1000
        again.write(1000, DATA[1000:])
        assert again.finish().read_bytes() == DATA


def test_a_recording_that_has_no_room_is_refused_at_once(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = os.statvfs(folder)
    small = os.statvfs_result((*status[:2], 4, 4, 1, *status[5:10]))
    monkeypatch.setattr(os, "fstatvfs", lambda _fd: small)
    with pytest.raises(NoRoom, match="has room for"):
        begin(settings)
    assert names(folder) == []


@pytest.mark.parametrize(("size", "kind"), [(0, TranscribedError), (100_001, TooLarge)])
def test_a_size_that_cannot_be_is_refused_at_once(
    settings: Settings, folder: Path, size: int, kind: type[TranscribedError]
) -> None:
    with pytest.raises(kind):
        begin(settings, size=size)
    assert names(folder) == []


def test_a_failure_at_the_beginning_leaves_nothing(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match="free space there"):
            begin(settings)
    assert names(folder) == []


def test_a_folder_that_has_vanished_is_told_of_and_what_was_begun_cannot_be_lost_elsewhere(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    with begin(settings) as incoming:
        incoming.write(0, DATA)
        folder.rename(tmp_path / "away")
        folder.mkdir()
        incoming.finish()
    assert names(folder) == [] and names(tmp_path / "away") == ["talk.mp3"], "the folder is held by its descriptor"
    folder.rmdir()
    with pytest.raises(Unavailable, match="make the folder, or mount its drive"):
        begin(settings)
    with pytest.raises(Unavailable):
        Incoming.resume(settings, folder, "0" * 32, "")


@pytest.mark.parametrize("kind", ["part", "json"])
def test_a_link_is_not_taken_for_an_upload(settings: Settings, folder: Path, tmp_path: Path, kind: str) -> None:
    with begin(settings) as incoming:
        key = incoming.key
    target = tmp_path / "target"
    (folder / os.fsdecode(upload_file(key, kind))).rename(target)
    (folder / os.fsdecode(upload_file(key, kind))).symlink_to(target)
    before = target.read_bytes()
    with pytest.raises((NoUpload, Unavailable)):
        Incoming.resume(settings, folder, key, "")
    assert target.read_bytes() == before


def test_a_wish_that_somebody_has_changed_leads_nowhere_else(settings: Settings, folder: Path, tmp_path: Path) -> None:
    with begin(settings) as incoming:
        incoming.write(0, DATA)
        key = incoming.key
    file = folder / os.fsdecode(upload_file(key, "json"))
    honest = file.read_text()
    file.write_text(honest.replace("talk.mp3", "../talk.mp3"))
    with Incoming.resume(settings, folder, key, "") as again:
        assert again.finish() == folder / "talk.mp3"
    with begin(settings) as incoming:
        incoming.write(0, DATA)
    file = folder / os.fsdecode(upload_file(incoming.key, "json"))
    file.write_text(honest.replace('"options": {}', '"options": {"output": "/etc"}'))
    with Incoming.resume(settings, folder, incoming.key, "") as again, pytest.raises(TranscribedError, match="output"):
        again.finish()
    assert names(tmp_path) == ["inbox"]


def test_every_descriptor_is_closed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(os.listdir("/proc/self/fd"))
    received(settings)
    for options in ({"name": "x.exe"}, {"size": 0}, {"language": "xx"}):
        with pytest.raises(TranscribedError):
            begin(settings, **options)
    with pytest.raises(NoUpload):
        Incoming.resume(settings, settings.watch[0].path, "0" * 32, "")
    with begin(settings) as incoming, pytest.raises(Busy):
        Incoming.resume(settings, settings.watch[0].path, incoming.key, "")
    monkeypatch.setattr(inbox, "NEW", os.O_RDONLY)
    with pytest.raises(Unavailable):
        begin(settings)
    assert len(os.listdir("/proc/self/fd")) == before
