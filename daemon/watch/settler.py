"""When is a file complete? The rule, without clock and disk."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from daemon.filesystem import inode_of

K = TypeVar("K", bound=Hashable)
TOLD_MAX = 1000
"""So many versions are remembered of which it was told that they are complete."""


class Settler(Generic[K]):
    """Remembers since when nothing about a file has changed.

    Args:
        settle_s: A file has settled once its fingerprint has stayed the same this long.

    Times are seconds of one monotonic clock; a wall clock that jumps has no effect.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._since: dict[K, tuple[str, float]] = {}
        self._changing: dict[K, float] = {}
        """When each file that does not settle was first seen to change, or to be open, or was last told of."""
        self._complete: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, key: K) -> bool:
        return key in self._since

    def seen(self, key: K, fingerprint: str, now: float) -> bool:
        """Note how a file looks now, and return whether it is new or has changed since the last look."""
        if key in self._since:
            if self._since[key][0] == fingerprint:
                return False
            self._changing.setdefault(key, now)
        self._since[key] = (fingerprint, now)
        return True

    def fingerprint(self, key: K) -> str:
        """Return the fingerprint that the file had when it was last seen."""
        return self._since[key][0]

    def again(self, key: K, now: float) -> None:
        """Start the wait over, because somebody still has the file open for writing."""
        self._complete.pop(inode_of(self._since[key][0]), None)
        self._since[key] = (self._since[key][0], now)
        self._changing.setdefault(key, now)

    def complete(self, version: str) -> None:
        """Note that whoever wrote a version of a file is done with it, so that it need not wait.

        Args:
            version: `inode_of` its fingerprint: getting its name has changed the rest.
        """
        self._complete[version] = None
        while len(self._complete) > TOLD_MAX:
            del self._complete[next(iter(self._complete))]

    def drop(self, key: K) -> None:
        """Forget a file."""
        if key in self._since:
            self._complete.pop(inode_of(self._since[key][0]), None)
        self._since.pop(key, None)
        self._changing.pop(key, None)

    def due(self, now: float) -> list[K]:
        """Return the files whose wait is over; they stay until they are dropped or have changed."""
        return [key for key in self._since if now >= self._due_at(key)]

    def changing(self, now: float, for_s: float) -> list[K]:
        """Return the files that have been seen to change, or to be open, for so long, and again after as long."""
        found = [key for key, since in self._changing.items() if now - since >= for_s]
        self._changing.update(dict.fromkeys(found, now))
        return found

    def say_no_more(self, key: K) -> None:
        """Leave a file out of what `changing` returns, until it is dropped."""
        self._changing[key] = float("inf")

    def next_due(self) -> float | None:
        """Return when the first wait is over, or None if no file waits."""
        return min(map(self._due_at, self._since), default=None)

    def _due_at(self, key: K) -> float:
        fingerprint, since = self._since[key]
        return since if inode_of(fingerprint) in self._complete else since + self._settle_s
