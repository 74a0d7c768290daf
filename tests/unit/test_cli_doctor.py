"""What `transcribed doctor` prints, and its exit codes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daemon.cli.app import app
from daemon.cli.doctor import rendered
from daemon.doctor import examination
from daemon.doctor.findings import Finding, failed, ok, warning

GOOD = ok("clock", "it goes")
HALF = warning("disk", "nearly full", "free some space")
BAD = failed("engine", "it does not load [/bold] " + "very long words " * 10, "look at the line above")


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the command on findings of the test's own."""

    def run(*findings: Finding, options: tuple[str, ...] = ()) -> Any:
        def examine(_config: Path | None, tell: Callable[[str], object]) -> Iterator[Finding]:
            tell("something")
            yield from findings

        monkeypatch.setattr(examination, "examine", examine)
        return CliRunner().invoke(app, ["doctor", *options])

    return run


@pytest.mark.parametrize(
    ("findings", "code", "last"),
    [
        ((GOOD,), 0, "all is well"),
        ((GOOD, HALF), 1, "0 failed, 1 warning, 1 ok"),
        ((GOOD, HALF, BAD), 4, "1 failed, 1 warning, 1 ok"),
    ],
)
def test_exit_codes(doctor: Callable[..., Any], findings: tuple[Finding, ...], code: int, last: str) -> None:
    done = doctor(*findings)
    assert (done.exit_code, done.output.splitlines()[-1]) == (code, last)


def test_every_cure_is_below_what_it_cures(doctor: Callable[..., Any]) -> None:
    lines = doctor(HALF, GOOD).output.splitlines()
    assert [each.split() for each in lines[:3]] == [
        ["warning", "disk", "nearly", "full"],
        ["→", "free", "some", "space"],
        ["ok", "clock", "it", "goes"],
    ]


def test_for_machines(doctor: Callable[..., Any]) -> None:
    done = doctor(GOOD, HALF, options=("--json",))
    expected = {"level": "warning", "subject": "disk", "text": "nearly full", "cure": "free some space"}
    assert json.loads(done.output)["findings"][1] == expected
    assert json.loads(done.output)["ok"] is False and done.exit_code == 1
    assert json.loads(doctor(GOOD, options=("--json",)).output)["ok"] is True


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_long_lines_stay_in_their_column(columns: int) -> None:
    lines = rendered(BAD, columns).plain.splitlines()
    assert len(lines) > 2 and "[/bold]" in lines[0] and lines[0].startswith("failed  engine        it does")
    assert all(len(each) <= columns and each == each.rstrip() for each in lines)
    assert all(not each[:22].strip() for each in lines[1:]) and lines[-1].strip() == "→ look at the line above"


def test_where_nobody_looks_each_thing_is_on_one_line_and_long_paths_are_never_broken() -> None:
    assert len(rendered(BAD, None).plain.splitlines()) == 2
    path = "/srv/" + "recordings-of-a-long-name/" * 8
    assert path in rendered(failed("folder", f"it cannot be read: {path}", path), 80).plain


def test_a_path_that_is_no_text_can_be_printed(doctor: Callable[..., Any]) -> None:
    for options in ((), ("--json",)):
        done = doctor(
            failed("folder", "it cannot be read: /srv/a\udcffb", "sudo chmod a+r /srv/a\udcffb"), options=options
        )
        assert done.exit_code == 4 and "/srv/a" in done.output and "\udcff" not in done.output
