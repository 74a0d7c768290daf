"""How a command that fails ends: one message, in the journal with its priority, and the exit code of its kind."""

import sys
from pathlib import Path

import pytest

from daemon.cli import app
from daemon.errors import AlreadyRunning, BadConfig, TranscribedError, Unavailable


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadConfig("wrong", "right"), 2),
        (AlreadyRunning("wrong", "right"), 3),
        (Unavailable("wrong", "right"), 4),
        (TranscribedError("wrong", "right"), 1),
    ],
)
def test_the_exit_code_tells_the_kind(
    error: TranscribedError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_names: str) -> None:
        raise error

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == code
    assert capsys.readouterr().err == "transcribed: wrong\n  right\n"


def test_in_the_journal_every_line_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "is_journal", lambda _stream: True)
    with pytest.raises(SystemExit):
        app._fail(BadConfig("one\ntwo", "the way out"))
    assert capsys.readouterr().err == "<3>transcribed: one\n<3>two\n<3>  the way out\n"


def test_a_working_directory_that_is_gone_is_said_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(sys, "argv", ["transcribed", "search", "words", "--folder", "sub"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 4 and "working directory does not exist" in capsys.readouterr().err


def test_another_file_that_is_missing_is_an_error_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_names: str) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(FileNotFoundError):
        app.main()
