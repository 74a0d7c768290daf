"""An agent for `bench cluster` whose engines are threads of its own: two cores carry few processes.

All else is as it is: it is an actor of Ray, and the messages go through a socket to the engine, and are read there.
"""

import socket
import threading
from contextlib import suppress

from daemon.cluster import agent
from daemon.engine import worker
from daemon.processes.child import Peer, connected
from daemon.processes.wire import Wire


class InThread(Peer):
    """The connection to an engine that runs in a thread."""

    def __init__(self) -> None:
        ours, theirs = connected()
        super().__init__(ours)
        threading.Thread(target=_serve, args=(theirs,), daemon=True).start()

    def __str__(self) -> str:
        return "thread"


class StandIn(agent.Agent):
    """As the agent, without a process for the engine."""

    def started(self) -> Peer:
        """Start an engine's thread."""
        return InThread()


def _serve(end: socket.socket) -> None:
    with suppress(EOFError, OSError):
        worker.main(Wire(end.detach()))
