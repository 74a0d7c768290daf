"""The page in the browser, as a process of its own: the daemon starts it, and does its own work on if it dies.

What it has as standard input is a line to the daemon: by it the page passes on the chunks of other daemons.
"""

import logging
import subprocess
import sys
import time
from pathlib import Path

from daemon.guests.line import Line, NoQuestion, Question, Reply, pair
from daemon.processes.environment import environment

log = logging.getLogger(__name__)

RESTART_S, RESTART_MAX_S = 5.0, 300.0
"""Wait before it is started again, twice as long each time that it ends soon, and at most."""
LASTS_S = 60.0
"""Whatever ran for longer did start."""
END_S = 5.0
"""How long it may take to end."""


class Website:
    """`transcribed web`, started again when it has ended.

    Args:
        config_file: Where its settings are; None where there is no file, and then there is no page.
        address: Where it listens; "" for no page.
    """

    def __init__(self, config_file: Path | None, address: str) -> None:
        self._config_file = config_file if address else None
        self._process: subprocess.Popen[bytes] | None = None
        self.line: Line | None = None
        """To the page, while there is one; whoever has asked by an earlier one is gone."""
        self._started_at = 0.0
        self._start_at = 0.0
        self._wait_s = RESTART_S
        self._ends = 0

    @property
    def processes(self) -> list[tuple[str, int]]:
        """(name, process id) of it, for the monitor's thread."""
        process = self._process
        return [("web", process.pid)] if process is not None else []

    @property
    def restarts(self) -> dict[str, int]:
        """How often it had to be started again since the daemon's start."""
        return {"web": self._ends} if self._config_file is not None else {}

    def tick(self) -> None:
        """Start it if it does not run and is to be started by now; called every second."""
        if self._config_file is None or (self._process is not None and self._process.poll() is None):
            return
        now = time.monotonic()
        if self._process is not None:
            self._ends += 1
            self._wait_s = RESTART_S if now - self._started_at > LASTS_S else min(2 * self._wait_s, RESTART_MAX_S)
            log.warning("the page ended (exit code %d); it is back in %g s", self._process.returncode, self._wait_s)
            self._close_process()
            self._start_at = now + self._wait_s
        if now >= self._start_at:
            self._start(self._config_file)

    def receive(self) -> Question | None:
        """Return what the page asks, which must be on its way; None once it is gone, or makes no sense."""
        assert self.line is not None
        try:
            return self.line.asked()
        except (OSError, EOFError, NoQuestion) as error:
            if not isinstance(error, EOFError):
                log.warning("the page is not listened to any more: %s", error)
            self._hang_up()
            return None

    def reply(self, reply: Reply) -> None:
        """Tell the page how to answer; if it does not take that, it is not spoken with any more."""
        if self.line is None:
            return
        try:
            self.line.reply(reply)
        except OSError as error:
            log.warning("the page does not listen: %s", error)
            self._hang_up()

    def close(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_process()

    def _start(self, config_file: Path) -> None:
        command = [sys.executable, "-P", "-m", "daemon", "web", "--attached", "--config", str(config_file)]
        self._started_at = self._start_at = time.monotonic()
        self._hang_up()
        self.line, theirs = pair()
        try:
            # It ends when its standard input does, and so with the daemon, however that ends.
            with theirs:
                self._process = subprocess.Popen(
                    command, stdin=theirs.fileno(), env=environment(), start_new_session=True
                )
        except OSError as error:
            log.warning("the page cannot be started: %s", error.strerror)
            self._start_at += RESTART_MAX_S
            self._hang_up()

    def _hang_up(self) -> None:
        """Close the line, with which the page ends."""
        if self.line is not None:
            self.line.close()
            self.line = None

    def _close_process(self) -> None:
        self._hang_up()
        self._process = None
