"""Whether a path is taken, and why not; the same as the scanner finds."""

import os
import socket
from pathlib import Path

import pytest

from daemon.config.settings import Settings, Watch, Watching
from daemon.watch.admission import admission
from daemon.watch.listing import look, walk
from daemon.watch.names import Kind, Names

BOOKKEEPING = "is a bin, snapshot, preview or bookkeeping of a NAS, desktop or synchronizing program"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A watched folder with everything in it that can be."""
    inbox = tmp_path / "inbox"
    for folder in ("sub/deep", "~tmp", "own", "folder.wav"):
        (inbox / folder).mkdir(parents=True)
    names = (
        "a.wav", "A.MP3", "notes.pdf", "noextension", "a.txt", "a.json", ".hidden.wav", "b.wav.part", "~c.wav",
        "sub/d.ogg", "sub/deep/e.flac", "~tmp/f.wav", "own/g.wav", "sub/.h.wav", f".upload-{'0' * 32}.part",
        ".transcribed-7-txt.tmp",
    )  # fmt: skip
    for name in names:
        (inbox / name).touch()
    (inbox / os.fsdecode(b"\xff.wav")).touch()
    (inbox / "link.wav").symlink_to("a.wav")
    (inbox / "dangling.wav").symlink_to("nothing")
    (inbox / "out").symlink_to(tmp_path / "elsewhere")
    (inbox / "within").symlink_to("sub")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "i.wav").touch()
    os.mkfifo(inbox / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(inbox / "socket.wav"))
    return inbox


def settings(*watches: Watch) -> Settings:
    return Settings(watch=watches)


@pytest.mark.parametrize("recursive", [True, False])
def test_it_says_what_the_scanner_does(tree: Path, recursive: bool) -> None:
    outer, inner = Watch(path=tree, recursive=recursive), Watch(path=tree / "own")
    asked = settings(outer, inner)
    taken = set()
    names = Names.of(outer, asked.watching)
    for watch, skip in ((outer, [inner.path]), (inner, [tree])):
        for found in walk(watch.path, names, recursive=watch.recursive, skip=skip):
            if found.kind is Kind.RECORDING:
                taken.add(os.path.join(os.fsencode(watch.path), found.path))
            elif found.reason:
                judged = admission(asked, os.path.join(os.fsencode(watch.path), found.path))
                assert (judged.reason, judged.version) == (found.reason, found.fingerprint)
    everything = [
        os.path.join(folder, name) for folder, folders, names in os.walk(bytes(tree)) for name in (*folders, *names)
    ]
    assert len(everything) > 20
    assert {path for path in everything if admission(asked, path).taken} == taken
    assert len(taken) == (6 if recursive else 4)
    for path in taken:
        below = path.removeprefix(bytes(tree) + b"/")
        if not below.startswith(b"own/"):
            looked_at = look(tree, below, names)
            assert looked_at is not None and admission(asked, path).version == looked_at.fingerprint


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.wav", ""),
        ("b.wav.part", "matches the ignore pattern '*.part'"),
        ("new.part", "matches the ignore pattern '*.part'"),
        ("~tmp/f.wav", "is in the folder ~tmp, which matches the ignore pattern '~*'"),
        ("notes.pdf", "not named like a recording (.pdf)"),
        ("new.pdf", "not named like a recording (.pdf)"),
        ("noextension", "not named like a recording (no extension)"),
        ("a.txt", "named like a transcript, which is never a recording"),
        ("new.srt", "named like a transcript, which is never a recording"),
        ("new.wav", "there is no such file"),
        ("a.wav/b.wav", "there is no such file"),
        ("link.wav", "a symbolic link, which is not followed; drop the file itself or a hard link"),
        ("out/i.wav", "is in out, which is a symbolic link to a folder and is not followed"),
        ("pipe.wav", "a named pipe, not a recording"),
        ("socket.wav", "a socket, not a recording"),
        ("folder.wav", "a folder, not a recording"),
        ("#recycle/a.wav", f"is in the folder #recycle, which {BOOKKEEPING}"),
        ("._a.wav", BOOKKEEPING),
        ("sub", "a folder, not a recording"),
        (f".upload-{'0' * 32}.part", "an upload that is not whole yet"),
        (".transcribed-7-txt.tmp", "a temporary file of the daemon's"),
        ("a" * 300 + ".wav", "cannot be examined: File name too long"),
        (".", "is a watched folder itself, not a recording in it"),
        ("../elsewhere/i.wav", "is not below a watched folder"),
    ],
)
def test_why_not(tree: Path, name: str, reason: str) -> None:
    judged = admission(settings(Watch(path=tree)), os.fsencode(tree / name))
    assert (judged.reason, judged.taken) == (reason, not reason)


def test_a_sub_folder_of_a_folder_watched_alone(tree: Path) -> None:
    judged = admission(settings(Watch(path=tree, recursive=False)), bytes(tree / "sub" / "d.ogg"))
    assert judged.reason == f"is in a sub-folder, and those of {tree} are not watched (recursive = false)"


def test_a_watched_folder_that_is_missing(tmp_path: Path) -> None:
    judged = admission(settings(Watch(path=tmp_path / "usb")), bytes(tmp_path / "usb" / "a.wav"))
    assert judged.reason == f"the watched folder {tmp_path / 'usb'} is missing"


def test_a_way_through_links_is_the_file_that_is_watched(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shortcut").symlink_to(tree)
    (tmp_path / "deep").symlink_to(tree / "sub" / "deep")
    asked = settings(Watch(path=tree))
    monkeypatch.chdir(tmp_path)
    for path, real in (
        (b"shortcut/a.wav", b"a.wav"),
        (b"deep/e.flac", b"sub/deep/e.flac"),
        (b"inbox/within/d.ogg", b"sub/d.ogg"),
        (b"inbox/sub/../a.wav", b"a.wav"),
    ):
        judged = admission(asked, path)
        assert judged.taken and judged.path == os.path.join(bytes(tree), real), path


def test_a_file_without_an_extension_is_taken_by_its_content_if_that_is_asked_for(tree: Path) -> None:
    (tree / "REC0001").write_bytes(b"OggS")
    asked = Settings(watch=(Watch(path=tree),), watching=Watching(sniff=True))
    reasons = {name: admission(asked, bytes(tree / name)).reason for name in ("REC0001", "noextension", "new", "a.wav")}
    assert reasons == {
        "REC0001": "", "noextension": "no extension, and its first bytes are not those of a recording",
        "new": "there is no such file", "a.wav": "",
    }  # fmt: skip
    assert admission(settings(Watch(path=tree)), bytes(tree / "REC0001")).reason.startswith("not named like")


@pytest.mark.parametrize("path", ["sub", "sub/d.ogg", "sub/deep/e.flac"])
def test_nothing_is_taken_from_the_folder_of_what_is_done(tree: Path, path: str) -> None:
    moving = Watch(path=tree, after_success="move", done_folder="sub")
    names = Names.of(moving, Watching())
    assert not any(found.path.startswith(b"sub") for found in walk(tree, names, recursive=True))
    assert not list(walk(tree, names, recursive=True, below=path.encode() if path == "sub" else b"sub/deep"))
    assert look(tree, path.encode(), names) is None
    assert admission(settings(moving), bytes(tree / path)).reason == "is in sub, where recordings go that are done"
    assert not names.is_put_away(b"submarine/a.wav") and not Names.of(Watch(), Watching()).is_put_away(b"done/a.wav")
