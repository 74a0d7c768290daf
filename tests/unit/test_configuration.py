"""The doctor's check of the configuration, and what it finds out for the other checks."""

import os
from pathlib import Path

import pytest

from daemon.config import reader
from daemon.doctor import configuration
from daemon.doctor.case import NAMED_FOLDERS, READABLE, Case, Facts
from daemon.doctor.configuration import examine
from daemon.doctor.findings import FAILED, OK, Finding
from daemon.doctor.unit import Unit
from daemon.doctor.whom import Whom


@pytest.fixture(autouse=True)
def unit(monkeypatch: pytest.MonkeyPatch) -> list[Unit | None]:
    """The unit that is installed, whatever is on this machine."""
    installed: list[Unit | None] = [None]
    monkeypatch.setattr(configuration, "look", lambda: installed[0])
    return installed


def found(file: Path, text: str | None = None, argument: str = "") -> tuple[list[Finding], Facts | None]:
    if text is not None:
        file.write_text(text)
    told = list(examine(Case(file, None, argument, "pat", None)))
    facts = [each for each in told if isinstance(each, Facts)]
    return [each for each in told if isinstance(each, Finding)], facts[0] if facts else None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_a_good_one(file: Path) -> None:
    (first, user), facts = found(file, '[model]\nname = "base"\n[languages.de]\nmodel = "small"\n')
    assert (first.level, first.text) == (OK, f"{file}: 1 folder, model base") and user.subject == "user"
    inbox = str(file.parent / "inbox")
    assert facts == Facts(str(file), is_usable=True, folders=(inbox,), models=("base", "small"), uid=os.getuid())


def test_every_error_is_a_line(file: Path) -> None:
    lines, facts = found(file, "[modle]\n[jobs]\nattempts = 0\n[monitor]\nnotify = ['nowhere']\n")
    assert [line.level for line in lines] == [FAILED] * 3 + [OK] and all(line.cure for line in lines[:3])
    told = " ".join(line.text for line in lines)
    assert all(key in told for key in ("modle", "jobs.attempts", "monitor.notify"))
    assert facts is not None and not facts.is_usable and facts.config == str(file)


@pytest.mark.parametrize("text", [None, "not TOML", "[[watch]]\npath = 7\n"])
def test_one_that_cannot_be_read(file: Path, text: str | None) -> None:
    lines, facts = found(file, text)
    assert lines[0].level == FAILED and str(file) in lines[0].text
    assert facts is not None and not facts.is_usable and facts.folders == ()


def test_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PLACES", (tmp_path / "nowhere.toml",))
    monkeypatch.delenv("TRANSCRIBED_CONFIG", raising=False)
    first, _, facts = examine(Case(None, None, "", "pat", None))
    assert isinstance(first, Finding) and "no configuration found" in first.text and "check --default" in first.cure
    assert isinstance(facts, Facts) and facts.config is None


def test_the_environment_of_the_daemon_counts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    who = Whom(os.getuid(), 7, {"TRANSCRIBED_MODEL__NAME": "base"})
    monkeypatch.setenv("TRANSCRIBED_MODEL__NAME", "tiny.en")
    monkeypatch.setattr(configuration, "whom", lambda _pid, _unit: who)
    _, facts = found(file, "")
    assert facts is not None and (facts.models, facts.pid) == (("base",), 7) and facts.variables == who.variables


def test_a_service_with_another_configuration_is_not_the_one_in_question(
    file: Path, unit: list[Unit | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Unit | None] = []

    def note(_pid: int | None, installed: Unit | None) -> Whom:
        asked.append(installed)
        return Whom(os.getuid())

    monkeypatch.setattr(configuration, "whom", note)
    unit[0] = Unit(False, {"ExecStart": f"{{ path=/x ; argv[]=/x run --config {file} ; }}"})
    found(file, "")
    unit[0] = Unit(False, {"ExecStart": "{ path=/x ; argv[]=/x run --config /etc/transcribed/config.toml ; }"})
    found(file, "")
    assert [each is None for each in asked] == [False, True]


def test_whether_the_daemons_user_may_read_it(file: Path) -> None:
    assert found(file, "", READABLE) == ([], None)
    file.unlink()
    ((line,), _) = found(file, None, READABLE)
    assert line.level == FAILED and "pat, the daemon's user, cannot read" in line.text


def test_the_folders_that_it_names_without_looking_at_them(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, facts = found(file, '[[watch]]\npath = "in"\n[[watch]]\npath = "/mnt/nas"\n[[watch]]\n', NAMED_FOLDERS)
    expected = (str(file.parent / "in"), "/mnt/nas")
    assert lines == [] and facts is not None and facts.folders == expected
    monkeypatch.setenv("TRANSCRIBED_CONFIG", str(file))
    (facts,) = (each for each in examine(Case(None, None, NAMED_FOLDERS, "pat", None)) if isinstance(each, Facts))
    assert facts.folders == expected and facts.config == str(file)
