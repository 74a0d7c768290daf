"""Transcripts in a folder of their own, in a tree that mirrors the watched one."""

import os
from pathlib import Path

import pytest

from daemon.chunk import Options
from daemon.errors import Unavailable
from daemon.filesystem import fingerprint
from daemon.publish.publisher import export_job, publish_job
from daemon.publish.relocation import take_along
from daemon.store.records import Job, Moved, Seen, Whereabouts
from daemon.store.store import Store
from tests.builders import result
from tests.support import Daemon, MakeDaemon, write_wav


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


def recorded(store: Store, inbox: Path, name: str, output: Path, text: str = "hello") -> Job:
    """A job all of whose chunks are stored."""
    file = inbox / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.urandom(8))
    store.queue([(seen_of(inbox, name), Options(formats=("txt", "json"), output=str(output)), 0)])
    (job,) = store.claim(1)
    store.save([result(job.id, 0, text)])
    return job


def seen_of(inbox: Path, name: str) -> Seen:
    status = (inbox / name).stat()
    return Seen(str(inbox), os.fsencode(name), fingerprint(status), status.st_size)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_the_tree_is_mirrored_with_its_modes_and_nothing_is_written_beside(
    store: Store, inbox: Path, output: Path
) -> None:
    job = recorded(store, inbox, "calls/2026/ann.m4a", output)
    (inbox / "calls").chmod(0o750)
    (inbox / "calls/2026").chmod(0o555)
    assert publish_job(store, job) is None
    assert files(output) == {"calls/2026/ann.txt", "calls/2026/ann.json"}
    assert files(inbox) == {"calls/2026/ann.m4a"}
    modes = [(output / folder).stat().st_mode & 0o777 for folder in ("calls", "calls/2026")]
    assert modes == [0o750, 0o755], "the daemon can write in all of them"
    owned = store.owner(os.fsencode(output / "calls/2026/ann.txt"))
    assert owned is not None and (owned.root, owned.path_bytes) == (str(inbox), b"calls/2026/ann.m4a")


def test_files_of_others_stay_also_those_of_another_watched_folder(store: Store, tmp_path: Path, output: Path) -> None:
    (output / "a.txt").write_text("mine")
    for name in ("first", "second"):
        job = recorded(store, tmp_path / name, "a.wav", output, text=f"from {name}")
        assert "usual name" in (publish_job(store, job) or "")
        store.finish(job.id)
    assert (output / "a.txt").read_text() == "mine"
    assert (output / "a.wav.txt").read_text() == "from first\n"
    assert (output / "a.wav.1.txt").read_text() == "from second\n"


def test_a_link_in_the_tree_is_not_followed(store: Store, inbox: Path, output: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (output / "sub").symlink_to(tmp_path / "elsewhere")
    job = recorded(store, inbox, "sub/a.wav", output)
    with pytest.raises(Unavailable, match=r"output folder .* cannot be used"):
        publish_job(store, job)
    assert files(tmp_path / "elsewhere") == set()


def test_an_output_folder_that_is_missing_is_waited_for(store: Store, inbox: Path, tmp_path: Path) -> None:
    job = recorded(store, inbox, "sub/a.wav", tmp_path / "unmounted")
    with pytest.raises(Unavailable) as raised:
        publish_job(store, job)
    assert "create or mount it" in str(raised.value.hint) and not (tmp_path / "unmounted").exists()


def test_further_formats_go_there_too_though_the_recording_is_gone(store: Store, inbox: Path, output: Path) -> None:
    job = recorded(store, inbox, "sub/a.wav", output)
    publish_job(store, job)
    store.finish(job.id)
    (inbox / "sub/a.wav").unlink()
    (inbox / "sub").rmdir()
    finished = store.finished(job.id)
    assert finished is not None and export_job(store, finished, ["md"]) is None
    assert files(output) == {"sub/a.txt", "sub/a.json", "sub/a.md"}


@pytest.mark.parametrize("name", ["b.wav", "other/a.wav", "deep/er/b.wav"])
def test_a_transcript_goes_along_within_the_output_folder(store: Store, inbox: Path, output: Path, name: str) -> None:
    job = recorded(store, inbox, "sub/a.wav", output)
    publish_job(store, job)
    store.finish(job.id)
    before = store.by_inode(["1:2:3:4:5", _version(inbox / "sub/a.wav")])
    (whereabouts,) = before[_version(inbox / "sub/a.wav")]
    assert whereabouts.output == str(output)
    (inbox / name).parent.mkdir(parents=True, exist_ok=True)
    (inbox / "sub/a.wav").rename(inbox / name)
    moved, reason = take_along(store, whereabouts, seen_of(inbox, name))
    stem = name.removesuffix(".wav")
    assert reason is None and files(output) == {f"{stem}.txt", f"{stem}.json"}
    assert moved == {form: os.fsencode(output / f"{stem}.{form}") for form in ("txt", "json")}
    store.follow([Moved(job.id, seen_of(inbox, name), Options(), 0, moved)])
    again = Whereabouts(job.id, str(inbox), os.fsencode(name), whereabouts.fingerprint, "done", str(output))
    assert take_along(store, again, seen_of(inbox, name)) == ({}, None)


def test_an_edited_transcript_stays_and_says_why(store: Store, inbox: Path, output: Path) -> None:
    job = recorded(store, inbox, "a.wav", output)
    publish_job(store, job)
    store.finish(job.id)
    (output / "a.txt").write_text("edited")
    ((whereabouts,),) = store.by_inode([_version(inbox / "a.wav")]).values()
    (inbox / "a.wav").rename(inbox / "b.wav")
    moved, reason = take_along(store, whereabouts, seen_of(inbox, "b.wav"))
    assert moved == {} and reason is not None and f"stays in {output}" in reason and "edited" in reason
    assert files(output) == {"a.txt", "a.json"}


def test_a_daemon_writes_into_the_output_folder_once_it_is_there(make_daemon: MakeDaemon) -> None:
    watch = 'path = "inbox"\nformats = ["txt", "md"]\noutput = "vault"\nfront_matter = true'
    daemon: Daemon = make_daemon(fake={}, **{"[watch]": watch})
    (daemon.inbox / "calls").mkdir()
    write_wav(daemon.inbox / "calls" / "ann.wav", 2.0)
    assert daemon.once() == 4, "the environment holds up everything"
    assert "output folder" in daemon.reasons()["calls/ann.wav"]
    (daemon.folder / "vault").mkdir()
    assert daemon.once() == 0
    assert files(daemon.inbox) == {"calls/ann.wav"} and files(daemon.folder / "vault") == {
        "calls/ann.txt",
        "calls/ann.md",
    }
    note = (daemon.folder / "vault/calls/ann.md").read_text()
    assert f'audio: "file://{daemon.inbox}/calls/ann.wav"' in note and 'tags: ["calls"]' in note
    shown = daemon.run("explain", str(daemon.inbox / "calls" / "ann.wav")).stdout
    assert "output" in shown and "front_matter" in shown
    refused = daemon.inbox / ".transcribed.toml"
    refused.write_text('output = "/tmp"')
    assert "output: unknown key" in daemon.run("explain", str(daemon.inbox / "calls" / "ann.wav")).stderr


def _version(path: Path) -> str:
    return fingerprint(path.stat())
