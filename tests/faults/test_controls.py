"""Negative controls: each patch breaks one promise on purpose, in a copy; the suite must turn red."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import ROOT

RED_S = 90
"""A suite that has not ended by then hangs, which is red too."""


@dataclass(frozen=True)
class Control:
    """What is broken, and the tests that must notice.

    Args:
        edits: (file, text, what stands there instead).
        tests: arguments for pytest.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]
    tests: tuple[str, ...]


CONTROLS = [
    Control(
        "no folder fsync",
        (("publish/files.py", "        os.fsync(folder)\n", ""),),
        ("tests/faults/test_syscalls.py::test_the_order_of_the_calls",),
    ),
    Control(
        "SELECT, then UPDATE claims",
        (
            ("store/claims.py", "return CLAIM.where(jobs.c.id.in_(in_turn))", "return in_turn"),
            (
                "store/claims.py",
                "return self._claimed(_claim_next(frozenset(but_for), frozenset(without)), of)",
                (
                    "found = self._read(lambda db: list(db.execute(_claim_next(frozenset(but_for), frozenset(without)), "
                    "of | {'now': timestamp()}).scalars())); return self._claimed(CLAIM.where(jobs.c.id.in_(found)), {})"
                ),
            ),
        ),
        ("tests/integration/test_store.py::test_three_processes_claim_400_jobs_once_each",),
    ),
    Control(
        "any container",
        (
            (
                "decode/media.py",
                'OPEN_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}',
                'OPEN_OPTIONS = {"protocol_whitelist": "file,http,tcp", "safe": "0"}',
            ),
        ),
        ("tests/integration/test_media.py", "-k", "point_elsewhere"),
    ),
    Control(
        "write in place",
        (
            (
                "publish/files.py",
                'os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=folder)',
                "os.open(file.name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=folder)",
            ),
            ("publish/files.py", "        if not named:\n", "        if replaces:\n"),
        ),
        ("tests/faults/test_syscalls.py", "-k", "kill and write"),
    ),
    Control(
        "files not synced",
        (("publish/files.py", "        os.fsync(fd)\n", ""),),
        ("tests/faults/test_syscalls.py::test_the_order_of_the_calls",),
    ),
    Control(
        "commit before publish",
        (
            (
                "transcribe/outcome.py",
                "        try:\n            renamed = publish_job",
                "        self._store.finish(job_id)\n        try:\n            renamed = publish_job",
            ),
        ),
        ("tests/faults/test_syscalls.py", "-k", "kill and link"),
    ),
    Control(
        "no rescan",
        (("watch/scanner.py", "root.next_scan = time.monotonic() + every_s", "root.next_scan = NEVER"),),
        ("tests/integration/test_watch.py::test_everything_is_found_without_any_event",),
    ),
    Control(
        "follow symlinks",
        (
            ("watch/listing.py", "entry.stat(follow_symlinks=False)", "entry.stat()"),
            ("watch/listing.py", "return classify(root, path, os.lstat(", "return classify(root, path, os.stat("),
            ("filesystem.py", "os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK", "os.O_RDONLY | os.O_NONBLOCK"),
            ("watch/completion.py", "status = os.lstat(full)", "status = os.stat(full)"),
        ),
        ("tests/integration/test_watch.py::test_what_is_no_recording_is_accounted_for",),
    ),
    Control(
        "no time limits",
        (("processes/child.py", "return (late or self.unheard) and", "return False and"),),
        ("tests/faults/test_engines.py", "-k", "hang"),
    ),
    Control(
        "no canary",
        (("processes/engines.py", "return not before or", "return True or"),),
        ("tests/faults/test_engines.py", "-k", "deaf"),
    ),
    Control(
        "no lease",
        (("filesystem.py", "return error.errno == errno.EAGAIN", "return False"),),
        ("tests/faults/test_half_copies.py", "-k", "pauses"),
    ),
    Control(
        "no replacement of leaking engines",
        (
            (
                "processes/engine.py",
                "self.child, grown_bytes >> 20)\n            return True",
                "self.child, grown_bytes >> 20)",
            ),
        ),
        ("tests/faults/test_engines.py", "-k", "leaks"),
    ),
    Control(
        "a stopped daemon's drive is an empty folder",
        (("filesystem.py", "return os.stat(where).st_dev != device_of(version)", "return False"),),
        ("tests/faults/test_lost_events.py", "-k", "drive"),
    ),
]
SMALL = 1
"""The first of them is part of every run."""


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_each_control_still_finds_what_it_breaks(control: Control) -> None:
    for file, text, _ in control.edits:
        source = (ROOT / "daemon" / file).read_text()
        assert source.count(text) == 1, f"{file} has changed: the control {control.name!r} must follow"


@pytest.mark.guarantee(1, 3, 6, 8, 9, 12, 14, 20, 22, 23)
@pytest.mark.timeout(RED_S + 30)
@pytest.mark.parametrize(
    "control",
    [
        pytest.param(control, id=control.name, marks=() if number < SMALL else pytest.mark.faults)
        for number, control in enumerate(CONTROLS)
    ],
)
def test_the_suite_turns_red(control: Control, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("daemon", "migrations", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "config.toml"):
        shutil.copyfile(ROOT / name, copy / name)
    for file, text, instead in control.edits:
        source = copy / "daemon" / file
        source.write_text(source.read_text().replace(text, instead))
    red, output = run_suite(copy, control.tests)
    assert red, f"the suite did not notice {control.name!r}:\n{output[-2000:]}"


def run_suite(copy: Path, tests: tuple[str, ...]) -> tuple[bool, str]:
    """Whether the tests, run in the copy, fail or do not end; and what they printed."""
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-m", "not faults", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    suite = subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = suite.communicate(timeout=RED_S)
    except subprocess.TimeoutExpired:
        os.killpg(suite.pid, signal.SIGKILL)
        suite.communicate()
        return True, "it did not end"
    assert suite.returncode in (0, 1), f"the tests could not be run:\n{output[-2000:]}"
    assert " skipped" not in output.splitlines()[-1], output[-500:]
    return suite.returncode == 1, output
