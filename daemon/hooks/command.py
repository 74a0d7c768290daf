"""Runs the commands `on_done` and `on_failed`: without a shell, for a limited time, with nothing of the daemon's."""

import json
import logging
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from daemon.errors import Unavailable
from daemon.hooks.answers import Answer, BrokenOff, Delivered, NotYet, Refused
from daemon.store.outbox import Letter
from daemon.store.records import readable
from daemon.store.store import Store

log = logging.getLogger(__name__)

OUTPUT_BYTES = 4096
"""How much of the end of what a command prints is kept."""
READ_BYTES, READS_AFTER_END = 65_536, 64
LOOK_S = 0.2
"""How often is looked whether the daemon stops."""
GRACE_S = 2.0
"""Between SIGTERM and SIGKILL."""
NO_MEMORY_S = 60.0
"""How long is waited where the machine can start no program at all."""
BEGUN_MAX = 3
"""A command during which the daemon was killed so often is not run again: it may have done that."""
KEPT = frozenset("DBUS_SESSION_BUS_ADDRESS HOME LANG LANGUAGE LOGNAME SHELL TMPDIR TZ USER XDG_RUNTIME_DIR".split())
"""Environment variables that commands get. Others may hold secrets, such as an address with a password."""
PATH = "/usr/local/bin:/usr/bin:/bin"


class Commands:
    """Delivers letters by running their commands.

    Args:
        store: Counts the attempts.
        limit_s: How long a command may take.
        breaks_off: Tells whether a command that runs is to be ended now.
    """

    def __init__(self, store: Store, limit_s: float, breaks_off: Callable[[], bool]) -> None:
        self._store = store
        self._limit_s = limit_s
        self._breaks_off = breaks_off

    def __call__(self, letters: Sequence[Letter]) -> Answer:
        """Run the command of one letter."""
        (letter,) = letters
        if letter.attempts >= BEGUN_MAX:
            return Refused(f"the daemon was ended {letter.attempts} times while it ran")
        self._store.begin_delivery(letter.id)
        payload = json.dumps(letter.payload, ensure_ascii=False).encode() + b"\n"
        answer, output = run(letter.command, payload, self._limit_s, self._breaks_off)
        if output:
            log.info("command of job %d, %s: %s", letter.job_id, letter.command[0], readable(output))
        if isinstance(answer, BrokenOff | NotYet):
            with suppress(Unavailable):
                self._store.give_back_delivery(letter.id)
        return answer


def run(
    argv: Sequence[str], payload: bytes, limit_s: float, breaks_off: Callable[[], bool] = lambda: False
) -> tuple[Answer, bytes]:
    """Run a command in a process group of its own, and return what has come of it and the end of what it printed.

    Args:
        argv: The program and its arguments.
        payload: Its standard input, as a file: whether it reads that makes no difference.
        limit_s: After this time its group is ended.
        breaks_off: Tells whether it is to be ended before.
    """
    stdin = os.memfd_create("payload", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(stdin), "wb") as file:
            file.write(payload)
        os.lseek(stdin, 0, os.SEEK_SET)
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",  # in a watched folder, Python and others would load what somebody has put there
            env=environment(os.environ),
            start_new_session=True,
        )
    except (BlockingIOError, MemoryError) as error:
        return NotYet(f"cannot be run now: {error}", NO_MEMORY_S), b""
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return Refused(f"{argv[0]} cannot be run: {reason}"), b""
    finally:
        os.close(stdin)
    assert process.stdout is not None
    with process.stdout:
        pipe = process.stdout.fileno()
        os.set_blocking(pipe, False)
        ended, output = _watch(process, pipe, limit_s, breaks_off)
        if not ended:
            _end_group(process)
        code = process.wait()
        output = _read(pipe, output, READS_AFTER_END)
    if ended:
        return _judged(code, output), output
    return BrokenOff() if breaks_off() else Refused(f"took longer than {limit_s:g} s and was ended"), output


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return those of the daemon's environment variables that commands get."""
    kept = {name: value for name, value in variables.items() if name in KEPT or name.startswith("LC_")}
    # A folder that depends on the working directory could hold anybody's programs.
    path = os.pathsep.join(folder for folder in variables.get("PATH", "").split(os.pathsep) if folder.startswith("/"))
    return {**kept, "PATH": path or PATH}


def _watch(
    process: subprocess.Popen[bytes], pipe: int, limit_s: float, breaks_off: Callable[[], bool]
) -> tuple[bool, bytes]:
    """Read what a command prints until it ends, and return whether it did so in time, and the end of its output.

    Its children may live on, with the pipe open.
    """
    until, output = time.monotonic() + limit_s, b""
    pid = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(pid, select.POLLIN)
        poll.register(pipe, select.POLLIN)
        while (left_s := until - time.monotonic()) > 0 and not breaks_off():
            ready = dict(poll.poll(1000 * min(left_s, LOOK_S)))
            if pipe in ready:
                output = _read(pipe, output, 1)
                if ready[pipe] & select.POLLHUP:
                    poll.unregister(pipe)  # nobody writes any more; what is left in it is read at the end
            if pid in ready:
                return True, output
        return False, output
    finally:
        os.close(pid)


def _read(pipe: int, output: bytes, reads: int) -> bytes:
    """Return the end of an output with what is in a pipe now."""
    for _ in range(reads):
        try:
            found = os.read(pipe, READ_BYTES)
        except BlockingIOError:
            break
        if not found:
            break
        output = (output + found)[-OUTPUT_BYTES:]
    return output


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command and its children. It is not waited for before, so its number belongs to no other group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        pid = os.pidfd_open(process.pid)
        try:
            select.select([pid], [], [], GRACE_S)
        finally:
            os.close(pid)
        os.killpg(process.pid, signal.SIGKILL)


def _judged(code: int, output: bytes) -> Answer:
    if code == 0:
        return Delivered()
    lines = readable(output.strip().rpartition(b"\n")[2])
    said = f": {lines}" if lines else ""
    if code < 0:
        return Refused(f"was ended by signal {-code}{said}")
    return Refused(f"exit code {code}{said}")
