"""What goes into a check, and what comes out of the first one for all others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a check that reads no settings starts in half the time without
    from daemon.config.settings import Settings

NAMED_FOLDERS, READABLE = "named folders", "readable"
"""Arguments of the check of the configuration: only list the folders that the file names, looking at none of them; only
see whether the daemon's user may read the file."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a process of its own is to check. It crosses a process border as JSON."""

    check: str
    """The module that does it, by its function `examine`."""
    config: str | None
    """The configuration file; None to look for it."""
    argument: str = ""
    """What of several is meant: the number of a folder, the name of a model."""
    reads_settings: bool = True
    """Whether to read the configuration first; not where it is known to be wrong."""
    uid: int | None = None
    """Whose rights count; None for our own."""
    pid: int | None = None
    """Of the daemon, if it runs."""
    limit_s: float = 30.0
    """How long it may take."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the check of the configuration has found out for the others."""

    config: str | None
    """The file that was read; None where there is none."""
    is_usable: bool
    """Whether it can be used."""
    folders: tuple[str, ...]
    """The watched folders."""
    models: tuple[str, ...]
    """The models that are looked for on the disk."""
    uid: int
    pid: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """The daemon's environment."""
    may_run: bool = True
    """Whether the daemon's user may run this program."""
    changes_user: bool = False
    """Whether we are root and the daemon is not: the checks become its user."""
    is_stranger: bool = False
    """Whether we are neither root nor the daemon's user, and so cannot tell what that one may do."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a check has to go by."""

    config: Path | None
    given: "Settings | None"
    """The settings, where there are any."""
    argument: str
    user: str
    """As whom it is made."""
    pid: int | None
    """Of the daemon, if it runs."""

    @property
    def settings(self) -> "Settings":
        """The settings, for checks that are not made without any."""
        assert self.given is not None
        return self.given
