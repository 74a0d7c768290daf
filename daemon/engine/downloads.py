"""Who is told how far a download is: whoever has a model loaded, whatever stands in between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from daemon.processes.protocol import Downloading

Tell = Callable[[Downloading], None]


def _nobody(_progress: Downloading) -> None:
    """Tell nobody."""


_listener: ContextVar[Tell] = ContextVar("_listener", default=_nobody)


@contextmanager
def told(tell: Tell) -> Iterator[None]:
    """Have what is downloaded in this block told of, now and then.

    An engine's `load` is not handed the listener: engines that users have written take the order and nothing else.

    Args:
        tell: Called from any thread, one call at a time.
    """
    token = _listener.set(tell)
    try:
        yield
    finally:
        _listener.reset(token)


def listener() -> Tell:
    """Return who is to be told."""
    return _listener.get()
