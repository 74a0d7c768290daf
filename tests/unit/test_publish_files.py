import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.config.formats import FORMATS
from daemon.errors import Unavailable
from daemon.publish import files as room
from daemon.publish.files import Owner, plan, publish
from daemon.publish.readers import Access

FILES = {"txt": b"text\n", "json": b"{}\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def nobody(_name: bytes) -> None:
    return None


def put(
    folder: int,
    recording: bytes = b"talk.mp3",
    naming: str = "stem",
    owner: Owner = nobody,
    files: dict[str, bytes] = FILES,
) -> str | None:
    planned, warning = plan(folder, recording, files, naming, owner)
    publish(folder, planned, "test")
    return warning


def names(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


def test_a_set_appears_with_its_content(tmp_path: Path, folder: int) -> None:
    assert put(folder) is None
    assert (tmp_path / "talk.txt").read_bytes() == b"text\n"
    assert names(tmp_path) == {"talk.txt", "talk.json"}


def test_naming_by_the_whole_name(tmp_path: Path, folder: int) -> None:
    put(folder, naming="name")
    assert names(tmp_path) == {"talk.mp3.txt", "talk.mp3.json"}


@pytest.mark.guarantee(11)
def test_a_file_of_the_users_is_never_overwritten(tmp_path: Path, folder: int) -> None:
    (tmp_path / "talk.txt").write_text("mine")
    assert "usual name" in (put(folder) or "")
    assert (tmp_path / "talk.txt").read_text() == "mine"
    assert names(tmp_path) == {"talk.txt", "talk.mp3.txt", "talk.mp3.json"}
    (tmp_path / "talk.mp3.json").write_text("mine too")
    put(folder, files={"txt": b"other\n", "json": b"[]\n"})
    assert names(tmp_path) >= {"talk.mp3.1.txt", "talk.mp3.1.json"}


@pytest.mark.guarantee(10)
def test_publishing_again_has_no_second_effect(tmp_path: Path, folder: int) -> None:
    put(folder)
    before = {path: path.stat().st_ino for path in tmp_path.iterdir()}
    assert put(folder) is None
    assert {path: path.stat().st_ino for path in tmp_path.iterdir()} == before


def test_what_the_daemon_wrote_for_the_same_recording_is_replaced(tmp_path: Path, folder: int) -> None:
    put(folder)
    sha = {
        name: hashlib.sha256((tmp_path / os.fsdecode(name)).read_bytes()).hexdigest()
        for name in (b"talk.txt", b"talk.json")
    }
    put(
        folder, owner=lambda name: (True, sha[name]) if name in sha else None, files={"txt": b"new\n", "json": b"[1]\n"}
    )
    assert (tmp_path / "talk.txt").read_bytes() == b"new\n"
    assert names(tmp_path) == {"talk.txt", "talk.json"}


@pytest.mark.guarantee(11)
def test_an_edited_transcript_is_left_alone(tmp_path: Path, folder: int) -> None:
    put(folder)
    (tmp_path / "talk.txt").write_text("corrected by hand")
    put(folder, owner=lambda _name: (True, "0" * 64), files={"txt": b"new\n", "json": b"{}\n"})
    assert (tmp_path / "talk.txt").read_text() == "corrected by hand"
    assert (tmp_path / "talk.mp3.txt").read_bytes() == b"new\n"


def test_the_transcript_of_another_recording_is_left_alone_even_if_equal(tmp_path: Path, folder: int) -> None:
    put(folder)
    sha = hashlib.sha256(b"text\n").hexdigest()
    put(folder, recording=b"talk.wav", owner=lambda name: (False, sha) if name.startswith(b"talk.t") else None)
    assert {"talk.wav.txt", "talk.wav.json"} <= names(tmp_path)


@pytest.mark.guarantee(13)
@pytest.mark.parametrize("character", ["x", "é", "語", "𝄞", b"\xff", b"\xa9"], ids=repr)
@pytest.mark.parametrize("forms", [*((form,) for form in FORMATS), FORMATS, ("markdown",)], ids=repr)
def test_names_of_any_legal_length(tmp_path: Path, forms: tuple[str, ...], character: str | bytes) -> None:
    letter = character.encode() if isinstance(character, str) else character
    for length in range(230, 256):
        count, rest = divmod(length - len(b".wav"), len(letter))
        recording = b"a" * rest + letter * count + b".wav"
        assert len(recording) == length
        within = tmp_path / str(length)
        within.mkdir()
        folder = os.open(within, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Each set differs from those before, whose names are therefore taken.
            for number in range(5):
                planned, _ = plan(folder, recording, dict.fromkeys(forms, b"%d" % number), "stem", nobody)
                for file in planned:
                    (within / os.fsdecode(file.name)).write_bytes(file.content)
        finally:
            os.close(folder)
        made = [os.fsencode(name) for name in names(within)]
        assert len(made) == 5 * len(forms)
        if isinstance(character, str):
            for name in made:
                name.decode()  # no character is cut in two


@pytest.mark.parametrize("length", [8, 244, 255])
def test_the_search_for_a_free_name_ends(folder: int, length: int) -> None:
    asked: list[bytes] = []

    def others(name: bytes) -> tuple[bool, str]:
        asked.append(name)
        return False, ""

    with pytest.raises(Unavailable, match="no name is free"):
        plan(folder, b"x" * (length - 4) + b".wav", {"txt": b""}, "stem", others)
    assert len(asked) == len(set(asked)) >= room.NUMBER_MAX
    with pytest.raises(Unavailable, match="no name is free"):
        plan(folder, b"x" * (length - 4) + b".wav", {"e" * 254: b""}, "stem", nobody)


@pytest.mark.parametrize(("length", "too_long"), [(254, False), (255, True)])
def test_a_name_that_is_too_long_is_not_put_down_to_others(folder: int, length: int, too_long: bool) -> None:
    recording = b"x" * (length - 4) + b".wav"
    assert ("would be too long" in (put(folder, recording=recording) or "")) is too_long
    warning = put(folder, recording=recording, files={"txt": b"other", "json": b"[]"}) or ""
    assert ("is taken" in warning) is not too_long


@pytest.mark.guarantee(9, 11)
def test_a_race_leaves_nothing_of_ours(tmp_path: Path, folder: int) -> None:
    planned, _ = plan(folder, b"talk.mp3", FILES, "stem", nobody)
    (tmp_path / "talk.json").write_text("theirs")
    with pytest.raises(FileExistsError):
        publish(folder, planned, "test")
    assert names(tmp_path) == {"talk.json"}
    assert (tmp_path / "talk.json").read_text() == "theirs"


@pytest.mark.guarantee(9, 19)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_disk_at_fault_is_the_environments_and_leaves_nothing(
    tmp_path: Path, folder: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def write(fd: int, content: memoryview) -> int:
        if written:
            raise OSError(code, os.strerror(code))
        written.append(fd)
        return real(fd, content)

    real = os.write
    monkeypatch.setattr(os, "write", write)
    with pytest.raises(Unavailable):
        put(folder)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("links", [True, False])
def test_file_systems_without_unnamed_files_or_links(
    tmp_path: Path, folder: int, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_EXCL)  # gives EISDIR, as an old kernel does

    def no_link(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    if not links:
        monkeypatch.setattr(os, "link", no_link)
    put(folder)
    assert names(tmp_path) == {"talk.txt", "talk.json"}
    (tmp_path / "next.json").write_text("theirs")
    put(folder, recording=b"next.mp3")
    assert (tmp_path / "next.json").read_text() == "theirs"
    assert {"next.mp3.txt", "next.mp3.json"} <= names(tmp_path)


def test_leftovers_of_a_crash_do_not_hinder(tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_EXCL)
    (tmp_path / ".test-txt.tmp").write_text("half")
    put(folder)
    assert names(tmp_path) == {"talk.txt", "talk.json"}


def test_a_file_that_is_replaced_keeps_its_readers(tmp_path: Path, folder: int) -> None:
    put(folder)
    for name in FILES:
        (tmp_path / f"talk.{name}").chmod(0o604)
    hashes = {f"talk.{name}".encode(): hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    planned, _ = plan(folder, b"talk.mp3", dict.fromkeys(FILES, b"new"), "stem", lambda name: (True, hashes[name]))
    assert publish(folder, planned, "test", Access(os.getuid(), os.getgid(), 6, 4, 4))
    assert {(tmp_path / f"talk.{name}").stat().st_mode & 0o777 for name in FILES} == {0o604}
    assert {(tmp_path / f"talk.{name}").read_bytes() for name in FILES} == {b"new"}


@pytest.mark.guarantee(13)
@pytest.mark.parametrize("what", ["a folder", "a pipe", "a socket", "a link that goes in a circle", "a terabyte"])
def test_a_name_that_is_taken_by_something_else_is_taken(tmp_path: Path, folder: int, what: str) -> None:
    place = tmp_path / "talk.txt"
    match what:
        case "a folder":
            place.mkdir()
        case "a pipe":
            os.mkfifo(place)
        case "a socket":
            os.mknod(place, 0o600 | stat.S_IFSOCK)
        case "a link that goes in a circle":
            place.symlink_to(place)
        case "a terabyte":
            with place.open("w") as file:
                file.truncate(1 << 40)
    before = len(os.listdir("/proc/self/fd"))
    assert "taken" in (put(folder, recording=b"talk.wav") or "")
    assert "talk.wav.txt" in names(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
