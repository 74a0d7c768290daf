"""A child process and the daemon's end of its connection: spawn, talk, deadline, end."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.reduction import send_handle
from typing import Protocol, TypeVar

from daemon.processes.environment import environment
from daemon.processes.safe_pickle import MESSAGE_MAX_BYTES, Unreadable, message
from daemon.processes.wire import Wire
from daemon.sockets import stalling_pair

log = logging.getLogger(__name__)

STALL_S = 20
"""A child that stops in the middle of a message is treated as dead after this long."""
GRACE_S = 2.0
"""From TERM to KILL."""
START_ATTEMPTS = 3
"""Deaths while loading, before the first success, that are put down to the environment."""


PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class ChildDied(Exception):
    """The child's end of the connection is gone, or it stalls in the middle of a message."""


class Peer:
    """The daemon's end of a connection to a process that it has started, or to an engine on another machine.

    Args:
        conn: The connection, which only this object holds.
    """

    def __init__(self, conn: Wire) -> None:
        self._conn = conn
        self.deadline: float | None = None
        self.unheard = False
        """A message to it was lost; it cannot be spoken to any more, and its last order is not to blame."""
        self._hung_up = False

    def __str__(self) -> str:
        return "there"

    @property
    def pid(self) -> int | None:
        """Its process id; None where it is not a process of this machine."""
        return None

    def fileno(self) -> int:
        """Return the descriptor of the daemon's end, for `wait`."""
        return self._conn.fileno()

    @property
    def hung_up(self) -> bool:
        """Whether the other end is gone, as the last attempt to read has found."""
        return self._hung_up

    @property
    def rss_bytes(self) -> int:
        """Its resident memory; 0 once it has ended, or where that is not known."""
        return 0

    def send(self, message: object, fd: int | None = None) -> None:
        """Send a message, and a descriptor after it.

        Raises:
            ChildDied
        """
        try:
            self._conn.send(message)
            if fd is not None:
                send_handle(self._conn, fd, os.getpid())
        except OSError as error:
            self.unheard = True
            raise ChildDied(str(error)) from error

    def receive(self) -> object:
        """Return the next message, which must be on its way.

        Raises:
            ChildDied: the other end is gone or overdue, or what it says is not a message of the protocol.
        """
        if self.overdue:
            raise ChildDied("no answer within its time")
        try:
            return self._conn.receive(message, MESSAGE_MAX_BYTES)
        except (OSError, EOFError, Unreadable) as error:
            self._hung_up = isinstance(error, EOFError | ConnectionResetError)
            raise ChildDied(str(error)) from error

    def pass_on(self, pickled: bytes, beside: Sequence[bytes]) -> None:
        """Send a message that is packed already.

        Raises:
            ChildDied
        """
        try:
            self._conn.pass_on(pickled, beside)
        except OSError as error:
            self.unheard = True
            raise ChildDied(str(error)) from error

    def receive_packed(self) -> tuple[bytes, list[bytes]]:
        """Return the next message, which must be on its way, as a pickle and what is beside it: for somebody else.

        Raises:
            ChildDied: the other end is gone, or says too much.
        """
        try:
            pickled, beside = self._conn.receive(lambda pickled, beside: (pickled, beside), MESSAGE_MAX_BYTES)
        except (OSError, EOFError) as error:
            self._hung_up = True
            raise ChildDied(str(error)) from error
        return pickled, beside

    @property
    def overdue(self) -> bool:
        """Whether its time is over and no answer is on its way; one that waits unread, as after SIGSTOP, is in time."""
        late = self.deadline is not None and time.monotonic() > self.deadline
        return (late or self.unheard) and not self._waiting()

    def _waiting(self) -> bool:
        try:
            return self._conn.poll()
        except OSError:
            return False

    def end(self, *, gently: bool = False) -> str:  # noqa: ARG002
        """Close the connection, and say how the other end has ended."""
        with suppress(OSError):
            self._conn.close()
        return "connection closed"


def connected() -> tuple[Wire, socket.socket]:
    """Return the daemon's end of a new connection, and the other one."""
    ours, theirs = stalling_pair(STALL_S)
    return Wire(ours.detach()), theirs


class Child(Peer):
    """A spawned process that runs one module and talks over a socket pair.

    Only this object and the child hold the two ends, so the child sees the daemon's death as the end of
    the connection, and the daemon sees the child's.

    Args:
        module: its `main` is called with the child's end of the connection.
    """

    def __init__(self, module: str) -> None:
        ours, theirs = connected()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "daemon.processes.bootstrap", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment(),
                # Ctrl-C in a terminal is for the daemon, which then ends its children in order.
                start_new_session=True,
            )
        super().__init__(ours)

    def __str__(self) -> str:
        return str(self.pid)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def rss_bytes(self) -> int:
        """Its resident memory; 0 once it has ended."""
        try:
            # Asked after every batch: without a buffer and a decoder of text it takes a third of the time.
            with open(f"/proc/{self.pid}/statm", "rb", buffering=0) as file:
                return int(file.read().split()[1]) * PAGE_BYTES
        except (OSError, IndexError):
            return 0

    def end(self, *, gently: bool = False) -> str:
        """End the process and say how it ended. Closing the connection alone ends a healthy child.

        One that has closed the connection itself may take a moment to end: how it does so tells more than SIGKILL.
        """
        if gently:
            with suppress(OSError):
                self._conn.close()
            self._process.terminate()
        if gently or self._hung_up:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)
        self._process.kill()
        code = self._process.wait()
        with suppress(OSError):
            self._conn.close()
        return f"signal {-code}" if code < 0 else f"exit {code}"


Event = TypeVar("Event", covariant=True)


class ChildPool(Protocol[Event]):
    """Children of one kind, as the loop that waits for all of them sees them."""

    @property
    def children(self) -> Sequence[Peer]:
        """Return the children whose messages and deaths are to be waited for."""

    def receive(self, child: Peer) -> Event | None:
        """Take what a child has to say, or its end; None if the pool has dealt with it alone.

        A child that is gone, overdue or makes no sense is ended here, and is an event like any other.
        """
