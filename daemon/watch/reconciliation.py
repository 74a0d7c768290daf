"""Compares disk, database and transcripts without changing anything: is every recording accounted for?"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from daemon.config.formats import TRANSLATED
from daemon.config.settings import Settings
from daemon.filesystem import exists, is_remounted
from daemon.store.reconcile_queries import ReconcileQueries, Version
from daemon.store.records import readable
from daemon.store.schema import DONE, UNSETTLED, VANISHED
from daemon.watch.listing import Found, in_groups, walk
from daemon.watch.names import Kind, Names

GROUP = 500
"""Recordings that are looked up together."""


@dataclass(slots=True)
class Account:
    """What was found in the watched folders, and what the database says of it."""

    seen: int = 0
    """Recordings on the disk."""
    states: Counter[str] = field(default_factory=Counter)
    """How many of them have a job in which state."""
    unaccounted: list[str] = field(default_factory=list)
    """The paths of the others."""
    lacking: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Job -> the formats of which the files are gone."""
    gone: list[str] = field(default_factory=list)
    """Recordings that wait or run although there is no such file."""
    unlisted: list[str] = field(default_factory=list)
    """Folders that could not be listed, and why."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return not (self.unaccounted or self.lacking or self.gone or self.unlisted)


def reconcile(settings: Settings, queries: ReconcileQueries) -> Account:
    """Account for every recording in the watched folders."""
    account = Account()
    for watch in settings.watch:
        others = [other.path for other in settings.watch if other is not watch]

        def closed(folder: bytes, error: OSError, root: Path = watch.path) -> None:
            account.unlisted.append(f"{readable(os.path.join(os.fsencode(root), folder))}: {error.strerror}")

        names = Names.of(watch, settings.watching)
        found = (
            item
            for item in walk(watch.path, names, recursive=watch.recursive, skip=others, closed=closed)
            if item.kind is Kind.RECORDING
        )
        try:
            for group in in_groups(found, GROUP):
                _count(account, watch.path, group, queries)
        except OSError as error:
            account.unlisted.append(f"{watch.path}: {error.strerror}")
        for path in queries.open_paths(str(watch.path)):
            if not exists(str(watch.path), path):
                account.gone.append(readable(os.path.join(os.fsencode(watch.path), path)))
    return account


def _count(account: Account, root: Path, group: Sequence[Found], queries: ReconcileQueries) -> None:
    versions = queries.versions(str(root), [item.path for item in group])
    done: list[int] = []
    for item in group:
        account.seen += 1
        job = _job_of(item, versions.get(item.path, []))
        if job is None:
            account.unaccounted.append(readable(os.path.join(os.fsencode(root), item.path)))
            continue
        account.states[job.state] += 1
        if job.state == DONE:
            done.append(job.job_id)
    for job_id, form, path in queries.files(done):
        if not os.path.lexists(path):
            formats = (*account.lacking.get(job_id, ()), form.removeprefix(TRANSLATED))
            account.lacking[job_id] = tuple(dict.fromkeys(formats))


def _job_of(item: Found, versions: Sequence[Version]) -> Version | None:
    """Return the job that a file has; None if it has none that is done, will run or has ended for a reason."""
    for job in versions:
        # What settles may be another version by now; a drive may have come back under another number.
        same = job.fingerprint == item.fingerprint or is_remounted(job.fingerprint, item.fingerprint)
        if job.state in UNSETTLED or (same and job.state != VANISHED):
            return job
    return None
