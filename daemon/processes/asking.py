"""Asks a child one question. It may hang, abort or be killed: that is an answer, too."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait

from daemon.processes.child import Child, ChildDied

SURVEY = "daemon.engine.survey"
ENGINE = "daemon.engine.worker"
STDERR = 2
LAST_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A child gave none."""

    why: str
    hangs: bool = False
    """Whether its time is over."""


def ask(module: str, order: object, limit_s: float) -> object:
    """Start a child, give it an order, and return its answer, or NoAnswer.

    Args:
        module: Of the child.
        order: A message of the protocol.
        limit_s: How long the answer may take, with the start.
    """
    before = _stderr_bytes()
    child = Child(module)
    try:
        child.send(order)
        if not wait([child.fileno()], limit_s):
            return NoAnswer(f"no answer within {limit_s:g} s", hangs=True)
        return child.receive()
    except ChildDied:
        return NoAnswer(f"it died ({child.end()}){_last_words(before)}")
    finally:
        child.end(gently=True)


def _stderr_bytes() -> int:
    """Return how much is in the file that we and our children write errors to; 0 if it is no file."""
    status = os.fstat(STDERR)
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _last_words(since: int) -> str:
    """Return the last line that was written to stderr since then: native libraries say there why they abort."""
    with suppress(OSError):
        size = _stderr_bytes()
        lines = os.pread(STDERR, LAST_BYTES, max(since, size - LAST_BYTES)).decode("utf-8", "replace").split("\n")
        words = [line.strip() for line in lines if line.strip()]
        return f": {words[-1]}" if size > since and words else ""
    return ""
