"""`transcribed web user`."""

import sys
from io import StringIO
from pathlib import Path

import pytest

from daemon.cli import app
from daemon.config import reader
from daemon.store.migrate import migrate
from daemon.store.queries import Queries
from daemon.store.store import Store
from daemon.web.people import Users
from tests.support import queue

PASSWORD = "correct horse battery"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (file := tmp_path / "config.toml").write_text("[web.users.ada]\nread_only = true\n")
    return file


def run(monkeypatch: pytest.MonkeyPatch, config: Path, *arguments: str, typed: str = "") -> int:
    monkeypatch.setattr(sys, "argv", ["transcribed", "web", "user", *arguments, "--config", str(config)])
    monkeypatch.setattr(sys, "stdin", StringIO(typed))
    with pytest.raises(SystemExit) as ended:
        app.main()
    return int(ended.value.code or 0)


def test_users_come_and_go(monkeypatch: pytest.MonkeyPatch, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, config, "add", "ada", typed=f"{PASSWORD}\n") == 0
    users = Users(reader.load(config))
    assert users.with_password("ada", PASSWORD) is not None
    capsys.readouterr()
    assert run(monkeypatch, config, "add", "bob", "--token", "notes") == 0
    assert users.with_token(capsys.readouterr().out.strip()) == users.person("bob")
    assert run(monkeypatch, config, "list") == 0
    assert capsys.readouterr().out.splitlines() == ["ada  all folders, may only read", "bob  all folders"]
    assert run(monkeypatch, config, "remove", "ada") == 0 and users.names == ["bob"]


def test_the_links_of_a_user_go_too_lest_a_later_one_of_that_name_revives_them(
    monkeypatch: pytest.MonkeyPatch, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = reader.load(config)
    migrate(settings.database_path)
    store = Store(settings.database_path)
    queue(store, "a.wav")
    store.close()
    Users(settings).add_token("ada", "notes")
    with Queries(settings.database_path) as queries:
        for number, name in enumerate(("ada", "ada", "bob")):
            queries.share(1, str(number), created_by=name, lasts_s=60.0, with_recording=False)
        assert run(monkeypatch, config, "remove", "ada") == 0
        assert capsys.readouterr().out.splitlines() == ["ada may no longer use the page", "links withdrawn: 2"]
        assert [each["created_by"] for each in queries.shares(1)] == ["bob"]
        assert run(monkeypatch, config, "remove", "bob") == 0, "whom a proxy lets in is in no file"
        assert queries.shares(1) == []
    assert run(monkeypatch, config, "remove", "bob") == 1 and "no user bob" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "typed", "reason"),
    [
        (("add", "Ada"), PASSWORD, "small letters"),
        (("add", "ada"), "short", "too short"),
        (("add", "ada"), "", "too short"),
        (("remove", "eve"), "", "no user eve"),
    ],
)
def test_what_cannot_be_done_says_why(
    monkeypatch: pytest.MonkeyPatch,
    config: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    typed: str,
    reason: str,
) -> None:
    assert run(monkeypatch, config, *arguments, typed=typed) == 1 and reason in capsys.readouterr().err
    assert Users(reader.load(config)).names == []
