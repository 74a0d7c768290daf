"""The steps that systemd does, with a systemd that is told what to answer."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.errors import Unavailable
from daemon.install import commands
from daemon.install.commands import Account, Manager, Removed, Started, Stopped, Unlinked, agrees, run
from daemon.install.sealed import sealed
from daemon.install.steps import Link

WRITTEN = Link(Path("/x"), Path("/y"))
"""A step that writes a file of the unit."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of other programs."""
    asked: list[str] = []

    def note(command: Sequence[str], _hint: str) -> None:
        asked.append(" ".join(command))

    monkeypatch.setattr(commands, "run", note)
    return asked


def answers(monkeypatch: pytest.MonkeyPatch, *, enabled: bool, active: bool) -> None:
    yes = {"is-enabled": enabled, "is-active": active}
    monkeypatch.setattr(commands, "agrees", lambda *command: next(yes[word] for word in command if word in yes))


@pytest.mark.parametrize(
    ("enabled", "active", "changed", "what"),
    [
        (True, True, [], None),
        (True, True, [WRITTEN], "start x.service again, as it is now"),
        (True, False, [], "enable and start x.service; it is ready once the model is loaded"),
        (False, True, [], "enable and start x.service; it is ready once the model is loaded"),
        (False, False, [WRITTEN], "enable and start x.service; it is ready once the model is loaded"),
    ],
)
def test_started(
    monkeypatch: pytest.MonkeyPatch, told: list[str], enabled: bool, active: bool, changed: list[Link], what: str | None
) -> None:
    answers(monkeypatch, enabled=enabled, active=active)
    change = Started("x.service", Manager(("--user",)), after=(WRITTEN,)).change(changed)
    assert (change and change.what) == what
    if change is not None:
        change.do()
        assert told == [
            f"systemctl --user {verb}" for verb in ("daemon-reload", "enable x.service", "restart x.service")
        ]


@pytest.mark.parametrize(("enabled", "active"), [(True, True), (False, True), (True, False), (False, False)])
def test_stopped(monkeypatch: pytest.MonkeyPatch, told: list[str], enabled: bool, active: bool) -> None:
    answers(monkeypatch, enabled=enabled, active=active)
    change = Stopped("x.service", Manager()).change()
    assert (change is None) == (not enabled and not active)
    if change is not None:
        change.do()
        assert told == ["systemctl disable --now x.service"]


def test_an_account_is_made_once(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    account = Account("daemon-user", "team", Path("/etc/sysusers.d/x.conf"))
    change = account.change()
    assert change is not None
    change.do()
    assert told == ["systemd-sysusers /etc/sysusers.d/x.conf"]
    monkeypatch.setattr(commands, "is_member", lambda *_: True)
    assert account.change() is None


def test_a_unit_is_removed_and_one_that_was_edited_kept(tmp_path: Path, told: list[str]) -> None:
    unit = tmp_path / "x.service"
    step = Removed(unit, Manager())
    assert step.change() is None
    for content, name in ((sealed("text"), None), ("mine", "x.service.removed")):
        unit.write_text(content)
        change = step.change()
        assert change is not None
        change.do()
        assert [path.name for path in tmp_path.iterdir()] == ([] if name is None else [name])
    assert told == ["systemctl daemon-reload"] * 2


def test_only_our_own_link_is_removed(tmp_path: Path) -> None:
    step = Unlinked(tmp_path / "transcribed", Path("/opt/x"))
    assert step.change() is None
    step.path.symlink_to("/usr/bin/other")
    assert step.change() is None
    step.path.unlink()
    step.path.symlink_to("/opt/x")
    change = step.change()
    assert change is not None
    change.do()
    assert not step.path.is_symlink()


def test_what_a_program_said_is_passed_on() -> None:
    run(["true"], "")
    with pytest.raises(Unavailable, match=r"sh -c .* failed: it is broken") as caught:
        run(["sh", "-c", "echo it is broken >&2; exit 1"], "look there")
    assert caught.value.hint == "look there"
    with pytest.raises(Unavailable, match="no-such-program is not here"):
        run(["no-such-program"], "")
    assert agrees("true") and not agrees("false") and not agrees("no-such-program")
