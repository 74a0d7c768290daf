"""Messages from a child, read so that a child that a hostile file has taken over can do no harm with them.

A pickle may name any function to be called. Here it may name the messages of the protocol and nothing else.
"""

import pickle
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

from daemon.processes.wire import Unpickler

MESSAGE_MAX_BYTES = 64 << 20
"""A window of five minutes of speech is 10 MB."""
MODULES = (
    "daemon.processes.protocol",
    "daemon.processes.cluster_protocol",
    "daemon.chunk",
    "daemon.sound",
    "daemon.voice",
    "daemon.config.parallelism",
)


class Unreadable(Exception):
    """Not a message of the protocol."""


class _Unpickler(Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _class_of(module, name)


@cache
def _class_of(module: str, name: str) -> type:
    found = getattr(import_module(module), name, None) if module in MODULES else None
    if not isinstance(found, type) or found.__module__ != module:
        raise pickle.UnpicklingError(f"it names {module}.{name}")
    return found


def message(pickled: bytes, beside: Sequence[bytes] = ()) -> Any:
    """Return the message that a child sent, with the large bytes that it sent beside it.

    Raises:
        Unreadable
    """
    try:
        return _Unpickler(pickled, beside).load()
    except Exception as error:  # bad pickles raise nearly anything
        raise Unreadable(f"its answer cannot be read: {error}") from error
