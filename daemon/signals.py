"""What interrupts the dispatcher's wait: a wake-up from another thread, or a signal."""

import logging
import os
import signal
from contextlib import suppress
from types import FrameType

log = logging.getLogger(__name__)

PIPE_BYTES = 65_536
"""What a pipe holds on Linux; see pipe(7)."""


class Wakeup:
    """A pipe that ends a wait for several descriptors."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._read

    @property
    def signal_fd(self) -> int:
        """The descriptor for `signal.set_wakeup_fd`."""
        return self._write

    def wake(self) -> None:
        """End the wait, because there may be something new (called from any thread)."""
        with suppress(BlockingIOError):  # full of wake-ups already
            os.write(self._write, b"w")

    def take(self) -> bool:
        """Return whether there were wake-ups since the last call, and forget them."""
        try:
            return bool(os.read(self._read, PIPE_BYTES))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read)
        os.close(self._write)


class Signals:
    """Counts the signals that tell the daemon to stop or to read its configuration again."""

    def __init__(self, wakeup: Wakeup) -> None:
        self.stops = 0
        """SIGTERM and SIGINT so far; the second one asks to stop without finishing anything."""
        self._hung_up = False
        signal.set_wakeup_fd(wakeup.signal_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._hang_up)
        # If it was SIGHUP that started this program again, the program before blocked it: another one is not lost.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
        # The kernel breaks our read lease with SIGIO when somebody opens the file for writing just then; the
        # default action would end the daemon.
        signal.signal(signal.SIGIO, signal.SIG_IGN)

    def close(self) -> None:
        """Write to the pipe no more."""
        signal.set_wakeup_fd(-1)

    def take_hang_up(self) -> bool:
        """Return whether there was a SIGHUP since the last call."""
        hung_up, self._hung_up = self._hung_up, False
        return hung_up

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.stops += 1
        log.info("%s: stopping%s", signal.Signals(number).name, " now" if self.stops > 1 else "")

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        self._hung_up = True
