"""The line between the page and its daemon: questions one way, replies the other, each with a number.

The page is the one process of the house that strangers speak with. What it sends is bytes with lengths, and no pickle.
"""

import socket
import struct
from dataclasses import dataclass
from enum import IntEnum
from multiprocessing.connection import Connection

from daemon.guests.request import REQUEST_MAX_BYTES
from daemon.sockets import stalling_pair

STALL_S = 20
"""An end that stops in the middle of a message is taken to be gone after this long."""
REPLY_MAX_BYTES = 64 << 20
NAME_MAX_BYTES = 1000
_HEAD = struct.Struct("!QHH")


class NoQuestion(ValueError):
    """The page says what it never does."""


class Kind(IntEnum):
    """What a question is about."""

    ABILITIES = 1
    """What can the engine do?"""
    CHUNKS = 2
    """What is said in these?"""
    GONE = 3
    """Nobody waits any more for the reply to the question of this number; there is none to this one."""


@dataclass(frozen=True, slots=True)
class Question:
    """From the page."""

    number: int
    kind: Kind
    person: str = ""
    """Whose chunks they are."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """To the page: how it is to answer."""

    number: int
    status: int
    body: bytes = b""
    """What is answered, or why not."""
    wait_s: int = 0
    """For how long whoever asks is to leave this daemon alone; 0: that is not said."""


class Line:
    """One end of it. Whoever is at the other one may be gone: every call raises OSError or EOFError then.

    Args:
        end: A socket of a pair; it is this object's from now on.
    """

    def __init__(self, end: socket.socket) -> None:
        self._connection = Connection(end.detach())

    def fileno(self) -> int:
        """Return the descriptor, for `wait`."""
        return self._connection.fileno()

    def ask(self, question: Question) -> None:
        """Send a question."""
        person = question.person.encode()
        head = _HEAD.pack(question.number, question.kind, len(person))
        self._connection.send_bytes(b"".join([head, person, question.body]))

    def asked(self) -> Question:
        """Return the next question.

        Raises:
            NoQuestion: It is none.
        """
        got = self._connection.recv_bytes(_HEAD.size + NAME_MAX_BYTES + REQUEST_MAX_BYTES)
        try:
            number, kind, size = _HEAD.unpack_from(got)
            at = _HEAD.size + size
            return Question(number, Kind(kind), got[_HEAD.size : at].decode(), got[at:])
        except (struct.error, ValueError) as error:
            raise NoQuestion(str(error)) from error

    def reply(self, reply: Reply) -> None:
        """Send a reply."""
        head = _HEAD.pack(reply.number, reply.status, reply.wait_s)
        self._connection.send_bytes(head + reply.body)

    def replied(self) -> Reply:
        """Return the next reply."""
        got = self._connection.recv_bytes(_HEAD.size + REPLY_MAX_BYTES)
        number, status, wait_s = _HEAD.unpack_from(got)
        return Reply(number, status, got[_HEAD.size :], wait_s)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def pair() -> tuple[Line, socket.socket]:
    """Return the daemon's end, which waits for nobody longer than STALL_S, and the page's."""
    ours, theirs = stalling_pair(STALL_S)
    return Line(ours), theirs
