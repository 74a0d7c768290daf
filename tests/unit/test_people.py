"""Who may use the page, and the file that says so."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from daemon.config.settings import Database, Settings, Watch
from daemon.config.web import Web, WebUser
from daemon.errors import TranscribedError, Unavailable
from daemon.web import people
from daemon.web.people import Person, Users

PASSWORD = "correct horse battery"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    limits = {"ada": WebUser(folders=(tmp_path / "ada",)), "bob": WebUser(read_only=True)}
    database = Database(url=f"sqlite:///{tmp_path}/var/jobs.db")
    return Settings(watch=(Watch(path=tmp_path),), database=database, web=Web(users=limits))


def test_a_password_is_known_again_and_no_other_one(settings: Settings) -> None:
    users = Users(settings)
    assert users.names == [] and users.with_password("ada", PASSWORD) is None
    users.set_password("ada", PASSWORD)
    assert users.with_password("ada", PASSWORD) == users.person("ada")
    for name, password in (
        ("ada", ""),
        ("ada", PASSWORD + " "),
        ("ada", PASSWORD.upper()),
        ("bob", PASSWORD),
        ("", ""),
    ):
        assert users.with_password(name, password) is None
    assert Users(settings).with_password("ada", PASSWORD) is not None, "another process reads it"


def test_what_the_file_holds_gives_no_password_and_no_token_away(settings: Settings) -> None:
    users = Users(settings)
    users.set_password("ada", PASSWORD)
    users.set_password("bob", PASSWORD)
    token = users.add_token("ada", "phone")
    file = settings.database_path.with_name(people.FILE)
    text = file.read_text()
    assert PASSWORD not in text and token not in text
    found = json.loads(text)["users"]
    assert found["ada"]["password"] != found["bob"]["password"], "each has a salt of its own"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and [each.name for each in file.parent.iterdir()] == [file.name]


def test_tokens_are_for_programs_and_go_with_their_user(settings: Settings) -> None:
    users = Users(settings)
    old, other = users.add_token("ada", "phone"), users.add_token("ada", "notes")
    assert users.with_token(old) == users.with_token(other) == users.person("ada")
    assert users.with_password("ada", "") is None, "who has only tokens has no password"
    new = users.add_token("ada", "phone")
    assert users.with_token(old) is None and users.with_token(new) is not None
    assert users.remove("ada") and not users.remove("ada")
    assert users.with_token(new) is users.with_token(other) is None


def test_a_change_by_another_process_counts_at_once(settings: Settings) -> None:
    users, other = Users(settings), Users(settings)
    other.set_password("ada", PASSWORD)
    before = users.stamp("ada")
    assert users.names == ["ada"] and before is not None
    other.set_password("ada", PASSWORD + "!")
    assert users.stamp("ada") != before
    other.remove("ada")
    assert users.names == [] and users.stamp("ada") is None
    other.add_token("bob", "x")
    assert users.names == ["bob"] and users.key == other.key != ""


def test_what_somebody_may_see_and_do(settings: Settings, tmp_path: Path) -> None:
    users = Users(settings)
    ada, bob, eve = (users.person(name) for name in ("ada", "bob", "eve"))
    assert (ada.read_only, bob.read_only, eve.read_only) == (False, True, False)
    root = str(tmp_path)
    assert ada.sees(root, b"ada/talk.mp3") and ada.sees(str(tmp_path / "ada"), b"\xff.mp3")
    assert not ada.sees(root, b"adam/talk.mp3") and not ada.sees(root, b"talk.mp3")
    assert bob.sees(root, b"talk.mp3") and Person("", ("/",)).sees("/", b"x")


def test_a_password_that_is_short_is_refused(settings: Settings) -> None:
    with pytest.raises(TranscribedError, match="10 characters"):
        Users(settings).set_password("ada", "short")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"users": {}}', '{"key": "", "users": {"ada": {"passwort": ""}}}'])
def test_a_file_that_is_broken_says_so(settings: Settings, content: str) -> None:
    file = settings.database_path.with_name(people.FILE)
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(Unavailable, match=people.FILE):
        print(Users(settings).names)


def test_a_file_that_cannot_be_written_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    users = Users(settings)
    users.add_token("ada", "x")

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        users.add_token("bob", "x")
    assert Users(settings).names == ["ada"]
