import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from daemon.filesystem import fingerprint, open_beneath
from daemon.watch.listing import is_refused, look, walk
from daemon.watch.names import Kind, Names
from tests.support import write_wav

NAMES = Names(ignore=("*.part", "*.crdownload", ".*", "~*"))


def found(root: Path, names: Names = NAMES, **options: Any) -> dict[str, Kind]:
    return {os.fsdecode(item.path): item.kind for item in walk(root, names, recursive=True, **options)}


def test_recordings_are_told_from_the_rest(tmp_path: Path) -> None:
    for name in ("a.wav", "b.MP3", "c.txt", "d.json", "notes.md", "e.pdf", "f.wav.part", ".g.wav", "~h.wav", "plain"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "i.opus").touch()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "j.wav").touch()
    assert found(tmp_path) == {
        "a.wav": Kind.RECORDING, "b.MP3": Kind.RECORDING, "sub/i.opus": Kind.RECORDING,
        "c.txt": Kind.TRANSCRIPT, "d.json": Kind.TRANSCRIPT, "notes.md": Kind.TRANSCRIPT,
        "e.pdf": Kind.OTHER, "plain": Kind.OTHER, "f.wav.part": Kind.OTHER, ".g.wav": Kind.OTHER,
        "~h.wav": Kind.OTHER, ".hidden": Kind.OTHER,
    }  # fmt: skip


def test_what_the_page_has_yet_to_receive_is_not_even_listed(tmp_path: Path) -> None:
    key = "0123456789abcdef" * 2
    for name in (f".upload-{key}.part", f".upload-{key}.json", f".upload-{key}.toml"):
        (tmp_path / name).touch()
        assert look(tmp_path, name.encode(), NAMES) is None and not is_refused(tmp_path, name.encode(), NAMES)
    for name in (f".upload-{key}.wav", ".upload-1.part"):
        (tmp_path / name).touch()
    assert found(tmp_path, Names()) == {f".upload-{key}.wav": Kind.RECORDING, ".upload-1.part": Kind.OTHER}


def test_temporary_files_of_the_daemon_are_not_even_listed(tmp_path: Path) -> None:
    key = "0123456789abcdef" * 2
    for part in ("7-txt", "7-en.srt", "7-live.txt", "7-delete", f"{key}-options"):
        name = f".transcribed-{part}.tmp"
        (tmp_path / name).touch()
        assert look(tmp_path, name.encode(), NAMES) is None and not is_refused(tmp_path, name.encode(), NAMES)
    for name in (".transcribed-7-txt.wav", ".transcribed.tmp"):
        (tmp_path / name).touch()
    assert found(tmp_path, Names()) == {".transcribed-7-txt.wav": Kind.RECORDING, ".transcribed.tmp": Kind.OTHER}


def test_links_pipes_and_sockets_are_special_and_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "s.wav").touch()
    root = tmp_path / "root"
    root.mkdir()
    os.symlink(secret / "s.wav", root / "link.wav")
    os.symlink(secret, root / "folder")
    os.symlink(root, root / "loop")
    os.mkfifo(root / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "s.wav"))
        kinds = found(root)
    assert kinds == {
        "link.wav": Kind.SPECIAL, "pipe.wav": Kind.SPECIAL, "s.wav": Kind.SPECIAL,
        "folder": Kind.OTHER, "loop": Kind.OTHER,
    }  # fmt: skip
    for name in (b"link.wav", b"pipe.wav", b"s.wav", b"folder/s.wav"):
        with pytest.raises(OSError):
            open_beneath(str(root), name)


def test_bins_and_previews_are_listed_as_ignored_and_what_is_in_them_is_not_found(tmp_path: Path) -> None:
    for folder in ("#recycle", "sub/@eaDir/talk.mp3", ".Trash-1000/files", "lost+found"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "SYNOAUDIO.mp3").touch()
    for name in ("._talk.mp3", "talk (conflicted copy).mp3", "talk.sync-conflict-1.mp3"):
        (tmp_path / name).touch()
    assert found(tmp_path, Names()) == {
        "#recycle": Kind.OTHER, "sub/@eaDir": Kind.OTHER, ".Trash-1000": Kind.OTHER, "lost+found": Kind.OTHER,
        "._talk.mp3": Kind.OTHER, "talk (conflicted copy).mp3": Kind.RECORDING,
        "talk.sync-conflict-1.mp3": Kind.RECORDING,
    }  # fmt: skip
    assert look(tmp_path, b"sub/@eaDir/talk.mp3/SYNOAUDIO.mp3", Names()) is None


def test_a_folder_that_is_named_like_a_recording_or_a_transcript_is_walked(tmp_path: Path) -> None:
    for folder in ("talk.mp3", "2024.wav", "notes.txt"):
        (tmp_path / folder / "deep.flac").mkdir(parents=True)
        (tmp_path / folder / "deep.flac" / "a.wav").touch()
    assert found(tmp_path) == {
        f"{folder}/deep.flac/a.wav": Kind.RECORDING for folder in ("talk.mp3", "2024.wav", "notes.txt")
    }
    assert look(tmp_path, b"talk.mp3", NAMES) is None


@pytest.mark.parametrize("sniff", [True, False])
def test_files_without_an_extension_are_recordings_by_their_first_bytes_if_asked_for(
    tmp_path: Path, sniff: bool
) -> None:
    media = write_wav(tmp_path / "REC0001")
    (tmp_path / "Call 2024.11.28").write_bytes(media.read_bytes())
    (tmp_path / "Makefile").write_text("all:\n")
    (tmp_path / "empty").touch()
    (tmp_path / "named.bin").write_bytes(media.read_bytes())
    (tmp_path / ".hidden").write_bytes(media.read_bytes())
    (tmp_path / "link").symlink_to("REC0001")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    kinds = found(tmp_path, Names(NAMES.ignore, sniff=sniff))
    taken = {name for name, kind in kinds.items() if kind is Kind.RECORDING}
    assert taken == ({"REC0001", "Call 2024.11.28"} if sniff else set())
    assert set(kinds) == {entry.name for entry in tmp_path.iterdir()} - {"folder"}


def test_a_recording_by_its_content_is_a_version_like_any_other(tmp_path: Path) -> None:
    write_wav(tmp_path / "REC0001")
    item = look(tmp_path, b"REC0001", Names(sniff=True))
    assert item is not None and item.fingerprint == fingerprint((tmp_path / "REC0001").stat()) and not item.reason


def test_what_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_root: str, _path: bytes) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "REC0001").touch()
    monkeypatch.setattr("daemon.watch.listing.open_beneath", refused)
    item = look(tmp_path, b"REC0001", Names(sniff=True))
    assert item is not None and item.kind is Kind.OTHER and "Permission denied" in item.reason


def test_what_is_refused_is_so_until_it_is_gone_or_something_else(tmp_path: Path) -> None:
    for name in ("slides.pdf", "a.wav", "notes.txt"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / ".hidden").mkdir()
    refused = {
        name
        for name in ("slides.pdf", "a.wav", "notes.txt", "pipe.wav", "folder.wav", ".hidden", "gone.pdf")
        if is_refused(tmp_path, name.encode(), NAMES)
    }
    assert refused == {"slides.pdf", "pipe.wav", ".hidden"}
    assert not is_refused(tmp_path, b"slides.pdf", Names(extensions=frozenset({".pdf"})))


def test_any_legal_name(tmp_path: Path) -> None:
    names = {
        b"new\nline.wav",
        b"\xff\xfe.wav",
        "ünï.wav".encode(),
        b"x" * 251 + b".wav",
        b" .wav",
        b"$(rm).wav",
        b"-n.wav",
    }
    for name in names:
        os.close(os.open(os.path.join(os.fsencode(tmp_path), name), os.O_CREAT))
    assert {item.path for item in walk(tmp_path, NAMES, recursive=True)} == names


def test_folders_watched_on_their_own_are_left_to_them(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.wav").touch()
    assert found(tmp_path, skip=[tmp_path / "own"]) == {}


def test_looking_at_one_path_heeds_the_ignored_folders_above_it(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "a.wav").touch()
    assert look(tmp_path, b".hidden/a.wav", NAMES) is None
    assert look(tmp_path, b"gone.wav", NAMES) is None


def closed(folder: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """Have a folder refuse to be listed; modes do not keep root out."""
    real = os.scandir

    def refusing(path: bytes) -> Any:
        if os.path.normpath(path) == bytes(folder):
            raise error
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)


@pytest.mark.guarantee(17)
def test_a_folder_that_cannot_be_listed_is_told_and_the_others_are_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.wav", "b/2.wav", "c/3.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    closed(tmp_path / "b", monkeypatch, PermissionError(errno.EACCES, "Permission denied"))
    told: dict[bytes, OSError] = {}
    assert set(found(tmp_path, closed=told.__setitem__)) == {"a/1.wav", "c/3.wav"}
    assert list(told) == [b"b"] and told[b"b"].strerror == "Permission denied"
    told.clear()
    closed(tmp_path / "b", monkeypatch, FileNotFoundError(errno.ENOENT, "gone meanwhile"))
    assert set(found(tmp_path, closed=told.__setitem__)) == {"a/1.wav", "c/3.wav"} and not told
    closed(tmp_path, monkeypatch, PermissionError(errno.EACCES, "Permission denied"))
    with pytest.raises(PermissionError):
        found(tmp_path, closed=told.__setitem__)


def test_a_folder_whose_names_alone_may_be_read_counts_as_one_that_cannot_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unsearchable:
        def __init__(self, entry: Any) -> None:
            self.name, self.path = entry.name, entry.path

        def stat(self, **_options: bool) -> os.stat_result:
            raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.wav").touch()
    (tmp_path / "a.wav").touch()
    real = os.scandir
    inside = bytes(tmp_path / "b")
    monkeypatch.setattr(os, "scandir", lambda path: [Unsearchable(e) if path == inside else e for e in real(path)])
    told: dict[bytes, OSError] = {}
    assert set(found(tmp_path, closed=told.__setitem__)) == {"a.wav"} and list(told) == [b"b"]
