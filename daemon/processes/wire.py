"""The connection between the daemon and a child: a message, and beside it the audio that it carries.

Half a minute of samples is a megabyte. Within a pickle it would be copied four times on each side; beside it, once:
into the kernel here, out of it there.
"""

import io
import pickle
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

BESIDE_BYTES = 4096
"""From this size on, bytes travel beside their message."""
HEAD = struct.Struct("!QI")
"""The length of the pickle, and how many parts are beside it; the length of each follows."""
LENGTH = struct.Struct("!Q")
PARTS_MAX = 1 << 16

Load = Callable[[bytes, Sequence[bytes]], Any]


class _Pickler(pickle.Pickler):
    """Puts large bytes beside the pickle, and their numbers into it."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self.beside: list[bytes] = []

    def persistent_id(self, obj: Any) -> int | None:
        if type(obj) is bytes and len(obj) >= BESIDE_BYTES:
            self.beside.append(obj)
            return len(self.beside) - 1
        return None


class Unpickler(pickle.Unpickler):
    """Reads a message, and takes what was beside it."""

    def __init__(self, pickled: bytes, beside: Sequence[bytes]) -> None:
        super().__init__(io.BytesIO(pickled))
        self._beside = beside

    def persistent_load(self, number: int) -> bytes:
        """Return what the message has a number for."""
        return self._beside[number]


def packed(message: object) -> tuple[bytes, list[bytes]]:
    """Return a message as a pickle, and what is to be sent beside it."""
    file = io.BytesIO()
    pickler = _Pickler(file)
    pickler.dump(message)
    return file.getvalue(), pickler.beside


def head_of(pickled: bytes, beside: Sequence[bytes]) -> bytes:
    """Return what goes before a message."""
    return HEAD.pack(len(pickled), len(beside)) + b"".join(LENGTH.pack(len(each)) for each in beside)


class Wire(Connection):
    """A connection over a socket pair whose messages are sent and read like this at both ends."""

    def send(self, obj: object) -> None:
        """Send a message.

        Raises:
            OSError: The other end is gone, or takes nothing for as long as the socket's time limit allows.
        """
        self.pass_on(*packed(obj))

    def pass_on(self, pickled: bytes, beside: Sequence[bytes]) -> None:
        """Send a message that is packed already.

        Raises:
            OSError: As `send`.
        """
        with self._socket() as end:
            end.sendall(head_of(pickled, beside) + pickled)
            for each in beside:
                end.sendall(each)

    def recv(self) -> Any:
        """Return the next message, from somebody who is trusted.

        Raises:
            EOFError: The other end is gone.
        """
        return self.receive(lambda pickled, beside: Unpickler(pickled, beside).load())

    def receive(self, load: Load, most_bytes: int | None = None) -> Any:
        """Return the next message.

        Args:
            load: Makes it of its pickle and of what is beside it.
            most_bytes: How large it may be, all in all.

        Raises:
            EOFError: The other end is gone.
            OSError: The message is too large, or stops in the middle.
        """
        with self._socket() as end:
            size, count = HEAD.unpack(_read(end, HEAD.size))
            if count > PARTS_MAX:
                raise OSError(f"a message of {count} parts")
            lengths = [length for (length,) in LENGTH.iter_unpack(_read(end, count * LENGTH.size))]
            if most_bytes is not None and (whole := size + sum(lengths)) > most_bytes:
                raise OSError(f"a message of {whole} bytes")
            return load(_read(end, size), [_read(end, length) for length in lengths])

    @contextmanager
    def _socket(self) -> Iterator[socket.socket]:
        """Give the descriptor the methods of a socket, for a while."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, self.fileno())
        try:
            yield end
        finally:
            end.detach()


def _read(end: socket.socket, size: int) -> bytes:
    """Return so many bytes, which the kernel copies to where they stay, unless a signal comes between."""
    parts = []
    while size:
        part = end.recv(size, socket.MSG_WAITALL)
        if not part:
            raise EOFError("the other end is gone")
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
