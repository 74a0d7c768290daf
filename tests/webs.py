"""A real `transcribed web` process beside a daemon of the tests."""

import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests import preloaded
from tests.support import Daemon, wait_until


class Web:
    """Serves the page and the API over the folders and the database of a daemon, until the end of a with block."""

    def __init__(self, daemon: Daemon) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.daemon = daemon
        self.log = daemon.folder / "web.log"
        self.process: subprocess.Popen[bytes] | preloaded.Process | None = None

    def __enter__(self) -> Self:
        daemon = self.daemon
        command = ["web", "--config", str(daemon.config), "--listen", f"127.0.0.1:{self.port}"]
        with self.log.open("ab") as log:
            self.process = preloaded.start(
                preloaded.PAGE, command, daemon.environment, daemon.folder, (1, log)
            ) or subprocess.Popen(
                [sys.executable, "-m", "daemon", *command], stderr=log, env=daemon.environment, cwd=daemon.folder
            )
        wait_until(self._answers, 30, "the page being served")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(30)

    def _answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.address}/healthz", timeout=5):
            return True
        return False
