"""Sessions, and wrong passwords."""

from pathlib import Path

import pytest

from daemon.config.settings import Database, Settings, Watch
from daemon.web import sessions as room
from daemon.web.people import Users
from daemon.web.sessions import AT_ONCE, BUSY_S, TRIES, TRIES_S, Sessions, Tries
from tests.fakes import FakeClock

PASSWORD = "correct horse battery"


@pytest.fixture
def users(tmp_path: Path) -> Users:
    database = Database(url=f"sqlite:///{tmp_path}/jobs.db")
    made = Users(Settings(watch=(Watch(path=tmp_path),), database=database))
    made.set_password("ada", PASSWORD)
    return made


def test_a_session_is_of_who_began_it_until_the_password_changes(users: Users) -> None:
    sessions = Sessions(users, days=1)
    cookie = sessions.begin(users.person("ada"))
    assert sessions.person(cookie) == users.person("ada") == Sessions(users, days=1).person(cookie)
    users.set_password("ada", PASSWORD + "!")
    assert sessions.person(cookie) is None
    cookie = sessions.begin(users.person("ada"))
    users.remove("ada")
    assert sessions.person(cookie) is None


def test_a_session_ends_and_cannot_be_made_up(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(users, days=1)
    cookie = sessions.begin(users.person("ada"))
    for wrong in ("", "x", cookie[:-1], cookie + "x", cookie.replace(".", "")):
        assert sessions.person(wrong) is None
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: 4e9)
    assert sessions.person(cookie) is None


def test_where_there_are_no_users_there_are_no_sessions(users: Users) -> None:
    sessions = Sessions(users, days=1)
    cookie = sessions.begin(users.person("ada"))
    Path(users._file).unlink()
    assert sessions.person(cookie) is None


def wrong(tries: Tries, name: str) -> float:
    wait_s = tries.begin(name)
    if not wait_s:
        tries.end(name, succeeded=False)
    return wait_s


def test_who_gives_wrong_passwords_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "time", clock := FakeClock())
    tries = Tries()
    for _ in range(TRIES):
        assert wrong(tries, "ada") == 0
        clock.now += 1
    assert 0 < wrong(tries, "ada") <= TRIES_S and wrong(tries, "bob") == 0
    clock.now += TRIES_S
    assert wrong(tries, "ada") == 0
    assert tries.begin("ada") == 0
    tries.end("ada", succeeded=True)
    assert [wrong(tries, "ada") for _ in range(TRIES)] == [0] * TRIES and wrong(tries, "ada") > 0


def test_tries_at_the_same_time_count_and_take_only_so_much_memory() -> None:
    tries = Tries()
    assert [tries.begin("ada") for _ in range(AT_ONCE)] == [0] * AT_ONCE
    assert tries.begin("ada") == tries.begin("bob") == BUSY_S
    tries.end("ada", succeeded=False)
    assert tries.begin("bob") == 0


def test_the_names_that_are_remembered_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "NAMES_MAX", 100)
    tries = Tries()
    for nth in range(150):
        wrong(tries, f"name-{nth}")
    assert len(tries._tried) == 100
