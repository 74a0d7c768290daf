"""The child's side of the connection: take it over, end with the daemon."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection


def run(serve: Callable[[Connection], None]) -> int:
    """Serve on the descriptor named by the last argument until the daemon closes it or dies.

    Native code may hold the main thread for seconds; a thread of its own sees the daemon's end of the
    socket go away and ends the process at once, so no orphan works on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fd = int(sys.argv[-1])
    threading.Thread(target=_end_with_the_daemon, args=(fd,), daemon=True).start()
    try:
        serve(Connection(fd))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return 0
    return 1


def _end_with_the_daemon(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, 0)
    poll.poll()
    os._exit(0)
