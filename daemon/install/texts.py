"""The texts that an installation writes: the shipped unit and configuration, with what is different on this machine."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from daemon.config.reader import default_text

SHIPPED_PROGRAM = "/opt/transcribed/bin/transcribed"
SHIPPED_FOLDERS = "ReadWritePaths=-/srv/recordings"
SHIPPED_GROUP = "Group=recordings"
PLAIN = re.compile(r"[\w./@:+,=%-]+")
"""A path that systemd needs no quotes for."""


def system_unit(program: Path, group: str, folders: Sequence[Path]) -> str:
    """Return the unit for the whole system.

    Args:
        program: The command that it starts.
        group: The group of the people who share the folders.
        folders: Where the daemon may write, besides its own places.
    """
    return _changed(
        _shipped("transcribed.service"),
        {
            SHIPPED_PROGRAM: _quoted(program),
            SHIPPED_GROUP: f"Group={group}",
            SHIPPED_FOLDERS: "\n".join(f"ReadWritePaths={_quoted(folder, '-')}" for folder in folders),
        },
    )


def user_unit(program: Path, config: Path) -> str:
    """Return the unit for one user, started with a configuration file of his."""
    return _changed(
        _shipped("transcribed-user.service"),
        {SHIPPED_PROGRAM: _quoted(program), "%E/transcribed/config.toml": _quoted(config)},
    )


def group_of(unit: str) -> str | None:
    """Return the group that a unit file names."""
    return next((line.partition("=")[2] for line in unit.splitlines() if line.startswith("Group=")), None)


def configuration(folders: Sequence[Path], database: Path, log: Path) -> str:
    """Return the shipped configuration with other places.

    Args:
        folders: The watched folders; all have the default options.
        database: Where jobs.db will be.
        log: Where the monitor writes its samples.
    """
    first, *others = (f"path = {_toml(folder)}" for folder in folders)
    more = "".join(f"[[watch]]\n{path}\n\n" for path in others)
    return _changed(
        default_text(),
        {
            'path = "inbox"': first,
            "\n[watching]\n": f"\n{more}[watching]\n",
            'url = "sqlite:///var/jobs.db"': f"url = {json.dumps(f'sqlite:///{database}', ensure_ascii=False)}",
            'log_file = "var/service_metrics.log"': f"log_file = {_toml(log)}",
        },
    )


def accounts(user: str, group: str, home: Path) -> str:
    """Return what systemd-sysusers is told, see sysusers.d(5)."""
    return f'g {group} -\nu {user} - "Transcription daemon" {home}\nm {user} {group}\n'


def _shipped(name: str) -> str:
    here = Path(__file__).parent
    inside = here / "units" / name
    return (inside if inside.exists() else here.parent.parent / "systemd" / name).read_text("utf-8")


def _changed(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        if old not in text:
            raise ValueError(f"the shipped text lacks {old!r}")
        text = text.replace(old, new)
    return text


def _quoted(path: Path, before: str = "") -> str:
    """Return a path as systemd reads it, with its specifiers and quotes escaped; `before` is a prefix such as `-`."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f"{before}{escaped}" if PLAIN.fullmatch(escaped) else f'"{before}{escaped}"'


def _toml(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)
