"""When is a file complete? The rule, without clock and disk."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Settler(Generic[K]):
    """Remembers since when nothing about a file has changed.

    Args:
        settle_s: a file whose fingerprint stays the same this long has settled.

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
        """Note a look at a file; True if it is new or has changed since the last look."""
        if key in self._since and self._since[key][0] == fingerprint:
            return False
        self._since[key] = (fingerprint, now)
        return True

    def fingerprint(self, key: K) -> str:
        """What the file looked like when last seen."""
        return self._since[key][0]

    def again(self, key: K, now: float) -> None:
        """Start the wait anew, as when somebody still has the file open for writing."""
        self._since[key] = (self._since[key][0], now)

    def drop(self, key: K) -> None:
        self._since.pop(key, None)

    def due(self, now: float) -> list[K]:
        """The files whose wait is over; they stay until dropped or seen changed."""
        return [key for key, (_, since) in self._since.items() if now - since >= self._settle_s]

    def next_due(self) -> float | None:
        """When the first wait is over."""
        first = min((since for _, since in self._since.values()), default=None)
        return None if first is None else first + self._settle_s
