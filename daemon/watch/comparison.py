"""Compares what was found in the watched folders with the database, and records the difference."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from daemon.config.settings import WAIT
from daemon.filesystem import away, device_of, exists, has_grown, has_left, is_remounted
from daemon.store.records import Known, Moved, Seen, Whereabouts, options_to_json, readable
from daemon.store.schema import (
    CANCELLED,
    DONE,
    FAILED,
    IGNORED,
    PAUSED,
    QUEUED,
    RECORDING,
    REJECTED,
    RUNNING,
    UNSETTLED,
    VANISHED,
)
from daemon.store.store import Store
from daemon.watch.folder import Key, Root
from daemon.watch.listing import Found, is_refused
from daemon.watch.names import Kind
from daemon.watch.resolver import Resolver
from daemon.watch.settler import Settler

log = logging.getLogger(__name__)

GOES_ON = (QUEUED, PAUSED, FAILED, RUNNING, CANCELLED, VANISHED)
"""States of a job to which a chmod or chown of its file makes no difference. A job that is done compares the content
first, and what has failed for good, perhaps for want of a permission, is tried again as a new version."""

TakeAlong = Callable[[Whereabouts, Seen], tuple[Mapping[str, bytes], str | None]]
"""Moves the transcript of a job that is done; `daemon.publish.relocation.take_along`."""


class Comparison:
    """Tells what is new in the watched folders, what was moved and what is gone.

    Args:
        resolver: For the options of recordings that were moved.
        store: What is known already.
        roots: The watched folders.
        settler: Is told of what may still be written to.
        take_along: Moves transcripts.
    """

    def __init__(
        self, resolver: Resolver, store: Store, roots: Sequence[Root], settler: Settler[Key], take_along: TakeAlong
    ) -> None:
        self._resolver = resolver
        self._store = store
        self._roots = roots
        self._settler = settler
        self._take_along = take_along

    def compare(self, group: Sequence[tuple[int, Found]]) -> bool:
        """Record what the store does not know yet, and start the wait for what may still be written to.

        Args:
            group: At most a few hundred paths, each with the index of its watched folder.

        Returns:
            Whether jobs were moved, so that some may be queued again.
        """
        refused: list[tuple[Seen, str, str]] = []
        unknown: list[tuple[int, Seen, Known | None]] = []
        back: list[Seen] = []
        for index in {index for index, _ in group}:
            root = str(self._roots[index].path)
            items = [item for at, item in group if at == index and item.kind not in (Kind.TRANSCRIPT, Kind.SETTINGS)]
            known = self._store.known(root, {item.path: item.fingerprint for item in items})
            for item in items:
                before = known.get(item.path)
                is_known = before is not None and before.fingerprint == item.fingerprint
                seen = Seen(root, item.path, item.fingerprint, item.size_bytes)
                if item.kind is Kind.SPECIAL:
                    if not is_known:
                        refused.append((seen, REJECTED, item.reason))
                elif item.kind is Kind.OTHER:
                    # What was queued before its name was left out of the configuration stays what it is.
                    if before is None or before.state in (*UNSETTLED, VANISHED):
                        refused.append((seen, IGNORED, item.reason))
                elif not is_known:
                    unknown.append((index, seen, before))
                elif before is not None and before.state in (*UNSETTLED, VANISHED):
                    self._settler.seen((index, item.path), item.fingerprint, time.monotonic())
                    back += [seen] if before.state == VANISHED else []
        self._store.set_aside(refused)
        self._store.settle(back)
        for seen, state, reason in refused:
            if state == REJECTED:
                log.info("rejected %s: %s", readable(seen.path_bytes), reason)
        return self._take(unknown) if unknown else False

    def _take(self, unknown: Sequence[tuple[int, Seen, Known | None]]) -> bool:
        """Follow the files that belong to jobs which are there already, and begin to settle the others."""
        with self._store.files_turn:
            return self._take_now(unknown)

    def _take_now(self, unknown: Sequence[tuple[int, Seen, Known | None]]) -> bool:
        fresh: list[Seen] = []
        moves: list[Moved] = []
        candidates = self._store.by_inode({seen.fingerprint for _, seen, _ in unknown})
        for index, seen, before in unknown:
            known = [job for job in candidates.get(seen.fingerprint, []) if self._goes_on_as(job, seen)]
            job = next(_jobs_of(seen, before, known), None)
            if job is None:
                if self._settler.seen((index, seen.path_bytes), seen.fingerprint, time.monotonic()):
                    fresh.append(seen)
                continue
            self._settler.drop((index, seen.path_bytes))
            if job.state == RECORDING:
                self._settler.seen((index, seen.path_bytes), seen.fingerprint, time.monotonic())
            stays = (job.root, job.path_bytes) == (seen.root, seen.path_bytes)
            # Whether its content is still the same is found out when it is to be published.
            if not stays or job.state != RUNNING or is_remounted(job.fingerprint, seen.fingerprint):
                moves.append(self._moved(job, seen, stays=stays))
                for others in candidates.values():
                    others[:] = [other for other in others if other.job_id != job.job_id]
        self._store.settle(fresh)
        self._store.follow(moves)
        return bool(moves)

    def _goes_on_as(self, job: Whereabouts, seen: Seen) -> bool:
        """Return whether a job may go on with a file; of what is recorded, only the inode is known to be the same.

        That may be the inode of a file that was deleted. What has been transcribed is compared with the new file, but
        its options are not.
        """
        if job.state != RECORDING or (job.root, job.path_bytes) == (seen.root, seen.path_bytes):
            return True
        options = options_to_json(self._resolver.of(seen)[1])
        follows = self._resolver.growing(seen.root, seen.path_bytes) != WAIT
        return follows and options == job.options and has_grown(job.fingerprint, seen.fingerprint)

    def _moved(self, job: Whereabouts, seen: Seen, *, stays: bool) -> Moved:
        files, reason = self._take_along(job, seen) if job.state == DONE and not stays else ({}, None)
        if not stays:
            log.info("moved job %d: %s is now %s", job.job_id, readable(job.path_bytes), readable(seen.path_bytes))
        if reason:
            log.warning("job %d %s: %s", job.job_id, readable(seen.path_bytes), reason)
        return Moved(job.job_id, *self._resolver.of(seen), files, reason)

    def find_vanished(self, index: int, root: Root, *, empty: bool) -> str | None:
        """End the waiting jobs whose file is gone, and return what is wrong if the file system itself is missing.

        Raises:
            OSError: The watched folder is missing.
        """
        device = root.path.stat().st_dev
        top = str(root.path)
        waiting = self._store.waiting(top)
        homes = {root.device, *(device_of(version) for _, _, version, _ in waiting)} - {None}
        if empty and homes and device not in homes:
            return "is empty and on another file system than before: its drive does not seem to be mounted"
        root.device = device
        gone = [
            (job_id, path)
            for job_id, path, version, recorded in waiting
            # A new version at the path of a recording has become the recording's; any other one has replaced it.
            if (has_left(top, path, version) if recorded else not exists(top, path)) and not away(top, path, version)
        ]
        self._store.vanish([job_id for job_id, _ in gone], "the file is gone")
        for _, path in gone:
            self._settler.drop((index, path))
            log.info("vanished %s", readable(path))
        self._store.forget_unwanted(top, lambda path: exists(top, path))
        self._store.forget_refused(top, lambda path: is_refused(root.path, path, root.names))
        return None


def _jobs_of(seen: Seen, before: Known | None, candidates: Sequence[Whereabouts]) -> Iterator[Whereabouts]:
    """Yield the jobs to which a file belongs although none of them has its path and fingerprint.

    Args:
        seen: The file as it is now.
        before: What is known of its path.
        candidates: The jobs whose file it may be, by `Moves.by_inode`.
    """
    if before is not None and before.state not in UNSETTLED and is_remounted(before.fingerprint, seen.fingerprint):
        yield Whereabouts(before.job_id, seen.root, seen.path_bytes, before.fingerprint, before.state)
    for job in candidates:
        if (job.root, job.path_bytes) == (seen.root, seen.path_bytes):
            if job.state not in GOES_ON:
                return
            yield job
        elif _place(job) == _place(seen) or has_left(job.root, job.path_bytes, job.fingerprint):
            yield job


def _place(file: Whereabouts | Seen) -> bytes:
    """Return the absolute path of a file: the same file may belong to another watched folder since the last start."""
    return os.path.join(os.fsencode(file.root), file.path_bytes)
