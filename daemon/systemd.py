"""What the daemon tells systemd."""

import logging
import os
import socket
from typing import TextIO

log = logging.getLogger(__name__)

PRIORITIES = {
    logging.DEBUG: "<7>", logging.INFO: "<6>", logging.WARNING: "<4>", logging.ERROR: "<3>", logging.CRITICAL: "<2>",
}  # fmt: skip
"""What stands before a line to give it a priority in the journal; see sd-daemon(3)."""


def is_journal(stream: TextIO) -> bool:
    """Return whether what is written to a stream goes to the journal; see JOURNAL_STREAM in systemd.exec(5)."""
    try:
        there = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def with_priority(level: int, text: str) -> str:
    """Return a text for the journal, with its priority before every line."""
    priority = PRIORITIES.get(level, PRIORITIES[logging.INFO])
    return "\n".join(priority + line for line in text.splitlines())


class JournalFormatter(logging.Formatter):
    """Puts its priority before every line of a message, so that `journalctl -p warning` finds what it should."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return with_priority(record.levelno, super().format(record))


def notify(message: str) -> None:
    """Send a message to systemd (the datagram protocol of sd_notify); do nothing where systemd does not listen."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto(message.encode(), address)
        except OSError as error:
            log.debug("systemd does not listen: %s", error)
