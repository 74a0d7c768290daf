"""As whom the doctor checks."""

import os
import pwd
import sys
from pathlib import Path

import pytest

from daemon.doctor.findings import OK, WARNING
from daemon.doctor.unit import Unit
from daemon.doctor.whom import Whom, finding, may_run, name_of, whom

NOBODY = pwd.getpwnam("nobody")
ME = name_of(os.geteuid())


def test_the_daemon_that_runs_comes_first_with_its_environment() -> None:
    who = whom(os.getpid(), Unit(False, {"User": "nobody"}))
    assert (who.uid, who.pid) == (os.getuid(), os.getpid())
    assert who.variables["PATH"], "as it was when the process started"


def test_a_daemon_that_has_just_ended_is_none() -> None:
    assert whom(2**22 + 1, None) == Whom(os.getuid())


def test_then_the_service() -> None:
    who = whom(None, Unit(False, {"User": "nobody", "Environment": "HF_HOME=/var/cache/h"}))
    assert (who.uid, who.name, who.pid) == (NOBODY.pw_uid, "nobody", None)
    assert who.variables == {"HOME": NOBODY.pw_dir, "HF_HOME": "/var/cache/h"}
    assert whom(None, Unit(False, {})).uid == 0
    assert whom(None, Unit(True, {})).uid == os.getuid()
    assert whom(None, Unit(False, {"User": "no-such-user"})) == Whom(os.getuid())


def test_else_it_is_us() -> None:
    assert whom(None, None) == Whom(os.getuid())


@pytest.mark.parametrize(
    ("euid", "who", "runs", "level", "said"),
    [
        (0, Whom(0), True, OK, "are made as root"),
        (0, Whom(NOBODY.pw_uid, 7), True, OK, "are made as nobody, as whom the daemon runs, pid 7"),
        (NOBODY.pw_uid, Whom(NOBODY.pw_uid), True, OK, "are made as nobody"),
        (NOBODY.pw_uid, Whom(0, 7), True, WARNING, "the daemon's user is root, pid 7; as nobody, only"),
        (0, Whom(NOBODY.pw_uid), False, WARNING, f"may not run {sys.executable}"),
    ],
)
def test_it_says_as_whom(
    monkeypatch: pytest.MonkeyPatch, euid: int, who: Whom, runs: bool, level: str, said: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    found = finding(who, may_run=runs)
    assert found.level == level and said in found.text and bool(found.cure) == (level == WARNING)


def test_a_user_without_a_name_has_a_number() -> None:
    assert name_of(4_000_000_000) == "user 4000000000"


def test_who_cannot_become_another_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "setresuid", lambda *_: pytest.fail("tried"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    Whom(NOBODY.pw_uid).become()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    Whom(0).become()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it is multi-threaded, and forks: Python 3.12
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_daemons_user() -> None:
    if (child := os.fork()) == 0:
        Whom(NOBODY.pw_uid).become()
        os._exit(0 if os.getresuid() == (NOBODY.pw_uid,) * 3 and os.getgroups() == [NOBODY.pw_gid] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_who_may_run_this_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert may_run(Whom(os.geteuid()))
    if os.geteuid() != 0:
        pytest.skip("only root can try for another user")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(closed / "python"))
    assert not may_run(Whom(NOBODY.pw_uid)) and not may_run(Whom(4_000_000_000))
