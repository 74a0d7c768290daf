"""The child's side of the connection: `python -m daemon.processes.bootstrap MODULE FD` runs `MODULE.main(connection)`.

This module is light and imports the other one late, so that a child notices the daemon's end even while it is
still loading its libraries.
"""

import gc
import importlib
import os
import select
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from daemon.processes.wire import Wire

OOM_SCORE_ADJ = "500"
"""From -1000, never, to 1000, first of all; see proc(5)."""


def run(module: str, fd: int) -> None:
    """Serve until the daemon closes the connection or dies.

    Native code may hold the main thread for seconds; a thread of its own sees the daemon's end of the
    socket go away and ends the process at once, so no orphan works on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _go_first()
    threading.Thread(target=_end_with_the_daemon, args=(fd,), daemon=True).start()
    gc.disable()  # What modules make stays: looking for garbage meanwhile costs a twentieth of the start.
    program = importlib.import_module(module)
    gc.enable()
    # The end of the connection is how a child is told to end.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        program.main(Wire(fd))


def _go_first() -> None:
    """Where memory runs out, have the kernel end a child, whose work is done again, and not the daemon."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE_ADJ)


def _end_with_the_daemon(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, 0)
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
