"""What a decoder can no longer do, tried from inside; and answers that are no messages."""

import json
import os
import pickle
import subprocess
import sys

import pytest

from daemon.chunk import Chunk
from daemon.processes.protocol import Close, Window
from daemon.processes.safe_pickle import Unreadable, message

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
filtered = enter_sandbox()
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
    "filtered": filtered, "read": len(before.read()), "thread": said[0],
    "inet": tried(lambda: socket.socket(socket.AF_INET)), "unix": tried(lambda: socket.socket(socket.AF_UNIX)),
    "exec": tried(lambda: os.execv("/bin/true", ["true"])), "write": tried(write), "memory": tried(allocate),
    "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
}))
"""


@pytest.mark.guarantee(14, 15)
def test_a_decoder_has_no_network_no_programs_no_files_and_no_end_of_memory(tmp_path) -> None:
    (tmp_path / "in").write_text("content")
    done = subprocess.run(
        [sys.executable, "-c", INSIDE, tmp_path / "in", tmp_path / "out"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["read"], said["memory"], said["core"]) == (7, 12, 0)
    assert said["write"] == 27 and not (tmp_path / "out").read_text()
    if not said["filtered"]:
        pytest.skip("the kernel takes no seccomp filter here")
    assert {said[name] for name in ("thread", "inet", "unix", "exec")} == {1}


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/transcribed-evil",)


@pytest.mark.parametrize(
    "data",
    [b"", b"garbage", pickle.dumps(Close(1))[:-3], pickle.dumps(Evil()), pickle.dumps(print),
        b"cdaemon.processes.protocol\ndataclass\n.", b"cbuiltins\neval\n(V1+1\ntR."],
)  # fmt: skip
def test_what_is_no_message_is_not_read(data: bytes) -> None:
    with pytest.raises(Unreadable):
        message(data)
    assert not os.path.exists("/tmp/transcribed-evil")


def test_messages_come_through() -> None:
    chunk = Chunk(job_id=1, idx=2, spans=((0.0, 1.0),), audio=b"\0\1", run=3)
    window = Window(1, 3, (chunk,), last=True, duration_s=1.0, speech_s=1.0, damaged=0)
    assert message(pickle.dumps(window)) == window
