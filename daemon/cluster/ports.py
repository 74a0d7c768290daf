"""Where the processes of Ray listen: fixed ports, so that a firewall can let them through, and whether one is shut."""

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

HEAD = 6379
"""Where the head is asked for anything, as in every cluster of Ray."""
FIRST = 20_700
"""Of a block that is registered for nothing and that Linux gives to no outgoing connection."""
WORKERS_FROM, COUNT = 10, 64
PORT_MAX = 65_535
CONNECT_S = 3.0
"""An answer from another continent takes a tenth of that; a firewall that drops packets gives none."""
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Ports:
    """The block of ports of one machine."""

    first: int = FIRST

    @property
    def node_manager(self) -> int:
        """Where the head asks whether the machine is alive, and where work is asked for."""
        return self.first

    @property
    def object_manager(self) -> int:
        """Where other machines fetch objects: the audio of batches, models."""
        return self.first + 1

    @property
    def workers(self) -> range:
        """One for each engine and driver of this machine."""
        return range(self.first + WORKERS_FROM, self.first + COUNT)

    @property
    def last(self) -> int:
        """The last port of the block."""
        return self.workers[-1]

    def options(self) -> list[str]:
        """Return the options of `ray start` for them."""
        return [
            f"--node-manager-port={self.node_manager}",
            f"--object-manager-port={self.object_manager}",
            f"--runtime-env-agent-port={self.first + 2}",
            f"--dashboard-agent-grpc-port={self.first + 3}",
            f"--dashboard-agent-listen-port={self.first + 4}",
            f"--metrics-export-port={self.first + 5}",
            f"--min-worker-port={self.workers[0]}",
            f"--max-worker-port={self.last}",
        ]

    def needed(self) -> list[int]:
        """Return those that must be free before Ray starts."""
        return [*range(self.first, self.first + 6), *self.workers]


def taken(ports: Iterable[int]) -> list[int]:
    """Return which of the ports something on this machine listens at."""
    return [port for port in ports if _is_taken(port)]


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("", port))
        except OSError:
            return True
    return False


def is_here(ip: str) -> bool:
    """Return whether an address is one of this machine."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        try:
            tried.bind((ip, 0))
        except OSError:
            return False
    return True


def shut(host: str, listening: Iterable[int], quiet: Iterable[int] = (), limit_s: float = CONNECT_S) -> dict[int, str]:
    """Return which ports of a machine cannot be reached from here, and why.

    Args:
        host: Its name or address.
        listening: Ports at which something listens there.
        quiet: Ports at which nothing may listen now: that a connection is refused shows that no firewall is in between.
        limit_s: How long to wait for an answer.
    """
    quiet = list(quiet)
    asked = [*listening, *quiet]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda port: _answer(host, port, limit_s), asked)
        found = dict(zip(asked, answers, strict=True))
    return {
        port: why.strerror or "no answer"
        for port, why in found.items()
        if why is not None and not (port in quiet and isinstance(why, ConnectionRefusedError))
    }


def _answer(host: str, port: int, limit_s: float) -> OSError | None:
    try:
        socket.create_connection((host, port), limit_s).close()
    except TimeoutError:
        return TimeoutError(0, f"no answer within {limit_s:g} s")
    except OSError as error:
        return error
    return None
