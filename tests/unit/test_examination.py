"""The doctor's checks, each in a process of its own: whatever one does, the others are made."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.doctor import examination
from daemon.doctor.case import NAMED_FOLDERS, Facts, Order
from daemon.doctor.examination import Examiners, Result, examine
from daemon.doctor.findings import FAILED, OK, Finding
from daemon.doctor.plan import Step
from tests.support import alive, wait_until

FINDS = "from daemon.doctor.findings import ok\ndef examine(case):\n    yield ok('it', case.argument or case.user)\n"
Examine = Callable[..., Result]


@pytest.fixture
def examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Have a check of ours made."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")

    def make(program: str, limit_s: float = 60.0, argument: str = "") -> Result:
        (tmp_path / "program.py").write_text(program)
        order = Order("program", None, argument, reads_settings=False, limit_s=limit_s)
        return Examiners().examine(Step("it", order, "mend it"))

    return make


def test_what_a_check_finds(examined: Examine) -> None:
    assert examined(FINDS, argument="an \udcff argument") == Result((Finding(OK, "it", "an \udcff argument"),))


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("    raise ValueError('of a kind nobody thought of')\n", "exit 1: ValueError: of a kind nobody thought of"),
        ("    import os\n    os.abort()\n", "signal 6"),
        ("    import os\n    os._exit(3)\n", "exit 3"),
        ("    import os\n    os.write(1, b'[\"Find')\n    os.kill(0, 9)\n", "signal 9"),
    ],
    ids=["raises", "aborts", "exits", "killed while it prints"],
)
def test_one_that_comes_to_no_end_is_a_line_and_what_it_found_stays(examined: Examine, rest: str, why: str) -> None:
    first, last = examined(FINDS + rest).findings
    assert first.level == OK
    assert last.level == FAILED and f"gave no answer: {why}" in last.text and last.cure == "mend it"


def test_one_that_hangs_is_ended_with_all_that_it_has_started(examined: Examine, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    rest = (
        "    import os, pathlib, signal, subprocess, time\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    child = subprocess.Popen(['sleep', '60'])\n"
        f"    pathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n    time.sleep(60)\n"
    )
    result = examined(FINDS + rest, limit_s=3.0)
    assert result.hangs and "nothing for 3 s" in result.findings[1].text
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not alive(pid), 10, "the end of the check")  # type: ignore[misc]


def test_one_whose_doctor_is_gone_ends_by_itself(examined: Examine) -> None:
    """SIGKILL to the doctor leaves its checks alone, so each has a clock of its own."""
    program = "import signal\nfrom daemon.doctor.findings import ok\ndef examine(case):\n    yield ok('it', str(signal.alarm(0)))\n"
    ((only,),) = (examined(program, limit_s=20.0).findings,)
    assert 0 < int(only.text) <= 21


def test_after_closing_none_is_begun() -> None:
    examiners = Examiners()
    examiners.close()
    assert examiners.examine(Step("it", Order("nowhere", None))) == Result(())


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Facts]:
    """What the plan is made by, of a doctor whose only check is that of the configuration."""
    known: list[Facts] = []

    def plan(facts: Facts) -> list[Step]:
        known.append(facts)
        return []

    monkeypatch.setattr(examination, "plan", plan)
    return known


@pytest.mark.parametrize("found", [Result(()), Result((Finding(FAILED, "configuration", "no file", "write one"),))])
def test_without_facts_what_needs_none_is_checked(
    planned: list[Facts], monkeypatch: pytest.MonkeyPatch, found: Result
) -> None:
    monkeypatch.setattr(Examiners, "examine", lambda _self, _step: found)
    told: list[str] = []
    assert tuple(examine(None, told.append)) == found.findings and told == ["configuration"]
    assert not planned[0].is_usable and planned[0].config is None


def test_where_the_configuration_hangs_the_folders_that_it_names_are_known(
    planned: list[Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where one is on a drive which does not answer."""
    named = Facts("/c.toml", is_usable=False, folders=("/mnt/nas",), models=(), uid=os.geteuid())

    def hang(_self: Examiners, step: Step) -> Result:
        if step.order.argument == NAMED_FOLDERS:
            return Result((), named)
        return Result((step.no_answer("nothing for 60 s"),), hangs=True)

    monkeypatch.setattr(Examiners, "examine", hang)
    (found,) = examine(None)
    assert found.level == FAILED and "a drive that does not answer" in found.cure and planned == [named]
