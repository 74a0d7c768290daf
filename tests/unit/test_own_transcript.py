"""What counts as a transcript that a recording came with."""

import os
from pathlib import Path

import pytest

from daemon.watch.own_transcript import own_transcript


def found(folder: Path, formats: tuple[str, ...] = ("txt",), ours: str = "") -> bytes | None:
    return own_transcript(bytes(folder / "talk.mp3"), formats, lambda path: path == bytes(folder / ours))


@pytest.mark.parametrize(
    "name", ["talk.srt", "talk.txt", "talk.vtt", "talk.mp3.srt", "talk.SRT", "talk.md", "talk.ass"]
)
def test_a_file_that_is_named_like_the_recording(tmp_path: Path, name: str) -> None:
    assert found(tmp_path) is None
    (tmp_path / name).write_text("mine")
    assert found(tmp_path) == name.encode()
    assert found(tmp_path, ours=name) is None, "the daemon wrote it"


@pytest.mark.parametrize(
    "name", ["other.srt", "talk.pdf", "talk", "talk.wav.srt", "talk.json", "talk.rttm", "talk 2.srt"]
)
def test_what_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    assert found(tmp_path) is None


def test_a_json_file_counts_where_the_daemon_would_write_one(tmp_path: Path) -> None:
    (tmp_path / "talk.json").write_text("{}")
    assert found(tmp_path, ("txt", "json")) == b"talk.json"


def test_a_file_of_speakers_counts_where_the_daemon_would_write_one(tmp_path: Path) -> None:
    (tmp_path / "talk.rttm").write_text("SPEAKER")
    assert found(tmp_path, ("txt", "rttm")) == b"talk.rttm"


def test_an_empty_file_a_folder_and_a_link_are_none(tmp_path: Path) -> None:
    (tmp_path / "talk.txt").touch()
    (tmp_path / "talk.srt").mkdir()
    (tmp_path / "talk.vtt").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "talk.md")
    assert found(tmp_path) is None


def test_a_translation_counts_where_the_daemon_would_write_one(tmp_path: Path) -> None:
    (tmp_path / "talk.en.srt").write_text("mine")
    assert found(tmp_path) is None
    assert found(tmp_path, ("txt", "en.txt", "srt", "en.srt")) == b"talk.en.srt"
