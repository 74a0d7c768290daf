"""Commands that do as they should, and those that do not."""

import json
import os
import sys
from pathlib import Path

import pytest

from daemon.hooks.answers import Answer, BrokenOff, Delivered, Refused
from daemon.hooks.command import OUTPUT_BYTES, PATH, environment, run
from tests.support import alive, wait_until

PAYLOAD = json.dumps({"event": "done", "path": "é.wav"}).encode()


def python(program: str, *, limit_s: float = 20.0, payload: bytes = PAYLOAD) -> tuple[Answer, bytes]:
    return run([sys.executable, "-c", program], payload, limit_s)


def test_a_command_gets_the_payload_and_what_it_prints_is_kept() -> None:
    answer, output = python("import json, sys; print(json.load(sys.stdin)['path']); print('oh', file=sys.stderr)")
    assert answer == Delivered() and sorted(output.decode().split()) == ["oh", "é.wav"]


def test_a_command_runs_by_itself_in_the_root_folder() -> None:
    _, output = python("import os; print(os.getcwd(), os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid())")
    assert output.decode().split() == ["/", "True", "True"]


def test_only_harmless_variables_are_handed_on() -> None:
    given = {
        "TRANSCRIBED_MONITOR__NOTIFY": "secret",
        "AWS_KEY": "secret",
        "LC_ALL": "C",
        "HOME": "/h",
        "PATH": "/a::b:/c",
    }
    assert environment(given) == {"LC_ALL": "C", "HOME": "/h", "PATH": "/a:/c"}
    assert environment({})["PATH"] == PATH


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; print('first', flush=True); sys.exit('no disk')", "exit code 1: no disk"),
        ("raise SystemExit(7)", "exit code 7"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
    ],
)
def test_how_a_command_failed_is_told(program: str, reason: str) -> None:
    assert python(program)[0] == Refused(reason)


def test_input_that_is_never_read_and_output_without_end_hold_up_nothing() -> None:
    answer, output = python(
        "import os\nfor _ in range(1600): os.write(1, b'x' * 65536)\nprint('end')", payload=b"x" * 10_000_000
    )
    assert answer == Delivered() and len(output) == OUTPUT_BYTES and output.endswith(b"end\n")


@pytest.mark.guarantee(30)
def test_a_command_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nchild = os.fork()\n"
        f"if child: pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child))\ntime.sleep(600)"
    )
    answer, _ = python(program, limit_s=1.0)
    assert answer == Refused("took longer than 1 s and was ended")
    wait_until(lambda: not alive(int((tmp_path / "pid").read_text())), 5, "the end of its child")


def test_a_command_may_leave_a_child_behind(tmp_path: Path) -> None:
    go, late = tmp_path / "go", tmp_path / "late"
    program = (
        "import os, pathlib, time\n"
        f"if not os.fork():\n    while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)\n"
        f"    pathlib.Path({str(late)!r}).touch(); os._exit(0)\n"
        "print('left one')"
    )
    assert python(program) == (Delivered(), b"left one\n")
    go.touch()
    wait_until(late.exists, 10, "what the child does")


def test_what_cannot_be_run_says_why(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("echo")
    assert run(["/nowhere/hook"], b"", 5)[0] == Refused("/nowhere/hook cannot be run: No such file or directory")
    assert run(["no-such-program-here"], b"", 5)[0] == Refused(
        "no-such-program-here cannot be run: No such file or directory"
    )
    assert run([str(plain)], b"", 5)[0] == Refused(f"{plain} cannot be run: Permission denied")
    plain.chmod(0o755)
    assert run([str(plain)], b"", 5)[0] == Refused(f"{plain} cannot be run: Exec format error")


def test_a_command_is_broken_off_when_the_daemon_stops(tmp_path: Path) -> None:
    flag = tmp_path / "running"
    program = f"import pathlib, time; pathlib.Path({str(flag)!r}).touch(); time.sleep(600)"
    answer, _ = run([sys.executable, "-c", program], b"", 600, flag.exists)
    assert answer == BrokenOff()


def test_nothing_stays_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    python("print(1)")
    run(["/nowhere"], b"", 5)
    python("import time; time.sleep(60)", limit_s=0.3)
    assert len(os.listdir("/proc/self/fd")) == before
