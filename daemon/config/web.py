"""The table [web] of config.toml: where the page is served, and to whom."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from daemon.config.table import Table
from daemon.config.values import FileName, ListenAddress, Location, Tuple, Unique

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")

SHARE_DAYS = 365
"""No link works for longer."""


def user_name(value: str) -> str:
    """Return the name of a user of the page.

    Raises:
        ValueError: It cannot be one.
    """
    if not NAME.fullmatch(value):
        raise ValueError("must be of small letters, digits, dots, dashes and underscores, and at most 63 of them")
    return value


def _host(value: str) -> str:
    if not HOST.fullmatch(value):
        raise ValueError("must be the name of a machine, such as 'transcripts.example.org', without a port")
    return value.lower()


def _header(value: str) -> str:
    if value and not HEADER.fullmatch(value):
        raise ValueError("must be the name of a header such as 'X-Remote-User', or '' for none")
    return value


class WebUser(Table):
    """What somebody may see and do on the page."""

    folders: Annotated[tuple[Location, ...], Tuple, Unique] = ()
    read_only: bool = False


class Web(Table):
    """Where the page is served, and to whom."""

    listen: ListenAddress = ""
    hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], Tuple, Unique] = ()
    users_file: FileName = ""
    session_days: float = Field(30, gt=0, le=400)
    proxy_header: Annotated[str, AfterValidator(_header)] = ""
    upload_max_gb: float = Field(20, gt=0, le=100_000)
    api_folder: FileName = ""
    share_days_max: int = Field(0, ge=0, le=SHARE_DAYS)
    users: dict[Annotated[str, AfterValidator(user_name)], WebUser] = Field(default_factory=dict)

    @property
    def upload_max_bytes(self) -> int:
        """How large a recording may be that is uploaded."""
        return int(self.upload_max_gb * 1e9)
