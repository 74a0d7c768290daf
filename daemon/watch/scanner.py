"""The scanner: compares the watched folders with the database, at start, on every event and at intervals.

Events are only hints. inotify loses them, a watcher may die, a daemon may have been stopped; so correctness
comes from the comparison, and an event merely makes it happen at once for one path.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from daemon.config.options import locate
from daemon.errors import Unavailable
from daemon.signals import Wakeup
from daemon.store.records import readable
from daemon.store.store import Store
from daemon.watch.comparison import Comparison, TakeAlong
from daemon.watch.completion import Completion
from daemon.watch.folder import Key, Root, events_of
from daemon.watch.listing import Found, in_groups, look, walk
from daemon.watch.names import Names
from daemon.watch.resolver import Resolver
from daemon.watch.settler import Settler

log = logging.getLogger(__name__)

GROUP = 100
"""Paths compared and committed together; the dispatcher's commits take their turn in between."""
POLL_S = 5.0
"""The time between two comparisons of a folder without events."""
GATHER_S = 0.05
"""The pause after the first event, so that a burst is compared once."""
BEAT_S = 10.0
"""The scanner shows at least this often that it is alive."""
JOIN_S = 10.0
"""How long `close` waits for the thread to end."""
HINTS_MAX = 10_000
"""More hints than this are replaced by one comparison of everything."""

NEVER = float("inf")


class Scanner(threading.Thread):
    """Finds recordings and queues them once they have settled.

    Args:
        wakeup: of the dispatcher, for when jobs were queued or the first comparison is over.
        take_along: moves the transcripts of recordings that were moved.
    """

    def __init__(self, resolver: Resolver, store: Store, wakeup: Wakeup, take_along: TakeAlong) -> None:
        super().__init__(name="scanner", daemon=True)
        self._settings = settings = resolver.settings
        self._store = store
        self._wakeup = wakeup
        self._settler: Settler[Key] = Settler(settings.watching.settle_seconds)
        # The first comparison may take a while; an alert from before the start must not seem over meanwhile.
        self._roots = [
            Root(
                watch,
                Names.of(watch, settings.watching),
                events_of(watch, self.hint),
                missing=not os.access(watch.path, os.R_OK | os.X_OK),
            )
            for watch in settings.watch
        ]
        self._comparison = Comparison(resolver, store, self._roots, self._settler, take_along)
        self._completion = Completion(resolver, store, self._roots, self._settler)
        self._hints: set[bytes] = set()
        self._complete: deque[str] = deque()
        self._everything = False
        self._woken = threading.Event()
        self._stopping = False
        self.compared = False
        """Whether every watched folder has been compared at least once."""
        self.failure: BaseException | None = None
        self.beat = time.monotonic()
        """When the scanner last made progress, on the monotonic clock."""

    def hint(self, path: bytes) -> None:
        """Note that something happened to this absolute path; may be called from any thread."""
        if len(self._hints) >= HINTS_MAX:
            self._hints.clear()
            self.compare_everything()
        self._hints.add(path)
        self._woken.set()

    def compare_everything(self) -> None:
        """Have every folder compared now; may be called from any thread."""
        self._everything = True
        self._woken.set()

    def complete(self, versions: Iterable[str]) -> None:
        """Note versions of files that are complete, so that they need not settle; may be called from any thread."""
        if told := tuple(versions):
            self._complete.extend(told)
            self._woken.set()

    @property
    def missing(self) -> dict[str, bool]:
        """Watched folder -> whether it could not be listed when it was last compared."""
        return {str(root.path): root.missing for root in self._roots}

    @property
    def unlistable(self) -> dict[str, int]:
        """Watched folder -> how many of its sub-folders could not be listed when it was last compared."""
        return {str(root.path): len(root.closed) for root in self._roots}

    @property
    def restarts(self) -> dict[str, int]:
        """`watcher:FOLDER` -> how often its watcher had to be started again."""
        return {f"watcher:{root.path}": max(0, root.starts - 1) for root in self._roots if root.events is not None}

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping = True
        self._woken.set()

    def close(self) -> None:
        """Ask the thread to end, and wait until it has."""
        self.stop()
        if self.is_alive():
            self.join(JOIN_S)

    def run(self) -> None:
        """Compare and settle, round after round, until asked to stop."""
        try:
            while not self._stopping:
                self._round()
        except Unavailable as error:
            if not self._stopping:
                self.failure = error
        except BaseException as error:
            self.failure = error
            log.exception("scanner died")
        finally:
            for root in self._roots:
                root.close()
            self._wakeup.wake()

    def _round(self) -> None:
        hints, self._hints = self._hints, set()
        while self._complete:
            self._settler.complete(self._complete.popleft())
        if self._everything:
            self._everything = False
            hints = set()
            for root in self._roots:
                root.next_scan = 0.0
        for index, root in enumerate(self._roots):
            if time.monotonic() >= root.next_scan:
                self._compare_root(index, root)
        if not self.compared:
            self.compared = True
            self._wakeup.wake()
        self._take(self._hinted(hints))
        self._settle()
        self.beat = time.monotonic()
        if self._woken.wait(self._idle_s()):
            time.sleep(GATHER_S)
        self._woken.clear()

    def _idle_s(self) -> float:
        moments = [root.next_scan for root in self._roots]
        if (due := self._settler.next_due()) is not None:
            moments.append(due)
        return min(max(0.0, min(moments) - time.monotonic()), BEAT_S)

    # -- comparing -------------------------------------------------------------------------------------------

    def _compare_root(self, index: int, root: Root) -> None:
        every_s = self._settings.watching.rescan_seconds
        if not root.has_events():
            every_s = min(every_s, POLL_S)
        others = [other.path for other in self._roots if other is not root]
        closed: dict[bytes, OSError] = {}
        found = walk(root.path, root.names, recursive=root.watch.recursive, skip=others, closed=closed.__setitem__)
        root.next_scan = NEVER
        try:
            empty = self._take((index, item) for item in found) == 0
            _note_closed(root, closed)
            trouble = self._comparison.find_vanished(index, root, empty=empty)
        except OSError as error:
            trouble = f"cannot be listed: {error.strerror}"
        if trouble and not root.missing:
            log.warning("watched folder %s %s", root.path, trouble)
        root.missing = bool(trouble)
        if root.next_scan == NEVER:  # otherwise a file has disappeared meanwhile, and the next comparison is due now
            root.next_scan = time.monotonic() + every_s

    def _hinted(self, hints: Iterable[bytes]) -> Iterator[tuple[int, Found]]:
        """Yield what is at the hinted paths now; for a folder, everything below it."""
        for path in sorted(hints):
            place = locate(self._settings, path)
            if place is None:
                continue
            index, below = place.folder, place.below
            root = self._roots[index]
            if b"/" in below and not root.watch.recursive:
                continue
            item = look(root.path, below, root.names)
            if item is not None:
                yield index, item
            elif root.watch.recursive and os.path.isdir(path) and not os.path.islink(path):
                others = [other.path for other in self._roots if other is not root]
                with suppress(OSError):
                    for item in walk(root.path, root.names, recursive=True, below=below, skip=others):
                        yield index, item

    def _take(self, found: Iterable[tuple[int, Found]]) -> int:
        """Compare what was found and queue what has settled, group by group, and return how many were found."""
        count = 0
        for group in in_groups(found, GROUP):
            count += len(group)
            if self._comparison.compare(group):
                self._wakeup.wake()
            self.beat = time.monotonic()
            # The first of ten thousand files is transcribed before the last has been seen.
            self._settle()
        return count

    def _settle(self) -> None:
        for queued in self._completion.queue_settled():
            if queued:
                self._wakeup.wake()
            self.beat = time.monotonic()


def _note_closed(root: Root, closed: Mapping[bytes, OSError]) -> None:
    """Say once for each sub-folder that nothing in it can be seen, and when it can be again."""
    for folder in sorted(closed.keys() - root.closed):
        reason = closed[folder].strerror
        log.warning("cannot list %s in %s: %s; nothing in it is transcribed", readable(folder), root.path, reason)
    for folder in sorted(root.closed - closed.keys()):
        log.info("%s in %s can be listed again, or is gone", readable(folder), root.path)
    root.closed = set(closed)
