"""Whether the head of a cluster answers at all: Ray ends the process that asks for one that does not."""

import socket
from urllib.parse import urlsplit

CONNECT_S = 5.0
HEAD_HINT = "see whether it runs, and whether the network lets this machine reach it"


def is_mine(ip: str) -> bool:
    """Tell whether an address is one of this machine's."""
    try:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        with socket.socket(family) as probe:
            probe.bind((ip, 0))
    except OSError:
        return False
    return True


def unreachable(address: str) -> str:
    """Return why nothing answers at the address of a head or its client's server; "" if something does.

    Args:
        address: HOST:PORT, or ray://HOST:PORT.
    """
    parts = urlsplit(address if "//" in address else f"//{address}")
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), CONNECT_S).close()
    except TimeoutError:
        return f"no answer within {CONNECT_S:g} s"
    except OSError as error:
        return error.strerror or str(error)
    return ""
