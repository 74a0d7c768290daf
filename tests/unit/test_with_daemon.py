"""What a whole daemon says of speakers."""

import errno
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.bench import measure
from daemon.bench.measure import Usage
from daemon.bench.speakers import rttm, with_daemon
from daemon.bench.speakers.error_rate import Heard
from daemon.errors import Unavailable
from daemon.voice import Turn

TURNS = [Turn(0.0, 2.0, "S1"), Turn(2.0, 4.0, "S2")]


def usage(code: int, errors: str = "") -> Usage:
    return Usage(code, 1.0, 2.0, 3.0, None, None, errors)


def test_a_folder_is_transcribed_with_and_without_speakers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def run(_command: Sequence[str], folder: Path) -> Usage:
        inbox = folder / "inbox"
        assert (inbox / "talk.wav").samefile(talk) and not (inbox / "talk.wav").is_symlink()
        (watch,) = tomllib.loads((folder / "config.toml").read_text())["watch"]
        asked.append({key: watch.get(key) for key in ("formats", "speakers", "naming")})
        if "rttm" in watch["formats"]:
            rttm.write(inbox / "talk.wav.rttm", TURNS)
        lines = [{"start_s": 0.0, "end_s": 2.0, "text": "So it is.", "speaker": "S1"}]
        (inbox / "talk.wav.json").write_text(json.dumps({"segments": lines}))
        return usage(0)

    monkeypatch.setattr(measure, "run", run)
    talk = tmp_path / "talk.wav"
    talk.write_bytes(b"sound")
    found = with_daemon.run([talk], {"name": "tiny.en"}, "2-6")
    assert (
        found.missing == ()
        and found.turns == {talk: TURNS}
        and found.heard == {talk: [Heard(1.0, 3, "S1")]}
        and found.usage.cpu_s == 2.0
    )
    assert with_daemon.run([talk], {"name": "tiny.en"}, "off").turns == {talk: []}
    assert asked == [
        {"formats": ["rttm", "json"], "speakers": "2-6", "naming": "name"},
        {"formats": ["json"], "speakers": None, "naming": "name"},
    ]
    assert list(tmp_path.iterdir()) == [talk]


def test_a_daemon_that_does_not_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "transcribed: config.toml: watch[0].speakers: unknown key\n"
    monkeypatch.setattr(measure, "run", lambda *_: usage(2, told))
    (tmp_path / "talk.wav").touch()
    with pytest.raises(Unavailable, match="unknown key"):
        with_daemon.run([tmp_path / "talk.wav"], {"name": "tiny.en"}, "auto")


def test_a_file_on_another_disk_is_copied_and_what_was_not_transcribed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_command: Sequence[str], folder: Path) -> Usage:
        assert (folder / "inbox" / "talk.wav").read_bytes() == b"sound"
        return usage(1, "rejected talk.wav")

    def elsewhere(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(measure, "run", run)
    monkeypatch.setattr(Path, "hardlink_to", elsewhere)
    talk = tmp_path / "talk.wav"
    talk.write_bytes(b"sound")
    found = with_daemon.run([talk], {"name": "tiny.en"}, "auto")
    assert found.missing == (talk,) and found.turns == {talk: []} and found.heard == {talk: []}


def test_words_count_where_they_are_said(tmp_path: Path) -> None:
    words = [{"start_s": 0.0, "end_s": 0.4, "word": " So"}, {"start_s": 0.4, "end_s": 1.0, "word": " be it."}]
    lines = [
        {"start_s": 0.0, "end_s": 1.0, "text": "So be it.", "words": words, "speaker": "S2"},
        {"start_s": 3.0, "end_s": 4.0, "text": "Why not?"},
    ]
    (tmp_path / "talk.json").write_text(json.dumps({"segments": lines}))
    heard = with_daemon.words_of(tmp_path / "talk.json")
    assert heard == [Heard(0.2, 1, "S2"), Heard(0.7, 2, "S2"), Heard(3.5, 2, "")]
    assert with_daemon.words_of(tmp_path / "none.json") == []
