"""What must be right before this machine joins a cluster; Ray itself says little of it, or nothing."""

import os
import re
import socket
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daemon.cluster.look import INSTALL, PORTS, VERSION, Head
from daemon.cluster.ports import HEAD, PORT_MAX, Ports, shut, taken
from daemon.cluster.tokens import OTHERS
from daemon.errors import BadConfig, Unavailable

ADDRESS = re.compile(r"(?:\[(?P<ipv6>[\da-fA-F:.]+)\]|(?P<host>[^\s:/\[\]]+))(?::(?P<port>\d{1,5}))?")
FIREWALL = "docs/cluster.md lists the ports, and what a firewall has to let through"
INNER = "r"
"""The part of the folder that is Ray's: it lets everybody write there, so nobody may get there."""
SOCKET = f"/{INNER}/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store.1"
SOCKET_MAX_BYTES = 107
"""Of the path of a Unix socket; see unix(7)."""
SHOWN = 4


@dataclass(frozen=True, slots=True)
class Versions:
    """What the machines of a cluster must have in common."""

    ray: str
    python: str
    transcribed: str


def address_of(text: str) -> tuple[str, int]:
    """Return the host and the port of the head that somebody has named: HOST, HOST:PORT, [IPV6]:PORT.

    Raises:
        BadConfig: It is no address.
    """
    match = ADDRESS.fullmatch(text)
    port = HEAD if match is None or match["port"] is None else int(match["port"])
    if match is None or not 0 < port <= PORT_MAX:
        raise BadConfig(f"{text!r} is no address of a head", f"write HOST or HOST:PORT; without a port it is {HEAD}")
    return match["ipv6"] or match["host"], port


def resolved(host: str) -> str:
    """Return the IP address of a host, of the older kind if it has both.

    Raises:
        Unavailable: There is no such host.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(
            f"there is no host {host!r} to be found from here", "see the name, or write its IP"
        ) from error
    return str(min(found, key=lambda each: each[0] != socket.AF_INET)[4][0])


def check_versions(head: Head, mine: Versions) -> None:
    """See that this machine and the head have the same versions.

    Raises:
        Unavailable: They have not.
    """
    if head.ray and head.ray != mine.ray:
        raise Unavailable(
            f"the head has Ray {head.ray}, and this machine {mine.ray}; they must be the same",
            f"{INSTALL} 'ray=={head.ray}' here, or the other version there",
        )
    if head.python and _minor(head.python) != _minor(mine.python):
        raise Unavailable(
            f"the head has Python {_minor(head.python)}, and this machine {_minor(mine.python)}; they must be the same",
            f"make the environment of transcribed here with python{_minor(head.python)}",
        )
    there = head.node.labels.get(VERSION) if head.node else None
    if there is not None and there != label(mine.transcribed):
        raise Unavailable(
            f"the head has transcribed {there}, and this machine {mine.transcribed}; they must be the same",
            "update the older one, and start it again",
        )


def check_ports_here(ports: Ports, head_port: int | None) -> None:
    """See that nothing listens on the ports that this machine needs.

    Args:
        ports: The block of this machine.
        head_port: Where it is to be asked if it is the head, else None.

    Raises:
        Unavailable: Something does.
    """
    if head_port is not None and taken([head_port]):
        redis = ", as Redis does" if head_port == HEAD else ""
        raise Unavailable(
            f"port {head_port} is taken: something else on this machine listens there{redis}, or a head runs already",
            f"see `ss -ltnp 'sport = :{head_port}'`; --port chooses another one",
        )
    if found := taken(ports.needed()):
        raise Unavailable(
            f"{_ports(found)} taken: something else on this machine listens there, or another node runs here",
            f"see `ss -ltnp 'sport = :{found[0]}'`; --ports chooses another block",
        )


def check_head_is_there(host: str, port: int) -> None:
    """See that something listens where the head should be.

    Raises:
        Unavailable: Nothing can be reached there.
    """
    if found := shut(host, [port]):
        raise Unavailable(
            f"no head can be reached at {host} port {port}: {found[port]}",
            f"see that it runs (`transcribed engine head`), and open the port in its firewall; {FIREWALL}",
        )


def check_ports_there(head: Head) -> None:
    """See that the machine of the head lets this one through to all its ports.

    Raises:
        Unavailable: Some are shut.
    """
    node = head.node
    if node is None:
        return
    first = node.labels.get(PORTS, "")
    workers = Ports(int(first)).workers if first.isdecimal() else range(0)
    found = shut(node.ip, [node.node_manager, node.object_manager], [workers[0], workers[-1]] if workers else [])
    if found:
        port, why = next(iter(found.items()))
        raise Unavailable(
            f"{_ports(list(found))} shut on the way from here to the head, which calls itself {node.ip}: {why}",
            f"open {_block(first) or port} in its firewall for this machine, or, if that is an address of "
            f"another network, start the head with --ip; {FIREWALL}",
        )


def check_folder(folder: Path) -> None:
    """See that a folder is, or will be, for this user alone, and that the sockets of Ray have a path in it.

    Raises:
        BadConfig: It is open to others, or its own path is too long.
    """
    with suppress(FileNotFoundError):
        there = folder.stat()
        if there.st_uid != os.geteuid() or stat.S_IMODE(there.st_mode) & OTHERS:
            raise BadConfig(
                f"the folder {folder} belongs to another user or is open to others, who could reach Ray's sockets",
                "name one that is not there yet with --folder",
            )
    length = len(bytes(folder.absolute())) + len(SOCKET)
    if length > SOCKET_MAX_BYTES:
        raise BadConfig(
            f"the path of the folder {folder} is too long by {length - SOCKET_MAX_BYTES} bytes: Ray has sockets in it",
            "name a shorter one with --folder",
        )


def labels(version: str, ports: Ports) -> Mapping[str, str]:
    """Return what a node says of itself to whoever asks the head."""
    return {VERSION: label(version), PORTS: str(ports.first)}


def label(version: str) -> str:
    """Return a version as Ray takes it for a label."""
    return re.sub(r"[^\w.-]", "-", version)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _ports(found: list[int]) -> str:
    if len(found) == 1:
        return f"port {found[0]} is"
    shown = ", ".join(map(str, found[:SHOWN]))
    return f"ports {shown}{', …' if len(found) > SHOWN else ''} are"


def _block(first: str) -> str:
    return f"{first} to {Ports(int(first)).last}" if first.isdecimal() else ""
