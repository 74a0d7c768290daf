"""When is a file complete? The rule, without clock and disk."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Settler(Generic[K]):
    """Remembers since when nothing about a file has changed.

    Args:
        settle_s: A file has settled once its fingerprint has stayed the same this long.

    Times are seconds of one monotonic clock; a wall clock that jumps has no effect.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._since: dict[K, tuple[str, float]] = {}

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, key: K) -> bool:
        return key in self._since

    def seen(self, key: K, fingerprint: str, now: float) -> bool:
        """Note how a file looks now, and return whether it is new or has changed since the last look."""
        if key in self._since and self._since[key][0] == fingerprint:
            return False
        self._since[key] = (fingerprint, now)
        return True

    def fingerprint(self, key: K) -> str:
        """Return the fingerprint that the file had when it was last seen."""
        return self._since[key][0]

    def again(self, key: K, now: float) -> None:
        """Start the wait over, because somebody still has the file open for writing."""
        self._since[key] = (self._since[key][0], now)

    def drop(self, key: K) -> None:
        """Forget a file."""
        self._since.pop(key, None)

    def due(self, now: float) -> list[K]:
        """Return the files whose wait is over; they stay until they are dropped or have changed."""
        return [key for key, (_, since) in self._since.items() if now - since >= self._settle_s]

    def next_due(self) -> float | None:
        """Return when the first wait is over, or None if no file waits."""
        first = min((since for _, since in self._since.values()), default=None)
        return None if first is None else first + self._settle_s
