"""A real server of the page."""

import signal
import socket
import subprocess
from pathlib import Path

import httpx

from daemon.store.migrate import migrate
from tests import preloaded
from tests.support import Daemon, wait_until

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


def is_served(port: int) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


class Web:
    """A real `transcribed web`.

    Args:
        folder: Where it lives, with `inbox/`; several may share one.
        house: The daemon that lives there, if one is to run; it is started by whoever wants it.
    """

    def __init__(self, folder: Path, house: Daemon | None = None) -> None:
        self.house = house or Daemon(folder, model='name = "base"')
        self.inbox = self.house.inbox
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
        migrate(self.house.database)
        self.process: subprocess.Popen[bytes] | preloaded.Process | None = None

    def start(self) -> "Web":
        house = self.house
        command = ["web", "--listen", self.address]
        with house.log.open("ab") as log:
            self.process = preloaded.start(
                preloaded.PAGE, [*command, "--config", str(house.config)], house.environment, house.folder, (1, log)
            ) or subprocess.Popen(house.command(*command), stderr=log, env=house.environment)
        wait_until(lambda: is_served(self.port), 60, "the page being served")
        return self

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)

    def arrived(self) -> int:
        """How much of an upload is on the disk."""
        return max((part.stat().st_size for part in self.inbox.glob(".upload-*.part")), default=0)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.inbox.iterdir())
