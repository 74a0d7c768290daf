"""The kernel's limits on watching, beside the number of folders that are to be watched."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.config.settings import Watch
from daemon.doctor.case import Case
from daemon.doctor.findings import Finding, ok, warning
from daemon.watch.listing import on_network

SUBJECT = "inotify"
LIMITS = Path("/proc/sys/fs/inotify")
NEARLY = 0.9
"""From this share of a limit on, other programs of the same user may well take what is left."""
ROOM = 2
"""How much more is advised."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is to be watched, and how much of it the kernel allows this user; None where it does not say."""

    folders: int
    """Watched folders with all below, each of which takes a watch."""
    roots: int
    """Watched folders, each of which takes an instance."""
    watches_max: int | None
    instances_max: int | None


def examine(case: Case) -> Iterator[Finding]:
    """Check the limits, for all watched folders together."""
    return findings(look(case.settings.watch))


def look(watches: Sequence[Watch]) -> Watched:
    """Count the folders from which events are wanted; drives of other machines are not among them."""
    wanted = [watch for watch in watches if watch.backend == "inotify" or _has_events(watch)]
    limit = _limit("max_user_watches")
    folders = 0
    for watch in wanted:
        for _ in os.walk(watch.path):
            folders += 1
            if not watch.recursive or (limit is not None and folders > limit):
                break
    return Watched(folders, len(wanted), limit, _limit("max_user_instances"))


def _has_events(watch: Watch) -> bool:
    return watch.backend == "auto" and not on_network(watch.path)


def _limit(name: str) -> int | None:
    try:
        return int((LIMITS / name).read_text())
    except (OSError, ValueError):
        return None


def findings(watched: Watched) -> Iterator[Finding]:
    """Judge the limits."""
    wrong = [
        *_short("max_user_watches", watched.folders, watched.watches_max, "folders to watch"),
        *_short("max_user_instances", watched.roots, watched.instances_max, "watched folders"),
    ]
    folders = "1 folder is" if watched.folders == 1 else f"{watched.folders} folders are"
    told = f"{folders} watched; the limit is {watched.watches_max or 'not known'}"
    yield from wrong or [ok(SUBJECT, told if watched.roots else "no folder is watched by it")]


def _short(name: str, needed: int, limit: int | None, what: str) -> Iterator[Finding]:
    if limit is None or needed <= NEARLY * limit:
        return
    advised = max(limit, needed) * ROOM
    told = f"{needed} {what}" if needed <= limit else f"more than {limit} {what}"
    yield warning(
        SUBJECT,
        f"{told}, and fs.inotify.{name} is {limit}: without events a recording is only found by the next comparison",
        f"echo fs.inotify.{name}={advised} | sudo tee /etc/sysctl.d/60-transcribed.conf && sudo sysctl --system",
    )
