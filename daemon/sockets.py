"""Pairs of connected sockets, whose end that is ours waits for nobody for ever."""

import socket
import struct


def stalling_pair(stall_s: int) -> tuple[socket.socket, socket.socket]:
    """Return our end, which gives up reading or writing once that stalls for so many seconds, and theirs."""
    ours, theirs = socket.socketpair()
    limit = struct.pack("ll", stall_s, 0)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    return ours, theirs
