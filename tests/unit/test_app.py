"""How a command that fails ends: one message, in the journal with its priority, and the exit code of its kind."""

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
