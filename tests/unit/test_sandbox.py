"""What a decoder can no longer do, tried from inside; and answers that are no messages."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

INSIDE = """
import json, os, resource, socket, sys, threading
from daemon.decode.sandbox import enter_sandbox
before = open(sys.argv[1])
go, said = threading.Event(), []
def later():
    go.wait()
    said.append(tried(lambda: socket.socket()))
def tried(act):
    try:
        act()
    except OSError as error:
        return error.errno
    return 0
thread = threading.Thread(target=later)
thread.start()
kept = enter_sandbox()
go.set()
thread.join()
def write():
    with open(sys.argv[2], "w") as file:
        file.write("x")
def allocate():
    try:
        bytearray(6 << 30)
    except MemoryError:
        raise OSError(12, "")
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
print(json.dumps({
    "kept": kept, "read": len(before.read()), "thread": said[0],
    "inet": tried(lambda: socket.socket(socket.AF_INET)), "unix": tried(lambda: socket.socket(socket.AF_UNIX)),
    "exec": tried(lambda: os.execv("/bin/true", ["true"])), "write": tried(write), "memory": tried(allocate),
    "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
}))
"""


@pytest.mark.guarantee(14, 15)
def test_a_decoder_has_no_network_no_programs_no_files_and_no_end_of_memory(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("content")
    done = subprocess.run(
        [sys.executable, "-c", INSIDE, tmp_path / "in", tmp_path / "out"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["read"], said["memory"], said["core"]) == (7, 12, 0)
    assert said["write"] == 27 and not (tmp_path / "out").read_text()
    if said["kept"]:
        pytest.skip(f"the kernel takes no seccomp filter here: {said['kept']}")
    assert {said[name] for name in ("thread", "inet", "unix", "exec")} == {1}


LIMITS = """
import json, platform, resource, sys
from daemon.decode import sandbox
before = {name: resource.getrlimit(getattr(resource, name)) for name in sandbox.LIMITS}
if sys.argv[1] == "unknown":
    platform.machine = lambda: "riscv128"
kept = sandbox.enter_sandbox()
after = {name: resource.getrlimit(getattr(resource, name)) for name in sandbox.LIMITS}
print(json.dumps([before, after, kept]))
"""


def confined(ulimit: str, machine: str = "known") -> list:
    command = ["bash", "-c", f'{ulimit}; exec "$@"', "-", sys.executable, "-c", LIMITS, machine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.guarantee(15)
@pytest.mark.parametrize(
    ("ulimit", "expected_kb"),
    [
        (":", 4 << 20), ("ulimit -v 8000000", 4 << 20), ("ulimit -v 4194304", 4 << 20), ("ulimit -v 3000000", 3_000_000),
        ("ulimit -v 600000", 600_000), ("ulimit -S -v 900000", 900_000), ("ulimit -S -v 5000000; ulimit -H -v 6000000", 4 << 20),
        ("ulimit -c 0; ulimit -f 100", 4 << 20),
    ],
)  # fmt: skip
def test_limits_are_lowered_and_never_raised(ulimit: str, expected_kb: int) -> None:
    before, after, kept = confined(ulimit)
    assert after["RLIMIT_AS"] == [expected_kb << 10] * 2
    assert after["RLIMIT_CORE"] == after["RLIMIT_FSIZE"] == [0, 0]
    assert not [each for each in kept if "RLIMIT" in each]
    for name, limits in after.items():
        assert all(now <= then or then == -1 for now, then in zip(limits, before[name], strict=True))


def test_what_cannot_be_given_up_is_said() -> None:
    _, after, kept = confined("ulimit -v 3000000", "unknown")
    assert len(kept) == 1 and "no seccomp filter for riscv128" in kept[0]
    assert after["RLIMIT_AS"] == [3_000_000 << 10] * 2
