import os
import socket
from pathlib import Path
from typing import Any

import pytest

from daemon.filesystem import open_beneath
from daemon.watch.listing import Kind, look, walk

IGNORE = ("*.part", "*.crdownload", ".*", "~*")


def found(root: Path, **options: Any) -> dict[str, Kind]:
    return {os.fsdecode(item.path): item.kind for item in walk(root, IGNORE, recursive=True, **options)}


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


def test_links_pipes_sockets_and_folders_are_special_and_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "s.wav").touch()
    root = tmp_path / "root"
    root.mkdir()
    os.symlink(secret / "s.wav", root / "link.wav")
    os.symlink(secret, root / "folder")
    os.symlink(root, root / "loop")
    os.mkfifo(root / "pipe.wav")
    (root / "x.wav").mkdir()
    (root / "x.wav" / "inside.wav").touch()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "s.wav"))
        kinds = found(root)
    assert kinds == {
        "link.wav": Kind.SPECIAL, "pipe.wav": Kind.SPECIAL, "x.wav": Kind.SPECIAL, "s.wav": Kind.SPECIAL,
        "folder": Kind.OTHER, "loop": Kind.OTHER, "x.wav/inside.wav": Kind.RECORDING,
    }  # fmt: skip
    for name in (b"link.wav", b"pipe.wav", b"x.wav", b"s.wav", b"folder/s.wav"):
        with pytest.raises(OSError):
            open_beneath(str(root), name)


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
    assert {item.path for item in walk(tmp_path, IGNORE, recursive=True)} == names


def test_folders_watched_on_their_own_are_left_to_them(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.wav").touch()
    assert found(tmp_path, skip=[tmp_path / "own"]) == {}


def test_looking_at_one_path_heeds_the_ignored_folders_above_it(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "a.wav").touch()
    assert look(tmp_path, b".hidden/a.wav", IGNORE) is None
    assert look(tmp_path, b"gone.wav", IGNORE) is None
