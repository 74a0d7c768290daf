"""Compares what was found in the watched folders with the database, and records the difference."""

import logging
import time
from collections.abc import Sequence

from daemon.filesystem import away, device_of, exists
from daemon.store.records import Seen, readable
from daemon.store.schema import IGNORED, REJECTED, SETTLING, VANISHED
from daemon.store.store import Store
from daemon.watch.folder import Key, Root
from daemon.watch.listing import Found, is_refused
from daemon.watch.names import Kind
from daemon.watch.settler import Settler

log = logging.getLogger(__name__)


class Comparison:
    """Tells what is new in the watched folders and what is gone.

    Args:
        store: What is known already.
        roots: The watched folders.
        settler: Is told of what may still be written to.
    """

    def __init__(self, store: Store, roots: Sequence[Root], settler: Settler[Key]) -> None:
        self._store = store
        self._roots = roots
        self._settler = settler

    def compare(self, group: Sequence[tuple[int, Found]]) -> None:
        """Record what the store does not know yet, and start the wait for what may still be written to.

        Args:
            group: At most a few hundred paths, each with the index of its watched folder.
        """
        fresh: list[Seen] = []
        refused: list[tuple[Seen, str, str]] = []
        now = time.monotonic()
        for index in {index for index, _ in group}:
            root = str(self._roots[index].path)
            items = [item for at, item in group if at == index and item.kind is not Kind.TRANSCRIPT]
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
                    if before is None or before.state in (SETTLING, VANISHED):
                        refused.append((seen, IGNORED, item.reason))
                elif not is_known or (before is not None and before.state in (SETTLING, VANISHED)):
                    changed = self._settler.seen((index, item.path), item.fingerprint, now)
                    if changed and not is_known:
                        fresh.append(seen)
        self._store.settle(fresh)
        self._store.set_aside(refused)
        for seen, state, reason in refused:
            if state == REJECTED:
                log.info("rejected %s: %s", readable(seen.path_bytes), reason)

    def find_vanished(self, index: int, root: Root, *, empty: bool) -> str | None:
        """End the waiting jobs whose file is gone, and return what is wrong if the file system itself is missing.

        Raises:
            OSError: The watched folder is missing.
        """
        device = root.path.stat().st_dev
        top = str(root.path)
        waiting = self._store.waiting(top)
        homes = {root.device, *(device_of(version) for _, _, version in waiting)} - {None}
        if empty and homes and device not in homes:
            return "is empty and on another file system than before: its drive does not seem to be mounted"
        root.device = device
        gone = [(job, path) for job, path, version in waiting if not (exists(top, path) or away(top, path, version))]
        self._store.vanish([job_id for job_id, _ in gone], "the file is gone")
        for _, path in gone:
            self._settler.drop((index, path))
            log.info("vanished %s", readable(path))
        self._store.forget_refused(top, lambda path: is_refused(root.path, path, root.names))
        return None
