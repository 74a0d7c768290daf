"""What the doctor says of the systemd unit, by tables; how it reads what systemctl prints."""

from pathlib import Path

import pytest

from daemon import __version__
from daemon.doctor import unit as module
from daemon.doctor.findings import FAILED, OK, WARNING
from daemon.doctor.unit import Unit, findings, look

CONFIG = Path("/etc/transcribed/config.toml")
EXEC = (
    "{ path=/opt/transcribed/bin/transcribed ; argv[]=/opt/transcribed/bin/transcribed run --config"
    " /etc/transcribed/config.toml ; ignore_errors=no ; start_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
)
PROPERTIES = {
    "LoadState": "loaded", "UnitFileState": "enabled", "ActiveState": "active", "Result": "success",
    "NeedDaemonReload": "no", "User": "transcribed", "ExecStart": EXEC, "ProtectSystem": "strict",
    "ProtectHome": "yes", "ReadWritePaths": "-/srv/recordings", "Environment": 'A=1 "B=two words"',
}  # fmt: skip
FOLDERS = (Path("/srv/recordings/calls"), Path("/var/lib/transcribed"))


def unit(version: str | None = __version__, **changes: str) -> Unit:
    return Unit(is_users=False, properties=PROPERTIES | changes, version=version)


@pytest.mark.parametrize(
    ("installed", "config", "folders", "level", "said", "cure"),
    [
        (None, CONFIG, FOLDERS, OK, "not installed", ""),
        (unit(), CONFIG, FOLDERS, OK, "is active and enabled", ""),
        (unit(LoadState="bad-setting"), CONFIG, FOLDERS, FAILED, "bad-setting", "systemd-analyze verify"),
        (unit(ActiveState="failed", Result="exit-code"), CONFIG, FOLDERS, FAILED, "(exit-code)", "journalctl -u"),
        (unit(UnitFileState="disabled"), CONFIG, FOLDERS, WARNING, "does not start with", "enable --now"),
        (unit(UnitFileState="masked"), CONFIG, FOLDERS, FAILED, "is masked", "unmask"),
        (unit(NeedDaemonReload="yes"), CONFIG, FOLDERS, WARNING, "has been changed", "daemon-reload"),
        (unit(None), CONFIG, FOLDERS, FAILED, "/opt/transcribed/bin/transcribed", "ExecStart="),
        (unit(None, ExecStart=""), CONFIG, FOLDERS, FAILED, "it names none", "ExecStart="),
        (unit("0.0.9"), CONFIG, FOLDERS, WARNING, "runs version 0.0.9", "one version"),
        (unit(), Path("/w/config.toml"), FOLDERS, WARNING, "/w/config.toml", f"doctor --config {CONFIG}"),
        (unit(), None, FOLDERS, OK, "is active", ""),
        (unit(), CONFIG, [Path("/data")], FAILED, "write nothing into /data", "ReadWritePaths=/data"),
        (unit(ProtectSystem="full"), CONFIG, [Path("/data")], OK, "is active", ""),
        (unit(), CONFIG, [Path("/home/pat/in")], FAILED, "hides /home/pat/in", "ProtectHome=false"),
        (unit(ProtectHome="no"), CONFIG, [Path("/home/pat")], FAILED, "write nothing", "ReadWritePaths="),
    ],
)
def test_units(
    installed: Unit | None, config: Path | None, folders: list[Path], level: str, said: str, cure: str
) -> None:
    (found,) = findings(installed, config, folders)
    assert found.level == level and said in found.text and cure in found.cure and bool(cure) == bool(found.cure)


def test_all_that_is_wrong_is_said() -> None:
    found = list(
        findings(unit("0.0.9", UnitFileState="disabled"), Path("/w/config.toml"), [Path("/data"), Path("/data")])
    )
    assert [each.level for each in found] == [WARNING, WARNING, WARNING, FAILED]


def test_a_unit_of_a_user_is_spoken_of_without_sudo() -> None:
    (found,) = findings(Unit(True, PROPERTIES | {"UnitFileState": "disabled"}, __version__), CONFIG, FOLDERS)
    assert found.cure.startswith("systemctl --user enable")


def test_what_a_unit_says_of_itself() -> None:
    assert unit().variables == {"A": "1", "B": "two words"} and unit().config == CONFIG and unit().user == "transcribed"
    assert unit(ExecStart="{ path=/x ; argv[]=/x run -c /y.toml ; }").config == Path("/y.toml")
    assert unit(ExecStart="{ path=/x ; argv[]=/x run ; }").config is None


SYSTEMCTL = """#!/bin/sh
[ "$1" = "{scope}" ] || {{ echo LoadState=not-found; exit 0; }}
cat <<'END'
LoadState=loaded
ExecStart={{ path={program} ; argv[]={program} run ; }}
END
"""


@pytest.mark.parametrize(("scope", "is_users"), [("show", False), ("--user", True)])
def test_it_is_looked_for_in_the_system_and_then_with_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: str, is_users: bool
) -> None:
    program = tmp_path / "program"
    write(program, "#!/bin/sh\necho transcribed 1.2.3\n")
    write(tmp_path / "systemctl", SYSTEMCTL.format(scope=scope, program=program))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = look()
    assert found is not None and (found.is_users, found.version) == (is_users, "1.2.3")


@pytest.mark.parametrize(
    "program", [None, "#!/bin/sh\nexit 1\n", "#!/bin/sh\necho LoadState=not-found\n", "not a program"]
)
def test_no_systemd_and_one_that_does_not_answer_are_no_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if program is not None:
        write(tmp_path / "systemctl", program)
    assert look() is None


def test_a_systemd_that_hangs_is_waited_for_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "systemctl", "#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    assert look() is None


def write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)
