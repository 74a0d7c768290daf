"""Queues the recordings that are complete: nothing about them changes any more, and nobody writes to them."""

import logging
import os
import time
from collections.abc import Iterator, Sequence

from daemon.chunk import Options
from daemon.config.formats import files_of
from daemon.config.settings import WAIT
from daemon.filesystem import being_written, fingerprint, open_beneath
from daemon.store.records import Seen, readable
from daemon.store.store import Store
from daemon.watch.folder import Key, Root
from daemon.watch.listing import in_groups
from daemon.watch.own_transcript import own_transcript
from daemon.watch.resolver import Resolver
from daemon.watch.settler import Settler

log = logging.getLogger(__name__)

GROUP = 100
"""Recordings that are queued by one commit."""
FOLLOW_AFTER_S = 10.0
"""A file that grows for longer is being recorded, not copied; it makes no difference to the transcript."""


class Completion:
    """Looks at what has waited long enough.

    Args:
        resolver: For the options of recordings.
        store: Where they are queued.
        roots: The watched folders.
        settler: What waits, and since when.
    """

    def __init__(self, resolver: Resolver, store: Store, roots: Sequence[Root], settler: Settler[Key]) -> None:
        self._resolver = resolver
        self._store = store
        self._roots = roots
        self._settler = settler
        self._told_open: set[Key] = set()

    def queue_settled(self) -> Iterator[int]:
        """Queue what has settled, in groups; yield after each of them how many recordings were queued.

        What is still being written is followed after a while, where that is asked for; that is yielded at the end.
        """
        for keys in in_groups(self._settler.due(time.monotonic()), GROUP):
            ready = [settled for key in keys if (settled := self._settled(key))]
            resolved = [(index, self._resolver.of(seen)) for index, seen in ready]
            own = {of[0]: name for index, of in resolved if (name := self._own_transcript(index, *of[:2]))}
            self._store.leave_alone((of for _, of in resolved if of[0] in own), "has a transcript already")
            self._store.queue(of for _, of in resolved if of[0] not in own)
            for index, seen in ready:
                self._forget((index, seen.path_bytes))
                if seen in own:
                    log.info("left alone %s: it comes with %s", readable(seen.path_bytes), readable(own[seen]))
                else:
                    log.info("queued %s", readable(seen.path_bytes))
            yield len(ready)
        yield sum(map(self._follow, self._settler.changing(time.monotonic(), FOLLOW_AFTER_S)))

    def _own_transcript(self, index: int, seen: Seen, options: Options) -> bytes | None:
        """Return the name of the transcript for which a recording is to be left alone, if there is one."""
        if self._roots[index].watch.when_transcript_exists == "add":
            return None
        full = os.path.join(os.fsencode(seen.root), seen.path_bytes)
        return own_transcript(
            full, files_of(options.task, options.formats), lambda path: self._store.owner(path) is not None
        )

    def _settled(self, key: Key) -> tuple[int, Seen] | None:
        """Return the version that has settled, if it is the one seen last and nobody has it open for writing."""
        index, path = key
        root = str(self._roots[index].path)
        now = time.monotonic()
        full = os.path.join(os.fsencode(root), path)
        try:
            status = os.lstat(full)
        except OSError:
            # Compare at once: the comparison tells a missing file from a missing folder.
            self._forget(key)
            self._roots[index].next_scan = 0.0
            return None
        seen = Seen(root, path, fingerprint(status), status.st_size)
        if self._settler.seen(key, seen.fingerprint, now):
            return None
        try:
            fd = open_beneath(root, path)
        except OSError:
            pass  # Not permitted, or just replaced: the dispatcher reports it when it opens the file.
        else:
            try:
                if being_written(fd):
                    self._settler.again(key, now)
                    if key not in self._told_open:
                        self._told_open.add(key)
                        self._store.still_settling(root, path, "a program still has it open for writing")
                    return None
                if fingerprint(os.fstat(fd)) != fingerprint(status):
                    return None
            finally:
                os.close(fd)
        return index, seen

    def _follow(self, key: Key) -> bool:
        """Have a recording transcribed while it is recorded, where that is asked for; return whether that is new."""
        index, path = key
        root = str(self._roots[index].path)
        if self._resolver.growing(root, path) == WAIT:
            return False
        seen = Seen(root, path, self._settler.fingerprint(key), size_bytes=0)  # It has none yet that counts.
        _, options, priority = self._resolver.of(seen)
        if self._own_transcript(index, seen, options) is not None:
            return False
        self._settler.say_no_more(key)
        self._store.record(seen, options, priority)
        return True

    def _forget(self, key: Key) -> None:
        self._settler.drop(key)
        self._told_open.discard(key)
