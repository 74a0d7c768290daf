"""Serves the page."""

import os
import resource
import socket
import stat
import sys
import threading

import uvicorn

from daemon.config.settings import Settings
from daemon.errors import BadConfig, Unavailable
from daemon.guests.line import Line
from daemon.web.application import make_app
from daemon.web.connections import Connection
from daemon.web.desk import Desk
from daemon.web.guard import is_for_others
from daemon.web.people import Users

LISTEN = "127.0.0.1:8642"
"""Where the page is, unless told."""
GRACE_S = 3
"""Requests may take so long once it is to end; listeners to events would never end by themselves."""


def serve(settings: Settings, address: str, *, attached: bool = False) -> None:
    """Serve the page until a signal.

    Args:
        settings: As the daemon has them.
        address: HOST:PORT.
        attached: End with the standard input, which the daemon holds the other end of. If that is a socket, it is the
            line by which the daemon takes chunks.

    Raises:
        BadConfig: Others could reach it, and there is nobody with a password.
        Unavailable: The address cannot be used.
    """
    host, _, port = address.rpartition(":")
    if is_for_others(host, settings.web) and not Users(settings).names and not settings.web.proxy_header:
        raise BadConfig(
            f"web: nobody could log in at {address}, which is meant for others, for there are no users",
            "transcribed web user add NAME; or name the header of a proxy (web.proxy_header); or listen on 127.0.0.1 "
            "without web.hosts and web.users",
        )
    _allow_connections()
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        listener = socket.create_server((bare, int(port)), family=family, backlog=128)
    except OSError as error:
        raise Unavailable(f"cannot listen on {address}: {error.strerror}", "see what uses it: ss -ltnp") from error
    # Connections inherit it. asyncio sets it only where it has made the listener itself; without it, what follows the
    # head of an answer waits 40 ms for the other side to say that the head has come.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    desk = _desk() if attached else None
    config = uvicorn.Config(
        make_app(settings, host, desk),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        ws="none",
        http=Connection,
    )
    server = uvicorn.Server(config)
    if attached:
        threading.Thread(target=_end_with_input, args=(server, desk), daemon=True).start()
    with listener:
        server.run(sockets=[listener])


def _allow_connections() -> None:
    """Raise the limit of open files: at its usual 1024 idle connections would soon keep out all others."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _desk() -> Desk | None:
    number = sys.stdin.fileno()
    is_line = stat.S_ISSOCK(os.fstat(number).st_mode)
    return Desk(Line(socket.socket(fileno=os.dup(number)))) if is_line else None


def _end_with_input(server: uvicorn.Server, desk: Desk | None) -> None:
    if desk is not None:
        desk.listen()
    else:
        while os.read(sys.stdin.fileno(), 1):
            pass
    server.should_exit = True
